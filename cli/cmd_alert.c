/* postern alert --test: a notice that means nothing, to see whether notices arrive. */
#include "cli/commands.h"
#include "core/base/caller.h"
#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/report/notices.h"

#include <errno.h>
#include <time.h>

#define WAIT_DEFAULT_S 30
#define WAIT_MAX_S 3600
#define LOOK_AGAIN_NS 200000000

/* One of that subject, put into the spool. */
static int post_test(const struct cli *cli, const char *subject, struct error *e)
{
    struct alert alert = alert_of(ALERT_TEST, clock_wall_s(), slice_of(subject));

    alert_summary(&alert, "This is a test of postern's notices: nothing has happened.");
    alert_advice(&alert, "Nothing is to be done. Notices like this one come when a login is blocked, for example.");
    return alert_post(cli->files.config->spool, ALERT_NOTICES, &alert, 0, e);
}

/* Waits until postern-alert has put it away, or has given it up, or the time is over. */
static enum notice_fate wait_for_notice(const struct cli *cli, const char *subject, uint64_t seconds)
{
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_NS};
    uint64_t until = clock_boot_ns() + seconds * NS_PER_S;
    enum notice_fate fate;

    while ((fate = notice_fate(cli->files.config->spool, ALERT_TEST, subject)) == NOTICE_WAITS &&
           clock_boot_ns() < until)
        (void)nanosleep(&pause, NULL);
    return fate;
}

static int test(struct cli *cli, uint64_t seconds)
{
    char caller[CALLER_NAME_MAX], subject[160];
    struct error e;

    if (cli->files.config->n_alerts == 0)
        return cli_fail(cli, "alerts in %s is empty: there is nobody to notify", cli->files.config->file);
    (void)caller_name(caller);
    (void)snprintf(subject, sizeof subject, "test by %s, number %llu", caller, (unsigned long long)clock_wall_ns());
    if (post_test(cli, subject, &e) < 0)
        return cli_fail(cli, "%s", e.text);
    switch (wait_for_notice(cli, subject, seconds)) {
    case NOTICE_SENT:
        printf("The notice was accepted by %s of alerts in %s. Check that somebody saw it.\n",
               cli->files.config->n_alerts == 1 ? "the target" : "every target", cli->files.config->file);
        return fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "cannot write the output: %s", strerror(errno));
    case NOTICE_GIVEN_UP:
        return cli_fail(cli, "postern-alert has given the notice up; its log says why: journalctl -u postern-alert");
    default:
        return cli_fail(cli,
                        "the notice was not delivered within %llu s. It stays in %s/" ALERT_NOTICES
                        " and is tried again; does postern-alert run (postern status), and what does its log say "
                        "(journalctl -u postern-alert)?",
                        (unsigned long long)seconds, cli->files.config->spool);
    }
}

int cmd_alert(struct cli *cli, int argc, char **argv)
{
    enum { TEST = 256, WAIT };
    static const struct option options[] = {
        {"test", no_argument, NULL, TEST}, {"wait", required_argument, NULL, WAIT}, CLI_LAST_OPTIONS};
    uint64_t seconds = WAIT_DEFAULT_S;
    bool wanted = false;
    int option, status;
    struct error e;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        wanted |= option == TEST;
        if (option == WAIT && duration_parse(slice_of(optarg), &seconds, &e) != 0)
            return cli_usage(cli, "--wait: %s", e.text);
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (!wanted || seconds > WAIT_MAX_S)
        return cli_usage(cli, wanted ? "--wait is one hour at most" : "what is to be done? Give --test");
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    return test(cli, seconds);
}
