/*
 * Habits from elsewhere: how large the hours and days of old mail were, measured as the habits measure (habits.h), and
 * telling them to the table. And how large a habit was weeks ago.
 */
#ifndef POSTERN_HABITS_TEACH_H
#define POSTERN_HABITS_TEACH_H

#include "core/base/pair.h"
#include "core/state/habits.h"

/* The windows of one login's old mail; all zero: none yet. */
struct habit_measure {
    union pair windows[HABIT_COUNTS][HABIT_WINDOWS];
};

/* Adds a message, with the units of each count; *sums is what each window holds with it. at_s: wall clock, never before
 * that of the message that came last. */
void habit_measure_add(struct habit_measure *m, const uint32_t units[HABIT_COUNTS], uint64_t at_s,
                       struct habit_figures *sums);

/* What is left of a largest hour or day after so many weeks in which nothing came near it. */
uint32_t habit_faded(uint32_t most, unsigned weeks);

/*
 * The login has these largest, and is learnt from now on. What it has sent here already stays: the larger of each
 * counts. False: there was no room for it.
 */
bool habits_teach(struct habits *h, uint64_t key, const struct habit_figures *most, uint64_t now_ns);

/* How large a learnt habit was eight to sixteen weeks ago: true, and *out. False: it is not known so long. */
bool habits_earlier(const struct habits *h, uint64_t key, uint64_t now_ns, struct habit_figures *out);

#endif
