/* postern check: the configuration in plain words, with warnings. */
#include "cli/commands.h"
#include "core/report/config_report.h"

/* Only to compare names with: what may not be read, or is not there, is no fault of the configuration. */
static const struct directory_view *names_known(struct cli *cli)
{
    struct error e;

    if (cli->files.config->n_logins_from == 0 || files_open_directory(&cli->files, &e) != 0)
        cli->files.may_not_read = false;
    return cli->files.view;
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, CLI_OPTION_JSON}, CLI_LAST_OPTIONS};
    struct printer *out;
    int status;

    if (!cli_common_options(cli, argc, argv, options, 0, 0, &status))
        return status;
    if (cli_open_config(cli) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    config_report(cli->files.config, names_known(cli), out);
    return cli_finish(cli, out);
}
