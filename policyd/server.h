/* The policy server as a whole: listeners, acceptor, workers. */
#ifndef POSTERN_POLICYD_SERVER_H
#define POSTERN_POLICYD_SERVER_H

#include "core/engine/engine.h"

struct server;

/*
 * Opens the listeners and starts the threads, as the engine's configuration says at this moment; a later reload
 * changes the rules, but not listeners, workers and timeouts. The caller has blocked the signals that it waits for,
 * since threads inherit that. 0 and *out; -1 with e, and nothing is left behind.
 */
int server_start(struct engine *engine, struct server **out, struct error *e);

/*
 * Stops accepting, answers the requests that have begun, closes and frees everything: at most some five seconds, and
 * at once if no request is incomplete.
 */
void server_stop(struct server *server);

/* How many connections are open. For tests, which wait for one to end. */
unsigned server_connections(const struct server *server);

#endif
