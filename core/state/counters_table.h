/*
 * The layout of the counters, for core/state only; everybody else uses counters.h.
 *
 * A table is an array of buckets of 8 pairs (128 bytes, two cache lines). The first 7 are entries {key, TAT}; the
 * eighth is the bucket's gate. Zeroed memory is an empty table.
 *
 * Keys that find the 7 full of live entries share an entry {SHARED_MARK, TAT} with those of the same bucket and class
 * of interval, in a small array behind the table: a limit in hours must not
 * fill one in seconds. Two buckets that map to one shared entry share it, which is only stricter. The gate {classes,
 * until} says for which classes the bucket's shared entries may be live, and until when; one more bit stands for marks
 * that found no room in it. It is set before they are. So while nothing is crowded, a look-up touches only these two
 * cache lines.
 *
 * The yielding tables are buckets of 8 pairs {key, until} where the entry that ends first is evicted: for keys that
 * strangers can make any number of, and for what may be forgotten early.
 *
 * The highest bit of an entry's key (ENTRY_NEW) says that its creator has not yet re-scanned the bucket and the shared
 * entry for a concurrent insert of the same key. Whoever charges such an entry must re-scan, too.
 *
 * The bucket is the high bits of a product with the key: a table of another size can be filled from the keys alone, and
 * the keys of one bucket stay together.
 */
#ifndef POSTERN_COUNTERS_TABLE_H
#define POSTERN_COUNTERS_TABLE_H

#include "core/base/pair.h"
#include "core/state/counters.h"

#define BUCKET_PAIRS 8
#define BUCKET_SLOTS 7
#define ENTRY_NEW (UINT64_C(1) << 63)
#define COUNTERS_ENTRIES_MIN 64
/* The key word of a shared entry; only for people who look at the file. In version 1 it was in the eighth pair. */
#define SHARED_MARK UINT64_C(0x646572616873) /* "shared" */
/* How often a change is tried again when others change the same entry; far more than any real contention needs. */
#define TRIES_MAX 1000

/* The yielding tables. */
enum yielding {
    YIELDING_ONCE,           /* what was done once a message */
    YIELDING_ONCE_STRANGERS, /* the same for messages of strangers, who send any number */
    YIELDING_STRANGERS,      /* strangers' refusals */
    YIELDING_BLOCKS,         /* how often strangers were blocked lately */
    YIELDING_MARKS,          /* marks that found their bucket full */
    YIELDING_TABLES
};
#define YIELDING_ENTRIES ((size_t)COUNTERS_ONCE_ENTRIES)
/* What comes after the entries: the shared entries, and the yielding tables. */
#define COUNTERS_SHARED_ENTRIES ((size_t)65536)
#define COUNTERS_REST_PAIRS (COUNTERS_SHARED_ENTRIES + YIELDING_TABLES * YIELDING_ENTRIES)

/* What happened since the file was made: see counters_stats. */
struct counters_met {
    uint64_t crowded, displaced;
};

struct counters {
    union pair *pairs;    /* 128-byte aligned */
    union pair *shared;   /* COUNTERS_SHARED_ENTRIES; NULL in a file of version 1, where the gate is the shared entry */
    union pair *yielding; /* YIELDING_TABLES tables */
    unsigned bits;        /* 2^bits buckets; at least 3 */
    uint64_t ahead_ns;    /* added to the caller's time to get the table's; modulo 2^64 */
    struct counters_met *met; /* shared */
    struct outbox *outbox;    /* NULL: there is no cluster */
};

/* A table of `entries` (a power of two, at least COUNTERS_ENTRIES_MIN), with COUNTERS_REST_PAIRS more pairs in `rest`,
 * over memory that outlives it. */
struct counters counters_over(void *memory, uint64_t entries, void *rest, struct counters_met *met);

/*
 * Takes what is live in `from` over into `to`, where a key that both have keeps the later TAT. Both may be in use. Keys
 * that find no room go to the shared entry.
 */
void counters_take_over(struct counters *to, const struct counters *from, uint64_t now_ns);

/* A key as in an entry, without ENTRY_NEW; never 0. */
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

/* The power of two at or below an interval. A gate has a bit for each, and one for marks. */
#define INTERVAL_CLASSES 63u
#define GATE_OF_MARKS INTERVAL_CLASSES
static inline unsigned interval_class(uint64_t interval_ns)
{
    unsigned log = interval_ns > 1 ? 63 - (unsigned)__builtin_clzll(interval_ns) : 0;

    return log < INTERVAL_CLASSES ? log : INTERVAL_CLASSES - 1;
}

/* The entry that a bucket's keys of one class share. */
static inline union pair *shared_of(const struct counters *c, const union pair *bucket, unsigned class)
{
    uint64_t which = (uint64_t)(bucket - c->pairs) / BUCKET_PAIRS * 64 + class;

    /* As in bucket_of; 48: COUNTERS_SHARED_ENTRIES is 2^16. */
    return c->shared + (which * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

static inline union pair *gate_of(union pair *bucket)
{
    return bucket + BUCKET_SLOTS;
}

/* Something of this class, counted for this bucket outside of it, is live until then. */
static inline void gate_open(union pair *gate, unsigned class, uint64_t now, uint64_t until)
{
    uint64_t bit = UINT64_C(1) << class;
    union pair seen = pair_read(gate), open;

    while ((seen.key & bit) == 0 || seen.value < until) {
        open = pair_of((seen.value > now ? seen.key : 0) | bit, seen.value > until ? seen.value : until);
        if (pair_swap(gate, seen, open))
            return;
        seen = pair_read(gate);
    }
}

static inline bool gate_is_open(const union pair *gate, unsigned class, uint64_t now)
{
    union pair seen = pair_read(gate);

    return seen.value > now && (seen.key >> class & 1) != 0;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A TAT beyond the longest window cannot have been written by us: it must not shut the gate for longer than that. */
static inline uint64_t backlog_of(uint64_t tat, uint64_t now)
{
    return tat > now ? min_u64(tat - now, COUNTERS_LONGEST_WINDOW_NS) : 0;
}

/* The result of a charge on top of that backlog; crowded is left to the caller. */
struct charge_answer charge_judge(const struct charge *k, uint64_t backlog_ns);
/* The time that a charge takes. */
uint64_t cost_ns(const struct charge *k);

/* ---- the yielding tables (core/state/counters_yielding.c) ---- */

/* The live entry of a key in a yielding table, and what was seen there; NULL when there is none. */
union pair *yielding_find(const struct counters *c, enum yielding table, uint64_t key, uint64_t now, union pair *seen);
/* A further one behind `entry`, which is one of the key's. */
union pair *yielding_find_after(const struct counters *c, enum yielding table, uint64_t key, uint64_t now,
                                union pair *entry, union pair *seen);
/* Puts {key, until} into its bucket and evicts what ends first there, counting that if it is live. */
void yielding_put(struct counters *c, enum yielding table, uint64_t key, uint64_t now, uint64_t until);
/* Forgets a key; true when it was live. */
bool yielding_drop(struct counters *c, enum yielding table, uint64_t key, uint64_t now);
/* What is live in `from`, as counters_take_over. */
void yielding_take_over(struct counters *to, const struct counters *from, uint64_t now_ns);

/* The lowest slot with the key, live or not; NULL when there is none. */
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
