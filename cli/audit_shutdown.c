#include "cli/audit_shutdown.h"

#include "cli/findings_print.h"
#include "cli/postfix_tools.h"
#include "core/base/clock.h"
#include "core/report/basic_shutdown.h"

static int print_shutdown(struct cli *cli, struct shutdown *s)
{
    struct printer *out = cli_printer(cli);
    struct error e;
    int rc;

    if (out == NULL)
        return CLI_FAILED;
    rc = shutdown_report(s, out, &e);
    if (cli_finish(cli, out) != CLI_OK)
        return CLI_FAILED;
    if (rc != 0)
        return cli_fail(cli, "%s", e.text);
    return s->found[SHUTDOWN_STOPS] > 0                                  ? FINDINGS_EXIT_HIGH
           : s->found[SHUTDOWN_UNKNOWN] + s->found[SHUTDOWN_DEPENDS] > 0 ? FINDINGS_EXIT_LOW
                                                                         : CLI_OK;
}

int audit_basic_shutdown(struct cli *cli, uint64_t days, const char *folder)
{
    struct shutdown s = {.files = &cli->files, .now_s = clock_wall_s(), .days = days};
    struct postfix p;
    struct error e;
    int status;

    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if (postfix_read(folder, &p, &e) == 0)
        s.postfix = &p;
    else if (folder != NULL)
        return cli_fail(cli, "%s", e.text);
    if (cli->files.config->journal[0] != '\0')
        (void)cli_open_journal(cli);
    if (cli_open_directory(cli) != 0 || cli_open_history(cli) != 0)
        status = CLI_FAILED;
    else
        status = print_shutdown(cli, &s);
    if (s.postfix != NULL)
        postfix_free(&p);
    return status;
}
