#include "milter/milter.h"

#include "core/base/clock.h"

#include <time.h>

#define LAST_CALLBACKS_MS 1000

int milter_init(struct milter *m, struct engine *engine, const struct listener_config *listener)
{
    *m = (struct milter){.engine = engine,
                         .has_tls = listener->has_tls,
                         .tls = listener->tls,
                         .front = listener->front,
                         .born_ns = clock_wall_ns()};
    if (session_pool_init(&m->pool, engine) != 0)
        return -1;
    milter_configure(m);
    return 0;
}

void milter_destroy(struct milter *m)
{
    session_pool_destroy(&m->pool);
}

void milter_say(struct milter *m, enum log_level level, const char *text)
{
    struct lent_session *lent = session_pool_take(&m->pool);

    if (lent == NULL)
        return;
    log_say(engine_log(m->engine), level, "%s", text);
    session_pool_give(&m->pool, lent);
}

void milter_configure(struct milter *m)
{
    const struct config *config = engine_config(m->engine);
    bool counts_bytes = false;

    for (size_t i = 0; i < config->n_limits; i++)
        counts_bytes |= config->limits[i].count == COUNT_BYTES;
    atomic_store(&m->counts_bytes, counts_bytes);
}

static bool none_open(struct milter *m)
{
    return atomic_load(&m->transactions) == 0;
}

static bool none_lent(struct milter *m)
{
    return session_pool_lent(&m->pool) == 0;
}

static bool becomes_true(bool (*is_so)(struct milter *), struct milter *m, unsigned wait_ms)
{
    const struct timespec step = {.tv_nsec = 10 * 1000 * 1000};

    for (unsigned waited_ms = 0; !is_so(m); waited_ms += 10) {
        if (waited_ms >= wait_ms)
            return false;
        (void)nanosleep(&step, NULL);
    }
    return true;
}

bool milter_drain(struct milter *m, unsigned wait_ms)
{
    atomic_store(&m->closing, true);
    (void)becomes_true(none_open, m, wait_ms);
    session_pool_close(&m->pool);
    return becomes_true(none_lent, m, LAST_CALLBACKS_MS);
}
