/*
 * Who gets a signal.
 *
 * libmilter has a thread of its own that waits for SIGTERM, SIGHUP and SIGINT (sigwait(3)) and then drops every session
 * at once. A signal to the process goes to its main thread first, if that one doesn't block it (signal(7) leaves the
 * choice to the kernel; Linux: complete_signal). So main alone leaves them unblocked, from before libmilter starts, and
 * libmilter's thread doesn't hear of them. libmilter starts only when main is back from pthread_create(3), which blocks
 * all signals for as long as it takes. It does hear of one that comes while main has not yet got to the one before
 * (a storm of SIGHUP); then libmilter's own end is what happens: Postfix answers 451 for open transactions, and clients
 * come again.
 */
#ifndef POSTERN_MILTER_SIGNALS_H
#define POSTERN_MILTER_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* For SIGUSR1 and between threads, to those that wait with sigtimedwait: "look around". */
#define SIGNAL_LOOK SIGUSR2

/* Blocks all that concern us in this thread, and in those that it starts from now on. */
void signals_block(void);
/* Before the thread is made that calls signals_wait_until_caught. False without the means. */
bool signals_prepare(void);
/* In the main thread: from now on they are caught here. False when that cannot be set up. */
bool signals_catch(void);
/* In another thread: waits until signals_catch has succeeded; forever, if it never does. */
void signals_wait_until_caught(void);

enum signal_event {
    SIGNAL_FINISH, /* SIGTERM */
    SIGNAL_END,    /* SIGINT */
    SIGNAL_HANGUP, /* SIGHUP */
    SIGNAL_LIBMILTER_ENDED
};

/* In the main thread: waits for the next of these. */
enum signal_event signals_wait(void);
/* From any thread. */
void signals_libmilter_ended(void);

#endif
