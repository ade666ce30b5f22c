/*
 * The layout of the habits, for core/state only; everybody else uses habits.h.
 *
 * A record is 8 pairs (128 bytes, two cache lines), each of which is changed by itself in one atomic step. It stands in
 * one of HABIT_PLACES places from its key's home on, which are all looked at, so that a record may be taken out without
 * a trace. Zeroed memory is an empty table: there a record is made in one step. Where one was before, it is emptied
 * under a name that nobody looks for; who comes meanwhile waits a little, and then counts in a shared record.
 */
#ifndef POSTERN_HABITS_TABLE_H
#define POSTERN_HABITS_TABLE_H

#include "core/base/pair.h"
#include "core/state/counters_table.h"
#include "core/state/habits.h"
#include "core/state/habits_others.h"
#include "core/state/habits_window.h"

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
    struct habits_heard heard; /* of the other relays */
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

/* Takes all that `from` knows over; where both know a login, the larger of each counts. Both may be in use.
 * (core/state/habits_take_over.c) */
void habits_take_over(struct habits *to, const struct habits *from);

/*
 * Merges one record into another one, whose time is that much ahead (both as in habits_take_over): all of it; what was
 * learnt; or only since when it is known. What would end in the future ends at `now`, and nothing becomes smaller.
 */
enum habit_merge { HABIT_MERGE_NAME, HABIT_MERGE_LEARNT, HABIT_MERGE_ALL };
void habit_merge(struct habit_record *to, const struct habit_record *from, uint64_t ahead, uint64_t now,
                 enum habit_merge what);

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

static inline uint64_t habit_seen_last(union pair name)
{
    return name.value & UINT32_MAX;
}

static inline union pair *habit_window(struct habit_record *r, unsigned count, unsigned window)
{
    return (count == HABIT_MESSAGES ? r->messages : r->recipients) + window;
}

static inline union pair *habit_of(struct habit_record *r, unsigned count)
{
    return count == HABIT_MESSAGES ? &r->of_messages : &r->of_recipients;
}

/* The same of a record that is only read. */
static inline const union pair *habit_window_read(const struct habit_record *r, unsigned count, unsigned window)
{
    return (count == HABIT_MESSAGES ? r->messages : r->recipients) + window;
}

static inline const union pair *habit_of_read(const struct habit_record *r, unsigned count)
{
    return count == HABIT_MESSAGES ? &r->of_messages : &r->of_recipients;
}

/* Writes down what the end of a week, or of the learning, changed. */
void habit_roll_if_due(struct habit_record *r, uint64_t now);
/* Notes a new largest hour or day of this week: what each window holds, in the pair of struct habit_learnt. */
void habit_note_largest(union pair *at, const uint32_t sums[HABIT_WINDOWS]);

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

#define HABIT_FIGURE_BITS 18
#define HABIT_FIGURE_MOST ((1u << HABIT_FIGURE_BITS) - 1)
#define HABIT_HELD_BITS 6
/* Where the fields of struct habit_learnt lie in a pair. */
enum {
    LEARNT_MOST_AT = 0,
    LEARNT_WEEK_AT = HABIT_WINDOWS * HABIT_FIGURE_BITS,
    LEARNT_HELD_AT = 2 * HABIT_WINDOWS * HABIT_FIGURE_BITS,
    LEARNT_NUMBER_AT = LEARNT_HELD_AT + HABIT_WINDOWS * HABIT_HELD_BITS
};
#define HABIT_NUMBER_MOST 0xffffu

_Static_assert(HABIT_UNCOUNTED <= HABIT_FIGURE_MOST, "a largest holds what a window holds");

/* Single fields, for what each message asks. */
static inline uint32_t habit_week_of(union pair packed, unsigned window)
{
    return (uint32_t)(uint64_t)(packed.both >> (LEARNT_WEEK_AT + window * HABIT_FIGURE_BITS)) & HABIT_FIGURE_MOST;
}
static inline unsigned habit_number_of(union pair packed)
{
    return (unsigned)(uint64_t)(packed.both >> LEARNT_NUMBER_AT) & HABIT_NUMBER_MOST;
}

/* How it was before: what the largest may grow from. */
struct habit_past {
    struct habit_figures early, late; /* eight to sixteen weeks ago; in the last eight weeks */
    unsigned number;                  /* of the eight weeks; 0: there was nothing yet */
};
struct habit_past habit_past_of(union pair packed);
union pair habit_past_pack(const struct habit_past *p);
unsigned habit_past_number(uint64_t now); /* of the eight weeks at that time */

#define HABIT_WEEKS_OF_PAST 8u
#define HABIT_WEEK_NS (UINT64_C(7) * 86400 * UINT64_C(1000000000))

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
