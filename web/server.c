#include "web/server.h"

#include "core/base/clock.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

/* How often connections are looked at, and accepting is resumed after there was no room. */
static const struct timeval sweep_time = {.tv_usec = 250000};
/*
 * How long the connection stays behind the last reply, since closing upon bytes that come meanwhile could take the
 * reply away; no longer than the client does.
 */
#define LINGER_NS NS_PER_S

/*
 * Bytes of a connection that may wait here, behind a request that is being served: then its socket is not read, until
 * that is done. evhttp itself reads on, as much as is sent.
 */
#define UNREAD_MAX 16384u

/*
 * Beside each of evhttp's connections, which has no sign of its own for its end: both hold the bufferevent, and evhttp
 * takes its callbacks away when it lets go of it.
 */
struct visit {
    TAILQ_ENTRY(visit) links;
    struct server *server;
    struct bufferevent *bev;
    struct evbuffer *passed;
    bool passing;     /* the guard is writing into the input buffer */
    bool left;        /* by evhttp */
    unsigned serving; /* requests that evhttp has handed over and that are not replied to in full */
    uint64_t
        since_ns;  /* of the request that is awaited; the last time that its reply went on; then, that it was left */
    size_t unsent; /* bytes of the reply at that time */
    struct guard guard;
};
TAILQ_HEAD(visit_list, visit);

struct gate {
    struct listener listener;
    struct evconnlistener *accepting;
};

struct server {
    struct server_config config;
    struct event_base *base;
    struct evhttp *http;
    struct event *sweep_event;
    struct gate *gates;
    size_t n_gates;
    struct visit_list visits;
    unsigned connections, max_connections;
    uint64_t now_ns; /* boot time at the last sweep */
    struct complaint_timer complaint_full;
};

/* ---- accepting ---- */

/*
 * The system has no memory or descriptors for it, since we keep within our own: no spinning on that. libevent hands the
 * listener over and nothing of ours; the next sweep tries again.
 */
static void on_accept_error(struct evconnlistener *accepting, void *arg)
{
    (void)arg;
    (void)evconnlistener_disable(accepting);
}

static void set_accepting(struct server *server, bool accepts)
{
    for (size_t i = 0; i < server->n_gates; i++)
        if (accepts)
            (void)evconnlistener_enable(server->gates[i].accepting);
        else
            (void)evconnlistener_disable(server->gates[i].accepting);
}

static void stop_if_full(struct server *server)
{
    uint64_t held;

    if (server->connections < server->max_connections)
        return;
    set_accepting(server, false);
    if (complaint_due(&server->complaint_full, server->now_ns / NS_PER_S, &held))
        log_say(server->config.log, LEVEL_WARNING,
                "%u connections are served, new ones wait (%llu more times since this was last logged)",
                server->connections, (unsigned long long)held);
}

/* ---- connections ---- */

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg);

static void visit_end(struct visit *visit)
{
    struct server *server = visit->server;

    TAILQ_REMOVE(&server->visits, visit, links);
    server->connections--;
    (void)evbuffer_remove_cb(bufferevent_get_input(visit->bev), on_input, visit);
    (void)bufferevent_decref(visit->bev); /* closes */
    evbuffer_free(visit->passed);
    free(visit);
}

static bool evhttp_has_left(struct visit *visit)
{
    bufferevent_event_cb event;

    bufferevent_getcb(visit->bev, NULL, NULL, &event, NULL);
    return event == NULL;
}

/* evhttp sees the end of the connection, and lets go of it. */
static void visit_drop(const struct visit *visit)
{
    (void)shutdown(bufferevent_getfd(visit->bev), SHUT_RDWR);
}

/* What came, which is the end of the input, is exchanged for what the guard passes. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct visit *visit = arg;
    char bytes[4096];
    int n, result = 0;

    if (visit->passing || info->n_added == 0)
        return;
    visit->passing = true;
    if (evhttp_has_left(visit)) {
        (void)evbuffer_drain(input, evbuffer_get_length(input));
    } else {
        (void)evbuffer_remove_buffer(input, visit->passed, evbuffer_get_length(input) - info->n_added);
        while (result == 0 && (n = evbuffer_remove(input, bytes, sizeof bytes)) > 0)
            result = guard_take(&visit->guard, (struct slice){bytes, (size_t)n}, visit->passed);
        result |= evbuffer_add_buffer(input, visit->passed);
    }
    visit->passing = false;
    if (result != 0)
        visit_drop(visit);
}

static void visit_free(struct visit *visit)
{
    if (visit == NULL)
        return;
    if (visit->bev != NULL)
        bufferevent_free(visit->bev);
    if (visit->passed != NULL)
        evbuffer_free(visit->passed);
    free(visit);
}

/*
 * For evhttp, which gives it the descriptor. NULL without memory: evhttp then tries to make one without a guard, whose
 * requests are not served (on_request).
 */
static struct bufferevent *on_visit(struct event_base *base, void *arg)
{
    struct server *server = arg;
    struct visit *visit = calloc(1, sizeof *visit);

