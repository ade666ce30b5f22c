/* postern-sasl: a door between Postfix and Dovecot at AUTH. */
#include "core/base/clock.h"
#include "core/base/notify.h"
#include "core/base/priority.h"
#include "core/config/program.h"
#include "core/engine/engine.h"
#include "sasl/door.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME "postern-sasl"

/* A storm of reload signals becomes one reload in this time. */
#define RELOAD_PAUSE_NS (200 * NS_PER_MS)

/* The signals are waited for, not caught. SIGHUP does nothing: reload is SIGUSR1 for all of postern's programs. */
static void take_signals(sigset_t *ours)
{
    signal(SIGHUP, SIG_IGN);
    sigemptyset(ours);
    sigaddset(ours, SIGTERM);
    sigaddset(ours, SIGINT);
    sigaddset(ours, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, ours, NULL);
}

/* The signal that came, or 0 at time until_ns (boot time). */
static int wait_for_signal(const sigset_t *ours, uint64_t until_ns)
{
    uint64_t now = clock_boot_ns(), left = until_ns > now ? until_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / NS_PER_S), .tv_nsec = (long)(left % NS_PER_S)};
    int got = sigtimedwait(ours, NULL, &timeout);

    return got > 0 ? got : 0;
}

static void sasl_reload(struct engine *engine)
{
    struct error e;

    notify_reloading();
    (void)engine_reload(engine, &e); /* says in the log how it went; on an error the old configuration stays */
    notify_ready();
}

/* Until SIGTERM or SIGINT. */
static void serve(struct engine *engine, const sigset_t *signals)
{
    uint64_t tick_ns = clock_boot_ns() + NS_PER_S, reload_ns = 0;
    bool wanted = false;

    priority_give_way();
    for (;;) {
        uint64_t now, until = wanted && reload_ns < tick_ns ? reload_ns : tick_ns;
        int got = wait_for_signal(signals, until);

        if (got == SIGTERM || got == SIGINT)
            return;
        wanted = wanted || got == SIGUSR1;
        now = clock_boot_ns();
        if (wanted && now >= reload_ns) {
            sasl_reload(engine);
            wanted = false;
            reload_ns = clock_boot_ns() + RELOAD_PAUSE_NS;
        }
        if (now >= tick_ns) {
            engine_tick(engine);
            tick_ns = now + NS_PER_S;
        }
    }
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct engine *engine = NULL;
    struct door *door;
    struct error e;
    sigset_t signals;
    int status = program_begin(argc, argv, NAME, "Answers Postfix's policy requests.", &options);

    if (status != PROGRAM_GO_ON)
        return status;
    program_prepare_service();
    take_signals(&signals);
    if (engine_open(options.config_path, NAME, &engine, &e) != 0) {
        fprintf(stderr, "%s: %s\n", NAME, e.text);
        return PROGRAM_EXIT_FAILED;
    }
    if (door_start(engine, &door, &e) != 0) {
        fprintf(stderr, "%s: %s\n", NAME, e.text);
        log_say(engine_log(engine), LEVEL_ERROR, "not started: %s", e.text);
        engine_close(engine);
        return PROGRAM_EXIT_FAILED;
    }
    log_say(engine_log(engine), LEVEL_NOTICE, "version %s serves, workers: %u", POSTERN_VERSION,
            engine_config(engine)->policyd.workers);
    notify_ready();
    serve(engine, &signals);
    notify_stopping();
    door_stop(door);
    log_say(engine_log(engine), LEVEL_NOTICE, "stopped");
    engine_close(engine);
    return EXIT_SUCCESS;
}
