#include "cluster/link.h"

#include "core/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PAUSE_LEAST_MS 100u
#define PAUSE_MOST_MS 5000u
/* A connection that lasted so long was a good one: the next attempt comes at once. */
#define LASTED_NS (10 * NS_PER_S)
#define CONNECT_S 5
/* More than this in the output means that Redis doesn't read. */
#define OUTPUT_MAX (8u << 20)

enum link_stage { LINK_WAITS, LINK_CONNECTS, LINK_SIGNS_IN, LINK_UP };

struct waiting {
    link_reply *reply;
    void *arg;
};

struct link {
    struct event_base *base;
    struct link_place place;
    struct link_handlers handlers;
    void *arg;
    enum link_stage stage;
    struct bufferevent *bytes;
    struct evdns_base *names;
    struct reply_reader *reader;
    struct event *retry, *overdue;
    unsigned pause_ms;
    uint64_t up_ns;                           /* boot clock */
    struct waiting waiting[LINK_WAITING_MAX]; /* a ring */
    unsigned first, n_waiting;
};

/* ---- ending ---- */

/* Everybody who waits learns that there will be no reply. They may not send: the link is down by then. */
static void give_up_waiting(struct link *l)
{
    while (l->n_waiting > 0) {
        struct waiting w = l->waiting[l->first];

        l->first = (l->first + 1) % LINK_WAITING_MAX;
        l->n_waiting--;
        if (w.reply != NULL)
            w.reply(w.arg, NULL);
    }
}

static void close_connection(struct link *l)
{
    if (l->bytes != NULL)
        bufferevent_free(l->bytes);
    l->bytes = NULL;
    if (l->names != NULL)
        evdns_base_free(l->names, 0);
    l->names = NULL;
    reply_reader_free(l->reader);
    l->reader = NULL;
    (void)event_del(l->overdue);
}

/* Somewhere between a half and the whole of it. */
static struct timeval with_jitter(unsigned ms)
{
    uint32_t random = 0;
    unsigned chosen;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = 0;
    chosen = ms / 2 + random % (ms / 2 + 1);
    return (struct timeval){.tv_sec = chosen / 1000, .tv_usec = (suseconds_t)(chosen % 1000) * 1000};
}

void link_fail(struct link *l, const char *why)
{
    struct timeval pause;

    if (l->stage == LINK_WAITS)
        return;
    if (l->stage == LINK_UP && clock_boot_ns() - l->up_ns >= LASTED_NS)
        l->pause_ms = PAUSE_LEAST_MS;
    pause = with_jitter(l->pause_ms);
    l->stage = LINK_WAITS;
    close_connection(l);
    l->pause_ms = l->pause_ms * 2 < PAUSE_MOST_MS ? l->pause_ms * 2 : PAUSE_MOST_MS;
    (void)event_add(l->retry, &pause);
    give_up_waiting(l);
    l->handlers.down(l->arg, why);
}

static bool has_place(const struct link *l)
{
    return l->place.path != NULL || l->place.host != NULL;
}

void link_try_at(struct link *l, const struct link_place *place)
{
    l->place = *place;
}

void link_move(struct link *l, const struct link_place *place)
{
    const struct timeval soon = with_jitter(PAUSE_LEAST_MS); /* servers that send us to each other keep us less busy */

    l->place = *place;
    l->stage = LINK_WAITS;
    l->pause_ms = PAUSE_LEAST_MS;
    close_connection(l);
    (void)event_del(l->retry);
    if (has_place(l))
        (void)event_add(l->retry, &soon);
    give_up_waiting(l);
}

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    link_fail(arg, "no reply in time");
}

/* The time runs while a reply is waited for, and begins anew with each. */
static void watch_time(struct link *l)
{
    static const struct timeval most = {.tv_sec = LINK_REPLY_S};

    if (l->n_waiting == 0)
        (void)event_del(l->overdue);
    else
        (void)event_add(l->overdue, &most);
}

/* ---- replies ---- */

static void took_reply(struct link *l, const struct reply *reply)
{
    struct waiting w;

    /* A subscriber's pushes come at any time, as arrays. */
    if (l->n_waiting == 0 || (l->handlers.message != NULL && reply->type == REPLY_ARRAY && l->stage == LINK_UP)) {
        if (l->n_waiting > 0 && l->waiting[l->first].reply == NULL) {
            l->first = (l->first + 1) % LINK_WAITING_MAX;
            l->n_waiting--;
        }
        if (l->handlers.message != NULL)
            l->handlers.message(l->arg, reply);
        else
            link_fail(l, "a reply that nobody asked for");
        return;
    }
    w = l->waiting[l->first];
    l->first = (l->first + 1) % LINK_WAITING_MAX;
    l->n_waiting--;
    if (w.reply != NULL)
        w.reply(w.arg, reply);
    else if (l->handlers.message != NULL)
        l->handlers.message(l->arg, reply);
}

