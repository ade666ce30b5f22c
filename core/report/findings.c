#include "core/report/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {[SEVERITY_INFO] = "info",
                                        [SEVERITY_LOW] = "low",
                                        [SEVERITY_MEDIUM] = "medium",
                                        [SEVERITY_HIGH] = "high",
                                        [SEVERITY_CRITICAL] = "critical"};

    return names[severity];
}

void findings_begin(struct findings *f, const struct rule *rules, size_t n)
{
    *f = (struct findings){.rules = rules, .n_rules = n < FINDINGS_RULES_MAX ? n : FINDINGS_RULES_MAX};
}

void findings_free(struct findings *f)
{
    free(f->list);
    f->list = NULL;
    f->n = f->capacity = 0;
}

/* Texts of a configuration may be quoted: they must not control the terminal. */
static void defuse(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
}

/* The same was found before: a list that two services share is named once. */
static struct finding *find_same(struct findings *f, const struct finding *finding)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].rule == finding->rule && strcmp(f->list[i].where, finding->where) == 0 &&
            strcmp(f->list[i].evidence, finding->evidence) == 0)
            return &f->list[i];
    return NULL;
}

/* Room for one more; the spare one where there is no memory. */
static struct finding *place_for(struct findings *f)
{
    if (f->n == f->capacity) {
        size_t capacity = f->capacity == 0 ? 16 : f->capacity * 2;
        struct finding *more = realloc(f->list, capacity * sizeof *more);

        if (more == NULL) {
            f->lost = true;
            return &f->spare;
        }
        f->list = more;
        f->capacity = capacity;
    }
    return &f->list[f->n++];
}

struct finding *findings_add(struct findings *f, size_t rule, const char *where, const char *evidence, ...)
{
    struct finding finding = {.rule = &f->rules[rule], .severity = f->rules[rule].severity}, *place;
    struct buf b = BUF_OVER(finding.where);
    va_list args;

    buf_add(&b, slice_of(where));
    va_start(args, evidence);
    (void)vsnprintf(finding.evidence, sizeof finding.evidence, evidence, args);
    va_end(args);
    b = BUF_OVER(finding.advice);
    buf_add(&b, slice_of(f->rules[rule].advice));
    defuse(finding.where);
    defuse(finding.evidence);
    if ((place = find_same(f, &finding)) == NULL) {
        place = place_for(f);
        *place = finding;
    }
    return place;
}

void finding_advise(struct finding *finding, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(finding->advice, sizeof finding->advice, format, args);
    va_end(args);
    defuse(finding->advice);
}

void findings_skip(struct findings *f, size_t rule, const char *why)
{
    struct buf b = BUF_OVER(f->skipped[rule]);

    buf_add(&b, slice_of(why));
}

enum severity findings_worst(const struct findings *f)
{
    enum severity worst = f->lost ? SEVERITY_CRITICAL : SEVERITY_INFO;

    for (size_t i = 0; i < f->n; i++)
        if (!f->list[i].accepted.holds && f->list[i].severity > worst)
            worst = f->list[i].severity;
    return worst;
}

static void keep(char *out, size_t cap, struct slice text)
{
    struct buf b = buf_over(out, cap);

    buf_add(&b, text);
    defuse(out);
}

void findings_accept(struct findings *f, const char *suite, const struct accepted *accepted, int64_t now_s)
{
    for (size_t i = 0; i < f->n; i++) {
        struct finding *x = &f->list[i];
        const struct accepted_row *row =
            accepted_find(accepted, slice_of(suite), slice_of(x->rule->id), slice_of(x->where));

        x->accepted = (struct acceptance){.was = row != NULL, .holds = row != NULL && now_s < row->ends_s};
        if (row == NULL)
            continue;
        keep(x->accepted.until, sizeof x->accepted.until, row->until);
        keep(x->accepted.by, sizeof x->accepted.by, row->by);
        keep(x->accepted.why, sizeof x->accepted.why, row->why);
    }
}

size_t findings_of(const struct findings *f, size_t rule)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->list[i].rule == &f->rules[rule];
    return n;
}

/* The worst first, what is accepted last; among equals in the order of the rules. */
static int by_severity(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    if (x->accepted.holds != y->accepted.holds)
        return x->accepted.holds ? 1 : -1;
    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static bool same_cause(const struct finding *a, const struct finding *b)
{
    return a->rule == b->rule && a->severity == b->severity && strcmp(a->where, b->where) == 0 &&
           strcmp(a->advice, b->advice) == 0;
}

/* One finding for each cause: further ones are added to its evidence, as far as there is room. */
static void merge_causes(struct findings *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++) {
        size_t j = 0;

        while (j < kept && !same_cause(&f->list[j], &f->list[i]))
            j++;
        if (j == kept) {
            f->list[kept++] = f->list[i];
            continue;
        }
        size_t n = strlen(f->list[j].evidence);
        struct buf b = buf_over(f->list[j].evidence + n, sizeof f->list[j].evidence - n);

        buf_add(&b, SLICE("; "));
        buf_add(&b, slice_of(f->list[i].evidence));
    }
    f->n = kept;
}

void findings_sort(struct findings *f)
{
    if (f->merge)
        merge_causes(f);
    if (f->n > 1)
        qsort(f->list, f->n, sizeof f->list[0], by_severity);
}