    if (visit == NULL || (visit->passed = evbuffer_new()) == NULL ||
        (visit->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE)) == NULL ||
        evbuffer_add_cb(bufferevent_get_input(visit->bev), on_input, visit) == NULL) {
        visit_free(visit);
        return NULL;
    }
    bufferevent_setwatermark(visit->bev, EV_READ, 0, UNREAD_MAX);
    bufferevent_incref(visit->bev);
    visit->server = server;
    visit->guard.site = &server->config.site;
    visit->since_ns = clock_boot_ns();
    TAILQ_INSERT_TAIL(&server->visits, visit, links);
    server->connections++;
    stop_if_full(server);
    return visit->bev;
}

/* And has left nothing unread behind, upon which closing could take the reply away. */
static bool client_has_left(const struct visit *visit)
{
    char byte;
    ssize_t n = recv(bufferevent_getfd(visit->bev), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void visit_look(struct visit *visit)
{
    const struct server *server = visit->server;
    size_t unsent = evbuffer_get_length(bufferevent_get_output(visit->bev));

    if (!visit->left && evhttp_has_left(visit)) {
        visit->left = true;
        visit->since_ns = server->now_ns;
    }
    if (visit->left) {
        if (client_has_left(visit) || server->now_ns - visit->since_ns > LINGER_NS)
            visit_end(visit);
        return;
    }
    /* A reply that is being made takes its time; one that is there must be taken. */
    if (visit->serving > 0 && (unsent == 0 || unsent != visit->unsent))
        visit->since_ns = server->now_ns;
    visit->unsent = unsent;
    if (server->now_ns > visit->since_ns + server->config.request_s * NS_PER_S)
        visit_drop(visit);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;
    struct visit *visit, *next;

    (void)fd;
    (void)what;
    server->now_ns = clock_boot_ns();
    for (visit = TAILQ_FIRST(&server->visits); visit != NULL; visit = next) {
        next = TAILQ_NEXT(visit, links);
        visit_look(visit);
    }
    if (server->connections < server->max_connections)
        set_accepting(server, true);
}

/* ---- requests ---- */

static struct visit *visit_of(struct server *server, struct evhttp_request *request)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
    struct visit *visit;

    TAILQ_FOREACH(visit, &server->visits, links)
    if (visit->bev == bev)
        break;
    return visit;
}

static void on_replied(struct evhttp_request *request, void *arg)
{
    struct visit *visit = arg;

    (void)request;
    visit->serving--;
    visit->since_ns = clock_boot_ns();
}

static void reply_refused(struct evhttp_request *request)
{
    unsigned long long number = REFUSAL_LINE;
    const struct refusal_row *row;
    struct evbuffer *body = evbuffer_new();

    if (body == NULL) {
        evhttp_send_error(request, 503, NULL);
        return;
    }
    (void)slice_to_u64(slice_of(evhttp_request_get_uri(request) + 1), REFUSAL_COUNT - 1, &number);
    row = refusal_row((enum refusal)number);
    (void)evbuffer_add_printf(body, "%d %s: %s\n", row->status, row->phrase, row->text);
    server_reply(request, row->status, row->phrase, "text/plain; charset=utf-8", body);
    evbuffer_free(body);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct server *server = arg;
    struct visit *visit = visit_of(server, request);

    if (visit == NULL) { /* without a guard nothing is served */
        evhttp_send_error(request, 500, NULL);
        return;
    }
    visit->serving++;
    evhttp_request_set_on_complete_cb(request, on_replied, visit);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_PUT)
        reply_refused(request);
    else
        server->config.serve(server->config.arg, request);
}

/* What was said of a field before holds. */
static void add_fields(struct evhttp_request *request, const char *type)
{
    static const struct {
        const char *name, *value;
    } fields[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
         "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
         "trusted-types 'none'"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    (void)evhttp_add_header(headers, "Content-Type", type);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (evhttp_find_header(headers, fields[i].name) == NULL)
            (void)evhttp_add_header(headers, fields[i].name, fields[i].value);
}

void server_reply(struct evhttp_request *request, int status, const char *phrase, const char *type,
                  struct evbuffer *body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char length[24];

    add_fields(request, type);
    if (status >= 400)
        (void)evhttp_add_header(headers, "Connection", "close");
    /* evhttp would send the body to HEAD, too, where the next reply is expected (RFC 9110 9.3.2). */
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        (void)snprintf(length, sizeof length, "%zu", evbuffer_get_length(body));
        (void)evhttp_add_header(headers, "Content-Length", length);
        (void)evbuffer_drain(body, evbuffer_get_length(body));
    }
    evhttp_send_reply(request, status, phrase, body);
}

bool server_stream(struct evhttp_request *request, const char *type)
{
    add_fields(request, type);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        evhttp_send_reply(request, HTTP_OK, "OK", NULL);
        return false;
    }
    evhttp_send_reply_start(request, HTTP_OK, "OK");
    return true;
}

