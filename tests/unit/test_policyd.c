/* links: policyd */
/*
 * The policy server's connections, over real sockets. The engine is a made-up one: what is answered is said by the
 * login of the request, so that only the server is under test.
 */
#include "core/engine/engine.h"
#include "core/serve/listener.h"
#include "policyd/connection.h"
#include "policyd/messages.h"
#include "policyd/reply.h"
#include "policyd/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/waiting.h"

/* ---- the made-up engine ---- */

struct engine {
    struct config config;
    atomic_uint sessions;
};

struct engine_session {
    unsigned number;
    struct verdict verdict;
    char text[REPLY_MAX + 1];
};

static struct engine engine;

#include "tests/unit/log_seam.h"
struct engine_session *engine_session_new(struct engine *e)
{
    struct engine_session *session = calloc(1, sizeof *session);

    if (session != NULL)
        session->number = atomic_fetch_add(&e->sessions, 1);
    return session;
}

void engine_session_free(struct engine_session *session)
{
    free(session);
}

void engine_session_rest(struct engine_session *session)
{
    (void)session;
}

static atomic_uint headers_due;

void engine_header_due(struct engine_session *session, const struct submission *s)
{
    (void)session;
    (void)s;
    headers_due++;
}

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X400 X50 X50 X50 X50 X50 X50 X50 X50

static void refuse_with(struct engine_session *session, enum action action, const char *format, unsigned number)
{
    struct buf b = BUF_OVER(session->text);

    buf_add(&b, slice_of(format));
    buf_addf(&b, " %u", number);
    session->verdict.action = action;
    session->verdict.reply = buf_slice(&b);
}

const struct verdict *engine_decide(struct engine_session *session, const struct submission *s, struct recipients *r)
{
    session->verdict = (struct verdict){.action = ACTION_PASS};
    if (slice_eq(s->login_text, SLICE("reject")))
        refuse_with(session, ACTION_REJECT, "550 5.7.1 Rejected", 1);
    else if (slice_eq(s->login_text, SLICE("defer")))
        refuse_with(session, ACTION_DEFER, "451 4.7.1 Deferred", 1);
    else if (slice_eq(s->login_text, SLICE("hold")))
        refuse_with(session, ACTION_HOLD, "held", 1);
    else if (slice_eq(s->login_text, SLICE("broken")))
        return NULL;
    else if (slice_eq(s->login_text, SLICE("slow")))
        pause_ms(300);
    else if (slice_eq(s->login_text, SLICE("worker")))
        refuse_with(session, ACTION_REJECT, "550 5.7.1 Worker", session->number);
    else if (slice_eq(s->login_text, SLICE("size")))
        refuse_with(session, ACTION_REJECT, "550 5.7.1 Size", (unsigned)s->size);
    else if (slice_eq(s->login_text, SLICE("long")))
        refuse_with(session, ACTION_REJECT, "550 5.7.1 " X400, (unsigned)s->size);
    else if (slice_eq(s->login_text, SLICE("tls")))
        refuse_with(session, ACTION_REJECT, "550 5.7.1 TLS", s->listener_tls != NULL && s->listener_tls->required);
    else if (slice_eq(s->login_text, SLICE("front")))
        refuse_with(session, ACTION_REJECT,
                    slice_eq(s->mechanism, SLICE("XOAUTH2")) ? "550 5.7.1 XOAUTH2" : "550 5.7.1 Another",
                    (unsigned)s->tls);
    else if (slice_eq(s->login_text, SLICE("count")) && s->stage == STAGE_RCPT)
        r->n++;
    else if (slice_eq(s->login_text, SLICE("count")))
        refuse_with(session, ACTION_REJECT, "550 5.7.1 Recipients", r->n);
    return &session->verdict;
}

/* ---- memory that runs out: not where a sanitizer has its own allocator ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

static atomic_int memory_left = -1; /* allocations that succeed before one fails; below 0: all do */

#if OWN_ALLOCATOR
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);

static bool memory_ends(void)
{
    return atomic_load(&memory_left) >= 0 && atomic_fetch_sub(&memory_left, 1) == 0;
}

void *malloc(size_t n)
{
    return memory_ends() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return memory_ends() ? NULL : __libc_calloc(n, size);
}
#endif

/* ---- a server for a test ---- */

struct fixture {
    char folder[64], path[96];
    struct listener_config listen[2];
    struct server *server;
};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    f = (struct fixture){.folder = "/tmp/postern-policyd-XXXXXX"};
    if (mkdtemp(f.folder) == NULL)
        return -1;
    snprintf(f.path, sizeof f.path, "%s/policy", f.folder);
    f.listen[0] = (struct listener_config){.address = f.path, .path = f.path, .socket_mode = 0600, .fd = -1};
    atomic_store(&engine.sessions, 0);
    engine.config = (struct config){.policyd = {.listen = f.listen,
                                                .n_listen = 1,
                                                .workers = 1,
                                                .max_connections = 1000,
                                                .idle_timeout_s = 1100,
                                                .request_timeout_s = 1000}};
    seam_lines = 0;
    seam_logged[0] = '\0';
    return 0;
}

