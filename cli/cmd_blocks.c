/* postern blocks. */
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/report/blocks_report.h"
#include "core/report/ended_blocks.h"

#define ENDED_LINES 50u
#define ENDED_LINES_MAX 10000u

struct blocks_options {
    bool ended;
    const char *since, *lines;
};

static int show(struct cli *cli, const struct blocks_options *o)
{
    unsigned long long lines = ENDED_LINES;
    struct decide_context c;
    struct printer *out;
    int64_t since_s = 0;
    struct error e;
    int status, rc;

    if (!o->ended && (o->since != NULL || o->lines != NULL))
        return cli_usage(cli, "--since and --lines are for --ended");
    if (o->lines != NULL && (!slice_to_u64(slice_of(o->lines), ENDED_LINES_MAX, &lines) || lines == 0))
        return cli_usage(cli, "--lines is a number from 1 to %u", ENDED_LINES_MAX);
    if (o->since != NULL && text_read_since(o->since, clock_wall_s(), &since_s, &e) != 0)
        return cli_usage(cli, "--since: %s", e.text);
    if (cli_open_context(cli, &c) != 0 || (o->ended && cli_open_journal(cli) != 0) || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = o->ended ? ended_blocks_report(&c, &cli->files, since_s, (size_t)lines, out, &e)
                  : blocks_report(&c, &cli->files, out, &e);
    status = cli_finish(cli, out);
    return rc == 0 ? status : cli_fail(cli, "%s", e.text);
}

int cmd_blocks(struct cli *cli, int argc, char **argv)
{
    enum { ENDED = 256, SINCE, LINES };
    static const struct option options[] = {{"ended", no_argument, NULL, ENDED},
                                            {"since", required_argument, NULL, SINCE},
                                            {"lines", required_argument, NULL, LINES},
                                            CLI_OUTPUT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct blocks_options o = {.ended = false};
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        o.ended |= option == ENDED;
        o.since = option == SINCE ? optarg : o.since;
        o.lines = option == LINES ? optarg : o.lines;
    }
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    return show(cli, &o);
}
