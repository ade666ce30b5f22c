/*
 * The outbox: what this relay counted, for the program that tells the other relays. A ring in a mapped file that is
 * shared by all programs of this machine, and that one program reads.
 *
 * There is one only where relays are joined to a cluster. The mail path posts after its own count has succeeded, by a
 * few stores; it waits for nobody. When the ring is full, the oldest records are overwritten, which the reader counts
 * as lost: the other relays then know less of what was counted here, and this one's own limits hold as ever. A program
 * that is killed while it posts leaves a hole, which the reader skips after a second, and counts.
 *
 * A record holds amounts and durations, and no times but those of this machine's own state, since each machine has a
 * state time of its own. Keys are those of the counters and the habits.
 */
#ifndef POSTERN_OUTBOX_H
#define POSTERN_OUTBOX_H

#include "core/base/error.h"
#include "core/state/counters.h"

/* 8 MiB. At 3,000 records a second, 500 messages, the ring holds 87 seconds. */
#define OUTBOX_SLOTS (UINT64_C(1) << 18)
/* How long the reader waits for a record whose writer has begun it. */
#define OUTBOX_HOLE_NS UINT64_C(1000000000)

struct outbox;

enum outbox_kind {
    OUTBOX_ADD = 1,  /* the key was charged ns */
    OUTBOX_RETURN,   /* ns of what the key was charged were given back: the milter refused the message */
    OUTBOX_DISTINCT, /* member is new here, and key was charged ns for it: charge only if it is new everywhere */
    OUTBOX_FIRST,    /* key was marked for ns, and the mark is not renewed: the earliest one holds */
    OUTBOX_LATEST,   /* key was marked for ns, or its mark renewed: the latest one holds */
    OUTBOX_LIFT,     /* an operator lifted the block that has this key */
    OUTBOX_RESET,    /* an operator, or a block, reset the key in all tables (counters_reset): a counter or a mark */
    /* of a habit (core/state/habits.h) */
    OUTBOX_HABIT,          /* units were counted at at_s */
    OUTBOX_HABIT_RETURN,   /* units that were counted at at_s were taken back */
    OUTBOX_HABIT_LIFT,     /* an operator lets it go on (habits_lift) ... */
    OUTBOX_HABIT_ACCEPT,   /* ... and what was sent is usual from now on */
    OUTBOX_HABIT_FORGET,   /* this week teaches nothing (habits_forget_week) */
    OUTBOX_HABIT_DEFERRED, /* the key is that of a message which was deferred (habits_deferred_note) */
    OUTBOX_HABIT_TAUGHT    /* its largest were learnt from elsewhere (habits_teach) */
};

static inline bool outbox_is_of_habit(enum outbox_kind kind)
{
    return kind >= OUTBOX_HABIT;
}

/* The table that the key is counted in (core/state/counters.h). */
enum outbox_table { OUTBOX_COUNTERS, OUTBOX_STRANGERS_REFUSALS, OUTBOX_STRANGERS_BLOCKS };

struct outbox_record {
    enum outbox_kind kind;
    enum outbox_table table;
    uint64_t key;      /* never 0 */
    uint64_t ns;       /* at most the longest window; LIFT, RESET: 0 */
    uint64_t burst_ns; /* ADD, RETURN, DISTINCT: the time that the limit's whole burst takes; rounded down to us; 0:
                          unknown */
    uint64_t member;   /* DISTINCT: the mark's key; never 0 */
    uint64_t keep_ns;  /* DISTINCT: for how long the member is marked */
    /* HABIT, HABIT_RETURN: how much (enum habit_count), at most OUTBOX_UNITS_MOST; those and DEFERRED: when, state time
     */
    uint32_t units[2];
    uint64_t at_s;
};
#define OUTBOX_UNITS_MOST 0xfffffu

/* What a charge took of its key: OUTBOX_ADD. */
struct outbox_record outbox_charge(enum outbox_table table, const struct charge *charge);

