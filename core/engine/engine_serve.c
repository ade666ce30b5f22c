#include "core/engine/engine_serve.h"

#include "core/base/clock.h"
#include "core/base/notify.h"
#include "core/base/priority.h"

#include <pthread.h>

#define RELOAD_PAUSE_NS (200 * NS_PER_MS)

void engine_take_signals(sigset_t *ours)
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

static void reload(struct engine *engine)
{
    struct error e;

    notify_reloading();
    (void)engine_reload(engine, &e); /* says in the log how it went; on an error the old configuration stays */
    notify_ready();
}

void engine_serve(struct engine *engine, const sigset_t *signals)
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
            reload(engine);
            wanted = false;
            reload_ns = clock_boot_ns() + RELOAD_PAUSE_NS;
        }
        if (now >= tick_ns) {
            engine_tick(engine);
            tick_ns = now + NS_PER_S;
        }
    }
}
