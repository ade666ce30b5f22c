#include "milter/signals.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

/* What a handler can reach, which has no argument of ours. */
static sem_t wake;
static atomic_bool happened[SIGNAL_LIBMILTER_ENDED + 1];

static const struct {
    int number;
    enum signal_event event;
} caught[] = {{SIGTERM, SIGNAL_FINISH}, {SIGINT, SIGNAL_END}, {SIGHUP, SIGNAL_HANGUP}};

#define CAUGHT (sizeof caught / sizeof caught[0])

static void signal_note(enum signal_event event)
{
    atomic_store(&happened[event], true);
    (void)sem_post(&wake);
}

static void handle(int number)
{
    int before = errno;

    for (size_t i = 0; i < CAUGHT; i++)
        if (caught[i].number == number)
            signal_note(caught[i].event);
    errno = before;
}

static void caught_set(sigset_t *set)
{
    (void)sigemptyset(set);
    for (size_t i = 0; i < CAUGHT; i++)
        (void)sigaddset(set, caught[i].number);
}

void signals_block(void)
{
    sigset_t set;

    caught_set(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGNAL_LOOK);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool signals_catch(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigset_t set;

    if (sem_init(&wake, 0, 0) != 0)
        return false;
    caught_set(&action.sa_mask);
    for (size_t i = 0; i < CAUGHT; i++)
        if (sigaction(caught[i].number, &action, NULL) != 0)
            return false;
    caught_set(&set);
    return pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

enum signal_event signals_wait(void)
{
    for (;;) {
        for (enum signal_event event = SIGNAL_FINISH; event <= SIGNAL_LIBMILTER_ENDED; event++)
            if (atomic_exchange(&happened[event], false))
                return event;
        (void)sem_wait(&wake); /* interrupted by a handler: look again */
    }
}

/* Takes the place of libc's for libmilter. Nothing of ours may call it: there are sigwaitinfo and sigtimedwait. */
int sigwait(const sigset_t *set, int *number)
{
    (void)set;
    (void)number;
    for (;;)
        (void)pause();
}

void signals_libmilter_ended(void)
{
    signal_note(SIGNAL_LIBMILTER_ENDED);
}
