/*
 * Counters: GCRA (ITU-T I.371; ATM Forum UNI 4.0), one 64-bit theoretical arrival time a key, changed by
 * compare-and-swap in a table of fixed size that many processes share.
 *
 * With an interval of T ns a unit and a burst of B units, a charge of n units at time t is allowed when
 * max(TAT, t) + n*T <= t + B*T; then TAT becomes max(TAT, t) + n*T. So at most B + rate*t units pass in any time t, and
 * a refusal changes nothing. An entry whose TAT has passed is as good as empty, and is reused without loss.
 *
 * An entry stands in one of the 7 slots of its key's bucket. When all 7 are live, further keys of that bucket share an
 * entry with those of the same class of interval (the power of two at or below it): each pays for all of them, so
 * none gets more than it should. That hardly ever happens in a table with four times as many entries as live keys.
 * Whoever is refused by a shared entry may have done nothing wrong: defer, never block.
 *
 * A process that is killed during a charge leaves it done or not done, or, if it created an entry at the same time as
 * another process, counted twice; never a torn or locked entry.
 *
 * Keys are 64-bit keyed hashes, made by the caller with state_secret; a key contains the limit's name.
 */
#ifndef POSTERN_COUNTERS_H
#define POSTERN_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters;
struct outbox;

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
    uint64_t cost;        /* units; 0 only looks: allowed unless overdrawn */
};

struct charge_answer {
    bool allowed;
    bool never;        /* cost > burst: no waiting will help */
    bool crowded;      /* the bucket is full of live entries: a shared, stricter entry is used */
    uint64_t retry_ns; /* when not allowed: the wait until the same charge would pass; 0 with never */
    uint64_t used;     /* units taken at `now`, before this charge (rounded up) */
};

/* Where to tell what was counted here (core/state/outbox.h), for whoever counts; NULL: nobody asks. */
struct outbox *counters_outbox(struct counters *c);

/* Prefetches the key's bucket into the processor's cache. */
void counters_prefetch(const struct counters *c, uint64_t key);

/* Would the charge be allowed? Changes nothing. */
struct charge_answer counters_look(const struct counters *c, const struct charge *charge, uint64_t now_ns);

/*
 * All or nothing: looks at all, then charges each; when one refuses by then, what was charged is given back. Returns
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
 * so that nobody gets credit. Only from the key's own entry, since a shared one was charged by others, too.
 */
void counters_return(struct counters *c, uint64_t key, uint64_t ns, uint64_t now_ns);

/*
 * What other relays have counted or marked (core/state/outbox.h): the key's end becomes now + backlog_ns if it is
 * earlier, never earlier than it is. A backlog may be above the burst. False when the key's bucket is full of live
 * entries and it has none: it is left to what this relay counts itself, since a shared entry would hold others
 * responsible. counters_marked_for tells what a key of either sort has.
 */
bool counters_raise(struct counters *c, uint64_t key, uint64_t backlog_ns, uint64_t now_ns);

/*
 * Marks: a key that is remembered until a time, for "distinct" counts and for "this message was charged already".
 * counters_mark returns true when the key was not marked before (now it is, until now + keep_ns), false when it was;
 * `renew` prolongs a mark that is found. When the bucket is full of live entries, *crowded is set, and the
 * mark goes to a small separate table, where the one that ends first is evicted.
 */
bool counters_mark(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns, bool renew, bool *crowded);
bool counters_marked(const struct counters *c, uint64_t key, uint64_t now_ns);
/* The time until a mark ends, ns; 0: there is none. */
uint64_t counters_marked_for(const struct counters *c, uint64_t key, uint64_t now_ns);
/* Is the key's bucket full? Then a key that is not marked may have been marked and evicted. */
bool counters_full_for(const struct counters *c, uint64_t key, uint64_t now_ns);

/*
 * Was this key seen within the last keep_ns? For what must be done once a message. Kept in a small table apart from the
 * counters (COUNTERS_ONCE_ENTRIES entries in the state file), where the oldest is evicted: evicting one early costs its
 * owner a second charge, but a flood of keys cannot crowd the counters. counters_once returns true the first time, and
 * remembers the key. Keys that differ only in the lowest bit are neighbours.
 */
#define COUNTERS_ONCE_ENTRIES 65536u
bool counters_once(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns);
bool counters_seen(const struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns);
/* Forgets a key: what was done is undone. */
void counters_once_forget(struct counters *c, uint64_t key, uint64_t now_ns);

/*
 * Strangers: clients with neither login nor connector. They can make any number of keys, so they have small tables of
 * their own, where the entry that ends first is evicted: whoever goes on has a later end, and stays. Otherwise as
 * counters_look and counters_charge, but never crowded. strangers_once is counters_once
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
/* Gives back ns of what a key was charged: no more than its entry holds. */
void strangers_return(struct counters *c, enum strangers_count what, uint64_t key, uint64_t ns, uint64_t now_ns);
bool strangers_once(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns);
/* As counters_raise. There is always room. */
void strangers_raise(struct counters *c, enum strangers_count what, uint64_t key, uint64_t backlog_ns, uint64_t now_ns);

/* An operator's reset of a key, of strangers too. True when it was live. What it took from a shared entry stays. */
bool counters_reset(struct counters *c, uint64_t key, uint64_t now_ns);

struct counters_stats {
    uint64_t entries, live; /* without the shared ones; live is counted, or estimated from a sample */
    uint64_t crowded;       /* charges and marks that found their bucket full, since the file was made */
    uint64_t displaced;     /* evicted since then: strangers' entries, and marks in the separate table */
};
void counters_stats(const struct counters *c, uint64_t now_ns, struct counters_stats *out);

#endif
