/*
 * When a request that failed is tried again: a pure function of how it failed, how often, what the service asked for,
 * and a random number. Whoever asks has the clock and does the waiting.
 */
#ifndef POSTERN_MIRROR_RETRY_H
#define POSTERN_MIRROR_RETRY_H

#include "core/base/slice.h"

#include <stdint.h>

enum failure {
    FAILURE_NONE,
    FAILURE_FINAL,     /* trying again would give the same */
    FAILURE_TRANSIENT, /* a broken connection, 408, 5xx */
    FAILURE_THROTTLED  /* 429, or 503 with Retry-After: too much was asked */
};

#define RETRY_TRIES 8u            /* of one request, the first among them */
#define RETRY_BASE_MS 1000u       /* the first pause, then doubled */
#define RETRY_PAUSE_MAX_MS 60000u /* of a pause that the service did not ask for */
#define RETRY_AFTER_MAX_S 3600u   /* a longer Retry-After counts as this */

/* What an HTTP status says about trying again. */
enum failure retry_class(long status);

/*
 * Retry-After (RFC 9110 10.2.3): seconds, or an HTTP date, from now_s (wall clock) on. True with *seconds, at most
 * RETRY_AFTER_MAX_S; a date that has passed is 0. False for what is neither, negative numbers among it.
 */
bool retry_after_parse(struct slice text, int64_t now_s, uint32_t *seconds);

struct retry_question {
    enum failure failure;
    unsigned tried; /* how often the request was made */
    bool told;      /* the service asked to wait so long: */
    uint32_t after_s;
    uint64_t random;  /* uniform, 64 bits */
    uint64_t left_ms; /* until the whole run's deadline */
};

#define RETRY_GIVE_UP (-1)
/* How long to wait before the next try, in ms; RETRY_GIVE_UP when there is to be none. */
int64_t retry_pause_ms(const struct retry_question *q);

#endif
