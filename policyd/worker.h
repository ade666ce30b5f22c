/*
 * A worker: a thread with an event loop of its own that serves its connections. Workers share only the engine, the
 * counts below, and the messages in progress, which have sixteen locks.
 */
#ifndef POSTERN_POLICYD_WORKER_H
#define POSTERN_POLICYD_WORKER_H

#include "core/engine/engine.h"
#include "policyd/complaint.h"
#include "policyd/connection.h"
#include "policyd/messages.h"
#include "policyd/reply.h"
#include "policyd/request.h"

#include <pthread.h>
#include <stdatomic.h>

/* How long a stopping program waits for requests that have begun. */
#define STOP_S 4

/* The responses to one read are sent in pieces of at most this many bytes. */
#define ANSWERS_MAX 4096

struct worker {
    /* set before the thread starts */
    struct engine *engine;
    struct complaints *complaints;
    struct messages *messages;
    uint64_t idle_timeout_s, request_timeout_s;
    pthread_t thread;
    int mail[2]; /* a pipe: new connections, and the order to stop */
    struct event_base *base;
    struct event *mail_event, *sweep_event;
    struct engine_session *session;
    /* any thread */
    atomic_uint connections;
    /* the worker's own */
    struct connection_list busy, idle; /* each in the order of since_s, oldest first */
    uint64_t now_s;                    /* boot time at the last sweep, exact to a second */
    uint64_t stop_at_s;                /* stopping: when it ends at the latest; 0: not stopping */
    bool decided;                      /* since the last sweep */
    struct policy_request request;
    struct submission submission;
    char in[REQUEST_MAX];
};

/* Starts a worker. 0 and *out; -1 with e. complaints and messages are those of all workers. */
int worker_start(struct engine *engine, struct complaints *complaints, struct messages *messages, struct worker **out,
                 struct error *e);

/* Hands a new connection over, from another thread. The worker owns fd from now on, even if it can't take it. */
void worker_give(struct worker *worker, int fd, const struct listener *listener);

/* Tells it to stop: it answers what has begun and ends within STOP_S and a second. To be called after the last give. */
void worker_stop(struct worker *worker);

/* Waits for its end and frees it. */
void worker_join(struct worker *worker);

#endif
