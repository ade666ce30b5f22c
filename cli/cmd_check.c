/* postern check: the configuration in plain words, with warnings. */
#include "cli/commands.h"
#include "core/report/config_report.h"

int cmd_check(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, CLI_OPTION_JSON}, CLI_LAST_OPTIONS};
    struct printer *out;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        continue;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (cli_open_config(cli) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    config_report(cli->files.config, out);
    return cli_finish(cli, out);
}