static void start(void)
{
    struct error e;

    if (server_start(&engine, &f.server, &e) != 0)
        fail_msg("%s", e.text);
}

static void stop(void)
{
    if (f.server != NULL)
        server_stop(f.server);
    f.server = NULL;
}

static int tear_down(void **state)
{
    (void)state;
    stop();
    unlink(f.path);
    rmdir(f.folder);
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void tell(int fd, struct slice s)
{
    assert_int_equal(send(fd, s.p, s.n, MSG_NOSIGNAL), s.n);
}

/* Has the peer read all that it was told? */
static bool all_read(int fd)
{
    int unread = -1;

    assert_int_equal(ioctl(fd, SIOCOUTQ, &unread), 0);
    return unread == 0;
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

/* The next answer, without its line ends; "" for the end of the connection. */
static const char *hear(int fd)
{
    static char text[1024];
    size_t n = 0;

    while (n < 2 || memcmp(text + n - 2, "\n\n", 2) != 0) {
        const char *end;
        ssize_t got;

        if (n + 1 >= sizeof text || !readable(fd, WAIT_MS))
            return "nothing came, or no end";
        got = recv(fd, text + n, sizeof text - 1 - n, MSG_PEEK); /* what follows is the next one's */
        if (got <= 0) {
            text[n] = '\0';
            return n == 0 ? "" : text;
        }
        end = memmem(text, n + (size_t)got, "\n\n", 2);
        got = recv(fd, text + n, end != NULL ? (size_t)(end + 2 - text) - n : (size_t)got, 0);
        assert_true(got > 0);
        n += (size_t)got;
    }
    text[n - 2] = '\0';
    return text;
}

static void say(int fd, struct slice request, const char *answer)
{
    tell(fd, request);
    assert_string_equal(hear(fd), answer);
}

#define REQUEST(more) SLICE("request=smtpd_access_policy\nprotocol_state=RCPT\n" more "\n")
#define OF(login) REQUEST("sasl_username=" login "\n")
#define STATE(state, more) SLICE("request=smtpd_access_policy\nprotocol_state=" state "\n" more "\n")
#define BAD_REQUEST "action=451 4.3.0 Policy request not understood, try again later"

/* ---- answers ---- */

static void each_request_is_answered_once_and_the_connection_stays_open(void **state)
{
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    for (int i = 0; i < 100; i++) {
        tell(fd, REQUEST("sender=sean@contoso.example\n"));
        assert_string_equal(hear(fd), "action=DUNNO");
    }
    assert_false(readable(fd, 50));
    assert_int_equal(server_connections(f.server), 1);
    close(fd);
}

struct verdict_row {
    struct slice request;
    const char *answer;
};

static void each_verdict_has_its_answer(void **state)
{
    const struct verdict_row rows[] = {
        {OF("sean"), "action=DUNNO"},
        {OF("reject"), "action=550 5.7.1 Rejected 1"},
        {OF("defer"), "action=451 4.7.1 Deferred 1"},
        {OF("hold"), "action=HOLD held 1"},
        {OF("broken"), "action=451 4.3.0 Temporary local problem, try again later"},
    };
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tell(fd, rows[i].request);
        assert_string_equal(hear(fd), rows[i].answer);
    }
    close(fd);
}

static void nothing_is_answered_before_the_empty_line(void **state)
{
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    tell(fd, SLICE("nonsense\nrequest=smtpd_access_policy\nsender=a\nsender=b\n"));
    assert_false(readable(fd, 100));
    tell(fd, SLICE("\n"));
    assert_string_equal(hear(fd), BAD_REQUEST);
    assert_string_equal(hear(fd), "");
    close(fd);
}

static void a_request_that_comes_in_drops_is_answered_once(void **state)
{
    struct slice request = OF("reject");
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < request.n; i++) {
            assert_false(readable(fd, 0));
            tell(fd, (struct slice){request.p + i, 1});
            if (i % 8 == 0)
                wait_until(all_read(fd));
        }
        assert_string_equal(hear(fd), "action=550 5.7.1 Rejected 1");
    }
    assert_false(readable(fd, 20));
    close(fd);
}

static void requests_in_one_packet_are_answered_in_order_and_the_rest_waits(void **state)
{
    static const char packet[] = "request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_username=reject\n\n"
                                 "request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_username=sean\n\n"
                                 "request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_user";
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    tell(fd, SLICE(packet));
    assert_string_equal(hear(fd), "action=550 5.7.1 Rejected 1");
    assert_string_equal(hear(fd), "action=DUNNO");
    tell(fd, SLICE("name=defer\n\n"));
    assert_string_equal(hear(fd), "action=451 4.7.1 Deferred 1");
    close(fd);
}

