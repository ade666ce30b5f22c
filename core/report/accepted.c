#include "core/report/accepted.h"

#include "core/base/lines.h"
#include "core/base/quote.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define FIELDS 6
#define DAY_S 86400

/* ---- one line ---- */

static bool read_digits(struct slice text, size_t at, size_t n, int *out)
{
    unsigned long long number;

    if (!slice_to_u64((struct slice){text.p + at, n}, 9999, &number))
        return false;
    *out = (int)number;
    return true;
}

int accepted_day(struct slice text, int64_t *ends_s, struct error *e)
{
    struct tm day = {.tm_isdst = 0}, read;

    if (text.n == 10 && text.p[4] == '-' && text.p[7] == '-' && read_digits(text, 0, 4, &day.tm_year) &&
        read_digits(text, 5, 2, &day.tm_mon) && read_digits(text, 8, 2, &day.tm_mday)) {
        day.tm_year -= 1900;
        day.tm_mon -= 1;
        read = day;
        *ends_s = (int64_t)timegm(&read) + DAY_S;
        /* timegm takes the 31st of June for the 1st of July. */
        if (day.tm_year >= 70 && read.tm_mon == day.tm_mon && read.tm_mday == day.tm_mday)
            return 0;
    }
    return error_set(e, "\"%s\": expected a day, as in 2027-03-31", quote(text).text);
}

static int read_row(struct slice line, struct accepted_row *out, struct error *e)
{
    struct slice *const fields[FIELDS] = {&out->check, &out->rule, &out->where, &out->until, &out->by, &out->why};
    struct slice rest = line;

    for (size_t i = 0; i < FIELDS; i++) {
        bool more = slice_cut(rest, '|', fields[i], &rest);

        if (more != (i < FIELDS - 1))
            return error_set(e, "expected CHECK | RULE | WHERE | UNTIL | BY | WHY");
        *fields[i] = slice_trim(*fields[i]);
    }
    if (!slice_eq(out->check, SLICE("audit")) && !slice_eq(out->check, SLICE("check-postfix")))
        return error_set(e, "\"%s\" is no check: expected audit or check-postfix", quote(out->check).text);
    if (out->rule.n == 0)
        return error_set(e, "expected the id of a rule behind %.*s", SLICE_ARG(out->check));
    return accepted_day(out->until, &out->ends_s, e);
}

/* ---- all ---- */

static int add_row(struct accepted *out, const struct accepted_row *row, struct error *e)
{
    struct accepted_row *more;

    if (out->n == ACCEPTED_MAX)
        return error_set(e, "more than %u lines", ACCEPTED_MAX);
    if ((more = reallocarray(out->rows, out->n + 1, sizeof *more)) == NULL)
        return error_set(e, "out of memory");
    out->rows = more;
    out->rows[out->n++] = *row;
    return 0;
}

static int take_lines(struct accepted *out, struct slice text, const char *path, struct error *e)
{
    struct accepted_row row;
    struct lines lines;
    struct slice entry;
    int rc;

    lines_start(&lines, text, path);
    while ((rc = lines_next(&lines, &entry, e)) > 0)
        if (read_row(entry, &row, e) != 0 || add_row(out, &row, e) != 0)
            return lines_error(&lines, e);
    return rc;
}

int accepted_parse(struct slice text, const char *path, struct accepted *out, struct error *e)
{
    *out = (struct accepted){.text = malloc(text.n + 1)};
    if (out->text == NULL)
        return error_set(e, "%s: out of memory", path);
    if (text.n > 0)
        memcpy(out->text, text.p, text.n);
    if (take_lines(out, (struct slice){out->text, text.n}, path, e) == 0)
        return 0;
    accepted_free(out);
    return -1;
}

int accepted_load(const char *path, struct accepted *out, struct error *e)
{
    struct slice text;
    struct stat st;
    int rc;

    *out = (struct accepted){.n = 0};
    if (stat(path, &st) != 0 && errno == ENOENT)
        return 0;
    if (lines_load(path, &text, e) != 0)
        return -1;
    rc = accepted_parse(text, path, out, e);
    free((char *)(uintptr_t)text.p);
    return rc;
}

void accepted_free(struct accepted *a)
{
    free(a->rows);
    free(a->text);
    *a = (struct accepted){.n = 0};
}

const struct accepted_row *accepted_find(const struct accepted *a, struct slice check, struct slice rule,
                                         struct slice where)
{
    const struct accepted_row *found = NULL;

    for (size_t i = 0; i < a->n; i++) {
        const struct accepted_row *row = &a->rows[i];

        if (slice_eq(row->check, check) && slice_eq(row->rule, rule) &&
            (row->where.n == 0 || slice_eq(row->where, where)) && (found == NULL || row->ends_s > found->ends_s))
            found = row;
    }
    return found;
}
