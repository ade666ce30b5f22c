/* postern report. */
#include "cli/commands.h"
#include "core/config/config_table.h"
#include "core/report/report.h"

static const struct report_kind *kind_named(const char *name)
{
    for (const struct report_kind *k = report_kinds; k->name != NULL; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

static int report_print(struct cli *cli, struct report *r, const struct report_kind *kind)
{
    int rc, status;

    /* A script is for people, in whatever format rows were asked for. */
    if (r->script)
        cli->format = OUTPUT_TEXT;
    if ((r->out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = report_run(r, kind);
    status = cli_finish(cli, r->out);
    return rc == 0 ? status : cli_fail(cli, "%s", r->e->text);
}

/* Says so, and suggests a similar one. */
static int no_report(const struct cli *cli, const char *name)
{
    const char *names[32], *near;
    char shown[80];
    size_t n = 0;

    for (const struct report_kind *k = report_kinds; k->name != NULL && n < sizeof names / sizeof *names; k++)
        names[n++] = k->name;
    near = config_suggest(slice_of(name), names, n);
    return cli_usage(cli, "there is no report \"%s\"%s%s%s", text_plain(shown, sizeof shown, slice_of(name)),
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

int cmd_report(struct cli *cli, int argc, char **argv)
{
    enum { DAYS = 256, POWERSHELL, FORCE };
    static const struct option options[] = {{"days", required_argument, NULL, DAYS},
                                            {"powershell", no_argument, NULL, POWERSHELL},
                                            {"force", no_argument, NULL, FORCE},
                                            CLI_OUTPUT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct error e;
    struct report r = {.files = &cli->files, .e = &e};
    const struct report_kind *kind;
    unsigned long long days = 0;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        r.script |= option == POWERSHELL;
        r.force |= option == FORCE;
        if (option == DAYS && (!slice_to_u64(slice_of(optarg), USAGE_DAYS, &days) || days == 0))
            return cli_usage(cli, "--days is a number from 1 to %d", USAGE_DAYS);
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 1, 1)) != CLI_OK)
        return status;
    r.days = days;
    if ((kind = kind_named(argv[optind])) == NULL)
        return no_report(cli, argv[optind]);
    if (r.script && kind->script == NULL)
        return cli_usage(cli, "--powershell is for the reports enabled, disabled, inherited, used and unused");
    if (cli_open_context(cli, &r.context) != 0)
        return CLI_FAILED;
    if (cli->files.config->journal != NULL && cli->files.config->journal[0] != '\0' && cli_open_journal(cli) != 0)
        fputs("Without the journal there is no usage below.\n", stderr);
    if (cli_open_history(cli) != 0)
        fputs("Without the history there is no use of Exchange Online below.\n", stderr);
    return report_print(cli, &r, kind);
}
