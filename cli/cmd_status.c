/* postern status, postern top. */
#include "cli/commands.h"
#include "cli/services.h"
#include "core/base/clock.h"
#include "core/report/cluster_report.h"
#include "core/report/status.h"
#include "core/report/status_check.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

/* Something needs a look. */
#define STATUS_TROUBLE 3

static int exit_status(enum picture_health health)
{
    static const int statuses[] = {[PICTURE_OTHER_GENERATION] = CLI_OTHER_GENERATION,
                                   [PICTURE_TROUBLE] = STATUS_TROUBLE,
                                   [PICTURE_CLOSED] = CLI_MAY_NOT_READ,
                                   [PICTURE_WELL] = CLI_OK};

    return statuses[health];
}

/* Of the picture's parts, and what of them could not be read. CLI_OK or CLI_FAILED. */
static int status_show(struct cli *cli, struct picture *p)
{
    struct printer *out = cli_printer(cli);

    if (out == NULL)
        return CLI_FAILED;
    picture_tell_problems(p, out);
    status_report(p, &cli->files, out);
    return cli_finish(cli, out);
}

/* One line for a monitor, whose exit statuses differ from other commands'. */
static int check(struct cli *cli)
{
    struct printer *out = cli_printer(cli);
    struct picture *p;
    int status;
    struct error e;

    if (out == NULL)
        return CHECK_UNKNOWN;
    if ((p = picture_take(&cli->files, services_look, &e)) == NULL) {
        status = (int)status_check_failed(e.text, out);
    } else {
        status = (int)status_check(p, &cli->files, out);
        picture_free(p);
    }
    return cli_finish(cli, out) == CLI_OK ? status : CHECK_UNKNOWN;
}

/* The other relays. */
static int status_of_cluster(struct cli *cli)
{
    struct printer *out;
    int status, found;
    struct error e;

    if (cli_open_config(cli) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    found = cluster_report(cli->files.config, clock_wall_s(), out, &e);
    status = cli_finish(cli, out);
    if (found < 0)
        return cli_fail(cli, "%s", e.text);
    return status != CLI_OK || found == 0 ? status : STATUS_TROUBLE;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
    enum { CHECK = 256, CLUSTER };
    static const struct option options[] = {{"cluster", no_argument, NULL, CLUSTER},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            {"check", no_argument, NULL, CHECK},
                                            CLI_LAST_OPTIONS};
    bool cluster = false;
    struct picture *p;
    int option, status;
    struct error e;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        cli->own_status |= option == CHECK;
        cluster |= option == CLUSTER;
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (cli->own_status && (cluster || cli->format != OUTPUT_TEXT))
        return cli_usage(cli, "--check prints one line for a monitor; --cluster and --json go without it");
    if (cli->own_status)
        return check(cli);
    if (cluster)
        return status_of_cluster(cli);
    if ((p = picture_take(&cli->files, services_look, &e)) == NULL)
        return cli_fail(cli, "%s", e.text);
    if ((status = status_show(cli, p)) == CLI_OK)
        status = exit_status(picture_judge(p, &cli->files));
    picture_free(p);
    return status;
}

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* Each picture begins with the files as they are then. CLI_OK or CLI_FAILED. */
static int show_once(const struct cli *cli)
{
    struct cli fresh = {.files = {.config_path = cli->files.config_path, .leave_root = cli->files.leave_root},
                        .command = cli->command,
                        .terminal = cli->terminal};
    struct error e;
    struct picture *p = picture_take(&fresh.files, services_look, &e);
    char text[40];
    struct buf b = BUF_OVER(text);
    int status;

    if (p == NULL) {
        (void)cli_fail(cli, "%s", e.text);
        files_close(&fresh.files);
        return CLI_FAILED;
    }
    text_add_local_time(&b, p->wall_s);
    printf("\033[H\033[2Jpostern %s   %s   (Ctrl-C ends)\n\n", POSTERN_VERSION, text);
    status = status_show(&fresh, p);
    picture_free(p);
    files_close(&fresh.files);
    return status;
}

int cmd_top(struct cli *cli, int argc, char **argv)
{
    enum { INTERVAL = 256, ONCE };
    static const struct option options[] = {
        {"interval", required_argument, NULL, INTERVAL}, {"once", no_argument, NULL, ONCE}, CLI_LAST_OPTIONS};
    struct sigaction action = {.sa_handler = stop};
    unsigned long long seconds = 2;
    bool once = false;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        once |= option == ONCE;
        if (option == INTERVAL && (!slice_to_u64(slice_of(optarg), 3600, &seconds) || seconds == 0))
            return cli_usage(cli, "--interval is a number of seconds from 1 to 3600");
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (!once && isatty(STDOUT_FILENO) == 0)
        return cli_usage(cli, "top is for a terminal; \"postern status\" prints once");
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    do {
        struct timespec pause = {(time_t)seconds, 0};

        status = show_once(cli);
        if (!once && stopped == 0 && status == CLI_OK)
            (void)nanosleep(&pause, NULL);
    } while (!once && stopped == 0 && status == CLI_OK);
    return status;
}
