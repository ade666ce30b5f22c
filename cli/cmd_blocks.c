/* postern blocks. */
#include "cli/commands.h"
#include "core/report/blocks_report.h"

int cmd_blocks(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {CLI_OUTPUT_OPTIONS, CLI_LAST_OPTIONS};
    struct decide_context c;
    struct printer *out;
    struct error e;
    int option, status, rc;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        continue;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (cli_open_context(cli, &c) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = blocks_report(&c, &cli->files, out, &e);
    status = cli_finish(cli, out);
    return rc == 0 ? status : cli_fail(cli, "%s", e.text);
}
