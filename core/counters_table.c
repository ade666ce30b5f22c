#include "core/counters_table.h"

/* counters_stats walks at most so many buckets: about 2 ms. */
#define STATS_BUCKETS_MAX (UINT64_C(1) << 17)

struct counters counters_over(void *memory, uint64_t entries, uint64_t *crowded)
{
    struct counters c = {.pairs = memory, .crowded = crowded};

    while (((uint64_t)BUCKET_PAIRS << (c.bits + 1)) <= entries)
        c.bits++;
    return c;
}

void counters_stats(const struct counters *c, uint64_t now_ns, struct counters_stats *out)
{
    uint64_t buckets = UINT64_C(1) << c->bits, now = now_ns + c->ahead_ns, live = 0;
    uint64_t step = buckets > STATS_BUCKETS_MAX ? buckets / STATS_BUCKETS_MAX : 1;

    for (uint64_t i = 0; i < buckets; i += step)
        for (unsigned j = 0; j < BUCKET_SLOTS; j++)
            live += pair_glance(c->pairs + i * BUCKET_PAIRS + j).value > now;
    out->entries = buckets * BUCKET_SLOTS;
    out->live = live * step;
    out->crowded = __atomic_load_n(c->crowded, __ATOMIC_RELAXED);
}

/* Sets a shared entry's backlog up. */
static void raise_shared(union pair *bucket, uint64_t now, uint64_t backlog)
{
    union pair *shared = bucket + BUCKET_SLOTS, seen = pair_read(shared);

    while (backlog_of(seen.value, now) < backlog && !pair_swap(shared, seen, pair_of(SHARED_MARK, now + backlog)))
        seen = pair_read(shared);
}

/* Sets an entry's backlog up, making it if need be. */
static void raise_entry(struct counters *c, uint64_t tag, uint64_t now, uint64_t backlog)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen, *entry = live_entry(c, tag, now, &seen);

        if (entry != NULL && backlog_of(seen.value, now) >= backlog)
            return;
        if (entry == NULL)
            entry = free_entry(c, tag, now, &seen);
        if (entry == NULL)
            break;
        if (pair_swap(entry, seen, pair_of(tag | ENTRY_NEW, now + backlog)))
            return;
    }
    raise_shared(bucket_of(c, tag), now, backlog);
}

/* A shared entry's keys may be in any bucket that has the same first bits. */
static void take_over_shared(struct counters *to, const struct counters *from, uint64_t i, uint64_t now,
                             uint64_t backlog)
{
    uint64_t first = to->bits >= from->bits ? i << (to->bits - from->bits) : i >> (from->bits - to->bits);
    uint64_t n = to->bits >= from->bits ? UINT64_C(1) << (to->bits - from->bits) : 1;

    for (uint64_t j = first; j < first + n; j++)
        raise_shared(to->pairs + j * BUCKET_PAIRS, now, backlog);
}

void counters_take_over(struct counters *to, const struct counters *from, uint64_t now_ns)
{
    uint64_t from_now = now_ns + from->ahead_ns, to_now = now_ns + to->ahead_ns;

    for (uint64_t i = 0; i < (UINT64_C(1) << from->bits); i++) {
        const union pair *bucket = from->pairs + i * BUCKET_PAIRS;

        for (unsigned j = 0; j < BUCKET_PAIRS; j++) {
            union pair seen = pair_read(bucket + j);
            uint64_t backlog = backlog_of(seen.value, from_now);

            if (backlog == 0)
                continue;
            if (j == BUCKET_SLOTS)
                take_over_shared(to, from, i, to_now, backlog);
            else if (seen.key != 0)
                raise_entry(to, tag_of(seen.key), to_now, backlog);
        }
    }
}
