/*
 * Habits that several relays learn together: what another one counted is added here, at the time at which it was
 * counted; and what one knows of a login is told to one that doesn't know it.
 *
 * Nobody's times are the others': they tell how long ago something was, and each counts it in the parts of its own
 * windows. These begin at other moments on each relay, so that what is counted as "the last hour" by one may be so for
 * up to a tenth of an hour longer by another one, as on one relay it depends on when that was started.
 */
#ifndef POSTERN_HABITS_OTHERS_H
#define POSTERN_HABITS_OTHERS_H

#include "core/base/pair.h"
#include "core/state/habits.h"

/* One amount that another relay let through at charged_ns, which is not in the future: it counts in the windows that
 * still hold that time, and for what is learnt. Without units it makes the login known. */
void habits_add(struct habits *h, uint64_t key, const uint32_t units[HABIT_COUNTS], uint64_t charged_ns,
                uint64_t now_ns);

#define HABIT_KNOWN_PAIRS 8u

/* All that is known of a login. */
struct habit_known {
    uint64_t at_ns; /* when, in the time of the relay that knows it */
    union pair pairs[HABIT_KNOWN_PAIRS];
};

/* False: nothing is known of it. */
bool habits_tell(const struct habits *h, uint64_t key, uint64_t now_ns, struct habit_known *out);

/*
 * Another relay knew that, ago_ns ago. It is taken where this one knew nothing of the login, or has not seen it for
 * days in which the other one has. Else only since when it is known, and, where it was taught (habits_teach), its
 * largest: the larger of both, so that nothing becomes smaller. Returns true when it was taken as a whole: with what
 * the windows held then.
 */
bool habits_hear(struct habits *h, const struct habit_known *known, bool taught, uint64_t ago_ns, uint64_t now_ns);

/* The next login that something is known of, from *at = 0 on. False: there are no more. */
bool habits_next(const struct habits *h, uint64_t *at, uint64_t *key);

/* Up to which word of the others all is counted in this table, with which it stays: so it is counted once, whatever
 * happens to the program that reads it. All 0: nothing yet. One thread. */
struct habits_heard {
    uint64_t whose;        /* which sequence of words */
    uint64_t ms, sequence; /* of the word */
    uint64_t parts;        /* of it */
};
struct habits_heard habits_heard(const struct habits *h);
void habits_note_heard(struct habits *h, const struct habits_heard *heard);

#endif
