/* postern check-postfix: what in Postfix's configuration makes postern useless or harmful without saying so. */
#include "cli/commands.h"
#include "cli/findings_print.h"
#include "cli/postfix_tools.h"
#include "core/report/postfix_check.h"

enum { OPTION_CONFIG_DIR = 2000, OPTION_JUNIT };

int cmd_check_postfix(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
                                            {"junit", no_argument, NULL, OPTION_JUNIT},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            CLI_LAST_OPTIONS};
    bool junit = false;
    const char *folder = NULL;
    struct findings f;
    struct postfix p;
    struct error e;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        if (option == OPTION_CONFIG_DIR)
            folder = optarg;
        junit |= option == OPTION_JUNIT;
    }
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    /* The journal is optional: without one the rules about what was seen are skipped. */
    (void)cli_open_journal(cli);
    if (postfix_read(folder, &p, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    findings_begin(&f, postfix_rules, PF_RULES);
    if (postfix_check_all(cli->files.config, cli->files.journal, &p, &f, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else if ((status = findings_print(cli, &f, junit, "check-postfix")) == CLI_OK)
        status = findings_exit_status(&f);
    findings_free(&f);
    postfix_free(&p);
    return status;
}
