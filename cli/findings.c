#include "cli/findings.h"

#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#define LINE_WIDTH 100 /* where text is folded that goes to no terminal */
#define INDENT 10

static const struct {
    const char *name;
    int exit;
} severities[] = {[SEVERITY_INFO] = {"info", 0},
                  [SEVERITY_LOW] = {"low", FINDINGS_EXIT_LOW},
                  [SEVERITY_MEDIUM] = {"medium", FINDINGS_EXIT_LOW},
                  [SEVERITY_HIGH] = {"high", FINDINGS_EXIT_HIGH},
                  [SEVERITY_CRITICAL] = {"critical", FINDINGS_EXIT_CRITICAL}};

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

/* Texts of a configuration are quoted here and there: none may move a terminal's cursor. */
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

static enum severity worst(const struct findings *f)
{
    enum severity worst = f->lost ? SEVERITY_CRITICAL : SEVERITY_INFO;

    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].severity > worst)
            worst = f->list[i].severity;
    return worst;
}

int findings_exit_status(const struct findings *f)
{
    return severities[worst(f)].exit;
}

static size_t found_of(const struct findings *f, size_t rule)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->list[i].rule == &f->rules[rule];
    return n;
}

/* The worst first; among equals in the order of the rules. */
static int by_severity(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static bool same_cause(const struct finding *a, const struct finding *b)
{
    return a->rule == b->rule && a->severity == b->severity && strcmp(a->where, b->where) == 0 &&
           strcmp(a->advice, b->advice) == 0;
}

/* One finding a cause: what was found on top of it stands in its evidence, as far as there is room. */
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

/* ---- text ---- */

/* Words of s in lines that begin with `label` and go on indented. */
static void print_folded(FILE *to, const struct terminal *t, const char *label, struct slice s)
{
    size_t column = INDENT, width = t->columns > 0 ? t->columns : LINE_WIDTH;

    fprintf(to, "%-*s", INDENT, label);
    while (s.n > 0) {
        struct slice word;

        (void)slice_cut(s, ' ', &word, &s);
        if (column + word.n > width && column > INDENT) {
            fprintf(to, "\n%-*s", INDENT, "");
            column = INDENT;
        }
        fprintf(to, "%s%.*s", column > INDENT ? " " : "", SLICE_ARG(word));
        column += word.n + 1;
    }
    fputc('\n', to);
}

static void print_text(const struct findings *f, const char *suite, FILE *to)
{
    size_t passed = 0, skipped = 0;

    for (size_t i = 0; i < f->n; i++) {
        const struct finding *x = &f->list[i];

        terminal_paint(to, &f->terminal, x->severity >= SEVERITY_HIGH ? PAINT_BAD : PAINT_WARN,
                       severities[x->severity].name);
        fprintf(to, "%*s %s", 9 - (int)strlen(severities[x->severity].name), "", x->rule->id);
        if (x->rule->references != NULL)
            fprintf(to, "  (%s)", x->rule->references);
        fputc('\n', to);
        if (x->where[0] != '\0')
            print_folded(to, &f->terminal, "  where", slice_of(x->where));
        print_folded(to, &f->terminal, "  found", slice_of(x->evidence));
        print_folded(to, &f->terminal, "  do", slice_of(x->advice));
        fputc('\n', to);
    }
    for (size_t i = 0; i < f->n_rules; i++) {
        if (f->skipped[i][0] != '\0') {
            fprintf(to, "%-9s %s: %s\n", "not seen", f->rules[i].id, f->skipped[i]);
            skipped++;
        } else if (found_of(f, i) == 0)
            passed++;
    }
    fprintf(to, "%s: %zu finding%s; of %zu rules %zu passed, %zu could not be checked\n", suite, f->n,
            f->n == 1 ? "" : "s", f->n_rules, passed, skipped);
}

/* ---- JSON ---- */

static void print_json_text(FILE *to, const char *key, const char *text, const char *behind)
{
    char mem[6 * 1024 + 16];
    struct buf b = BUF_OVER(mem);

    if (text != NULL)
        output_add_json(&b, slice_of(text));
    else
        buf_add(&b, SLICE("null"));
    fprintf(to, "\"%s\": %s%s", key, mem, behind);
}

static void print_json(const struct findings *f, const char *suite, FILE *to)
{
    fprintf(to, "{\n  \"check\": \"%s\",\n  \"worst\": %s%s%s,\n  \"findings\": [", suite, f->n > 0 ? "\"" : "",
            f->n > 0 ? severities[worst(f)].name : "null", f->n > 0 ? "\"" : "");
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *x = &f->list[i];

        fprintf(to, "%s\n    { ", i > 0 ? "," : "");
        print_json_text(to, "id", x->rule->id, ", ");
        print_json_text(to, "severity", severities[x->severity].name, ",\n      ");
        print_json_text(to, "references", x->rule->references, ", ");
        print_json_text(to, "where", x->where[0] != '\0' ? x->where : NULL, ",\n      ");
        print_json_text(to, "title", x->rule->title, ",\n      ");
        print_json_text(to, "evidence", x->evidence, ",\n      ");
        print_json_text(to, "advice", x->advice, " }");
    }
    fprintf(to, "%s],\n  \"rules\": [", f->n > 0 ? "\n  " : "");
    for (size_t i = 0; i < f->n_rules; i++) {
        const char *state = f->skipped[i][0] != '\0' ? "skipped" : found_of(f, i) > 0 ? "found" : "passed";

        fprintf(to, "%s\n    { ", i > 0 ? "," : "");
        print_json_text(to, "id", f->rules[i].id, ", ");
        print_json_text(to, "state", state, ", ");
        print_json_text(to, "reason", f->skipped[i][0] != '\0' ? f->skipped[i] : NULL, " }");
    }
    fputs("\n  ]\n}\n", to);
}

