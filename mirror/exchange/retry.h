/*
 * When a request that failed is tried again: a pure function of how it failed, how often, what the service asked for,
 * and a random number. The caller has the clock and waits.
 */
#ifndef POSTERN_MIRROR_RETRY_H
#define POSTERN_MIRROR_RETRY_H

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

struct retry_question {
    enum failure failure;
    unsigned tried;   /* how often the request was made */
    uint64_t after_s; /* the service asked to wait so long; 0: it did not */
    uint64_t random;  /* uniform, 64 bits */
    uint64_t left_ms; /* until the whole run's deadline */
};

#define RETRY_GIVE_UP (-1)
/* How long to wait before the next try, in ms; RETRY_GIVE_UP when there is to be none. */
int64_t retry_pause_ms(const struct retry_question *q);

#endif