/* Many requests with long answers: more than the sockets hold in either direction. */
static struct slice many_requests(unsigned *asked)
{
    static char packet[400 * 1024];
    struct buf b = BUF_OVER(packet);

    *asked = 0;
    while (b.n + 200 < sizeof packet)
        buf_addf(&b, "request=smtpd_access_policy\nprotocol_state=RCPT\nsize=%u\nsasl_username=long\n\n", (*asked)++);
    return buf_slice(&b);
}

/* Sends until nothing more goes in; returns how much went. */
static size_t send_until_full(int fd, struct slice s)
{
    size_t sent = 0;

    for (int pauses = 0; sent < s.n && pauses < 20;) {
        ssize_t n = send(fd, s.p + sent, s.n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            sent += (size_t)n;
            pauses = 0;
        } else {
            pause_ms(5);
            pauses++;
        }
    }
    return sent;
}

static void a_peer_that_does_not_read_gets_all_answers_when_it_does(void **state)
{
    unsigned asked;
    struct slice rest = many_requests(&asked);
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    for (unsigned answered = 0; answered < asked; answered++) {
        char expected[512];

        if (rest.n > 0 && answered % 500 == 0) {
            size_t sent = send_until_full(fd, rest);

            assert_true(answered > 0 || sent < rest.n); /* it holds back: what we don't take is not piled up */
            rest.p += sent;
            rest.n -= sent;
        }
        snprintf(expected, sizeof expected, "action=550 5.7.1 " X400 " %u", answered);
        assert_string_equal(hear(fd), expected);
    }
    assert_int_equal(rest.n, 0);
    assert_false(readable(fd, 20));
    tell(fd, OF("sean"));
    assert_string_equal(hear(fd), "action=DUNNO");
    close(fd);
}

static void assert_connections_become(unsigned n)
{
    wait_until(server_connections(f.server) == n);
}

static void a_peer_that_leaves_with_answers_waiting_is_closed(void **state)
{
    unsigned asked;
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    (void)send_until_full(fd, many_requests(&asked));
    assert_connections_become(1);
    close(fd);
    assert_connections_become(0);
}

static void a_peer_that_never_reads_is_closed_when_its_time_is_over(void **state)
{
    unsigned asked;
    int fd;

    (void)state;
    engine.config.policyd.request_timeout_s = 1;
    start();
    fd = connect_to(f.path);
    (void)send_until_full(fd, many_requests(&asked));
    assert_connections_become(0);
    close(fd);
}

static void a_bad_request_behind_answers_that_wait_is_answered_too(void **state)
{
    unsigned asked, answered = 0;
    struct slice rest = many_requests(&asked);
    const char *heard;
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    rest.p += send_until_full(fd, rest); /* somewhere within a request, most likely: what follows makes it a bad one */
    while (send(fd, "\n\nx\n\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT) != 6 && answered++ < 4000)
        (void)hear(fd);
    do
        heard = hear(fd);
    while (strncmp(heard, "action=550", 10) == 0);
    assert_string_equal(heard, BAD_REQUEST);
    assert_string_equal(hear(fd), "");
    close(fd);
}

static void a_peer_that_leaves_in_the_middle_disturbs_nobody(void **state)
{
    int stays;

    (void)state;
    start();
    stays = connect_to(f.path);
    for (int i = 0; i < 50; i++) {
        int fd = connect_to(f.path);

        tell(fd, i % 2 == 0 ? SLICE("request=smtpd_acc") : OF("sean"));
        close(fd);
    }
    tell(stays, OF("sean"));
    assert_string_equal(hear(stays), "action=DUNNO");
    assert_connections_become(1);
    close(stays);
}

/* ---- bad requests ---- */

static void a_bad_request_is_answered_with_451_and_its_connection_closed(void **state)
{
    const struct slice rows[] = {
        SLICE("\n"),
        SLICE("protocol_state=RCPT\n\n"),
        REQUEST("nonsense\n"),
        REQUEST("sender=a\nsender=b\n"),
        REQUEST("sender=a\0b\n"),
        REQUEST("queue_id=a\tb\n"),
        REQUEST("size=many\n"),
        STATE("NOWHERE", ""),
        SLICE("request=smtpd_access_policy\nprotocol_state=RCPT\nx\n\nrequest=smtpd_access_policy\nprotocol_state="
              "RCPT\n\n"),
    };

    (void)state;
    start();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = connect_to(f.path);

        tell(fd, rows[i]);
        assert_string_equal(hear(fd), BAD_REQUEST);
        assert_string_equal(hear(fd), "");
        close(fd);
    }
}

static void a_request_of_64_kib_without_an_end_is_refused(void **state)
{
    char line[1024];
    int fd;

    (void)state;
    memset(line, 'a', sizeof line);
    memcpy(line, "x=", 2);
    line[sizeof line - 1] = '\n';
    start();
    fd = connect_to(f.path);
    for (int i = 0; i < 64; i++)
        tell(fd, (struct slice){line, sizeof line});
    assert_string_equal(hear(fd), BAD_REQUEST);
    assert_string_equal(hear(fd), "");
    close(fd);
    assert_true(was_logged("65,536"));
}

static void the_same_trouble_is_logged_once_a_minute(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 20; i++) {
        int fd = connect_to(f.path);

        tell(fd, REQUEST("non\x1bsense\n"));
        assert_string_equal(hear(fd), BAD_REQUEST);
        close(fd);
    }
    stop();
    assert_int_equal(seam_lines, 1);
    assert_true(was_logged("non\\x1bsense"));
    assert_true(was_logged(f.path));
}