/* ---- JUnit XML, as pipelines read it: a test case a rule ---- */

static void print_xml(FILE *to, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        switch (*c) {
        case '&':
            fputs("&amp;", to);
            break;
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        case '\n':
            fputs("&#10;", to);
            break;
        default: /* XML 1.0 has no other control characters; bytes above 0x7e were escaped before */
            fputc((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e ? '?' : *c, to);
        }
}

static void print_failure(FILE *to, const struct finding *x)
{
    /* Information is no failure: it goes to the test case's output. */
    bool info = x->severity == SEVERITY_INFO;

    if (info)
        fputs("      <system-out>", to);
    else {
        fprintf(to, "      <failure type=\"%s\" message=\"", severities[x->severity].name);
        print_xml(to, x->evidence);
        fputs("\">", to);
    }
    if (x->where[0] != '\0') {
        fputs("where: ", to);
        print_xml(to, x->where);
        fputc('\n', to);
    }
    fputs("found: ", to);
    print_xml(to, x->evidence);
    fputs("\ndo: ", to);
    print_xml(to, x->advice);
    fprintf(to, "\n</%s>\n", info ? "system-out" : "failure");
}

static bool rule_fails(const struct findings *f, size_t rule)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].rule == &f->rules[rule] && f->list[i].severity > SEVERITY_INFO)
            return true;
    return false;
}

static void print_case(const struct findings *f, size_t rule, const char *suite, FILE *to)
{
    fprintf(to, "    <testcase classname=\"postern.%s\" name=\"%s: ", suite, f->rules[rule].id);
    print_xml(to, f->rules[rule].title);
    fputs("\">\n", to);
    if (f->skipped[rule][0] != '\0') {
        fputs("      <skipped message=\"", to);
        print_xml(to, f->skipped[rule]);
        fputs("\"/>\n", to);
    }
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].rule == &f->rules[rule])
            print_failure(to, &f->list[i]);
    fputs("    </testcase>\n", to);
}

static void print_junit(const struct findings *f, const char *suite, FILE *to)
{
    size_t failed = 0, skipped = 0;

    for (size_t i = 0; i < f->n_rules; i++) {
        failed += rule_fails(f, i);
        skipped += f->skipped[i][0] != '\0';
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", to);
    fprintf(to, "  <testsuite name=\"postern %s\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n",
            suite, f->n_rules, failed, skipped);
    for (size_t i = 0; i < f->n_rules; i++)
        print_case(f, i, suite, to);
    fputs("  </testsuite>\n</testsuites>\n", to);
}

int findings_print(struct findings *f, enum findings_format format, const char *suite, FILE *to)
{
    if (f->merge)
        merge_causes(f);
    if (f->n > 1)
        qsort(f->list, f->n, sizeof f->list[0], by_severity);
    if (format == FINDINGS_JSON)
        print_json(f, suite, to);
    else if (format == FINDINGS_JUNIT)
        print_junit(f, suite, to);
    else
        print_text(f, suite, to);
    if (f->lost)
        errno = ENOMEM;
    return fflush(to) == 0 && !ferror(to) && !f->lost ? 0 : -1;
}