enum outbox_role { OUTBOX_WRITER, OUTBOX_READER };

/*
 * Opens the ring, or makes it (mode 0600: the programs of a relay run as one user). The path is copied. 0 also where it
 * can't be used: then outbox_problem says why, each tick tries again, and what is posted meanwhile is lost. A second
 * reader is such a problem. -1 with e only without memory.
 */
int outbox_open(const char *path, enum outbox_role role, struct outbox **out, struct error *e);
void outbox_close(struct outbox *o);

/* About once a second, by one thread: follows a file that was removed, replaced or truncated. */
void outbox_tick(struct outbox *o, uint64_t boot_ns);

/* Why the ring can't be used; NULL: it is in use. For the thread that ticks; valid until its next tick. */
const char *outbox_problem(const struct outbox *o);

/* Posts records; any thread. All at once is cheaper: only one step waits for other writers' memory. */
void outbox_post(struct outbox *o, const struct outbox_record *records, size_t n);

/* Posts one where there may be no outbox (counters_outbox). */
static inline void outbox_tell(struct outbox *o, struct outbox_record record)
{
    if (o != NULL)
        outbox_post(o, &record, 1);
}
static inline void outbox_tell_reset(struct outbox *o, uint64_t key)
{
    outbox_tell(o, (struct outbox_record){.kind = OUTBOX_RESET, .key = key});
}
/* Of a habit, at that state time; units may be NULL. */
static inline struct outbox_record outbox_habit(enum outbox_kind kind, uint64_t key, const uint32_t units[2],
                                                uint64_t at_ns)
{
    return (struct outbox_record){.kind = kind,
                                  .key = key,
                                  .units = {units != NULL ? units[0] : 0, units != NULL ? units[1] : 0},
                                  .at_s = at_ns / UINT64_C(1000000000)};
}
static inline void outbox_tell_charge(struct outbox *o, enum outbox_table table, const struct charge *charge)
{
    if (o != NULL)
        outbox_tell(o, outbox_charge(table, charge));
}

/*
 * ---- for the reader, one thread ----
 *
 * The next records in the order in which they were posted, at most n. Returns how many; 0: no more at the moment. A
 * reader that begins goes on after the last round that was ended, or, if that has been overwritten, with the oldest.
 */
size_t outbox_drain(struct outbox *o, uint64_t boot_ns, struct outbox_record *records, size_t n);
/* Where the reader is: how many slots have been posted before it. */
uint64_t outbox_position(const struct outbox *o);
/*
 * What was drained is told in rounds, so that a reader that is killed in the middle of one tells the very same again,
 * and who hears it can say what it has heard already: a round is from one position to another, and both are in the
 * file before any of it is told.
 *
 * outbox_begin_round: all that was drained and is not done is told from now on. Returns where the round begins.
 * A reader that comes after one that was killed drains to the end of that round first, and no further until it has
 * begun it again: outbox_at_round. What of it was overwritten meanwhile is lost, and so is the rest of it.
 */
uint64_t outbox_begin_round(struct outbox *o);
bool outbox_at_round(const struct outbox *o);
/* The round has reached the others. */
void outbox_end_round(struct outbox *o);

#define OUTBOX_IDENTITY_BYTES 16
/* Whose positions they are: random, of this ring since this machine was started; readers come and go. False: there is
 * no ring, or no randomness. */
bool outbox_identity(struct outbox *o, uint64_t boot_id, unsigned char out[OUTBOX_IDENTITY_BYTES]);

struct outbox_stats {
    uint64_t waiting;  /* slots that the reader has not drained; a writer knows those not done only */
    uint64_t lost;     /* slots overwritten before they were read, since the file was made */
    uint64_t holes;    /* slots that were never finished, or hold nothing that this reader knows */
    uint64_t unposted; /* records that this process could not post, as there was no ring */
};
void outbox_stats(const struct outbox *o, struct outbox_stats *out);

#endif
