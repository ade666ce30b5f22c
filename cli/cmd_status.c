/* postern status, postern top. */
#include "cli/commands.h"
#include "cli/status.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

int cmd_status(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, CLI_OPTION_JSON}, CLI_LAST_OPTIONS};
    struct picture *p;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        continue;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if ((p = picture_take(cli)) == NULL)
        return CLI_FAILED;
    if (cli->format == OUTPUT_JSON)
        status_print_json(cli, p);
    else
        status_print_text(cli, p);
    status = fflush(stdout) == 0 ? picture_judge(cli, p) : cli_fail(cli, "cannot write the output");
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
    struct cli fresh = {.config_path = cli->config_path, .command = cli->command, .terminal = cli->terminal};
    struct picture *p = picture_take(&fresh);
    char text[40];
    struct buf b = BUF_OVER(text);

    if (p == NULL) {
        cli_close(&fresh);
        return CLI_FAILED;
    }
    output_add_time(&b, p->wall_s, OUTPUT_TABLE);
    printf("\033[H\033[2Jpostern %s   %s   (Ctrl-C ends)\n\n", POSTERN_VERSION, text);
    status_print_text(&fresh, p);
    (void)fflush(stdout);
    picture_free(p);
    cli_close(&fresh);
    return CLI_OK;
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