/* ---- time ---- */

/* A worker looks at the time once a second, and on a busy machine late: so the end may come earlier by as much. */
#define SOON_S 2
#define NOT_AT_ONCE_NS (500 * NS_PER_MS)

static void a_request_that_drips_is_refused_when_its_time_is_over_and_others_are_not(void **state)
{
    uint64_t since_ns;
    int slow, other;

    (void)state;
    engine.config.policyd.request_timeout_s = SOON_S;
    start();
    slow = connect_to(f.path);
    other = connect_to(f.path);
    since_ns = clock_boot_ns();
    while (!readable(slow, 100)) {               /* a byte each tenth of a second, without an end */
        (void)!send(slow, "x", 1, MSG_NOSIGNAL); /* it may be closed by now */
        say(other, OF("sean"), "action=DUNNO");
    }
    assert_true(clock_boot_ns() - since_ns >= NOT_AT_ONCE_NS);
    assert_string_equal(hear(slow), BAD_REQUEST);
    assert_string_equal(hear(slow), "");
    close(slow);
    tell(other, OF("sean"));
    assert_string_equal(hear(other), "action=DUNNO");
    close(other);
}

static void an_idle_connection_is_closed_after_its_time_without_a_word(void **state)
{
    uint64_t since_ns;
    int fd;

    (void)state;
    engine.config.policyd.idle_timeout_s = SOON_S;
    start();
    fd = connect_to(f.path);
    since_ns = clock_boot_ns();
    say(fd, OF("sean"), "action=DUNNO");
    assert_string_equal(hear(fd), "");
    assert_true(clock_boot_ns() - since_ns >= NOT_AT_ONCE_NS);
    close(fd);
}

/* ---- messages ---- */

static void recipients_belong_to_one_instance(void **state)
{
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    say(fd, STATE("RCPT", "sasl_username=count\ninstance=1\n"), "action=DUNNO");
    say(fd, STATE("RCPT", "sasl_username=count\ninstance=1\n"), "action=DUNNO");
    say(fd, STATE("DATA", "sasl_username=count\ninstance=1\n"), "action=550 5.7.1 Recipients 2");
    say(fd, STATE("END-OF-MESSAGE", "sasl_username=count\ninstance=1\n"), "action=550 5.7.1 Recipients 2");
    /* asked again, since the answer got lost */
    say(fd, STATE("END-OF-MESSAGE", "sasl_username=count\ninstance=1\n"), "action=550 5.7.1 Recipients 2");
    say(fd, STATE("RCPT", "sasl_username=count\ninstance=2\n"), "action=DUNNO");
    say(fd, STATE("RCPT", "sasl_username=count\ninstance=3\n"), "action=DUNNO"); /* 2 was given up */
    say(fd, STATE("DATA", "sasl_username=count\ninstance=3\n"), "action=550 5.7.1 Recipients 1");
    close(fd);
}

static void without_an_instance_a_message_begins_at_mail(void **state)
{
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    say(fd, STATE("RCPT", "sasl_username=count\n"), "action=DUNNO");
    say(fd, STATE("RCPT", "sasl_username=count\n"), "action=DUNNO");
    say(fd, STATE("DATA", "sasl_username=count\n"), "action=550 5.7.1 Recipients 2");
    say(fd, STATE("MAIL", "sasl_username=sean\n"), "action=DUNNO");
    say(fd, STATE("DATA", "sasl_username=count\n"), "action=550 5.7.1 Recipients 0");
    close(fd);
}

