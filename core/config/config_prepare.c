/* What is computed once, when the configuration is read. */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/config/config_table.h"

uint64_t rate_interval_ns(const struct rate *rate, enum limit_count count)
{
    unsigned __int128 total = (unsigned __int128)rate->period_s * NS_PER_S * (count == COUNT_BYTES ? KIB : 1);
    uint64_t units = rate->count > 0 ? rate->count : 1;
    unsigned __int128 interval = (total + units - 1) / units;

    return interval > UINT64_MAX ? UINT64_MAX : (uint64_t)interval;
}

static void prepare_figure(struct limit_rate *figure, enum limit_count count)
{
    figure->interval_ns = figure->unlimited ? 0 : rate_interval_ns(&figure->rate, count);
}

/* Names are the administrator's, so no secret is needed here; the counters' keys add one. */
static uint64_t id_of(const struct limit_config *limit)
{
    const struct hash_secret none = {{0, limit->per}};

    return hash_slice(&none, slice_of(limit->name));
}

void limits_prepare(struct config *c)
{
    for (size_t i = 0; i < c->n_limits; i++) {
        struct limit_config *limit = &c->limits[i];

        limit->id = id_of(limit);
        c->limits_tell_internal |= limit->count == COUNT_EXTERNAL || limit->count == COUNT_INTERNAL;
        c->limits_use_habits |= limit->beyond_habit;
        prepare_figure(&limit->figure, limit->count);
        for (size_t j = 0; j < limit->n_exceptions; j++)
            prepare_figure(&limit->exceptions[j].figure, limit->count);
    }
}
