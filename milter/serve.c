#include "milter/serve.h"

#include "core/base/clock.h"
#include "core/base/notify.h"
#include "core/base/priority.h"
#include "core/config/program.h"
#include "milter/callbacks.h"
#include "milter/listen.h"
#include "milter/signals.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRAM_NAME "postern-milter"

/* How long open transactions may take to finish. A service manager waits longer (90 s in systemd). */
#define FINISH_MS 10000
/* A storm of reload signals becomes one reload in this time. */
#define RELOAD_PAUSE_NS (200 * NS_PER_MS)

/* Threads: main waits for signals, one runs libmilter, one keeps house; libmilter and the log have theirs. */
struct serving {
    struct milter milter;
    int ready_fd; /* of the parent, which waits for a byte; -1: none */
    pthread_t house;
    atomic_int libmilter_result;
};

static void *run_libmilter(void *arg)
{
    struct serving *s = arg;

    signals_block();
    atomic_store(&s->libmilter_result, smfi_main());
    signals_libmilter_ended();
    return NULL;
}

static void milter_reload(struct milter *m)
{
    struct error e;

    notify_reloading();
    (void)engine_reload(m->engine, &e); /* which logs what is wrong */
    milter_configure(m);
    notify_ready();
}

static void keep_house_once(struct milter *m)
{
    engine_tick(m->engine);
    engine_milter_runs(m->engine);
    milter_configure(m);
    session_pool_tick(&m->pool);
}

/* Waits until `until_ns` (boot clock) for a reload or for the end. Returns the signal, 0 for none. */
static int wait_until(const sigset_t *set, uint64_t until_ns)
{
    uint64_t now_ns = clock_boot_ns(), left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec left = {.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
    int signal_number = sigtimedwait(set, NULL, &left);

    return signal_number < 0 ? 0 : signal_number;
}

static void *keep_house(void *arg)
{
    struct serving *s = arg;
    uint64_t next_ns = clock_boot_ns() + NS_PER_S, reload_ns = 0;
    bool wanted = false;
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGNAL_LOOK);
    priority_give_way();
    for (;;) {
        int signal_number = wait_until(&set, wanted && reload_ns < next_ns ? reload_ns : next_ns);

        if (signal_number == SIGNAL_LOOK)
            return NULL;
        wanted = wanted || signal_number == SIGUSR1;
        if (wanted && clock_boot_ns() >= reload_ns) {
            milter_reload(&s->milter);
            wanted = false;
            reload_ns = clock_boot_ns() + RELOAD_PAUSE_NS;
        }
        if (clock_boot_ns() < next_ns)
            continue;
        keep_house_once(&s->milter);
        next_ns = clock_boot_ns() + NS_PER_S;
    }
}

static enum signal_event wait_for_end(struct milter *m)
{
    enum signal_event event;

    while ((event = signals_wait()) == SIGNAL_HANGUP)
        log_say(engine_log(m->engine), LEVEL_WARNING,
                "SIGHUP ignored: it is libmilter's signal to stop; the configuration is read again on SIGUSR1");
    return event;
}

static int start_threads(struct serving *s)
{
    pthread_t libmilter;

    if (pthread_create(&s->house, NULL, keep_house, s) != 0)
        return -1;
    if (signals_catch() && pthread_create(&libmilter, NULL, run_libmilter, s) == 0)
        return pthread_detach(libmilter);
    (void)pthread_kill(s->house, SIGNAL_LOOK);
    (void)pthread_join(s->house, NULL);
    return -1;
}

static int serve_run(struct serving *s)
{
    struct milter *m = &s->milter;
    enum signal_event end;

    notify_ready();
    if (s->ready_fd >= 0)
        (void)!write(s->ready_fd, "y", 1); /* a parent that is gone is none to tell */
    end = wait_for_end(m);
    notify_stopping();
    (void)pthread_kill(s->house, SIGNAL_LOOK);
    (void)pthread_join(s->house, NULL);
    if (!milter_drain(m, end == SIGNAL_FINISH ? FINISH_MS : 0)) {
        /* A callback still uses the engine: leave everything where it is, the end of the process takes it. */
        log_say(engine_log(m->engine), LEVEL_ERROR, "a decision did not end in time");
        m->engine = NULL;
    }
    return end == SIGNAL_LIBMILTER_ENDED && atomic_load(&s->libmilter_result) != MI_SUCCESS ? PROGRAM_EXIT_FAILED
                                                                                            : EXIT_SUCCESS;
}

static int serve_failed(const char *what)
{
    fprintf(stderr, PROGRAM_NAME ": %s\n", what);
    return PROGRAM_EXIT_FAILED;
}

static int serve_with(struct serving *s, struct engine *engine, size_t index)
{
    const struct milter_config *config = &engine_config(engine)->milter;
    struct listening listening;
    struct error e;
    int status;

    if (milter_init(&s->milter, engine, &config->listen[index]) != 0)
        return serve_failed("out of memory");
    if (smfi_register(callbacks_for(&s->milter)) != MI_SUCCESS ||
        smfi_settimeout((int)config->timeout_s) != MI_SUCCESS) {
        milter_destroy(&s->milter);
        return serve_failed("libmilter does not start; its own words are in the system log");
    }
    if (listen_open(&config->listen[index], config->allow_inet, &listening, &e) != 0) {
        milter_destroy(&s->milter);
        return serve_failed(e.text);
    }
    status = start_threads(s) == 0 ? serve_run(s) : serve_failed("cannot start threads");
    listen_close(&listening);
    if (s->milter.engine != NULL)
        milter_destroy(&s->milter);
    return status;
}

int serve_listener(const char *config_path, size_t index, int ready_fd)
{
    /* Never freed: threads of libmilter may look at it until the very end of the process. */
    struct serving *s = calloc(1, sizeof *s);
    struct engine *engine;
    struct error e;
    int status;

    if (s == NULL)
        return serve_failed("out of memory");
    s->ready_fd = ready_fd;
    signals_block();
    program_prepare_service();
    if (engine_open(config_path, PROGRAM_NAME, &engine, &e) != 0) {
        free(s);
        return serve_failed(e.text);
    }
    if (index >= engine_config(engine)->milter.n_listen) {
        engine_close(engine);
        free(s);
        return serve_failed(
            "milter.listen is empty, so the milter is switched off: give it a socket, or don't start it");
    }
    status = serve_with(s, engine, index);
    if (s->milter.engine != NULL)
        engine_close(engine);
    return status;
}
