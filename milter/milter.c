#include "milter/milter.h"

#include "core/clock.h"

#include <time.h>

#define LAST_CALLBACKS_MS 1000

int milter_init(struct milter *m, struct engine *engine)
{
    const struct listener_config *listener = &engine_config(engine)->milter.listen;

    *m = (struct milter){
        .engine = engine, .has_tls = listener->has_tls, .tls = listener->tls, .born_ns = clock_wall_ns()};
    m->users = users_new(engine);
    if (m->users == NULL)
        return -1;
    milter_configure(m);
    return 0;
}

void milter_destroy(struct milter *m)
{
    users_free(m->users);
    m->users = NULL;
}

void milter_configure(struct milter *m)
{
    const struct config *config = engine_config(m->engine);
    bool counts_bytes = false;

    for (size_t i = 0; i < config->n_limits; i++)
        counts_bytes |= config->limits[i].count == COUNT_BYTES;
    atomic_store(&m->counts_bytes, counts_bytes);
    atomic_store(&m->claims, config->charge == CHARGE_AUTO);
}

bool milter_enter(struct milter *m)
{
    /* Announce first, look then; milter_drain does it the other way round, so that one of the two sees the other. */
    atomic_fetch_add(&m->deciding, 1);
    if (!atomic_load(&m->closed))
        return true;
    atomic_fetch_sub(&m->deciding, 1);
    return false;
}

void milter_leave(struct milter *m)
{
    atomic_fetch_sub(&m->deciding, 1);
}

static bool falls_to_zero(atomic_uint *count, unsigned wait_ms)
{
    const struct timespec step = {.tv_nsec = 10 * 1000 * 1000};

    for (unsigned waited_ms = 0; atomic_load(count) > 0; waited_ms += 10) {
        if (waited_ms >= wait_ms)
            return false;
        (void)nanosleep(&step, NULL);
    }
    return true;
}

bool milter_drain(struct milter *m, unsigned wait_ms)
{
    atomic_store(&m->closing, true);
    (void)falls_to_zero(&m->transactions, wait_ms);
    atomic_store(&m->closed, true);
    return falls_to_zero(&m->deciding, LAST_CALLBACKS_MS);
}
