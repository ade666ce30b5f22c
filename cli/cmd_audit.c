/* postern audit: the mirrored settings, the configuration and what was seen, against what is recommended. */
#include "cli/commands.h"
#include "cli/findings_print.h"
#include "core/base/clock.h"
#include "core/report/audit.h"

#include <errno.h>
#include <unistd.h>

#define DAYS_DEFAULT 90u
#define DAYS_MAX 400u

enum { OPTION_JUNIT = 2000, OPTION_DAYS };

/* Usage comes first: how old the journal is decides what can be said about silence. */
static int audit_all(struct audit *a, struct error *e)
{
    if (audit_usage(a, e) != 0 || audit_directory(a, e) != 0)
        return -1;
    audit_config(a);
    audit_files(a);
    audit_lists(a);
    audit_notices(a);
    return 0;
}

static int run(struct cli *cli, uint64_t days, enum findings_format format)
{
    struct findings f;
    struct audit a = {.config = cli->config,
                      .view = cli->view,
                      .journal = cli->journal,
                      .findings = &f,
                      .now_s = clock_wall_s(),
                      .days = days};
    struct error e;
    char text[600];
    int status;

    findings_begin(&f, audit_rules, AUDIT_RULES);
    if (cli->other_generation)
        a.disagreement = cli_disagreement(cli, text, sizeof text);
    if (audit_all(&a, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else if (findings_print(&f, format, "audit", &cli->terminal, stdout) != 0)
        status = cli_fail(cli, "the findings could not be written: %s", strerror(errno));
    else
        status = findings_exit_status(&f);
    findings_free(&f);
    return status;
}

int cmd_audit(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"junit", no_argument, NULL, OPTION_JUNIT},
                                            {"days", required_argument, NULL, OPTION_DAYS},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            CLI_LAST_OPTIONS};
    unsigned long long days = DAYS_DEFAULT;
    enum findings_format format = FINDINGS_TEXT;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        if (option == OPTION_JUNIT)
            format = FINDINGS_JUNIT;
        if (option == OPTION_DAYS && (!slice_to_u64(slice_of(optarg), DAYS_MAX, &days) || days == 0))
            return cli_usage(cli, "--days: expected a number from 1 to %u", DAYS_MAX);
    }
    if (cli->format == OUTPUT_JSON)
        format = FINDINGS_JSON;
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    /* The rules about what was seen are skipped without a journal. */
    (void)cli_open_journal(cli);
    if (cli_open_directory(cli) != 0)
        return CLI_FAILED;
    /* Where the services have run, the state says by what they decide. */
    if (access(cli->config->state_path, F_OK) == 0 && cli_open_state(cli) == 0)
        (void)cli_services_agree(cli);
    return run(cli, days, format);
}
