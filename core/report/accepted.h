/*
 * Findings that somebody accepted for a while: the operator's file accepted_findings, one a line (core/base/lines.h),
 * which "postern audit --accept" and "postern check-postfix --accept" write:
 *
 *     CHECK | RULE | WHERE | UNTIL | BY | WHY
 *     audit | basic-used | contoso.example | 2027-03-31 | anna, 2026-11-30 | printers, until their new firmware
 *
 * WHERE may be empty: wherever it is found. It holds through the day UNTIL, in UTC.
 */
#ifndef POSTERN_CORE_REPORT_ACCEPTED_H
#define POSTERN_CORE_REPORT_ACCEPTED_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

#define ACCEPTED_MAX 1000u    /* lines */
#define ACCEPTED_DAYS_MAX 400 /* ahead, for who writes one */

struct accepted_row {
    struct slice check, rule, where, until, by, why;
    int64_t ends_s; /* wall clock: it holds before that */
};

struct accepted {
    char *text; /* what the slices point into */
    struct accepted_row *rows;
    size_t n;
};

/* All zero: nothing was accepted. A file that is not there is empty. 0; -1 with e, and nothing was accepted. */
int accepted_load(const char *path, struct accepted *out, struct error *e);
int accepted_parse(struct slice text, const char *path, struct accepted *out, struct error *e);
void accepted_free(struct accepted *a);

/* "2027-03-31": when that day ends in UTC, as a wall clock. 0, or -1 with e. */
int accepted_day(struct slice text, int64_t *ends_s, struct error *e);

/* The row for that finding which holds longest; NULL: there is none. */
const struct accepted_row *accepted_find(const struct accepted *a, struct slice check, struct slice rule,
                                         struct slice where);

#endif
