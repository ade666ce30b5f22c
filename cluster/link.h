/*
 * A connection to Redis, kept up: libevent carries the bytes, over a UNIX socket, TCP, or TLS with a verified name. It
 * connects again after 0.1 to 5 seconds, twice as late each time, with jitter, so that not all relays come back at one
 * moment. A command that gets no reply in LINK_REPLY_S ends it: a Redis that hangs is as good as gone.
 */
#ifndef POSTERN_CLUSTER_LINK_H
#define POSTERN_CLUSTER_LINK_H

#include "cluster/command.h"
#include "cluster/reply.h"

#include <event2/event.h>
#include <openssl/ssl.h>

#define LINK_REPLY_S 5
/* Commands that may wait for their reply. */
#define LINK_WAITING_MAX 512u

/* Where Redis is, and as whom to sign in. All texts outlive the link, or the next link_move. */
struct link_place {
    const char *path; /* of a UNIX socket; NULL: host and port */
    const char *host; /* a name or an address */
    uint16_t port;
    SSL_CTX *tls;         /* NULL: none */
    const char *user;     /* NULL: Redis' default user */
    const char *password; /* NULL: no AUTH */
    bool must_be_master;  /* it is asked for its ROLE before it counts as up */
};

struct link;

/* A reply to a command; NULL: the connection ended before there was one, and nobody knows whether it was carried out.
 */
typedef void link_reply(void *arg, const struct reply *reply);

struct link_handlers {
    void (*up)(void *arg);                                 /* connected and signed in: commands can be sent */
    void (*down)(void *arg, const char *why);              /* once for each failure; it will be tried again */
    void (*message)(void *arg, const struct reply *reply); /* what nobody asked for: a push to a subscriber; or NULL */
};

/* Begins to connect; without a path and a host, after link_move. NULL without memory. place and handlers are copied. */
struct link *link_new(struct event_base *base, const struct link_place *place, const struct link_handlers *handlers,
                      void *arg);
/* Calls no handler and no reply function any more. */
void link_free(struct link *l);

bool link_is_up(const struct link *l);
/* The host that it connects to; "": none, or a UNIX socket. */
const char *link_host(const struct link *l);
bool link_is_at(const struct link *l, const char *host, uint16_t port);

/*
 * Sends a command. 0, and reply will be called once, with arg; -1: it is not up, too many are waiting, or no memory,
 * and reply is not called. A NULL reply: what comes back goes to the message handler.
 */
int link_send(struct link *l, const struct command *c, link_reply *reply, void *arg);

/* Ends the connection, and begins again later: what Redis said is of no use. */
void link_fail(struct link *l, const char *why);

/* Ends the connection, and begins one to another place. Who moves it knows: the handlers are not called. */
void link_move(struct link *l, const struct link_place *place);
/* The next attempt goes to another place, when it is due. */
void link_try_at(struct link *l, const struct link_place *place);

#endif
