/* What was done once already: {key, until} pairs in buckets of 8, where the one that ends first gives way. */
#include "core/counters_table.h"

#define ONCE_BUCKET ((unsigned)BUCKET_PAIRS)

static union pair *once_bucket(const struct counters *c, uint64_t key)
{
    uint64_t product = (key >> 1) * UINT64_C(0x9e3779b97f4a7c15); /* as in bucket_of */

    return c->once + (product >> 32) % (COUNTERS_ONCE_ENTRIES / ONCE_BUCKET) * ONCE_BUCKET;
}

/* An end that lies further away than keep_ns was not written by us. */
static bool holds(union pair seen, uint64_t key, uint64_t now, uint64_t keep_ns)
{
    return seen.key == key && seen.value > now && seen.value - now <= keep_ns;
}

void counters_once_prefetch(const struct counters *c, uint64_t key)
{
    if (c->once != NULL)
        bucket_prefetch(once_bucket(c, key));
}

bool counters_seen(const struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    const union pair *bucket;

    if (c->once == NULL)
        return false;
    bucket = once_bucket(c, key);
    for (unsigned i = 0; i < ONCE_BUCKET; i++)
        if (pair_glance(bucket + i).key == key && holds(pair_read(bucket + i), key, now, keep_ns))
            return true;
    return false;
}

bool counters_once(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    union pair *bucket, *first, first_seen;

    if (counters_seen(c, key, now_ns, keep_ns))
        return false;
    if (c->once == NULL)
        return true;
    bucket = once_bucket(c, key);
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        first = bucket;
        first_seen = pair_read(bucket);
        for (unsigned j = 1; j < ONCE_BUCKET; j++) {
            union pair seen = pair_read(bucket + j);

            if (seen.value < first_seen.value) {
                first = bucket + j;
                first_seen = seen;
            }
        }
        if (pair_swap(first, first_seen, pair_of(key, now + keep_ns)))
            break;
    }
    return true;
}

void counters_once_forget(struct counters *c, uint64_t key)
{
    union pair *bucket;

    if (c->once == NULL)
        return;
    bucket = once_bucket(c, key);
    for (unsigned i = 0; i < ONCE_BUCKET; i++) {
        union pair seen = pair_read(bucket + i);

        if (seen.key == key)
            (void)pair_swap(bucket + i, seen, pair_of(0, 0));
    }
}
