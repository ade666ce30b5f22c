/*
 * One connection of Postfix's: reads requests, has them decided, answers each once and in order.
 *
 * An idle connection takes only this struct and no buffers, since each smtpd process has one. Input goes into the
 * worker's scratch memory and is parsed there; only an unfinished request, or a response that the peer does not accept
 * yet, is kept with the connection. We never close first, except after an error: Postfix would notice only at its next
 * request, and wait a second (retry_delay) before it asks again.
 *
 * All functions belong to the worker's thread.
 */
#ifndef POSTERN_POLICYD_CONNECTION_H
#define POSTERN_POLICYD_CONNECTION_H

#include "core/decide/submission.h"
#include "core/serve/listener.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>
#include <sys/queue.h>

struct worker;

enum connection_phase {
    PHASE_READING,
    PHASE_WRITING,  /* an answer waits for the peer to take it; nothing is read meanwhile */
    PHASE_LINGERING /* refused: everything is sent, and we wait for the peer to close */
};

struct connection {
    struct event event; /* for fd; EV_READ, or EV_WRITE in PHASE_WRITING */
    TAILQ_ENTRY(connection) links;
    struct worker *worker;
    const struct listener *listener;
    enum connection_phase phase;
    bool busy;         /* in the worker's list of connections with something unfinished, else in the idle one */
    bool refused;      /* close once the answer is out */
    bool ended;        /* the last request was about the end of its message */
    uint64_t since_s;  /* the worker's time: busy since, or last used */
    uint64_t message;  /* that the last request was about (messages_key); 0: there was none */
    uint64_t number;   /* no other connection of this process has it */
    uint64_t messages; /* how many without an instance have begun */
    /* malloc'ed, NULL when empty: the beginning of a request; the rest of an answer. */
    char *in, *out;
    size_t in_n, out_n;
};

TAILQ_HEAD(connection_list, connection);

/* Takes over fd, accepted from listener; on failure (no memory) fd is closed. */
void connection_open(struct worker *worker, int fd, const struct listener *listener);
void connection_close(struct connection *c);

/*
 * A timeout: an unfinished request is answered with 451, since closing without a response could let the message pass by
 * an operator's default_action; any other connection is closed.
 */
void connection_expire(struct connection *c);

/*
 * The worker stops: reads an idle connection once more, and closes it unless part of a request has arrived: then it is
 * busy.
 */
void connection_finish(struct connection *c);

#endif
