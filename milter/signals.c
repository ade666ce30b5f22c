#include "milter/signals.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* What a handler can reach, which has no argument of ours. */
static sem_t wake;
/* Opened once the main thread catches. */
static sem_t gate;
static atomic_bool happened[SIGNAL_LIBMILTER_ENDED + 1];

static const struct {
    int number;
    enum signal_event event;
} caught[] = {{SIGTERM, SIGNAL_FINISH}, {SIGINT, SIGNAL_END}, {SIGHUP, SIGNAL_HANGUP}};

#define CAUGHT (sizeof caught / sizeof caught[0])

static void note(enum signal_event event)
{
    atomic_store(&happened[event], true);
    (void)sem_post(&wake);
}

static void handle(int number)
{
    int before = errno;

    for (size_t i = 0; i < CAUGHT; i++)
        if (caught[i].number == number)
            note(caught[i].event);
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

bool signals_prepare(void)
{
    return sem_init(&wake, 0, 0) == 0 && sem_init(&gate, 0, 0) == 0;
}

bool signals_catch(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigset_t set;

    caught_set(&action.sa_mask);
    for (size_t i = 0; i < CAUGHT; i++)
        if (sigaction(caught[i].number, &action, NULL) != 0)
            return false;
    caught_set(&set);
    return pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0 && sem_post(&gate) == 0;
}

void signals_wait_until_caught(void)
{
    while (sem_wait(&gate) != 0)
        ; /* interrupted */
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

void signals_libmilter_ended(void)
{
    note(SIGNAL_LIBMILTER_ENDED);
}
