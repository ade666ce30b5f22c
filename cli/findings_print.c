#include "cli/findings_print.h"

#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>

#define LINE_WIDTH 100 /* where text is folded that goes to no terminal */
#define INDENT 10

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

static void print_text(const struct findings *f, const char *suite, const struct terminal *t, FILE *to)
{
    size_t passed = 0, skipped = 0;

    for (size_t i = 0; i < f->n; i++) {
        const struct finding *x = &f->list[i];

        terminal_paint(to, t, x->severity >= SEVERITY_HIGH ? PAINT_BAD : PAINT_WARN, severity_name(x->severity));
        fprintf(to, "%*s %s", 9 - (int)strlen(severity_name(x->severity)), "", x->rule->id);
        if (x->rule->references != NULL)
            fprintf(to, "  (%s)", x->rule->references);
        fputc('\n', to);
        if (x->where[0] != '\0')
            print_folded(to, t, "  where", slice_of(x->where));
        print_folded(to, t, "  found", slice_of(x->evidence));
        print_folded(to, t, "  do", slice_of(x->advice));
        fputc('\n', to);
    }
    for (size_t i = 0; i < f->n_rules; i++) {
        if (f->skipped[i][0] != '\0') {
            fprintf(to, "%-9s %s: %s\n", "not seen", f->rules[i].id, f->skipped[i]);
            skipped++;
        } else if (findings_of(f, i) == 0)
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
            f->n > 0 ? severity_name(findings_worst(f)) : "null", f->n > 0 ? "\"" : "");
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *x = &f->list[i];

        fprintf(to, "%s\n    { ", i > 0 ? "," : "");
        print_json_text(to, "id", x->rule->id, ", ");
        print_json_text(to, "severity", severity_name(x->severity), ",\n      ");
        print_json_text(to, "references", x->rule->references, ", ");
        print_json_text(to, "where", x->where[0] != '\0' ? x->where : NULL, ",\n      ");
        print_json_text(to, "title", x->rule->title, ",\n      ");
        print_json_text(to, "evidence", x->evidence, ",\n      ");
        print_json_text(to, "advice", x->advice, " }");
    }
    fprintf(to, "%s],\n  \"rules\": [", f->n > 0 ? "\n  " : "");
    for (size_t i = 0; i < f->n_rules; i++) {
        const char *state = f->skipped[i][0] != '\0' ? "skipped" : findings_of(f, i) > 0 ? "found" : "passed";

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
        fprintf(to, "      <failure type=\"%s\" message=\"", severity_name(x->severity));
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

/* ---- all ---- */

int findings_exit_status(const struct findings *f)
{
    static const int statuses[] = {[SEVERITY_INFO] = 0,
                                   [SEVERITY_LOW] = FINDINGS_EXIT_LOW,
                                   [SEVERITY_MEDIUM] = FINDINGS_EXIT_LOW,
                                   [SEVERITY_HIGH] = FINDINGS_EXIT_HIGH,
                                   [SEVERITY_CRITICAL] = FINDINGS_EXIT_CRITICAL};

    return statuses[findings_worst(f)];
}

int findings_print(struct findings *f, enum findings_format format, const char *suite, const struct terminal *t,
                   FILE *to)
{
    findings_sort(f);
    if (format == FINDINGS_JSON)
        print_json(f, suite, to);
    else if (format == FINDINGS_JUNIT)
        print_junit(f, suite, to);
    else
        print_text(f, suite, t, to);
    if (f->lost)
        errno = ENOMEM;
    return fflush(to) == 0 && !ferror(to) && !f->lost ? 0 : -1;
}
