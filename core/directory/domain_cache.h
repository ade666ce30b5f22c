/*
 * What the directory says of a domain, remembered for the next question about it: a few domains are nearly all mail.
 * Good for one generation of the directory; emptied with domains_forget when that changes. It changes no answer, only
 * the time that it takes.
 */
#ifndef POSTERN_DOMAIN_CACHE_H
#define POSTERN_DOMAIN_CACHE_H

#include "core/directory/directory.h"

#define DOMAIN_SLOTS 128u     /* a power of two */
#define DOMAIN_BYTES_KEPT 56u /* a longer domain is looked up each time */

struct domain_slot {
    uint16_t n; /* of name; 0: empty */
    bool has_fact, has_accepted;
    enum directory_result found; /* what directory_domain answered, with its fact */
    struct domain_fact fact;
    uint32_t tenant; /* what directory_accepts answered for that tenant */
    enum directory_result accepted;
    char name[DOMAIN_BYTES_KEPT];
};

struct domain_cache {
    struct domain_slot slots[DOMAIN_SLOTS];
};

void domains_forget(struct domain_cache *cache);

/* directory_domain and directory_accepts. A NULL cache remembers nothing. */
enum directory_result domain_lookup(struct domain_cache *cache, const struct directory_view *v, struct slice domain,
                                    struct domain_fact *out);
enum directory_result domain_accepted(struct domain_cache *cache, const struct directory_view *v, uint32_t tenant,
                                      struct slice domain);

#endif
