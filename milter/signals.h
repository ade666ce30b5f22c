/*
 * Signals, despite libmilter.
 *
 * libmilter has a thread of its own that waits for SIGTERM, SIGHUP and SIGINT (sigwait(3)) and then drops every session
 * at once. On a busy machine it may get a signal before the main thread does. So we replace its sigwait by one that
 * never returns (signals.c), and only the main thread has these signals unblocked.
 */
#ifndef POSTERN_MILTER_SIGNALS_H
#define POSTERN_MILTER_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* Wakes threads that wait with sigtimedwait, for SIGUSR1 and between threads. */
#define SIGNAL_LOOK SIGUSR2

/* Blocks all signals of ours in this thread, and in those that it starts from now on. */
void signals_block(void);
/* In the main thread: from now on they are caught here. False when that cannot be set up. */
bool signals_catch(void);

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
