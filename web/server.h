/*
 * HTTP on a socket: evhttp behind its guard, with the bounds that it has not itself. One thread runs all of it; what is
 * served is said by one function.
 */
#ifndef POSTERN_WEB_SERVER_H
#define POSTERN_WEB_SERVER_H

#include "core/base/complaint.h"
#include "core/base/log.h"
#include "core/serve/listener.h"
#include "core/serve/loop.h"
#include "web/guard.h"

#include <event2/http.h>

struct server;

struct server_config {
    const struct listener_config *listen;
    size_t n_listen;
    struct site site;
    unsigned max_connections;
    /*
     * Seconds from the connection, or from the reply before, until all of a request is there; and for which a reply may
     * get no further because its reader takes nothing of it.
     */
    unsigned request_s;
    /* Serves a request, now or later, by server_reply, and once only. The connection may be gone by then. */
    void (*serve)(void *arg, struct evhttp_request *request);
    void *arg;
    struct log *log;
};

/* Opens the listeners, for the loop of base. SIGPIPE must be ignored. The configuration's texts and base must outlive
 * it. 0; -1 with e. */
int server_open(const struct server_config *config, struct event_base *base, struct server **out, struct error *e);
/* Closes all connections. NULL is fine. */
void server_close(struct server *server);
/* From the next request on the page is called by these names; they outlive the server, or the next call. */
void server_set_site(struct server *server, const struct site *site);
/* How many there are now, those among them that only wait for their client to close. */
unsigned server_connections(const struct server *server);

/*
 * Replies: type is the Content-Type; body is emptied. With a status from 400 on the connection ends. The fields for all
 * replies (no sniffing, no caching, no framing, nothing loaded from elsewhere) are added where the request has none
 * yet.
 */
void server_reply(struct evhttp_request *request, int status, const char *phrase, const char *type,
                  struct evbuffer *body);
/* The same of a reply with 200 whose body follows piece by piece (evhttp_send_reply_chunk, evhttp_send_reply_end). To
 * HEAD all of it is sent, and false returned. */
bool server_stream(struct evhttp_request *request, const char *type);
/* Bytes of it that were not sent yet; SIZE_MAX when the connection is gone. */
size_t server_unsent(struct evhttp_request *request);
/* Who is at the other end, as text: "uid 1000", or an address; "?" where it is gone. False: over TCP. */
#define PEER_TEXT_MAX 64
bool server_is_unix(struct evhttp_request *request, char peer[PEER_TEXT_MAX]);
/* Ends its connection: what was not sent is not sent any more. */
void server_drop(struct evhttp_request *request);

#endif
