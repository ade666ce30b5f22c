/* postern metrics: for a textfile collector. */
#include "cli/commands.h"
#include "cli/services.h"
#include "core/report/metrics.h"

int cmd_metrics(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {CLI_LAST_OPTIONS};
    struct printer *out;
    struct picture *p;
    int status;
    struct error e;

    if (!cli_common_options(cli, argc, argv, options, 0, 0, &status))
        return status;
    if ((out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    if ((p = picture_take(&cli->files, services_look, &e)) == NULL) {
        (void)cli_finish(cli, out);
        return cli_fail(cli, "%s", e.text);
    }
    picture_tell_problems(p, out);
    metrics_report(p, &cli->files, out);
    status = cli_finish(cli, out);
    /* What its readable part names is told all the same: whether the services are up matters most now. */
    if (p->config_problem[0] != '\0')
        status = cli_fail(cli, "%s", p->config_problem);
    picture_free(p);
    return status;
}
