/*
 * Where the counters lie, for the state only; everybody else uses counters.h.
 *
 * A table is an array of buckets of 8 pairs (128 bytes, two cache lines). The first 7 are entries {key, TAT}; the
 * eighth is the bucket's shared entry, for keys that find the 7 full of live ones. It lies in the same lines, so that
 * looking at it costs nothing. Zeroed memory is an empty table.
 *
 * The highest bit of an entry's key says that it is new: whoever made it has not yet seen that nobody counts the same
 * key elsewhere, in another slot or in the shared entry. Whoever charges a new entry looks again afterwards, too.
 *
 * The bucket is the high bits of a product with the key, so that a table of another size can be filled without knowing
 * what the keys stood for, and one bucket's keys stay together.
 */
#ifndef POSTERN_COUNTERS_TABLE_H
#define POSTERN_COUNTERS_TABLE_H

#include "core/counters.h"
#include "core/pair.h"
#include "core/state.h"

#define BUCKET_PAIRS 8
#define BUCKET_SLOTS 7
#define ENTRY_NEW (UINT64_C(1) << 63)
#define COUNTERS_ENTRIES_MIN 64
/* The key word of a shared entry; only for people who look at the file. */
#define SHARED_MARK UINT64_C(0x646572616873) /* "shared" */
/* How often a change is tried again when others change the same entry; far more than any real contention needs. */
#define TRIES_MAX 1000

struct counters {
    union pair *pairs; /* 128-byte aligned */
    union pair *once;  /* COUNTERS_ONCE_ENTRIES of them; NULL: nothing is remembered, all is new */
    unsigned bits;     /* 2^bits buckets; at least 3 */
    uint64_t ahead_ns; /* added to the caller's time to get the table's; modulo 2^64 */
    uint64_t *crowded; /* shared */
};

/* A table of `entries` (a power of two, at least COUNTERS_ENTRIES_MIN) over memory that outlives it. */
struct counters counters_over(void *memory, uint64_t entries, uint64_t *crowded);

/*
 * Takes what is live in `from` over into `to`, where a key that both have keeps the later TAT. Both may be in use. Keys
 * that find no room go to the shared entry.
 */
void counters_take_over(struct counters *to, const struct counters *from, uint64_t now_ns);

/* A key as it stands in an entry, but for ENTRY_NEW; never 0. */
static inline uint64_t tag_of(uint64_t key)
{
    uint64_t tag = key & ~ENTRY_NEW;

    return tag != 0 ? tag : 1;
}

static inline bool has_tag(union pair seen, uint64_t tag)
{
    return (seen.key & ~ENTRY_NEW) == tag;
}

static inline union pair *bucket_of(const struct counters *c, uint64_t tag)
{
    /* Fibonacci hashing (Knuth, TAOCP 6.4): 2^64 divided by the golden ratio. */
    uint64_t product = tag * UINT64_C(0x9e3779b97f4a7c15);

    return c->pairs + (product >> (64 - c->bits)) * BUCKET_PAIRS;
}

/* A bucket, of this table or of the marks beside it, is two cache lines. */
static inline void bucket_prefetch(const union pair *bucket)
{
    __builtin_prefetch(bucket, 1);
    __builtin_prefetch(bucket + BUCKET_PAIRS / 2, 1);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A TAT beyond the longest window cannot have been written by us: it must not shut the gate for longer than that. */
static inline uint64_t backlog_of(uint64_t tat, uint64_t now)
{
    return tat > now ? min_u64(tat - now, STATE_LONGEST_WINDOW_NS) : 0;
}

/* The lowest slot where the key stands, live or not; NULL when there is none. */
static inline union pair *entry_of(union pair *bucket, uint64_t tag)
{
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        if (has_tag(pair_glance(bucket + i), tag))
            return bucket + i;
    return NULL;
}

/* The lowest live entry of a key, and what was seen there. NULL when there is none. */
static inline union pair *live_entry(const struct counters *c, uint64_t tag, uint64_t now, union pair *seen)
{
    union pair *bucket = bucket_of(c, tag);

    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        *seen = pair_read(bucket + i);
        if (has_tag(*seen, tag) && seen->value > now)
            return bucket + i;
    }
    return NULL;
}

/* A slot that the key can take, and what was seen there. NULL when all are live. */
static inline union pair *free_entry(const struct counters *c, uint64_t tag, uint64_t now, union pair *seen)
{
    union pair *bucket = bucket_of(c, tag);

    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        *seen = pair_glance(bucket + i);
        if (seen->value <= now)
            return bucket + i;
    }
    return NULL;
}

#endif
