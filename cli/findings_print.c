/* Findings in the format that was asked for, and as an exit status. */
#include "cli/findings_print.h"

#include "core/base/clock.h"
#include "core/report/accepted.h"

#include <errno.h>

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

static bool is_failure(const struct finding *x)
{
    return x->severity > SEVERITY_INFO && !x->accepted.holds;
}

static void print_failure(FILE *to, const struct finding *x)
{
    /* What is no failure goes to the test case's output. */
    bool info = !is_failure(x);

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
        if (f->list[i].rule == &f->rules[rule] && is_failure(&f->list[i]))
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
    static const int statuses[] = {[SEVERITY_INFO] = CLI_OK,
                                   [SEVERITY_LOW] = FINDINGS_EXIT_LOW,
                                   [SEVERITY_MEDIUM] = FINDINGS_EXIT_LOW,
                                   [SEVERITY_HIGH] = FINDINGS_EXIT_HIGH,
                                   [SEVERITY_CRITICAL] = FINDINGS_EXIT_CRITICAL};

    return statuses[findings_worst(f)];
}

/* A file that is wrong accepts nothing. */
static void mark_accepted(struct cli *cli, struct findings *f, const char *suite)
{
    struct accepted accepted;
    struct error e;

    if (accepted_load(cli->files.config->accepted_findings, &accepted, &e) != 0)
        (void)cli_fail(cli, "no finding is taken for accepted: %s", e.text);
    findings_accept(f, suite, &accepted, clock_wall_s());
    accepted_free(&accepted);
}

int findings_print(struct cli *cli, struct findings *f, bool junit, const char *suite)
{
    struct printer *out;
    int status;

    mark_accepted(cli, f, suite);
    if (junit) {
        findings_sort(f);
        print_junit(f, suite, stdout);
        status = fflush(stdout) == 0 && !ferror(stdout) ? CLI_OK
                                                        : cli_fail(cli, "cannot write the output: %s", strerror(errno));
    } else {
        if ((out = cli_printer(cli)) == NULL)
            return CLI_FAILED;
        findings_report(f, suite, out);
        status = cli_finish(cli, out);
    }
    return status == CLI_OK && f->lost ? cli_fail(cli, "out of memory: findings are missing") : status;
}
