/* postern check: the configuration in plain words, with warnings. */
#include "cli/commands.h"
#include "core/report/config_report.h"

int cmd_check(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, CLI_OPTION_JSON}, CLI_LAST_OPTIONS};
    struct printer *out;
    int status;

    if (!cli_common_options(cli, argc, argv, options, 0, 0, &status))
        return status;
    if (cli_open_config(cli) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    config_report(cli->files.config, out);
    return cli_finish(cli, out);
}