static void recipients_of_one_message_come_together_over_connections_and_workers(void **state)
{
    int fd[4];

    (void)state;
    engine.config.policyd.workers = 4;
    start();
    for (int i = 0; i < 4; i++)
        fd[i] = connect_to(f.path);
    for (int i = 0; i < 3; i++)
        say(fd[i], STATE("RCPT", "sasl_username=count\nclient_address=192.0.2.1\ninstance=1\n"), "action=DUNNO");
    close(fd[0]); /* as Postfix does with one that was idle for smtpd_policy_service_max_idle */
    say(fd[3], STATE("END-OF-MESSAGE", "sasl_username=count\nclient_address=192.0.2.1\ninstance=1\n"),
        "action=550 5.7.1 Recipients 3");
    say(fd[3], STATE("DATA", "sasl_username=count\nclient_address=192.0.2.2\ninstance=1\n"),
        "action=550 5.7.1 Recipients 0");
    for (int i = 1; i < 4; i++)
        close(fd[i]);
}

static void without_an_instance_connections_have_nothing_in_common(void **state)
{
    int one, other;

    (void)state;
    start();
    one = connect_to(f.path);
    other = connect_to(f.path);
    say(one, STATE("RCPT", "sasl_username=count\n"), "action=DUNNO");
    say(other, STATE("DATA", "sasl_username=count\n"), "action=550 5.7.1 Recipients 0");
    say(one, STATE("END-OF-MESSAGE", "sasl_username=count\n"), "action=550 5.7.1 Recipients 1");
    say(one, STATE("RCPT", "sasl_username=count\n"), "action=DUNNO");
    say(one, STATE("END-OF-MESSAGE", "sasl_username=count\n"), "action=550 5.7.1 Recipients 1");
    close(one);
    close(other);
}

/* Each from a connection that went away in the midst of it, so that nobody knows that it is over. */
static void more_messages_than_fit_are_forgotten_and_that_is_said(void **state)
{
    char request[160];

    (void)state;
    start();
    for (unsigned i = 0; i < MESSAGES_MAX + MESSAGES_MAX / 8; i++) {
        int fd = connect_to(f.path);

        (void)snprintf(request, sizeof request, "%s\nsasl_username=count\ninstance=%u\n\n",
                       "request=smtpd_access_policy\nprotocol_state=RCPT", i);
        say(fd, slice_of(request), "action=DUNNO");
        close(fd);
    }
    wait_until(was_logged("count as never asked about"));
    assert_true(was_logged("too many messages are under way: the recipients of"));
}

/* ---- many connections ---- */

static void connections_are_spread_over_the_workers(void **state)
{
    int fd[12];
    unsigned served[3] = {0};

    (void)state;
    engine.config.policyd.workers = 3;
    start();
    for (int i = 0; i < 12; i++)
        fd[i] = connect_to(f.path);
    for (int i = 0; i < 12; i++) {
        unsigned worker = 99;

        tell(fd[i], OF("worker"));
        assert_int_equal(sscanf(hear(fd[i]), "action=550 5.7.1 Worker %u", &worker), 1);
        assert_in_range(worker, 0, 2);
        served[worker]++;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(served[i], 4);
    for (int i = 0; i < 12; i++) /* only now: the last may be given to a worker after the first was answered */
        close(fd[i]);
}

static void many_that_ask_at_once_are_each_answered(void **state)
{
    unsigned stopped = 0;
    int fd[200];
    char request[128], expected[64];

    (void)state;
    start();
    fd[0] = connect_to(f.path);
    tell(fd[0], OF("slow")); /* the others come together while the worker is busy with it */
    for (unsigned i = 1; i < 200; i++) {
        struct buf b = BUF_OVER(request);

        fd[i] = connect_to(f.path);
        buf_addf(&b, "request=smtpd_access_policy\nprotocol_state=RCPT\nsize=%u\nsasl_username=size\n\n", i);
        tell(fd[i], buf_slice(&b));
        if (i % 10 == 0) { /* leaves without waiting for its answer */
            close(fd[i]);
            stopped++;
        }
    }
    assert_string_equal(hear(fd[0]), "action=DUNNO");
    for (unsigned i = 1; i < 200; i++) {
        if (i % 10 == 0)
            continue;
        snprintf(expected, sizeof expected, "action=550 5.7.1 Size %u", i);
        assert_string_equal(hear(fd[i]), expected);
        assert_false(readable(fd[i], 0));
    }
    assert_connections_become(200 - stopped);
    for (unsigned i = 0; i < 200; i++)
        if (i == 0 || i % 10 != 0)
            close(fd[i]);
}

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct connection) <= 512);
}

