/*
 * The main thread of a program whose other threads answer: waits for signals, reloads, and does the housekeeping of
 * every second.
 */
#ifndef POSTERN_ENGINE_SERVE_H
#define POSTERN_ENGINE_SERVE_H

#include "core/engine/engine.h"

#include <signal.h>

/* Before the first thread: blocks the signals that engine_serve waits for. SIGHUP does nothing, since reload is SIGUSR1
 * for all of postern's programs. */
void engine_take_signals(sigset_t *ours);

/* Until SIGTERM or SIGINT. SIGUSR1 reloads; a storm of them becomes one reload in 200 ms. */
void engine_serve(struct engine *engine, const sigset_t *signals);

#endif