static void on_bytes(struct bufferevent *bytes, void *arg)
{
    struct link *l = arg;
    struct evbuffer *in = bufferevent_get_input(bytes);
    const struct reply *reply = NULL;
    char part[16384];
    struct error e;
    int n;

    while (l->bytes == bytes && (n = evbuffer_remove(in, part, sizeof part)) > 0) {
        if (reply_feed(l->reader, part, (size_t)n, &e) != 0) {
            link_fail(l, e.text);
            return;
        }
        while (l->bytes == bytes) {
            if (reply_next(l->reader, &reply, &e) != 0) {
                link_fail(l, e.text);
                return;
            }
            if (reply == NULL)
                break;
            took_reply(l, reply);
        }
    }
    if (l->bytes == bytes)
        watch_time(l);
}

int link_send(struct link *l, const struct command *c, link_reply *reply, void *arg)
{
    char *bytes = NULL;
    long n;
    int sent;

    if (l->stage < LINK_SIGNS_IN || l->n_waiting == LINK_WAITING_MAX ||
        evbuffer_get_length(bufferevent_get_output(l->bytes)) > OUTPUT_MAX || (n = command_format(c, &bytes)) < 0)
        return -1;
    sent = bufferevent_write(l->bytes, bytes, (size_t)n);
    command_free(bytes);
    if (sent != 0)
        return -1;
    l->waiting[(l->first + l->n_waiting++) % LINK_WAITING_MAX] = (struct waiting){reply, arg};
    if (l->n_waiting == 1)
        watch_time(l);
    return 0;
}

/* ---- beginning ---- */

static void link_came_up(struct link *l)
{
    l->stage = LINK_UP;
    l->up_ns = clock_boot_ns();
    l->handlers.up(l->arg);
}

/* "master" or "slave", and more. */
static void on_role(void *arg, const struct reply *reply)
{
    struct link *l = arg;

    if (reply == NULL)
        return;
    if (reply->type == REPLY_ERROR)
        link_fail(l, "Redis refuses ROLE (has its user that right?)");
    else if (reply_array(reply, 1) == NULL || !reply_is(reply->elements[0], "master"))
        link_fail(l, "it is no master");
    else
        link_came_up(l);
}

static void say_first(struct link *l, struct command *c, link_reply *reply)
{
    if (link_send(l, c, reply, l) != 0)
        link_fail(l, "no memory");
}

static void ask_role(struct link *l)
{
    struct command *c;

    if (!l->place.must_be_master) {
        link_came_up(l);
        return;
    }
    if ((c = malloc(sizeof *c)) == NULL) {
        link_fail(l, "no memory");
        return;
    }
    command_begin(c);
    command_add_static(c, "ROLE");
    say_first(l, c, on_role);
    free(c);
}

static void on_signed_in(void *arg, const struct reply *reply)
{
    struct link *l = arg;

    if (reply == NULL)
        return;
    if (reply_is(reply, "OK"))
        ask_role(l);
    else if (reply_is_error(reply, "WRONGPASS"))
        link_fail(l, "Redis refuses the user or the password (WRONGPASS)");
    else
        link_fail(l, "Redis refuses to sign us in (AUTH)");
}

static void sign_in(struct link *l)
{
    struct command *c;

    l->stage = LINK_SIGNS_IN;
    if (l->place.password == NULL) {
        ask_role(l);
        return;
    }
    if ((c = malloc(sizeof *c)) == NULL) {
        link_fail(l, "no memory");
        return;
    }
    command_begin(c);
    command_add_static(c, "AUTH");
    if (l->place.user != NULL)
        command_add_static(c, l->place.user);
    command_add_static(c, l->place.password);
    say_first(l, c, on_signed_in);
    free(c);
}

/* What OpenSSL or the name server found, else errno's. */
static const char *why_not(struct bufferevent *bytes)
{
    unsigned long tls = bufferevent_get_openssl_error(bytes);
    SSL *ssl = bufferevent_openssl_get_ssl(bytes);
    long verified = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
    int names = bufferevent_socket_get_dns_error(bytes);

    if (verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    if (tls != 0 && ERR_reason_error_string(tls) != NULL)
        return ERR_reason_error_string(tls);
    if (names != 0)
        return evutil_gai_strerror(names);
    return errno != 0 ? evutil_socket_error_to_string(errno) : "connection ended";
}

static void on_event(struct bufferevent *bytes, short what, void *arg)
{
    struct link *l = arg;

    if (bytes != l->bytes)
        return;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        bufferevent_set_timeouts(bytes, NULL, NULL);
        sign_in(l);
    } else if ((what & BEV_EVENT_TIMEOUT) != 0) {
        link_fail(l, "no connection in time");
    } else if ((what & BEV_EVENT_EOF) != 0) {
        link_fail(l, "Redis ended the connection");
    } else {
        link_fail(l, why_not(bytes));
    }
}