static struct bufferevent *bufferevent_of(struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);

    return connection != NULL ? evhttp_connection_get_bufferevent(connection) : NULL;
}

size_t server_unsent(struct evhttp_request *request)
{
    struct bufferevent *bev = bufferevent_of(request);

    return bev != NULL ? evbuffer_get_length(bufferevent_get_output(bev)) : SIZE_MAX;
}

bool server_is_unix(struct evhttp_request *request, char peer[PEER_TEXT_MAX])
{
    struct bufferevent *bev = bufferevent_of(request);
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    struct sockaddr *at = (struct sockaddr *)&address;
    struct ucred ids;
    socklen_t n = sizeof address, ids_n = sizeof ids;
    int fd = bev != NULL ? bufferevent_getfd(bev) : -1;

    (void)snprintf(peer, PEER_TEXT_MAX, "?");
    if (fd < 0 || getsockname(fd, at, &n) != 0)
        return false;
    if (address.ss_family == AF_UNIX) {
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ids, &ids_n) == 0)
            (void)snprintf(peer, PEER_TEXT_MAX, "uid %lu", (unsigned long)ids.uid);
        return true;
    }
    n = sizeof address;
    if (getpeername(fd, at, &n) == 0)
        (void)getnameinfo(at, n, peer, PEER_TEXT_MAX, NULL, 0, NI_NUMERICHOST);
    return false;
}

void server_drop(struct evhttp_request *request)
{
    struct bufferevent *bev = bufferevent_of(request);

    if (bev != NULL)
        (void)shutdown(bufferevent_getfd(bev), SHUT_RDWR);
}

/* ---- from outside ---- */

/* Also of a socket that was passed in. */
static bool is_loopback(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&address;
    socklen_t n = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &n) != 0)
        return false;
    return (address.ss_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET) ||
           (address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
}

static int open_gate(struct server *server, const struct listener_config *config, struct error *e)
{
    struct gate *gate = &server->gates[server->n_gates];

    if (listener_open("postern-web", config, &gate->listener, e) != 0)
        return -1;
    server->n_gates++;
    if (gate->listener.is_tcp && !is_loopback(gate->listener.fd))
        return error_set(e, "web.listen \"%s\": expected a UNIX socket, or TCP on 127.0.0.1 or [::1]", config->address);
    gate->accepting = evconnlistener_new(server->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, gate->listener.fd);
    if (gate->accepting == NULL || evhttp_bind_listener(server->http, gate->accepting) == NULL)
        return error_set(e, "no memory for the listeners");
    evconnlistener_set_error_cb(gate->accepting, on_accept_error);
    return 0;
}

static int prepare(struct server *server, struct error *e)
{
    unsigned long long descriptors;

    server->max_connections = listener_connections(server->config.max_connections, 1, &descriptors);
    server->now_ns = clock_boot_ns();
    server->http = evhttp_new(server->base);
    server->sweep_event = event_new(server->base, -1, EV_PERSIST, on_sweep, server);
    server->gates = calloc(server->config.n_listen > 0 ? server->config.n_listen : 1, sizeof *server->gates);
    if (server->http == NULL || server->sweep_event == NULL || server->gates == NULL ||
        event_add(server->sweep_event, &sweep_time) != 0)
        return error_set(e, "no memory");
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT);
    evhttp_set_max_headers_size(server->http, HEAD_WRITTEN_MAX);
    evhttp_set_max_body_size(server->http, BODY_MAX);
    evhttp_set_bevcb(server->http, on_visit, server);
    evhttp_set_gencb(server->http, on_request, server);
    for (size_t i = 0; i < server->config.n_listen; i++)
        if (open_gate(server, &server->config.listen[i], e) != 0)
            return -1;
    return 0;
}

int server_open(const struct server_config *config, struct event_base *base, struct server **out, struct error *e)
{
    struct server *server = calloc(1, sizeof *server);

    if (server == NULL)
        return error_set(e, "no memory");
    server->config = *config;
    server->base = base;
    TAILQ_INIT(&server->visits);
    if (prepare(server, e) != 0) {
        server_close(server);
        return -1;
    }
    *out = server;
    return 0;
}

/* All guards look there. */
void server_set_site(struct server *server, const struct site *site)
{
    server->config.site = *site;
}

unsigned server_connections(const struct server *server)
{
    return server->connections;
}

void server_close(struct server *server)
{
    struct visit *visit, *next;

    if (server == NULL)
        return;
    if (server->sweep_event != NULL)
        event_free(server->sweep_event);
    if (server->http != NULL)
        evhttp_free(server->http); /* and the listeners' events */
    for (visit = TAILQ_FIRST(&server->visits); visit != NULL; visit = next) {
        next = TAILQ_NEXT(visit, links);
        visit_end(visit);
    }
    for (size_t i = 0; i < server->n_gates; i++)
        listener_free(&server->gates[i].listener);
    free(server->gates);
    free(server);
}
