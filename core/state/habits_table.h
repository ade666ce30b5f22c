/*
 * The layout of the habits, for core/state only; everybody else uses habits.h.
 *
 * A record is 8 pairs (128 bytes, two cache lines), each of which is changed by itself in one atomic step. It stands in
 * one of HABIT_PLACES places from its key's home on, which are all looked at, so that a record may be
 * taken out without a trace. Zeroed memory is an empty table.
 *
 * A window is one pair: HABIT_BINS counts of 15 bits, and the number of the newest bin since time 0. What a count
 * cannot hold is not counted: such a window is beyond all limits that a habit may have.
 */
#ifndef POSTERN_HABITS_TABLE_H
#define POSTERN_HABITS_TABLE_H

#include "core/base/pair.h"
#include "core/state/counters_table.h"
#include "core/state/habits.h"

struct habit_record {
    union pair name;                      /* {key, seen_first << 32 | seen_last}, seconds; {0, now << 32}: being made */
    union pair messages[HABIT_WINDOWS];   /* windows */
    union pair of_messages;               /* struct habit_learnt, packed */
    union pair recipients[HABIT_WINDOWS]; /* windows */
    union pair of_recipients;
    union pair past; /* struct habit_past, packed */
} __attribute__((aligned(128)));

_Static_assert(sizeof(struct habit_record) == 128, "a record is two cache lines");

#define HABIT_PLACES 16u
#define HABITS_MIN 64u
/* Records that logins without room share; behind the others. */
#define HABITS_SHARED 64u
/* A login that has sent nothing for so long gives way to another one, when there is no room. */
#define HABIT_KEPT_S (UINT64_C(180) * 86400)
/* So long a deferred message's repetition is known. */
#define HABIT_DEFERRED_NS (UINT64_C(86400) * 1000000000)

/* What happened since the file was made. */
struct habits_met {
    uint64_t crowded, displaced;
};

struct habits {
    struct habit_record *records; /* 2^bits, and HABITS_SHARED; NULL: there are none (a file of an older version) */
    unsigned bits;
    uint64_t ahead_ns;        /* as in struct counters */
    struct counters deferred; /* only its yielding tables' first is used, by counters_once.c */
    struct habits_met *met;   /* shared */
};

/* What is needed for `logins` (a power of two), in bytes. */
static inline uint64_t habits_bytes(uint64_t logins)
{
    return (logins + HABITS_SHARED) * sizeof(struct habit_record) + YIELDING_ENTRIES * sizeof(union pair);
}

/* A table over memory of that size, which outlives it. */
struct habits habits_over(void *memory, uint64_t logins, struct habits_met *met);

/* Takes all that `from` knows over; where both know a login, the larger of each counts. */
void habits_take_over(struct habits *to, const struct habits *from);

/* ---- one record (core/state/habits_table.c) ---- */

/* The record of a key; NULL when there is none. */
struct habit_record *habit_find(const struct habits *h, uint64_t key);
/* The same; it is made if there is none. The shared one when there is no room: *crowded. */
struct habit_record *habit_find_or_make(struct habits *h, uint64_t key, uint64_t now, bool *crowded);
/* The record that keys without room share. */
struct habit_record *habit_shared(const struct habits *h, uint64_t key);
/* Is there room for another key at this one's places? */
bool habit_has_room(const struct habits *h, uint64_t key, uint64_t now);

static inline uint64_t habit_since_ns(union pair name)
{
    return (name.value >> 32) * UINT64_C(1000000000);
}

static inline union pair *habit_window(struct habit_record *r, unsigned count, unsigned window)
{
    return (count == HABIT_MESSAGES ? r->messages : r->recipients) + window;
}

static inline union pair *habit_of(struct habit_record *r, unsigned count)
{
    return count == HABIT_MESSAGES ? &r->of_messages : &r->of_recipients;
}

/* ---- windows (core/state/habits_window.c) ---- */

#define HABIT_COUNT_BITS 15
#define HABIT_BIN_MOST 32767u

/*
 * How long a bin is. Six are an hour: no hour holds more than a limit, for what is sent at full speed comes within one.
 * Seven are a day: what runs every night at the same time must not be counted twice, or its habit would be the mail of
 * two nights.
 */
static inline uint64_t habit_bin_ns(unsigned window)
{
    return (window == HABIT_HOUR ? UINT64_C(600) : UINT64_C(86400) / HABIT_BINS) * UINT64_C(1000000000);
}

/* The number of the bin of that time. Written so that the compiler divides by constants. */
static inline uint64_t habit_bin_of(unsigned window, uint64_t now)
{
    return window == HABIT_HOUR ? now / habit_bin_ns(HABIT_HOUR) : now / habit_bin_ns(HABIT_DAY);
}

struct habit_bins {
    uint32_t newest;             /* number of the newest bin; 0: nothing was ever counted */
    uint16_t counts[HABIT_BINS]; /* of bin n at n % HABIT_BINS */
};
struct habit_bins habit_bins_of(union pair packed);
union pair habit_bins_pack(const struct habit_bins *bins);
/* Moves on to the bin of that number; what is older than the window is dropped. */
void habit_bins_advance(struct habit_bins *bins, uint64_t number);
uint32_t habit_bins_sum(const struct habit_bins *bins);
/* What the window is with so many more in its newest bin; packed is what the bins were read from. */
union pair habit_bins_plus(struct habit_bins *bins, union pair packed, uint32_t units);

/* ---- learning (core/state/habits_learn.c) ---- */

/* What was learnt of one count. */
struct habit_learnt {
    uint32_t most[HABIT_WINDOWS]; /* the largest, by which the login is held */
    uint32_t week[HABIT_WINDOWS]; /* the largest of this week; while the login is being learnt, since the beginning */
    unsigned held[HABIT_WINDOWS]; /* weeks since it was last (nearly) reached */
    unsigned number;              /* of the week, since time 0; 0: it is being learnt */
};
struct habit_learnt habit_learnt_of(union pair packed);
union pair habit_learnt_pack(const struct habit_learnt *l);

/* How it was before: what the largest may grow from. */
struct habit_past {
    struct habit_figures early, late; /* eight to sixteen weeks ago; in the last eight weeks */
    unsigned number;                  /* of the eight weeks; 0: there was nothing yet */
};
struct habit_past habit_past_of(union pair packed);
union pair habit_past_pack(const struct habit_past *p);
unsigned habit_past_number(uint64_t now); /* of the eight weeks at that time */

#define HABIT_WEEK_NS (UINT64_C(7) * 86400 * UINT64_C(1000000000))

/* Has this been brought up to the week of that time? Then the past was, too. */
static inline bool habit_is_current(const struct habit_learnt *l, uint64_t now)
{
    return l->number != 0 && l->number >= now / HABIT_WEEK_NS;
}

/* Is it time to end the learning of a login that was first seen then? */
static inline bool habit_ends_learning(uint64_t since_ns, uint64_t now)
{
    return now >= since_ns && now - since_ns >= HABIT_LEARNING_S * UINT64_C(1000000000);
}

/* Brings the past, and what was learnt, up to the week of that time, once the learning has ended: `past` first. Pure.
 * since_ns: when the login was first seen. */
void habit_past_roll(struct habit_past *p, const struct habit_learnt l[HABIT_COUNTS], uint64_t now);
void habit_learnt_roll(struct habit_learnt *l, const uint32_t early[HABIT_WINDOWS], uint64_t since_ns, uint64_t now);

#endif