/* The certificate must be for the host that is configured, whatever the name server says. */
static SSL *tls_for(const struct link_place *place)
{
    SSL *ssl = SSL_new(place->tls);
    unsigned char address[16];
    bool numeric = inet_pton(AF_INET, place->host, address) == 1 || inet_pton(AF_INET6, place->host, address) == 1;
    X509_VERIFY_PARAM *wanted = ssl != NULL ? SSL_get0_param(ssl) : NULL;

    if (ssl == NULL)
        return NULL;
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if ((numeric && X509_VERIFY_PARAM_set1_ip_asc(wanted, place->host) == 1) ||
        (!numeric && X509_VERIFY_PARAM_set1_host(wanted, place->host, 0) == 1 &&
         SSL_set_tlsext_host_name(ssl, place->host) == 1))
        return ssl;
    SSL_free(ssl);
    return NULL;
}

static int make_bytes(struct link *l)
{
    SSL *ssl = NULL;

    if (l->place.tls == NULL) {
        l->bytes = bufferevent_socket_new(l->base, -1, BEV_OPT_CLOSE_ON_FREE);
    } else {
        if ((ssl = tls_for(&l->place)) == NULL)
            return -1;
        l->bytes = bufferevent_openssl_socket_new(l->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
        if (l->bytes == NULL)
            SSL_free(ssl);
        else
            bufferevent_openssl_set_allow_dirty_shutdown(l->bytes, 1);
    }
    return l->bytes != NULL ? 0 : -1;
}

static int connect_to(struct link *l)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n;

    if (l->place.path == NULL) {
        if ((l->names =
                 evdns_base_new(l->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE)) == NULL)
            l->names = evdns_base_new(l->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE); /* no resolv.conf: addresses only */
        return l->names == NULL
                   ? -1
                   : bufferevent_socket_connect_hostname(l->bytes, l->names, AF_UNSPEC, l->place.host, l->place.port);
    }
    n = strlen(l->place.path);
    if (n >= sizeof at.sun_path)
        return -1;
    memcpy(at.sun_path, l->place.path, n + 1);
    return bufferevent_socket_connect(l->bytes, (struct sockaddr *)&at,
                                      (int)(offsetof(struct sockaddr_un, sun_path) + n + 1));
}

static void begin(struct link *l)
{
    static const struct timeval most = {.tv_sec = CONNECT_S};
    struct bufferevent *bytes;

    l->stage = LINK_CONNECTS;
    l->first = l->n_waiting = 0;
    if ((l->reader = reply_reader_new()) == NULL || make_bytes(l) != 0) {
        link_fail(l, "no memory");
        return;
    }
    bytes = l->bytes;
    bufferevent_setcb(bytes, on_bytes, NULL, on_event, l);
    bufferevent_set_timeouts(bytes, &most, &most);
    (void)bufferevent_enable(bytes, EV_READ | EV_WRITE);
    errno = 0;
    if (connect_to(l) != 0 && l->bytes == bytes && l->stage == LINK_CONNECTS)
        link_fail(l, errno != 0 ? evutil_socket_error_to_string(errno) : "cannot connect");
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    begin(arg);
}

struct link *link_new(struct event_base *base, const struct link_place *place, const struct link_handlers *handlers,
                      void *arg)
{
    static const struct timeval now = {.tv_sec = 0};
    struct link *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    *l = (struct link){.base = base, .place = *place, .handlers = *handlers, .arg = arg, .pause_ms = PAUSE_LEAST_MS};
    l->retry = evtimer_new(base, on_retry, l);
    l->overdue = evtimer_new(base, on_overdue, l);
    if (l->retry == NULL || l->overdue == NULL || (has_place(l) && event_add(l->retry, &now) != 0)) {
        link_free(l);
        return NULL;
    }
    return l;
}

void link_free(struct link *l)
{
    if (l == NULL)
        return;
    if (l->overdue != NULL)
        close_connection(l);
    if (l->retry != NULL)
        event_free(l->retry);
    if (l->overdue != NULL)
        event_free(l->overdue);
    free(l);
}

bool link_is_up(const struct link *l)
{
    return l->stage == LINK_UP;
}

const char *link_host(const struct link *l)
{
    return l->place.host != NULL ? l->place.host : "";
}

bool link_is_at(const struct link *l, const char *host, uint16_t port)
{
    return l->place.host != NULL && strcmp(l->place.host, host) == 0 && l->place.port == port;
}
