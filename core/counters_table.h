/*
 * Where the counters lie, for the state only; everybody else uses counters.h.
 *
 * A table is an array of buckets of 8 pairs (128 bytes, two cache lines). The first 7 are entries {key, TAT}; the
 * eighth is the bucket's shared entry, for keys that find the 7 full of live ones. It lies in the same lines, so that
 * looking at it costs nothing. Zeroed memory is an empty table.
 *
 * The bucket is the high bits of a product with the key, so that a table of another size can be filled without knowing
 * what the keys stood for, and one bucket's keys stay together.
 */
#ifndef POSTERN_COUNTERS_TABLE_H
#define POSTERN_COUNTERS_TABLE_H

#include "core/counters.h"
#include "core/pair.h"

#define BUCKET_PAIRS 8
#define BUCKET_SLOTS 7
#define COUNTERS_ENTRIES_MIN 64

struct counters {
    union pair *pairs; /* 128-byte aligned */
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

#endif
