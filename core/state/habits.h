/*
 * Habits: what a login (or a connector) usually sends. For each, the messages and recipients of the last hour and of
 * the last day, the largest hour and the largest day of the last months, and since when it is known.
 *
 * The windows roll in HABIT_BINS parts: "the last hour" is between 60 and 70 minutes, "the last day" between 20.6 and
 * 24 hours. The largest are held for HABIT_HELD_WEEKS and then fade, by a twelfth each week. They grow once a week, to
 * what was let through in that week, but to no more than 1.5 times what they were eight to sixteen weeks ago plus 40,
 * an application's (with an hour of more than HABIT_PERSONS_HOUR) to twice as much plus 40; and a person's day to no
 * more than 1.1 times the week before plus 10. A login that was first seen less than HABIT_LEARNING_S ago is being
 * learnt: then there is no such bound.
 *
 * All of this is in a table of fixed size in the state file, a record of two cache lines each, changed by
 * compare-and-swap alone: a process that is killed meanwhile leaves a message counted in some windows and not in
 * others, never a lock or a torn count. A login for which there is no room shares a record with others that is never
 * learnt: so it is held at a stricter figure, and that is counted (habits_stats).
 *
 * Keys are 64-bit keyed hashes, made by the caller with state_secret; never 0. Times are state time.
 */
#ifndef POSTERN_HABITS_H
#define POSTERN_HABITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct habits;

enum habit_count { HABIT_MESSAGES, HABIT_RECIPIENTS, HABIT_COUNTS };
enum habit_window { HABIT_HOUR, HABIT_DAY, HABIT_WINDOWS };

#define HABIT_LEARNING_S (UINT64_C(14) * 86400)
#define HABIT_HELD_WEEKS 10u
#define HABIT_BINS 7u
/* A mail merge by hand goes to a hundred or two; who has sent more in an hour is an application. */
#define HABIT_PERSONS_HOUR 200u

/* A count of each kind in each window. */
struct habit_figures {
    uint32_t of[HABIT_COUNTS][HABIT_WINDOWS];
};

/* No limit. Larger than any count. */
#define HABIT_UNLIMITED UINT32_MAX
/* More than a window can count: 32,767 or more in one of its bins. Larger than what it can, and held as a habit too. */
#define HABIT_UNCOUNTED 262143u

/* What is known of a login. */
struct habit {
    bool learnt;               /* else it is new, or being learnt */
    bool crowded;              /* there was no room: what is counted is that of several */
    uint64_t since_ns;         /* when it was first seen; 0: never */
    struct habit_figures now;  /* in the hour and the day up to now */
    struct habit_figures most; /* the largest, by which it is held; while it is being learnt, the largest so far */
};

void habits_look(const struct habits *h, uint64_t key, uint64_t now_ns, struct habit *out);

/* Prefetches the key's record. */
void habits_prefetch(const struct habits *h, uint64_t key);

/* How long until so many units fit below a limit, if nothing else comes: ns; 0 at once, UINT64_MAX never. */
uint64_t habits_wait(const struct habits *h, uint64_t key, uint64_t now_ns, enum habit_count count,
                     enum habit_window window, uint32_t units, uint32_t limit);

/* One message: what it takes, and the most that each window may hold with it. */
struct habit_charge {
    uint64_t key;
    uint32_t units[HABIT_COUNTS];
    struct habit_figures limit;
};

/* All or nothing: true when the message was counted. What another relay let through: core/state/habits_others.h. */
bool habits_charge(struct habits *h, const struct habit_charge *charge, uint64_t now_ns);

/* Takes back what was counted at charged_ns: of what the windows still hold of that time, so that nobody gets credit.
 */
void habits_return(struct habits *h, uint64_t key, const uint32_t units[HABIT_COUNTS], uint64_t charged_ns,
                   uint64_t now_ns);

/* Somebody else may have used the login: this week teaches nothing, and one that is being learnt begins anew. */
void habits_forget_week(struct habits *h, uint64_t key, uint64_t now_ns);

/* An operator lets it go on: what came in the hour and the day counts no longer. With accept that was its own, and its
 * habit is raised to it. */
void habits_lift(struct habits *h, uint64_t key, uint64_t now_ns, bool accept);

/*
 * Messages that were deferred, so that their repetition is known for a day. A bounded table, where what is remembered
 * for the shortest time gives way: who is forgotten is deferred once more. habits_deferred_note returns true when the
 * key was not there, also where nothing can be remembered.
 */
bool habits_deferred_note(struct habits *h, uint64_t key, uint64_t now_ns);
bool habits_deferred(const struct habits *h, uint64_t key, uint64_t now_ns);

struct habits_stats {
    uint64_t places;    /* for logins */
    uint64_t known;     /* logins */
    uint64_t learning;  /* of these, not learnt yet */
    uint64_t crowded;   /* messages counted in a shared record, since the file was made */
    uint64_t displaced; /* logins that had sent nothing for long, and gave way, since then */
};
void habits_stats(const struct habits *h, uint64_t now_ns, struct habits_stats *out);

#endif
