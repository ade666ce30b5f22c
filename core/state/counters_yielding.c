/* Small tables of {key, until} pairs in buckets of 8. In a full bucket the pair that ends first is replaced. */
#include "core/state/counters_table.h"

#define YIELDING_BUCKET ((size_t)BUCKET_PAIRS)

/* The bucket of a key. Keys that differ only in the lowest bit share a bucket. */
static union pair *bucket_for(const struct counters *c, enum yielding table, uint64_t key)
{
    uint64_t product = (key >> 1) * UINT64_C(0x9e3779b97f4a7c15); /* as in bucket_of */

    return c->yielding + (size_t)table * YIELDING_ENTRIES +
           (product >> 32) % (YIELDING_ENTRIES / YIELDING_BUCKET) * YIELDING_BUCKET;
}

/* The first live entry of the key among the pairs from `from` to the end of the bucket. */
static union pair *find_between(union pair *from, union pair *end, uint64_t key, uint64_t now, union pair *seen)
{
    for (union pair *at = from; at < end; at++) {
        if (pair_glance(at).key != key)
            continue;
        *seen = pair_read(at);
        if (seen->key == key && seen->value > now)
            return at;
    }
    return NULL;
}

union pair *yielding_find(const struct counters *c, enum yielding table, uint64_t key, uint64_t now, union pair *seen)
{
    union pair *bucket = bucket_for(c, table, key);

    return find_between(bucket, bucket + YIELDING_BUCKET, key, now, seen);
}

union pair *yielding_find_after(const struct counters *c, enum yielding table, uint64_t key, uint64_t now,
                                union pair *entry, union pair *seen)
{
    return find_between(entry + 1, bucket_for(c, table, key) + YIELDING_BUCKET, key, now, seen);
}

/* Marks of what was done once are often forgotten early, which costs little. */
static bool is_told(enum yielding table)
{
    return table != YIELDING_ONCE && table != YIELDING_ONCE_STRANGERS;
}

void yielding_put(struct counters *c, enum yielding table, uint64_t key, uint64_t now, uint64_t until)
{
    union pair *bucket = bucket_for(c, table, key);

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair *first = bucket, first_seen = pair_read(bucket);

        for (size_t j = 1; j < YIELDING_BUCKET; j++) {
            union pair seen = pair_read(bucket + j);

            if (seen.value < first_seen.value) {
                first = bucket + j;
                first_seen = seen;
            }
        }
        if (!pair_swap(first, first_seen, pair_of(key, until)))
            continue;
        if (first_seen.value > now && is_told(table))
            (void)__atomic_fetch_add(&c->met->displaced, 1, __ATOMIC_RELAXED);
        return;
    }
}

bool yielding_drop(struct counters *c, enum yielding table, uint64_t key, uint64_t now)
{
    union pair seen, *entry;
    bool live = false;

    while ((entry = yielding_find(c, table, key, now, &seen)) != NULL)
        live |= pair_swap(entry, seen, pair_of(0, 0));
    return live;
}

void yielding_take_over(struct counters *to, const struct counters *from, uint64_t now_ns)
{
    uint64_t from_now = now_ns + from->ahead_ns, to_now = now_ns + to->ahead_ns;

    for (enum yielding table = 0; table < YIELDING_TABLES; table++)
        for (size_t i = 0; i < YIELDING_ENTRIES; i++) {
            union pair seen = pair_read(from->yielding + (size_t)table * YIELDING_ENTRIES + i), there;
            uint64_t left = backlog_of(seen.value, from_now);

            if (seen.key == 0 || left == 0)
                continue;
            if (yielding_find(to, table, seen.key, to_now, &there) == NULL)
                yielding_put(to, table, seen.key, to_now, to_now + left);
            /* A shorter one stays: it was counted twice in the same table, or a moment ago. */
        }
}
