/* links: web */
/*
 * evhttp behind its guard, on a UNIX socket: what each kind of request gets, in which order, and when a connection
 * ends. Client and server run in one thread, so that each step is what it is on every machine.
 */
#include "web/server.h"

#include "core/serve/address.h"
#include "tests/unit/waiting.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST "Host: localhost\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"
#define LARGE ((size_t)4 << 20)

static const char *const names[] = {"localhost"};
static char logged[1024];

void log_say(struct log *log, enum log_level level, const char *format, ...)
{
    va_list args;

    (void)log;
    (void)level;
    va_start(args, format);
    (void)vsnprintf(logged, sizeof logged, format, args);
    va_end(args);
}

struct place {
    char folder[64], path[80], address[90];
    struct listener_config listen;
    struct event_base *base;
    struct server *server;
    struct evhttp_request *held; /* by the target /later */
    unsigned served;
    char seen[256]; /* by the function that serves: "POST /a 5 hello" */
    /* of the client */
    char got[65536];
    size_t n;
    bool ended;
};

static void serve(void *arg, struct evhttp_request *request)
{
    struct place *p = arg;
    struct evbuffer *in = evhttp_request_get_input_buffer(request), *body = evbuffer_new();
    const char *target = evhttp_request_get_uri(request);
    size_t n = evbuffer_get_length(in);

    p->served++;
    (void)snprintf(p->seen, sizeof p->seen, "%s %s %zu %.*s",
                   evhttp_request_get_command(request) == EVHTTP_REQ_POST   ? "POST"
                   : evhttp_request_get_command(request) == EVHTTP_REQ_HEAD ? "HEAD"
                                                                            : "GET",
                   target, n, (int)(n < 64 ? n : 64), n > 0 ? (const char *)evbuffer_pullup(in, -1) : "");
    if (strcmp(target, "/later") == 0) {
        p->held = request;
    } else if (strcmp(target, "/large") == 0) {
        char *large = calloc(1, LARGE);

        assert_int_equal(evbuffer_add(body, large, LARGE), 0);
        free(large);
        server_reply(request, 200, "OK", "text/plain", body);
    } else {
        (void)evbuffer_add_printf(body, "<%s>", target);
        server_reply(request, strcmp(target, "/none") == 0 ? 404 : 200, "So", "text/plain", body);
    }
    evbuffer_free(body);
}

/* ---- the client ---- */

static int connected(const struct place *p)
{
    struct socket_address address;
    struct error e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(socket_address_of(&p->listen, &address, &e), 0);
    assert_int_equal(connect(fd, socket_address_at(&address), address.n), 0);
    return fd;
}

static void turn(struct place *p)
{
    assert_true(event_base_loop(p->base, EVLOOP_NONBLOCK) >= 0);
}

static void read_what_is_there(struct place *p, int fd)
{
    ssize_t n = recv(fd, p->got + p->n, sizeof p->got - 1 - p->n, 0);

    if (n > 0)
        p->n += (size_t)n;
    p->ended |= n == 0 || (n < 0 && errno != EAGAIN);
    p->got[p->n] = '\0';
}

/* Until that many replies have begun, or the connection has ended; 0: until it has ended. Valid until the next. */
static const char *replies(struct place *p, int fd, unsigned wanted)
{
    uint64_t since_ns = clock_boot_ns();
    unsigned n = 0;

    p->n = 0;
    p->ended = false;
    while (!p->ended && (wanted == 0 || n < wanted)) {
        turn(p);
        read_what_is_there(p, fd);
        n = 0;
        for (const char *at = p->got; (at = strstr(at, "\r\n\r\n")) != NULL; at += 4)
            n++;
        if (!wait_more(since_ns))
            fail_msg("waited in vain; got \"%s\"", p->got);
    }
    return p->got;
}

static void say(struct place *p, int fd, struct slice bytes)
{
    assert_int_equal(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), bytes.n);
    turn(p);
}

/* On a connection of its own, which has ended then. */
static const char *asked(struct place *p, struct slice bytes)
{
    int fd = connected(p);
    const char *got;

    say(p, fd, bytes);
    got = replies(p, fd, 0);
    (void)close(fd);
    return got;
}

