/* postern blocks. */
#include "cli/commands.h"
#include "core/report/blocks_report.h"

int cmd_blocks(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {CLI_OUTPUT_OPTIONS, CLI_LAST_OPTIONS};
    struct decide_context c;
    struct printer *out;
    struct error e;
    int status, rc;

    if (!cli_common_options(cli, argc, argv, options, 0, 0, &status))
        return status;
    if (cli_open_context(cli, &c) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = blocks_report(&c, &cli->files, out, &e);
    status = cli_finish(cli, out);
    return rc == 0 ? status : cli_fail(cli, "%s", e.text);
}
