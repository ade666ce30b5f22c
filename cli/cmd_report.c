/* postern report. */
#include "cli/commands.h"
#include "cli/report.h"

static const struct report_kind *kind_named(const char *name)
{
    for (const struct report_kind *k = report_kinds; k->name != NULL; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

static int run(struct cli *cli, struct report *r, const struct report_kind *kind)
{
    int rc;

    if (kind->check != NULL && kind->check(r) != 0)
        return cli_fail(cli, "%s", r->e->text);
    if (r->powershell) {
        report_script_head(stdout, r, kind);
        if (kind->run(r, kind) != 0)
            return cli_fail(cli, "%s", r->e->text);
        return fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "cannot write the output");
    }
    r->out = cli_rows(cli, kind->columns, kind->n_columns);
    if (r->out == NULL)
        return cli_fail(cli, "out of memory");
    rc = kind->run(r, kind);
    if (cli_finish(cli, r->out, "none") != CLI_OK)
        return CLI_FAILED;
    return rc == 0 ? CLI_OK : cli_fail(cli, "%s", r->e->text);
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
    struct report r = {.cli = cli, .e = &e};
    const struct report_kind *kind;
    unsigned long long days = 0;
    int option, status;
    char shown[80];

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        r.powershell |= option == POWERSHELL;
        r.force |= option == FORCE;
        if (option == DAYS && (!slice_to_u64(slice_of(optarg), USAGE_DAYS, &days) || days == 0))
            return cli_usage(cli, "--days is a number from 1 to %d", USAGE_DAYS);
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 1, 1)) != CLI_OK)
        return status;
    r.days = days;
    if ((kind = kind_named(argv[optind])) == NULL)
        return cli_usage(cli, "there is no report \"%s\"", text_plain(shown, sizeof shown, slice_of(argv[optind])));
    if (r.powershell && kind->script == NULL)
        return cli_usage(cli, "--powershell is for the reports used and unused");
    if (cli_open_context(cli, &r.context) != 0)
        return CLI_FAILED;
    if (cli->config->journal != NULL && cli->config->journal[0] != '\0' && cli_open_journal(cli) != 0)
        fputs("Without the journal there is no usage below.\n", stderr);
    return run(cli, &r, kind);
}
