/*
 * When to retry a failed request: a pure function of how it failed, how often, the service's Retry-After and a random
 * number. The caller has the clock and waits.
 */
#ifndef POSTERN_MIRROR_RETRY_H
#define POSTERN_MIRROR_RETRY_H

#include <stdint.h>

enum failure {
    FAILURE_NONE,
    FAILURE_FINAL,     /* a retry would fail, too */
    FAILURE_TRANSIENT, /* a broken connection, 408, 5xx */
    FAILURE_THROTTLED  /* 429, or 503 with Retry-After: too many requests */
};

#define RETRY_TRIES 8u            /* of one request, including the first */
#define RETRY_BASE_MS 1000u       /* the first pause, then doubled */
#define RETRY_PAUSE_MAX_MS 60000u /* without Retry-After */
#define RETRY_AFTER_MAX_S 3600u   /* a longer Retry-After is cut to this */

/* How an HTTP status counts. */
enum failure retry_class(long status);

struct retry_question {
    enum failure failure;
    unsigned tried;   /* how often the request has been made */
    uint64_t after_s; /* Retry-After; 0: none */
    uint64_t random;  /* uniform, 64 bits */
    uint64_t left_ms; /* until the whole run's deadline */
};

#define RETRY_GIVE_UP (-1)
/* How long to wait before the next try, in ms; RETRY_GIVE_UP: don't try again. */
int64_t retry_pause_ms(const struct retry_question *q);

#endif
