#include "mirror/exchange/retry.h"

#include <stddef.h>

enum failure retry_class(long status)
{
    static const long transient[] = {408, 500, 502, 503, 504};

    if (status >= 200 && status < 300)
        return FAILURE_NONE;
    if (status == 429)
        return FAILURE_THROTTLED;
    for (size_t i = 0; i < sizeof transient / sizeof transient[0]; i++)
        if (status == transient[i])
            return FAILURE_TRANSIENT;
    return FAILURE_FINAL;
}

int64_t retry_pause_ms(const struct retry_question *q)
{
    uint64_t pause = RETRY_BASE_MS;

    if ((q->failure != FAILURE_TRANSIENT && q->failure != FAILURE_THROTTLED) || q->tried >= RETRY_TRIES)
        return RETRY_GIVE_UP;
    for (unsigned i = 1; i < q->tried && pause < RETRY_PAUSE_MAX_MS; i++)
        pause *= 2;
    pause = pause < RETRY_PAUSE_MAX_MS ? pause : RETRY_PAUSE_MAX_MS;
    /* Between half the pause and all of it, so that clients that failed together don't come back together. */
    pause = pause / 2 + q->random % (pause / 2 + 1);
    /* The service's Retry-After is the minimum, with a little added for the same reason. */
    if (q->after_s > 0)
        pause = (q->after_s < RETRY_AFTER_MAX_S ? q->after_s : RETRY_AFTER_MAX_S) * 1000 + q->random % 500;
    return pause < q->left_ms ? (int64_t)pause : RETRY_GIVE_UP;
}
