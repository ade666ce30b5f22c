/*
 * Who a login is, remembered by a front end for the next question about it: a message is asked about several times
 * within moments. What is remembered is good for one configuration and one generation of the directory, and is not
 * found with any other. It changes no answer, only the time that it takes.
 */
#ifndef POSTERN_WHO_CACHE_H
#define POSTERN_WHO_CACHE_H

#include "core/decide/decide.h"

#define WHO_LOGIN_BYTES 126u /* a longer login is looked up each time */

/* Room for one login, of a front end; all zero is empty. Used by one thread at a time, any. */
struct who_slot {
    struct who_stamp stamp;
    uint16_t n; /* of login */
    char login[WHO_LOGIN_BYTES];
    struct identity identity;
};

/* True and *id, but for its client, when the submission's login was remembered. */
bool who_recall(const struct decide_context *c, const struct submission *s, struct identity *id);
void who_remember(const struct decide_context *c, const struct submission *s, const struct identity *id);

#endif
