/* The report "habits" (core/report/report.h). */
#ifndef POSTERN_CORE_REPORT_REPORT_HABITS_H
#define POSTERN_CORE_REPORT_REPORT_HABITS_H

#include "core/report/report.h"

#define HABIT_COLUMNS 13u
#define HABIT_COLUMNS_OF_PEOPLE 6u
extern const struct column habit_columns[HABIT_COLUMNS];

int report_habits(struct report *r, const struct report_kind *kind);

#endif