static void beyond_max_connections_new_ones_wait_until_one_leaves(void **state)
{
    int fd[3];

    (void)state;
    engine.config.policyd.max_connections = 2;
    start();
    for (int i = 0; i < 3; i++) {
        fd[i] = connect_to(f.path);
        tell(fd[i], OF("sean"));
    }
    assert_string_equal(hear(fd[0]), "action=DUNNO");
    assert_string_equal(hear(fd[1]), "action=DUNNO");
    assert_false(readable(fd[2], 300));
    wait_until(was_logged("max_connections"));
    close(fd[0]);
    assert_string_equal(hear(fd[2]), "action=DUNNO");
    close(fd[1]);
    close(fd[2]);
}

static double processor_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void without_descriptors_accepting_pauses_and_recovers(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct rlimit before, none;
    double spent;
    int fd, old;

    (void)state;
    start();
    old = connect_to(f.path);
    say(old, OF("sean"), "action=DUNNO");
    memcpy(address.sun_path, f.path, strlen(f.path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)fd + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    spent = processor_seconds();
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    tell(fd, OF("sean"));
    assert_false(readable(fd, 500));
    spent = processor_seconds() - spent;
    say(old, OF("sean"), "action=DUNNO"); /* who is there is served */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_string_equal(hear(fd), "action=DUNNO");
    assert_true(spent < 0.25);
    close(fd);
    close(old);
}

static void max_connections_leaves_descriptors_for_files(void **state)
{
    struct rlimit before, few;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 200, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    start();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(was_logged("allow only 136 connections"));
}

static void ask_in_two_halves(int n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *heard;

    memcpy(address.sun_path, f.path, strlen(f.path));
    atomic_store(&memory_left, n);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    (void)!send(fd, "request=smtpd_access_policy\nproto", 33, MSG_NOSIGNAL);
    pause_ms(2); /* long enough for most: it may well come in one piece */
    (void)!send(fd, "col_state=RCPT\n\n", 16, MSG_NOSIGNAL);
    heard = hear(fd);
    atomic_store(&memory_left, -1);
    assert_true(strcmp(heard, "action=DUNNO") == 0 || strcmp(heard, "") == 0);
    close(fd);
}

static void without_memory_a_connection_is_closed_and_the_others_live(void **state)
{
    unsigned asked;
    int fd;

    (void)state;
    if (!OWN_ALLOCATOR)
        skip();
    start();
    fd = connect_to(f.path);
    tell(fd, OF("sean"));
    assert_string_equal(hear(fd), "action=DUNNO");
    for (int n = 0; n < 8; n++) {
        ask_in_two_halves(n);
        tell(fd, OF("sean"));
        assert_string_equal(hear(fd), "action=DUNNO");
    }
    assert_true(was_logged("no memory"));
    for (int n = 0; n < 8; n++) { /* answers that wait need memory too */
        int reader = connect_to(f.path);

        assert_connections_become(2);
        atomic_store(&memory_left, n);
        (void)send_until_full(reader, many_requests(&asked));
        atomic_store(&memory_left, -1);
        close(reader);
        assert_connections_become(1);
        tell(fd, OF("sean"));
        assert_string_equal(hear(fd), "action=DUNNO");
    }
    close(fd);
}

/* ---- the end ---- */

static void *stop_it(void *arg)
{
    (void)arg;
    server_stop(f.server);
    return NULL;
}

static void at_the_end_what_has_arrived_is_answered(void **state)
{
    int slow, behind, idle;
    pthread_t stopper;

    (void)state;
    start();
    slow = connect_to(f.path);
    behind = connect_to(f.path);
    idle = connect_to(f.path);
    say(behind, OF("sean"), "action=DUNNO");
    say(idle, OF("sean"), "action=DUNNO");
    tell(slow, OF("slow"));
    wait_until(all_read(slow)); /* the worker is busy with it now */
    tell(behind, OF("reject")); /* not read yet when the end comes */
    assert_int_equal(pthread_create(&stopper, NULL, stop_it, NULL), 0);
    assert_string_equal(hear(slow), "action=DUNNO");
    assert_string_equal(hear(behind), "action=550 5.7.1 Rejected 1");
    assert_string_equal(hear(slow), "");
    assert_string_equal(hear(behind), "");
    assert_string_equal(hear(idle), "");
    pthread_join(stopper, NULL);
    f.server = NULL;
    close(slow);
    close(behind);
    close(idle);
}

static void at_the_end_a_request_that_has_begun_may_be_finished(void **state)
{
    pthread_t stopper;
    int fd, never;

    (void)state;
    start();
    fd = connect_to(f.path);
    never = connect_to(f.path);
    tell(fd, SLICE("request=smtpd_access_policy\nprotocol_state=RCPT\n"));
    tell(never, SLICE("request=smtpd_access_policy\nprotocol_state=RCPT\n"));
    wait_until(all_read(fd) && all_read(never));
    assert_int_equal(pthread_create(&stopper, NULL, stop_it, NULL), 0);
    pause_ms(300);
    tell(fd, SLICE("sasl_username=reject\n\n"));
    assert_string_equal(hear(fd), "action=550 5.7.1 Rejected 1");
    assert_string_equal(hear(fd), "");
    assert_string_equal(hear(never), BAD_REQUEST);
    pthread_join(stopper, NULL);
    f.server = NULL;
    close(fd);
    close(never);
}

/* ---- listeners ---- */

static void a_left_over_socket_is_replaced_and_removed_at_the_end(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int old = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat made;

    (void)state;
    memcpy(address.sun_path, f.path, strlen(f.path));
    assert_int_equal(bind(old, (const struct sockaddr *)&address, sizeof address), 0);
    close(old); /* as after a kill: the name is there, nobody listens */
    f.listen[0].socket_mode = 0620;
    start();
    assert_int_equal(stat(f.path, &made), 0);
    assert_int_equal(made.st_mode & 07777, 0620);
    close(connect_to(f.path));
    stop();
    assert_int_equal(stat(f.path, &made), -1);
}

static void a_socket_where_somebody_answers_is_left_alone(void **state)
{
    struct listener second;
    struct error e;
    int fd;

    (void)state;
    start();
    assert_int_equal(listener_open("postern-policyd", &f.listen[0], &second, &e), -1);
    assert_non_null(strstr(e.text, "answers there already"));
    fd = connect_to(f.path);
    say(fd, OF("sean"), "action=DUNNO");
    close(fd);
}

static void what_is_no_socket_is_left_alone(void **state)
{
    struct listener l;
    struct error e;
    struct stat there;
    int file = open(f.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    close(file);
    assert_int_equal(listener_open("postern-policyd", &f.listen[0], &l, &e), -1);
    assert_non_null(strstr(e.text, "not a socket"));
    assert_int_equal(stat(f.path, &there), 0);
}

static void a_socket_that_another_put_in_our_place_is_left_alone_at_the_end(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat there;

    (void)state;
    start();
    memcpy(address.sun_path, f.path, strlen(f.path));
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(bind(other, (const struct sockaddr *)&address, sizeof address), 0);
    stop();
    assert_int_equal(stat(f.path, &there), 0);
    close(other);
}

static void a_listener_that_cannot_be_opened_says_which_and_why(void **state)
{
    char missing[128], very_long[200];
    struct listener_config rows[] = {
        {.address = "unix:missing", .path = missing, .fd = -1},
        {.address = "unix:long", .path = very_long, .fd = -1},
        {.address = "unix:group", .path = f.path, .socket_group = "no-such-group-here", .fd = -1},
        {.address = "inet:host", .host = "mail.contoso.example", .port = 1, .fd = -1},
        {.address = "fd:0", .fd = 0},
        {.address = "fd:999", .fd = 999},
    };
    struct listener l;

    (void)state;
    snprintf(missing, sizeof missing, "%s/no/folder", f.folder);
    memset(very_long, 'x', sizeof very_long - 1);
    very_long[sizeof very_long - 1] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {""};

        assert_int_equal(listener_open("postern-policyd", &rows[i], &l, &e), -1);
        assert_int_equal(l.fd, -1);
        assert_non_null(strstr(e.text, rows[i].address));
        assert_int_not_equal(access(f.path, F_OK), 0);
    }
}

static int passed_socket(struct sockaddr_in *address)
{
    socklen_t n = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)address, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &n), 0);
    return fd;
}

