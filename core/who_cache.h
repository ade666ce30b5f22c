/*
 * Who a login is, remembered for the next question about it: a message is asked about several times within moments.
 * Good for one configuration and one generation of the directory; emptied with who_forget when either changes. It
 * changes no answer, only the time that it takes.
 */
#ifndef POSTERN_WHO_CACHE_H
#define POSTERN_WHO_CACHE_H

#include "core/decide.h"

#define WHO_SLOTS 64u        /* a power of two: about as many as one thread's connections in mid-message */
#define WHO_LOGIN_BYTES 126u /* a longer login is looked up each time */

struct who_slot {
    uint16_t n; /* of login; 0: empty */
    char login[WHO_LOGIN_BYTES];
    struct identity identity;
};

struct who_cache {
    uint64_t secret; /* the first half of the one that the identities' keys were made with */
    struct who_slot slots[WHO_SLOTS];
};

void who_forget(struct who_cache *cache);
/* True and *id, but for its client, when the login was remembered. A NULL cache remembers nothing. */
bool who_recall(const struct who_cache *cache, const struct decide_context *c, struct slice login, struct identity *id);
void who_remember(struct who_cache *cache, const struct decide_context *c, struct slice login,
                  const struct identity *id);

#endif
