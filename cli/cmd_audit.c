/* postern audit: the mirrored settings, the configuration and what was seen, against what is recommended. */
#include "cli/accept.h"
#include "cli/audit_shutdown.h"
#include "cli/commands.h"
#include "cli/findings_print.h"
#include "core/base/clock.h"
#include "core/report/audit.h"

#include <unistd.h>

#define DAYS_DEFAULT 90u
#define DAYS_MAX 400u

enum { OPTION_JUNIT = 2000, OPTION_DAYS, OPTION_BASIC_SHUTDOWN, OPTION_CONFIG_DIR };

static int audit_run(struct cli *cli, uint64_t days, bool junit)
{
    struct findings f;
    struct audit a = {.config = cli->files.config,
                      .view = cli->files.view,
                      .journal = cli->files.journal,
                      .history = cli->files.history,
                      .findings = &f,
                      .now_s = clock_wall_s(),
                      .days = days};
    struct error e;
    char text[600];
    int status;

    findings_begin(&f, audit_rules, AUDIT_RULES);
    if (cli->files.other_generation)
        a.disagreement = files_disagreement(&cli->files, text, sizeof text);
    if (audit_all(&a, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else if ((status = findings_print(cli, &f, junit, "audit")) == CLI_OK)
        status = findings_exit_status(&f);
    findings_free(&f);
    return status;
}

int cmd_audit(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"junit", no_argument, NULL, OPTION_JUNIT},
                                            {"days", required_argument, NULL, OPTION_DAYS},
                                            {"basic-shutdown", no_argument, NULL, OPTION_BASIC_SHUTDOWN},
                                            {"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
                                            CLI_OUTPUT_OPTIONS,
                                            ACCEPT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct accept accept = {.rule = NULL};
    unsigned long long days = DAYS_DEFAULT;
    bool junit = false, basic_shutdown = false;
    const char *folder = NULL;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        junit |= option == OPTION_JUNIT;
        accept_take(&accept, option, optarg);
        basic_shutdown |= option == OPTION_BASIC_SHUTDOWN;
        if (option == OPTION_CONFIG_DIR)
            folder = optarg;
        if (option == OPTION_DAYS && (!slice_to_u64(slice_of(optarg), DAYS_MAX, &days) || days == 0))
            return cli_usage(cli, "--days: expected a number from 1 to %u", DAYS_MAX);
    }
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    if (accept_wanted(&accept))
        return accept_run(cli, &accept, "audit", audit_rules, AUDIT_RULES);
    if (basic_shutdown)
        return junit ? cli_usage(cli, "--basic-shutdown has rows, not findings: --csv or --json")
                     : audit_basic_shutdown(cli, days, folder);
    if (cli->format == OUTPUT_CSV || folder != NULL)
        return cli_usage(cli, "--csv and --config-dir are for --basic-shutdown");
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    /* The rules about what was seen are skipped without a journal. */
    (void)cli_open_journal(cli);
    (void)cli_open_history(cli);
    if (cli_open_directory(cli) != 0)
        return CLI_FAILED;
    /* Where the services have run, the state says by what they decide. */
    if (access(cli->files.config->state_path, F_OK) == 0 && cli_open_state(cli) == 0)
        (void)files_agree(&cli->files);
    return audit_run(cli, days, junit);
}