static void a_socket_that_was_passed_in_is_served_with_its_own_tls_rule(void **state)
{
    struct sockaddr_in address;
    int passed = passed_socket(&address), fd, other;

    (void)state;
    assert_int_equal(listen(passed, 8), 0);
    f.listen[1] = (struct listener_config){.address = "fd:x", .fd = passed, .has_tls = true, .tls = {.required = true}};
    engine.config.policyd.n_listen = 2;
    start();
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    say(fd, OF("tls"), "action=550 5.7.1 TLS 1");
    other = connect_to(f.path);
    say(other, OF("tls"), "action=550 5.7.1 TLS 0");
    close(fd);
    close(other);
}

static void what_stands_before_postfix_says_tls_and_mechanism(void **state)
{
    struct sockaddr_in address;
    int passed = passed_socket(&address), fd, other;

    (void)state;
    assert_int_equal(listen(passed, 8), 0);
    f.listen[1] = (struct listener_config){.address = "fd:x", .fd = passed, .front = {TLS_1_2, "XOAUTH2"}};
    engine.config.policyd.n_listen = 2;
    start();
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    say(fd, STATE("RCPT", "sasl_username=front\nsasl_method=XCLIENT\n"), "action=550 5.7.1 XOAUTH2 4");
    other = connect_to(f.path);
    say(other, STATE("RCPT", "sasl_username=front\nsasl_method=XCLIENT\n"), "action=550 5.7.1 Another 0");
    close(fd);
    close(other);
}

