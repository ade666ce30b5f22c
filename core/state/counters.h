/*
 * Counters: GCRA (ITU-T I.371; ATM Forum UNI 4.0), one 64-bit theoretical arrival time a key, changed by
 * compare-and-swap in a table of fixed size that many processes share.
 *
 * With an interval of T ns a unit and a burst of B units, a charge of n units at time t is allowed when
 * max(TAT, t) + n*T <= t + B*T; then TAT becomes max(TAT, t) + n*T. So at most B + rate*t units pass in any time t, and
 * a refusal changes nothing. An entry whose TAT has passed says the same as an empty one and is reused without loss.
 *
 * An entry stands in one of the 7 slots of its key's bucket. When all 7 are live, further keys of that bucket share an
 * entry with those of the same class of interval (the power of two at or below it): each is charged for all of them, so
 * none gets more than it should. A table of four times as many entries as there are live keys hardly ever comes to
 * that. Who is refused by a shared entry may have done nothing: he is to be asked to try again, never to be blocked.
 *
 * A process that is killed in the midst of a charge leaves it made or not made, or, where it made an entry at the same
 * time as another, counted twice; never an entry that is torn or locked.
 *
 * Keys are 64-bit keyed hashes, made by the caller with state_secret; a key contains the limit's name.
 */
#ifndef POSTERN_COUNTERS_H
#define POSTERN_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters;

/* 400 days: no limit's window, times its burst, may be longer (core/base/units.h has the same bound for durations). */
#define COUNTERS_LONGEST_WINDOW_NS (UINT64_C(400) * 86400 * 1000000000)

/* A hash as a key: never 0, which marks an empty entry. */
static inline uint64_t counters_key(uint64_t hash)
{
    return hash != 0 ? hash : 1;
}

/* What one limit would take. burst * interval_ns is cut at the longest window. */
struct charge {
    uint64_t key;         /* never 0: counters_key() sees to it */
    uint64_t interval_ns; /* time a unit, at least 1 */
    uint64_t burst;       /* units */
    uint64_t cost;        /* units; 0 looks only: allowed as soon as nothing is overdrawn */
};

struct charge_answer {
    bool allowed;
    bool never;        /* cost > burst: no waiting will help */
    bool crowded;      /* the bucket is full of live entries: a shared, stricter entry is used */
    uint64_t retry_ns; /* when not allowed: the wait until the same charge would pass; 0 with never */
    uint64_t used;     /* units taken at `now`, before this charge (rounded up) */
};

/* Has the key's bucket fetched into the processor's cache, for a look that comes soon. */
void counters_prefetch(const struct counters *c, uint64_t key);

/* Looks, changing nothing. */
struct charge_answer counters_look(const struct counters *c, const struct charge *charge, uint64_t now_ns);

/*
 * All or nothing: looks at all, then charges each; when one refuses meanwhile, what was charged is given back. Returns
 * the index of the first charge that refuses, or n when all were charged. answers has n places and is filled for all.
 * n is at most COUNTERS_CHARGES_MAX, else all are refused. No two charges of one call have the same key.
 */
#define COUNTERS_CHARGES_MAX 64
size_t counters_charge(struct counters *c, const struct charge *charges, size_t n, uint64_t now_ns,
                       struct charge_answer *answers);

/* Charges whatever the limit says (monitor mode: it saturates at the burst). */
void counters_force(struct counters *c, const struct charge *charge, uint64_t now_ns, struct charge_answer *answer);

/*
 * Gives back ns of what a key was charged, as receipts_take says (core/state/receipts.h): no more than its entry holds,
 * so that nobody gets credit. Only from the key's own entry: what stands in a shared one was charged for others, too.
 */
void counters_return(struct counters *c, uint64_t key, uint64_t ns, uint64_t now_ns);

/*
 * Marks: a key that is remembered until a time, for "distinct" counts and for "this message was charged already".
 * counters_mark returns true when the key was not marked before (now it is, until now + keep_ns), false when it was;
 * a mark that is found is prolonged when `renew`. When the bucket is full of live entries, *crowded is set, and the
 * mark is kept in a small table apart, where the one that ends first gives way.
 */
bool counters_mark(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns, bool renew, bool *crowded);
bool counters_marked(const struct counters *c, uint64_t key, uint64_t now_ns);
/* The time until a mark ends, ns; 0: there is none. */
uint64_t counters_marked_for(const struct counters *c, uint64_t key, uint64_t now_ns);
/* Is there no room for that key in its bucket? Then one that is not marked may have been, and have given way. */
bool counters_full_for(const struct counters *c, uint64_t key, uint64_t now_ns);

/*
 * Has this key been shown before, within the last keep_ns? For what must be done once a message. Kept in a small table
 * apart from the counters (COUNTERS_ONCE_ENTRIES entries in the state file), where the oldest gives way: forgetting one
 * early costs its owner a second charge, and a flood of keys cannot crowd the counters. counters_once returns true the
 * first time and remembers. Keys that differ in the lowest bit only lie side by side.
 */
#define COUNTERS_ONCE_ENTRIES 65536u
bool counters_once(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns);
bool counters_seen(const struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns);
/* Forgets one: what was done was undone. */
void counters_once_forget(struct counters *c, uint64_t key, uint64_t now_ns);

/*
 * Strangers: clients without a login that belong to no connector. They can make any number of keys, so what is counted
 * of them lies in small tables of its own, where the entry that ends first gives way: one who goes on has the later
 * end, and stays. As counters_look and counters_charge otherwise, and never crowded. strangers_once is counters_once
 * for their messages.
 */
enum strangers_count {
    STRANGERS_REFUSALS, /* by limits that count denials */
    STRANGERS_BLOCKS    /* how often they were blocked lately */
};
struct charge_answer strangers_look(const struct counters *c, enum strangers_count what, const struct charge *charge,
                                    uint64_t now_ns);
struct charge_answer strangers_charge(struct counters *c, enum strangers_count what, const struct charge *charge,
                                      uint64_t now_ns);
bool strangers_once(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns);

/* Forgets a key, of strangers too: an operator's reset. True when it was live. What it took from a shared entry stays:
 * others took, too.
 */
bool counters_reset(struct counters *c, uint64_t key, uint64_t now_ns);

struct counters_stats {
    uint64_t entries, live; /* without the shared ones; live: by a walk over the table, or a sample of it scaled up */
    uint64_t crowded;       /* charges and marks that found their bucket full, since the file was made */
    uint64_t displaced; /* what was counted of strangers, and marks kept apart, that gave way to others since then */
};
void counters_stats(const struct counters *c, uint64_t now_ns, struct counters_stats *out);

#endif
