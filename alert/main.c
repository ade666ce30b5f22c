/* postern-alert: sends the notices that the other programs leave in the spool. */
#include "alert/deliver.h"
#include "core/base/clock.h"
#include "core/base/notify.h"
#include "core/config/program.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROGRAM "postern-alert"
#define PURPOSE "Sends postern's notices to webhooks and commands."
#define ROUND_S 1

/* The signals are waited for, not caught. SIGHUP does nothing: reload is SIGUSR1 for all of postern's programs. */
static void take_signals(sigset_t *ours)
{
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigemptyset(ours);
    (void)sigaddset(ours, SIGTERM);
    (void)sigaddset(ours, SIGINT);
    (void)sigaddset(ours, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, ours, NULL);
}

/* Is the end asked for, while a round is going on? */
static bool ending(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* The configuration in use, or the new one; the old one is freed. */
static struct config *alert_reload(struct config *old, const char *path, struct log *log, struct delivery *d)
{
    struct config *config;
    struct error e;

    if (config_load(path, &config, &e) != 0) {
        log_say(log, LEVEL_ERROR, "reload refused, the old configuration stays: %s", e.text);
        return old;
    }
    if (strcmp(config->spool, old->spool) != 0)
        log_say(log, LEVEL_WARNING, "reload: another spool takes effect at the next start only");
    delivery_configure(d, config);
    log_configure(log, &config->log);
    config_free(old);
    log_say(log, LEVEL_NOTICE, "configuration %s loaded", path);
    return config;
}

static struct config *serve(struct config *config, const char *path, struct log *log, struct delivery *d,
                            const sigset_t *signals)
{
    const struct timespec pause = {.tv_sec = ROUND_S};
    int got = 0;

    notify_ready();
    while (got != SIGTERM && got != SIGINT) {
        delivery_round(d, clock_boot_ns(), clock_wall_s(), ending);
        got = sigtimedwait(signals, NULL, &pause);
        if (got == SIGUSR1) {
            config = alert_reload(config, path, log, d);
            notify_ready();
        }
    }
    notify_stopping();
    return config;
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct delivery *d = NULL;
    struct config *config;
    struct log *log;
    sigset_t signals;
    struct error e;
    int result = program_begin(argc, argv, PROGRAM, PURPOSE, &options);

    if (result != PROGRAM_GO_ON)
        return result;
    if (config_load(options.config_path, &config, &e) != 0) {
        fprintf(stderr, PROGRAM ": %s\n", e.text);
        return PROGRAM_EXIT_FAILED;
    }
    program_prepare_service();
    program_guard_secrets();
    take_signals(&signals);
    result = PROGRAM_EXIT_FAILED;
    if ((log = log_open(PROGRAM, &config->log)) == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, PROGRAM ": no log, or no libcurl: out of memory\n");
    } else if (delivery_open(config, log, &d, &e) != 0) {
        log_say(log, LEVEL_ERROR, "%s", e.text);
    } else {
        if (config->n_alerts == 0)
            log_say(log, LEVEL_WARNING, "the configuration has no \"alerts\": nobody is notified of anything");
        config = serve(config, options.config_path, log, d, &signals);
        delivery_close(d);
        result = EXIT_SUCCESS;
    }
    log_close(log);
    curl_global_cleanup();
    config_free(config);
    return result;
}
