/*
 * A passage: a connection of Postfix's and the one to Dovecot that belongs to it. Reads lines, lets the session judge
 * them, sends what it says.
 *
 * An idle connection takes only this struct and no buffers, since each smtpd process has one. Input is read into the
 * door's memory; only half a line, or bytes that the other side does not take yet, are kept with the connection, and
 * zeroed when they are used. Closes when either side closes: Postfix then connects again with its next request.
 */
#ifndef POSTERN_SASL_PASSAGE_H
#define POSTERN_SASL_PASSAGE_H

#include "sasl/kept.h"
#include "sasl/session.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct door;

enum side { SIDE_CLIENT, SIDE_DOVECOT, SIDES };

struct passage {
    TAILQ_ENTRY(passage) links; /* in the door's list of busy or idle ones */
    struct door *door;
    struct end {
        struct event event;
        struct kept in, out; /* half a line from there; what could not be sent there yet */
    } end[SIDES];
    TAILQ_ENTRY(passage) waiting; /* in the door's list of those whose session waits */
    bool waits;
    bool connected; /* to Dovecot */
    bool left;      /* the client has: only what Dovecot still has to say of it is waited for */
    bool busy;
    enum side spoke;  /* whose bytes came last */
    uint64_t moved_s; /* boot time when bytes last came or went */
    struct session session;
};

TAILQ_HEAD(passage_list, passage);

/* Takes over fd, accepted from listener. The connection is in the door's list, or closed already. */
void passage_open(struct door *door, int fd, const struct listener *listener);

/* Closes both sides, and says why in the log where the session has a text for it. */
void passage_close(struct passage *c, enum session_end why);

/* For one that waits: hands its line to the session again. */
void passage_retry(struct passage *c);

/* Once a second for busy connections: closes those where somebody takes too long. */
void passage_look(struct passage *c);

#endif
