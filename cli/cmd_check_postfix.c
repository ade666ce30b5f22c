/* postern check-postfix: what in Postfix's configuration makes postern useless or harmful without saying so. */
#include "cli/commands.h"
#include "cli/findings_print.h"
#include "cli/postfix_tools.h"
#include "core/report/postfix_check.h"

#include <errno.h>

enum { OPTION_CONFIG_DIR = 2000, OPTION_JUNIT };

/* The journal is a help, not a condition: without one the rules about what was seen are skipped. */
static void open_journal(struct cli *cli)
{
    (void)cli_open_journal(cli);
}

int cmd_check_postfix(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
                                            {"junit", no_argument, NULL, OPTION_JUNIT},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            CLI_LAST_OPTIONS};
    enum findings_format format = FINDINGS_TEXT;
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
        if (option == OPTION_JUNIT)
            format = FINDINGS_JUNIT;
    }
    if (cli->format == OUTPUT_JSON)
        format = FINDINGS_JSON;
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    open_journal(cli);
    if (postfix_read(folder, &p, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    findings_begin(&f, postfix_rules, PF_RULES);
    if (postfix_check_all(cli->config, cli->journal, &p, &f, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else if (findings_print(&f, format, "check-postfix", &cli->terminal, stdout) != 0)
        status = cli_fail(cli, "the findings could not be written: %s", strerror(errno));
    else
        status = findings_exit_status(&f);
    findings_free(&f);
    postfix_free(&p);
    return status;
}