static void the_header_is_due_at_the_end_of_a_message(void **state)
{
    int fd;

    (void)state;
    start();
    fd = connect_to(f.path);
    headers_due = 0;
    say(fd, STATE("RCPT", "sasl_username=sean\ninstance=1\n"), "action=DUNNO");
    say(fd, STATE("DATA", "sasl_username=sean\ninstance=1\n"), "action=DUNNO");
    assert_int_equal(headers_due, 0);
    say(fd, STATE("END-OF-MESSAGE", "sasl_username=sean\ninstance=1\n"), "action=DUNNO");
    assert_int_equal(headers_due, 1);
    close(fd);
}

static void a_passed_descriptor_beyond_what_was_passed_is_an_error(void **state)
{
    struct sockaddr_in address;
    int passed = passed_socket(&address);
    struct listener_config config = {.address = "fd:x", .fd = passed};
    struct listener l;
    struct error e;
    char pid[32];

    (void)state;
    assert_int_equal(listen(passed, 8), 0);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "0", 1);
    assert_int_equal(listener_open("postern-policyd", &config, &l, &e), -1);
    assert_non_null(strstr(e.text, "passed 0 sockets"));
    unsetenv("LISTEN_PID");
    assert_int_equal(listener_open("postern-policyd", &config, &l, &e), 0);
    listener_free(&l);
}

static void tcp_is_served(void **state)
{
    struct sockaddr_in address;
    int passed = passed_socket(&address), fd;

    (void)state;
    close(passed); /* its port was free, and is again */
    f.listen[1] = (struct listener_config){
        .address = "inet:127.0.0.1", .host = "127.0.0.1", .port = ntohs(address.sin_port), .fd = -1};
    engine.config.policyd.n_listen = 2;
    start();
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    say(fd, OF("reject"), "action=550 5.7.1 Rejected 1");
    tell(fd, REQUEST("nonsense\n"));
    assert_string_equal(hear(fd), BAD_REQUEST);
    assert_string_equal(hear(fd), "");
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_request_is_answered_once_and_the_connection_stays_open),
        TEST(each_verdict_has_its_answer),
        TEST(nothing_is_answered_before_the_empty_line),
        TEST(a_request_that_comes_in_drops_is_answered_once),
        TEST(requests_in_one_packet_are_answered_in_order_and_the_rest_waits),
        TEST(a_peer_that_does_not_read_gets_all_answers_when_it_does),
        TEST(a_peer_that_leaves_with_answers_waiting_is_closed),
        TEST(a_peer_that_never_reads_is_closed_when_its_time_is_over),
        TEST(a_bad_request_behind_answers_that_wait_is_answered_too),
        TEST(a_peer_that_leaves_in_the_middle_disturbs_nobody),
        TEST(a_bad_request_is_answered_with_451_and_its_connection_closed),
        TEST(a_request_of_64_kib_without_an_end_is_refused),
        TEST(the_same_trouble_is_logged_once_a_minute),
        TEST(a_request_that_drips_is_refused_when_its_time_is_over_and_others_are_not),
        TEST(an_idle_connection_is_closed_after_its_time_without_a_word),
        TEST(recipients_belong_to_one_instance),
        TEST(without_an_instance_a_message_begins_at_mail),
        TEST(recipients_of_one_message_come_together_over_connections_and_workers),
        TEST(without_an_instance_connections_have_nothing_in_common),
        TEST(more_messages_than_fit_are_forgotten_and_that_is_said),
        TEST(connections_are_spread_over_the_workers),
        TEST(many_that_ask_at_once_are_each_answered),
        TEST(an_idle_connection_is_small),
        TEST(beyond_max_connections_new_ones_wait_until_one_leaves),
        TEST(without_descriptors_accepting_pauses_and_recovers),
        TEST(max_connections_leaves_descriptors_for_files),
        TEST(without_memory_a_connection_is_closed_and_the_others_live),
        TEST(at_the_end_what_has_arrived_is_answered),
        TEST(at_the_end_a_request_that_has_begun_may_be_finished),
        TEST(a_left_over_socket_is_replaced_and_removed_at_the_end),
        TEST(a_socket_where_somebody_answers_is_left_alone),
        TEST(what_is_no_socket_is_left_alone),
        TEST(a_socket_that_another_put_in_our_place_is_left_alone_at_the_end),
        TEST(a_listener_that_cannot_be_opened_says_which_and_why),
        TEST(a_socket_that_was_passed_in_is_served_with_its_own_tls_rule),
        TEST(what_stands_before_postfix_says_tls_and_mechanism),
        TEST(the_header_is_due_at_the_end_of_a_message),
        TEST(a_passed_descriptor_beyond_what_was_passed_is_an_error),
        TEST(tcp_is_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
