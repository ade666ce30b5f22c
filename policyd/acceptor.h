/*
 * The acceptor: a thread that takes new connections from all listeners and hands each to the worker that has the
 * fewest, so that the long-lived connections of Postfix are spread evenly.
 */
#ifndef POSTERN_POLICYD_ACCEPTOR_H
#define POSTERN_POLICYD_ACCEPTOR_H

#include "policyd/worker.h"

struct acceptor;

/*
 * Starts it. listeners and workers must outlive it. 0 and *out; -1 with e. max_connections is cut, with a line in the
 * log, to what the limit of descriptors allows.
 */
int acceptor_start(struct engine *engine, struct complaints *complaints, struct listener *listeners, size_t n_listeners,
                   struct worker **workers, unsigned n_workers, struct acceptor **out, struct error *e);

/* Ends it, waits for that and frees it. Nothing is accepted any more. */
void acceptor_stop(struct acceptor *acceptor);

#endif
