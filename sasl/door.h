/*
 * The door: listeners, connections, and the thread with the event loop that serves them all. One thread is enough,
 * since it never waits: an answer takes microseconds, and Dovecot's password check takes a thousand times as long.
 */
#ifndef POSTERN_SASL_DOOR_H
#define POSTERN_SASL_DOOR_H

#include "core/base/complaint.h"
#include "core/serve/address.h"
#include "core/serve/gates.h"
#include "sasl/passage.h"

#include <pthread.h>

/* How long a stopping program waits for Dovecot's answers. */
#define STOP_S 4

TAILQ_HEAD(waiting_list, passage);

struct gathered {
    char bytes[16384];
    size_t n;
};

/* Of the loop's thread, but for what is set before it starts. */
struct door {
    struct engine *engine;
    struct listener *listeners;
    size_t n_listeners;
    struct gates *gates; /* NULL: nothing is accepted */
    struct socket_address upstream;
    char *upstream_text; /* as it is written */
    unsigned max_connections;
    int stop_fd; /* eventfd */
    pthread_t thread;
    struct event_base *base;
    struct event *stop_event, *sweep_event, *retry_event;
    struct passage_list busy, idle;
    struct waiting_list waiting; /* passages that are tried again soon, oldest first */
    unsigned connections;
    uint64_t now_s;     /* boot time at the last sweep, exact to a second */
    uint64_t stop_at_s; /* stopping: when it ends at the latest; 0: not stopping */
    bool decided;       /* since the last sweep */
    int upstream_errno; /* of the last connection that failed */
    struct complaint_timer complaints[END_KINDS], complaint_accept, complaint_full;
    struct desk desk;
    struct gathered gathered[SIDES];
    char in[16384];
};

/* Opens the listeners and starts the thread, by the engine's configuration. 0 and *out; -1 with e. */
int door_start(struct engine *engine, struct door **out, struct error *e);
/* Accepts no more, waits up to STOP_S for answers of Dovecot's, closes all and frees it. */
void door_stop(struct door *door);

/* For passages: tries this one again soon (passage_retry), until it is taken from the list. */
void door_waits(struct door *door, struct passage *c);

/* For passages: logs why one ended, each kind at most once a minute; nothing where that needs no line. */
void door_complain(struct door *door, enum session_end why);

#endif