static void begins(const char *got, const char *wanted)
{
    if (strncmp(got, wanted, strlen(wanted)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", got, wanted);
}

static void says(const char *got, const char *wanted)
{
    if (strstr(got, wanted) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", got, wanted);
}

static bool connections_are(struct place *p, unsigned wanted)
{
    turn(p);
    return server_connections(p->server) == wanted;
}

/* ---- tests ---- */

static void a_request_is_served_once_with_the_fields_of_all_replies(void **state)
{
    struct place *p = *state;
    int fd = connected(p);
    const char *got;

    say(p, fd, SLICE(GET("/a")));
    got = replies(p, fd, 1);
    begins(got, "HTTP/1.1 200 So\r\n");
    says(got, "\r\nContent-Type: text/plain\r\n");
    says(got, "\r\nX-Content-Type-Options: nosniff\r\n");
    says(got, "\r\nCache-Control: no-store\r\n");
    says(got, "\r\nContent-Security-Policy: default-src 'none'");
    says(got, "\r\nContent-Length: 4\r\n");
    says(got, "\r\n\r\n</a>");
    assert_int_equal(p->served, 1);
    say(p, fd, SLICE("HEAD /b HTTP/1.1\r\n" HOST "\r\n"));
    got = replies(p, fd, 1);
    says(got, "\r\nContent-Length: 4\r\n");
    assert_null(strchr(got, '<'));
    assert_string_equal(p->seen, "HEAD /b 0 ");
    (void)close(fd);
}

static void what_the_guard_refuses_is_replied_to_and_never_served(void **state)
{
    static const struct {
        struct slice bytes;
        const char *status;
    } rows[] = {
        {SLICE("POST / HTTP/1.1\r\n" HOST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/x")),
         "400"},
        {SLICE("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "400"},
        {SLICE("POST / HTTP/1.1\r\n" HOST "Content-Length: 1x\r\n\r\nab"), "400"},
        {SLICE("POST / HTTP/1.1\r\n" HOST "\r\n"), "411"},
        {SLICE("POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n"), "413"},
        {SLICE("GET / HTTP/1.1\r\n" HOST "X-User: admin\0x\r\n\r\n"), "400"},
        {SLICE("GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n"), "400"},
        {SLICE("GET / HTTP/1.1\r\nHost : localhost\r\n\r\n"), "400"},
        {SLICE("GET / HTTP/1.1\r\n\r\n"), "400"},
        {SLICE("GET / HTTP/1.1\r\nHost: fabrikam.example\r\n\r\n"), "421"},
        {SLICE("GET / HTTP/1.1\nHost: localhost\n\n\r\n\r\n"), "400"},
        {SLICE("TRACE / HTTP/1.1\r\n" HOST "\r\n"), "501"},
        {SLICE("PUT /0 HTTP/1.1\r\n" HOST "\r\n"), "501"},
        {SLICE("GET / HTTP/3.0\r\n" HOST "\r\n"), "505"},
        {SLICE("\x16\x03\x01\x02"), "400"},
        {SLICE("\r\n" GET("/")), "400"},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char wanted[40];
        const char *got = asked(p, rows[i].bytes);

        (void)snprintf(wanted, sizeof wanted, "HTTP/1.1 %s ", rows[i].status);
        begins(got, wanted);
        says(got, "\r\nConnection: close\r\n");
        assert_null(strstr(strstr(got, "\r\n\r\n"), "Content-Type"));
    }
    assert_int_equal(p->served, 0);
}

static void a_head_without_end_is_refused_by_what_is_too_long(void **state)
{
    static char text[HEAD_MAX + 1];
    struct place *p = *state;

    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    begins(asked(p, (struct slice){text, sizeof text}), "HTTP/1.1 414 ");
    memcpy(text, "GET / HTTP/1.1\r\n", 16);
    begins(asked(p, (struct slice){text, sizeof text}), "HTTP/1.1 431 ");
    assert_int_equal(p->served, 0);
}

static void requests_that_come_together_are_replied_to_in_order(void **state)
{
    struct place *p = *state;
    const char *got = asked(p, SLICE(GET("/a") "POST /b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                                               "GET /c HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n" GET("/d")));

    begins(got, "HTTP/1.1 200 ");
    says(got, "\r\n\r\n</a>HTTP/1.1 200 ");
    says(got, "\r\n\r\n</b>HTTP/1.1 400 ");
    assert_int_equal(p->served, 2);
    assert_string_equal(p->seen, "POST /b 5 hello");
}

static void a_request_may_come_byte_by_byte(void **state)
{
    static const struct slice all = SLICE("POST /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    struct place *p = *state;
    int fd = connected(p);

    for (size_t i = 0; i < all.n; i++) {
        assert_int_equal(p->served, 0);
        say(p, fd, (struct slice){all.p + i, 1});
    }
    begins(replies(p, fd, 1), "HTTP/1.1 200 ");
    assert_string_equal(p->seen, "POST /a 5 hello");
    (void)close(fd);
}

static void the_connection_ends_where_the_client_or_a_status_from_400_says_so(void **state)
{
    struct place *p = *state;

    begins(asked(p, SLICE("GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET("/b"))), "HTTP/1.1 200 ");
    begins(asked(p, SLICE("GET /a HTTP/1.0\r\n" HOST "\r\n" GET("/b"))), "HTTP/1.1 200 ");
    assert_int_equal(p->served, 2);
    begins(asked(p, SLICE(GET("/none"))), "HTTP/1.1 404 ");
}

static void who_waits_for_100_is_told_to_continue(void **state)
{
    struct place *p = *state;
    int fd = connected(p);

    say(p, fd, SLICE("POST /a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    begins(replies(p, fd, 1), "HTTP/1.1 100 Continue\r\n\r\n");
    say(p, fd, SLICE("hi"));
    begins(replies(p, fd, 1), "HTTP/1.1 200 ");
    assert_string_equal(p->seen, "POST /a 2 hi");
    (void)close(fd);
}

static void a_refusal_arrives_though_more_is_sent(void **state)
{
    static const char more[150000];
    struct place *p = *state;
    int fd = connected(p);

    say(p, fd, SLICE("POST / HTTP/1.1\r\n" HOST "Content-Length: 150000\r\n\r\n"));
    for (size_t sent = 0; sent < sizeof more;) {
        ssize_t n = send(fd, more + sent, sizeof more - sent, MSG_NOSIGNAL);

        if (n <= 0 && errno != EAGAIN)
            break; /* closed meanwhile: the reply is there */
        sent += n > 0 ? (size_t)n : 0;
        turn(p);
    }
    begins(replies(p, fd, 0), "HTTP/1.1 413 ");
    says(p->got, "65536 bytes\n");
    (void)close(fd);
}

static void what_is_slow_or_silent_is_closed(void **state)
{
    static const struct slice parts[] = {SLICE(""), SLICE("GET / HT"), SLICE("GET / HTTP/1.1\r\n" HOST),
                                         SLICE("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell")};
    struct place *p = *state;
    int fd;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_string_equal(asked(p, parts[i]), "");
    assert_int_equal(p->served, 0);
    fd = connected(p);
    say(p, fd, SLICE(GET("/a")));
    begins(replies(p, fd, 1), "HTTP/1.1 200 ");
    assert_string_equal(replies(p, fd, 0), ""); /* silent after its reply */
    (void)close(fd);
    wait_until(connections_are(p, 0));
}

/* A byte now and then does not prolong the time of a request. */
static void a_request_that_trickles_is_closed(void **state)
{
    struct place *p = *state;
    uint64_t since_ns = clock_boot_ns();
    int fd = connected(p);

    say(p, fd, SLICE("GET /"));
    for (p->n = 0, p->ended = false; !p->ended; read_what_is_there(p, fd)) {
        (void)send(fd, "a", 1, MSG_NOSIGNAL);
        turn(p);
        assert_true(wait_more(since_ns));
    }
    assert_int_equal(p->n, 0);
    (void)close(fd);
}

static void a_reply_that_nobody_takes_is_given_up(void **state)
{
    struct place *p = *state;
    int fd = connected(p);

    say(p, fd, SLICE(GET("/large")));
    wait_until(p->served == 1 && connections_are(p, 0));
    (void)close(fd);
}

/* Another connection that was opened later ends by then, so that there was time. */
static void a_reply_may_take_longer_than_a_request(void **state)
{
    struct place *p = *state;
    struct evbuffer *body = evbuffer_new();
    int fd = connected(p);

    say(p, fd, SLICE(GET("/later")));
    wait_until((turn(p), p->held != NULL));
    (void)asked(p, SLICE(""));
    (void)asked(p, SLICE(""));
    (void)evbuffer_add_printf(body, "at last");
    server_reply(p->held, 200, "OK", "text/plain", body);
    says(replies(p, fd, 1), "\r\n\r\nat last");
    evbuffer_free(body);
    (void)close(fd);
}

/* The same again and again, until the socket takes no more, however often it is read. */
static size_t say_all_it_takes(struct place *p, int fd, struct slice bytes)
{
    size_t taken = 0;

    for (unsigned refused = 0; refused < 50 && taken < LARGE;) {
        size_t from = taken % bytes.n;
        ssize_t n = send(fd, bytes.p + from, bytes.n - from, MSG_NOSIGNAL);

        assert_true(n > 0 || errno == EAGAIN);
        turn(p);
        refused = n < 0 ? refused + 1 : 0;
        taken += n > 0 ? (size_t)n : 0;
    }
    return taken;
}

static void what_is_sent_behind_a_request_is_not_read_without_bound(void **state)
{
    struct place *p = *state;
    int fd = connected(p), own, send_most = 65536;
    socklen_t own_n = sizeof own;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_most, sizeof send_most), 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &own, &own_n), 0);
    say(p, fd, SLICE(GET("/later")));
    wait_until((turn(p), p->held != NULL));
    assert_true(server_stream(p->held, "text/plain"));
    assert_in_range(say_all_it_takes(p, fd, SLICE(GET("/a"))), 1, (size_t)own + 65536);
    assert_int_equal(p->served, 1);
    evhttp_send_reply_end(p->held);
    begins(replies(p, fd, 20), "HTTP/1.1 200 ");
    assert_true(p->served >= 20);
    (void)close(fd);
}

static void who_leaves_before_the_reply_harms_nobody(void **state)
{
    struct place *p = *state;
    struct evbuffer *body = evbuffer_new();
    int fd = connected(p);

    say(p, fd, SLICE(GET("/later")));
    wait_until((turn(p), p->held != NULL));
    (void)close(fd);
    turn(p);
    (void)evbuffer_add_printf(body, "too late");
    server_reply(p->held, 200, "OK", "text/plain", body);
    evbuffer_free(body);
    wait_until(connections_are(p, 0));
    begins(asked(p, SLICE("GET /a HTTP/1.0\r\n" HOST "\r\n")), "HTTP/1.1 200 ");
}

static void who_leaves_behind_a_refusal_keeps_no_place(void **state)
{
    struct place *p = *state;
    uint64_t since_ns = clock_boot_ns();
    bool first = false;

    /* Who stays has a second, for which a busy machine may be away: then it is tried again. */
    while (!first) {
        int stays = connected(p), leaves = connected(p);

        say(p, stays, SLICE(GET("/none")));
        begins(replies(p, stays, 0), "HTTP/1.1 404 ");
        say(p, leaves, SLICE(GET("/none")));
        begins(replies(p, leaves, 0), "HTTP/1.1 404 ");
        (void)close(leaves);
        wait_until((turn(p), server_connections(p->server) < 2));
        first = send(stays, "x", 1, MSG_NOSIGNAL) == 1;
        (void)close(stays);
        wait_until(connections_are(p, 0));
        assert_true(wait_more(since_ns));
    }
}

static void more_connections_than_may_be_wait(void **state)
{
    struct place *p = *state;
    uint64_t since_ns = clock_boot_ns();
    int idle[3], fd;

    for (size_t i = 0; i < 3; i++)
        idle[i] = connected(p);
    wait_until(connections_are(p, 3));
    fd = connected(p);
    say(p, fd, SLICE(GET("/a")));
    for (p->n = 0; p->n == 0; read_what_is_there(p, fd)) {
        turn(p);
        assert_true(server_connections(p->server) <= 3);
        assert_true(wait_more(since_ns));
    }
    begins(p->got, "HTTP/1.1 200 ");
    assert_string_not_equal(logged, "");
    (void)close(fd);
    for (size_t i = 0; i < 3; i++)
        (void)close(idle[i]);
}

/* ---- each on a socket of its own ---- */

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct error e;

    assert_non_null(p);
    logged[0] = '\0';
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-web-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->path, sizeof p->path, "%s/s", p->folder);
    (void)snprintf(p->address, sizeof p->address, "unix:%s", p->path);
    p->listen = (struct listener_config){.address = p->address, .path = p->path, .fd = -1, .socket_mode = 0600};
    assert_non_null(p->base = loop_new());
    if (server_open(&(struct server_config){.listen = &p->listen,
                                            .n_listen = 1,
                                            .site = {.names = names, .n = 1},
                                            .max_connections = 3,
                                            .request_s = 1,
                                            .serve = serve,
                                            .arg = p},
                    p->base, &p->server, &e) != 0)
        fail_msg("%s", e.text);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    server_close(p->server);
    event_base_free(p->base);
    assert_int_equal(rmdir(p->folder), 0); /* the socket is gone */
    free(p);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_served_once_with_the_fields_of_all_replies),
        TEST(what_the_guard_refuses_is_replied_to_and_never_served),
        TEST(a_head_without_end_is_refused_by_what_is_too_long),
        TEST(requests_that_come_together_are_replied_to_in_order),
        TEST(a_request_may_come_byte_by_byte),
        TEST(the_connection_ends_where_the_client_or_a_status_from_400_says_so),
        TEST(who_waits_for_100_is_told_to_continue),
        TEST(a_refusal_arrives_though_more_is_sent),
        TEST(what_is_slow_or_silent_is_closed),
        TEST(a_request_that_trickles_is_closed),
        TEST(a_reply_that_nobody_takes_is_given_up),
        TEST(a_reply_may_take_longer_than_a_request),
        TEST(what_is_sent_behind_a_request_is_not_read_without_bound),
        TEST(who_leaves_before_the_reply_harms_nobody),
        TEST(who_leaves_behind_a_refusal_keeps_no_place),
        TEST(more_connections_than_may_be_wait),
    };

    (void)signal(SIGPIPE, SIG_IGN); /* as program_prepare_service does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
