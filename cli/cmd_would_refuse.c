/* postern would-refuse. */
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/report/would_refuse.h"

int cmd_would_refuse(struct cli *cli, int argc, char **argv)
{
    enum { SINCE = 256 };
    static const struct option options[] = {
        {"since", required_argument, NULL, SINCE}, CLI_OUTPUT_OPTIONS, CLI_LAST_OPTIONS};
    const char *since = "7d";
    struct printer *out;
    int64_t since_s;
    int option, status, rc;
    struct error e;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        since = optarg;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (text_read_since(since, clock_wall_s(), &since_s, &e) != 0)
        return cli_usage(cli, "--since: %s", e.text);
    if (cli_open_journal(cli) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = would_refuse_report(cli->files.journal, since_s, out, &e);
    status = cli_finish(cli, out);
    return rc == 0 ? status : cli_fail(cli, "%s", e.text);
}
