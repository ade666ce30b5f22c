/*
 * Mail that was sent in the past, message by message: from whom, whence, when, to how many. Bounded: of what doesn't
 * fit is counted that there was more.
 */
#ifndef POSTERN_CORE_REPORT_MAIL_SEEN_H
#define POSTERN_CORE_REPORT_MAIL_SEEN_H

#include "core/base/hash.h"
#include "core/mail/network.h"

#define MAIL_SEEN_MAX 4194304u       /* messages: 134 MB; half a year of a relay that sends 20,000 a day */
#define MAIL_SEEN_MARK 3u            /* bytes */
#define MAIL_SEEN_LOGINS_MAX 200000u /* names of logins */

struct mail_message {
    uint32_t login; /* its number */
    uint32_t at_s;  /* wall clock */
    uint32_t recipients;
    bool has_client;
    struct ip client;
    uint8_t mark[MAIL_SEEN_MARK]; /* of its machine and queue id, by which it is known when it is told twice; 0: none */
};

_Static_assert(sizeof(struct mail_message) == 32, "what MAIL_SEEN_MAX says");

struct mail_seen {
    struct mail_message *messages;
    size_t n, capacity;
    char **logins; /* as they were typed; terminated */
    size_t n_logins, logins_capacity;
    uint32_t *places; /* hash table of numbers + 1 */
    struct hash_secret secret;
    uint64_t beyond; /* messages that found no room */
};

/* All zero holds nothing. Without memory a message counts as beyond. at_s: before 1970 and after 2106 is cut. */
#define MAIL_SEEN_NOBODY UINT32_MAX
/* The number of that login, which gets one if need be; MAIL_SEEN_NOBODY: there is no room. */
uint32_t mail_seen_login(struct mail_seen *m, struct slice name);
/* The login has a number. */
void mail_seen_add(struct mail_seen *m, const struct mail_message *message);
void mail_seen_free(struct mail_seen *m);

#endif
