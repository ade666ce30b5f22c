/* links: sasl */
/*
 * The door's connections, over real sockets, and its threads: Postfix and Dovecot are the test's, and the engine is a
 * made-up one (sasl_seam.h).
 */
#include "sasl/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sasl_seam.h"
#include "tests/unit/waiting.h"

/* ---- the rest of the made-up engine ---- */

#include "tests/unit/log_seam.h"

struct engine_session *engine_session_new(struct engine *e)
{
    struct engine_session *session = calloc(1, sizeof *session);

    if (session != NULL)
        session->engine = e;
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

/* ---- the door, its folder, and Dovecot's socket ---- */

static struct {
    char folder[64], path[96], upstream[96];
    struct listener_config listen[1];
    struct engine engine;
    struct door *door;
    int dovecot; /* listens */
} f;

static int listen_at(const char *path, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    memset(&seam, 0, sizeof seam);
    memset(seam_logged, 0, sizeof seam_logged);
    (void)snprintf(f.folder, sizeof f.folder, "/tmp/postern-sasl.XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    (void)snprintf(f.path, sizeof f.path, "%s/door", f.folder);
    (void)snprintf(f.upstream, sizeof f.upstream, "%s/dovecot", f.folder);
    f.listen[0] = (struct listener_config){.address = "unix:door", .path = f.path, .socket_mode = 0600, .fd = -1};
    f.engine.config.sasl = (struct sasl_config){.listen = f.listen,
                                                .n_listen = 1,
                                                .upstream = {.address = "unix:dovecot", .path = f.upstream, .fd = -1},
                                                .max_connections = 1000};
    f.dovecot = listen_at(f.upstream, 100);
    return 0;
}

static void start(void)
{
    struct error e;

    if (door_start(&f.engine, &f.door, &e) != 0)
        fail_msg("%s", e.text);
}

static int tear_down(void **state)
{
    (void)state;
    if (f.door != NULL)
        door_stop(f.door);
    if (f.dovecot >= 0)
        close(f.dovecot);
    unlink(f.upstream);
    assert_int_equal(access(f.path, F_OK), -1);
    assert_int_equal(rmdir(f.folder), 0);
    assert_int_equal(seam.held, 0);
    return 0;
}

/* ---- talking ---- */

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool readable(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, ms) == 1;
}

static void tell(int fd, const char *text)
{
    size_t n = strlen(text);

    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

        assert_true(sent > 0);
        text += sent;
        n -= (size_t)sent;
    }
}

/* All that comes until it ends in `end`; "" when it is closed. */
static const char *hear_until(int fd, char end)
{
    static char text[2 * LINE_MAX_LONG];
    size_t n = 0;

    do {
        ssize_t got;

        if (!readable(fd, WAIT_MS))
            fail_msg("nothing comes");
        got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            return "";
        n += (size_t)got;
    } while (text[n - 1] != end);
    text[n] = '\0';
    return text;
}
#define hear(fd) hear_until((fd), '\n')

struct pair {
    int postfix, dovecot;
};

/* A connection through the door, greeted from both sides. */
static struct pair greet(void)
{
    struct pair p = {.postfix = connect_to(f.path)};

    assert_true(readable(f.dovecot, WAIT_MS));
    p.dovecot = accept4(f.dovecot, NULL, NULL, SOCK_CLOEXEC);
    assert_true(p.dovecot >= 0);
    tell(p.postfix, "VERSION\t1\t0\nCPID\t1\n");
    assert_string_equal(hear(p.dovecot), "VERSION\t1\t0\nCPID\t1\n");
    tell(p.dovecot, "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n");
    assert_string_equal(hear(p.postfix), "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n");
    return p;
}

static void leave(struct pair p)
{
    close(p.postfix);
    close(p.dovecot);
}

#define ASK(id) "AUTH\t" id "\tPLAIN\tservice=smtp\trip=192.0.2.9\tresp=AHgAeQ==\n"

static void passes(struct pair p, const char *asked, const char *answered, const char *heard)
{
    tell(p.postfix, asked);
    assert_string_equal(hear(p.dovecot), asked);
    tell(p.dovecot, answered);
    assert_string_equal(hear(p.postfix), heard);
}

static void who_may_signs_in_and_who_may_not_does_not(void **state)
{
    struct pair p;

    (void)state;
    start();
    p = greet();
    passes(p, ASK("1"), "OK\t1\tuser=anna\n", "OK\t1\tuser=anna\n");
    passes(p, ASK("2"), "OK\t2\tuser=noah\n", "FAIL\t2\tuser=noah\treason=" SEAM_REFUSED_TEXT "\n");
    passes(p, ASK("3"), "FAIL\t3\tuser=anna\n", "FAIL\t3\tuser=anna\n");
    leave(p);
}

static void lines_that_come_in_drops_and_many_in_one_are_the_same(void **state)
{
    static const char drops[] = ASK("1");
    struct pair p;

    (void)state;
    start();
    p = greet();
    for (const char *c = drops; *c != '\0'; c++) {
        assert_int_equal(send(p.postfix, c, 1, 0), 1);
        if (c - drops < 20)
            pause_ms(1);
    }
    assert_string_equal(hear(p.dovecot), drops);
    tell(p.postfix, ASK("2") ASK("3"));
    wait_until(seam.begun == 3);
    while (strstr(hear(p.dovecot), "AUTH\t3") == NULL)
        continue;
    tell(p.dovecot, "OK\t3\tuser=noah\nFAIL\t1\tuser=a\nOK\t2\tus");
    pause_ms(20);
    tell(p.dovecot, "er=anna\n");
    wait_until(seam.succeeded == 2);
    while (strstr(hear(p.postfix), "OK\t2\tuser=anna\n") == NULL)
        continue;
    leave(p);
}

/* Many at once, and room for one: each is served, one after the other. */
static void who_waits_for_room_is_served_in_turn(void **state)
{
    enum { MANY = 20 };
    struct pair p[MANY];

    (void)state;
    seam.room = 1;
    start();
    for (int i = 0; i < MANY; i++)
        p[i] = greet();
    for (int i = 0; i < MANY; i++)
        tell(p[i].postfix, "AUTH\t1\tPLAIN\trip=" SEAM_BUSY "\tresp=eA==\nAUTH\t2\tPLAIN\trip=" SEAM_BUSY "\n");
    for (int served = 0; served < 2 * MANY;) {
        struct pollfd wait[MANY];

        for (int i = 0; i < MANY; i++)
            wait[i] = (struct pollfd){.fd = p[i].dovecot, .events = POLLIN};
        assert_true(poll(wait, MANY, WAIT_MS) > 0);
        for (int i = 0; i < MANY; i++)
            if ((wait[i].revents & POLLIN) != 0) {
                bool first = strncmp(hear(p[i].dovecot), "AUTH\t1\t", 7) == 0;

                assert_int_equal(seam.held, 1);
                tell(p[i].dovecot, first ? "OK\t1\tuser=anna\n" : "FAIL\t2\tuser=anna\n");
                assert_string_equal(hear(p[i].postfix), first ? "OK\t1\tuser=anna\n" : "FAIL\t2\tuser=anna\n");
                served++;
            }
    }
    for (int i = 0; i < MANY; i++)
        leave(p[i]);
}

static void who_waits_in_vain_is_closed_and_may_leave_before(void **state)
{
    struct pair p[2];

    (void)state;
    start();
    p[0] = greet();
    p[1] = greet();
    for (int i = 0; i < 2; i++)
        tell(p[i].postfix, "AUTH\t1\tPLAIN\trip=" SEAM_BUSY "\tresp=eA==\n");
    wait_until(seam.tried > 2);
    close(p[0].dovecot);
    assert_string_equal(hear(p[0].postfix), "");
    assert_string_equal(hear(p[1].postfix), "");
    close(p[0].postfix);
    leave(p[1]);
}

static void when_either_side_closes_the_other_is_closed(void **state)
{
    struct pair p;

    (void)state;
    start();
    p = greet();
    close(p.postfix);
    assert_string_equal(hear(p.dovecot), "");
    close(p.dovecot);
    p = greet();
    tell(p.postfix, ASK("1"));
    assert_string_equal(hear(p.dovecot), ASK("1"));
    close(p.dovecot);
    assert_string_equal(hear(p.postfix), "");
    close(p.postfix);
    wait_until(seam.unavailable == 1);
    passes((p = greet()), ASK("1"), "OK\t1\tuser=anna\n", "OK\t1\tuser=anna\n"); /* and the next one is served */
    leave(p);
}

static void what_dovecot_says_counts_when_its_client_has_left(void **state)
{
    struct pair p;

    (void)state;
    start();
    p = greet();
    tell(p.postfix, ASK("1"));
    assert_string_equal(hear(p.dovecot), ASK("1"));
    close(p.postfix);
    assert_false(readable(p.dovecot, 50));
    tell(p.dovecot, "FAIL\t1\tuser=anna\n");
    assert_string_equal(hear(p.dovecot), ""); /* and only then it is closed */
    assert_int_equal(seam.failed, 1);
    close(p.dovecot);
    p = greet();
    tell(p.postfix, ASK("1") ASK("2"));
    assert_string_equal(hear_until(p.dovecot, '\n'), ASK("1") ASK("2"));
    close(p.postfix);
    tell(p.dovecot, "FAIL\t2\tuser=anna\n");
    wait_until(seam.failed == 2);
    close(p.dovecot);
    wait_until(seam.unavailable == 1);
    passes((p = greet()), ASK("1"), "OK\t1\tuser=anna\n", "OK\t1\tuser=anna\n"); /* and the next one is served */
    leave(p);
}

static void a_bad_line_of_dovecots_is_no_failure_of_its_client_and_one_of_the_clients_is(void **state)
{
    struct pair p;

    (void)state;
    start();
    p = greet();
    tell(p.postfix, ASK("1"));
    assert_string_equal(hear(p.dovecot), ASK("1"));
    tell(p.dovecot, "OK\tx\n");
    assert_string_equal(hear(p.postfix), "");
    leave(p);
    wait_until(seam.unavailable == 1);
    assert_int_equal(seam.held, 0);
    p = greet();
    tell(p.postfix, ASK("1") "AUTH\tx\n");
    assert_string_equal(hear(p.postfix), "");
    leave(p);
    assert_int_equal(seam.held, 1);
    seam_keep();
}

static void without_dovecot_the_connection_is_closed_at_once(void **state)
{
    int fd;

    (void)state;
    close(f.dovecot);
    f.dovecot = -1;
    start();
    fd = connect_to(f.path);
    assert_string_equal(hear(fd), "");
    close(fd);
    wait_until(was_logged("cannot connect to the server at sasl.upstream"));
    assert_true(was_logged("unix:dovecot: Connection refused"));
    unlink(f.upstream);
    f.dovecot = listen_at(f.upstream, 100);
    leave(greet());
}

/* As long as Dovecot is stopped, its backlog fills. */
static void a_dovecot_with_a_full_backlog_is_waited_for(void **state)
{
    int waiting[4], n = 0, fd;

    (void)state;
    close(f.dovecot);
    unlink(f.upstream);
    f.dovecot = listen_at(f.upstream, 0);
    start();
    for (; n < 4; n++)
        waiting[n] = connect_to(f.path);
    tell(waiting[3], "VERSION\t1\t0\n");
    pause_ms(100);
    for (int i = 0; i < 4; i++) {
        assert_true(readable(f.dovecot, WAIT_MS));
        fd = accept4(f.dovecot, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        tell(fd, "DONE\n");
        close(fd);
    }
    for (int i = 0; i < n; i++)
        close(waiting[i]);
}

static void a_line_without_an_end_is_not_kept_for_ever(void **state)
{
    static char much[LINE_MAX_SHORT + 2];
    struct pair p;

    (void)state;
    start();
    p = greet();
    memset(much, 'x', sizeof much - 1);
    tell(p.postfix, much);
    assert_string_equal(hear(p.postfix), "");
    wait_until(was_logged("too long"));
    leave(p);
}

static void a_token_of_60_kib_passes_and_one_of_more_than_64_does_not(void **state)
{
    static char line[LINE_MAX_LONG + 100];
    struct buf b = BUF_OVER(line);
    struct pair p;

    (void)state;
    start();
    p = greet();
    buf_add(&b, SLICE("AUTH\t1\tXOAUTH2\tservice=smtp\trip=192.0.2.9\tresp="));
    while (b.n < (size_t)60 * 1024)
        buf_add_char(&b, 'x');
    buf_add_char(&b, '\n');
    tell(p.postfix, line);
    assert_string_equal(hear(p.dovecot), line);
    tell(p.dovecot, "OK\t1\tuser=anna\n");
    assert_string_equal(hear(p.postfix), "OK\t1\tuser=anna\n");
    line[b.n - 1] = 'x';
    line[5] = '2';
    while (b.n < LINE_MAX_LONG + 2)
        buf_add_char(&b, 'x');
    (void)send(p.postfix, line, b.n, MSG_NOSIGNAL);
    assert_string_equal(hear(p.postfix), "");
    leave(p);
}

/* Dovecot reads nothing: what it is to get waits, and comes whole when it reads. */
static void a_side_that_does_not_read_gets_all_when_it_does(void **state)
{
    static char line[60 * 1024];
    struct pair p;
    size_t heard = 0;
    enum { LINES = 20 };

    (void)state;
    start();
    p = greet();
    memset(line, 'x', sizeof line - 1);
    for (int i = 0; i < LINES; i++) {
        char begin[64];
        int n = snprintf(begin, sizeof begin, "AUTH\t%d\tXOAUTH2\trip=192.0.2.9\tresp=", i + 1);

        memcpy(line, begin, (size_t)n);
        line[sizeof line - 2] = '\n';
        for (size_t sent = 0; sent < sizeof line - 1;) {
            ssize_t one = send(p.postfix, line + sent, sizeof line - 1 - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

            if (one > 0) {
                sent += (size_t)one;
                continue;
            }
            heard += strlen(hear_until(p.dovecot, line[sizeof line - 3]));
        }
    }
    while (heard < LINES * (sizeof line - 1)) {
        char text[16384];
        ssize_t got = recv(p.dovecot, text, sizeof text, 0);

        assert_true(got > 0);
        heard += (size_t)got;
    }
    assert_int_equal(heard, LINES * (sizeof line - 1));
    leave(p);
}

static void beyond_max_connections_new_ones_wait_until_one_leaves(void **state)
{
    struct pair p[2];
    int third;

    (void)state;
    f.engine.config.sasl.max_connections = 2;
    start();
    p[0] = greet();
    p[1] = greet();
    third = connect_to(f.path);
    assert_false(readable(f.dovecot, 300));
    wait_until(was_logged("sasl.max_connections"));
    leave(p[0]);
    assert_true(readable(f.dovecot, WAIT_MS));
    leave(p[1]);
    close(third);
}

static void at_the_end_an_answer_is_waited_for_and_idle_ones_are_closed(void **state)
{
    struct pair asked, idle;

    (void)state;
    start();
    asked = greet();
    idle = greet();
    tell(asked.postfix, ASK("1"));
    assert_string_equal(hear(asked.dovecot), ASK("1"));
    (void)eventfd_write(f.door->stop_fd, 1);
    assert_string_equal(hear(idle.postfix), "");
    tell(asked.dovecot, "OK\t1\tuser=anna\n");
    assert_string_equal(hear(asked.postfix), "OK\t1\tuser=anna\n");
    assert_string_equal(hear(asked.postfix), "");
    leave(asked);
    leave(idle);
}

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct passage) <= 512);
}

/* A listening socket on a port that was free. */
static int listen_on_loopback(struct sockaddr_in *address)
{
    socklen_t n = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (const struct sockaddr *)address, sizeof *address), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &n), 0);
    return fd;
}

static void tcp_on_loopback_is_served_on_both_sides(void **state)
{
    struct sockaddr_in door, dovecot;
    struct pair p;

    (void)state;
    close(f.dovecot);
    unlink(f.upstream);
    f.dovecot = listen_on_loopback(&dovecot);
    f.listen[0] = (struct listener_config){.address = "fd:3", .fd = listen_on_loopback(&door)};
    f.engine.config.sasl.upstream = (struct listener_config){
        .address = "inet:127.0.0.1", .host = "127.0.0.1", .port = ntohs(dovecot.sin_port), .fd = -1};
    start();
    p.postfix = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p.postfix, (const struct sockaddr *)&door, sizeof door), 0);
    assert_true(readable(f.dovecot, WAIT_MS));
    p.dovecot = accept4(f.dovecot, NULL, NULL, SOCK_CLOEXEC);
    passes(p, ASK("1"), "OK\t1\tuser=noah\n", "FAIL\t1\tuser=noah\treason=" SEAM_REFUSED_TEXT "\n");
    leave(p);
    close(f.dovecot);
    f.dovecot = -1;
    p.postfix = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p.postfix, (const struct sockaddr *)&door, sizeof door), 0);
    assert_string_equal(hear(p.postfix), "");
    wait_until(was_logged("inet:127.0.0.1: Connection refused"));
    close(p.postfix);
}

static void listeners_that_others_could_reach_are_refused(void **state)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int passed = socket(AF_INET, SOCK_STREAM, 0);
    struct error e;

    (void)state;
    assert_int_equal(bind(passed, (const struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(passed, 1), 0);
    f.listen[0] = (struct listener_config){.address = "fd:3", .fd = passed};
    assert_int_equal(door_start(&f.engine, &f.door, &e), -1);
    assert_non_null(strstr(e.text, "names the client's address"));
    f.engine.config.sasl.n_listen = 0;
    assert_int_equal(door_start(&f.engine, &f.door, &e), -1);
    assert_non_null(strstr(e.text, "sasl.listen is empty"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_may_signs_in_and_who_may_not_does_not),
        TEST(lines_that_come_in_drops_and_many_in_one_are_the_same),
        TEST(who_waits_for_room_is_served_in_turn),
        TEST(who_waits_in_vain_is_closed_and_may_leave_before),
        TEST(when_either_side_closes_the_other_is_closed),
        TEST(what_dovecot_says_counts_when_its_client_has_left),
        TEST(a_bad_line_of_dovecots_is_no_failure_of_its_client_and_one_of_the_clients_is),
        TEST(without_dovecot_the_connection_is_closed_at_once),
        TEST(a_dovecot_with_a_full_backlog_is_waited_for),
        TEST(a_line_without_an_end_is_not_kept_for_ever),
        TEST(a_token_of_60_kib_passes_and_one_of_more_than_64_does_not),
        TEST(a_side_that_does_not_read_gets_all_when_it_does),
        TEST(beyond_max_connections_new_ones_wait_until_one_leaves),
        TEST(at_the_end_an_answer_is_waited_for_and_idle_ones_are_closed),
        TEST(an_idle_connection_is_small),
        TEST(tcp_on_loopback_is_served_on_both_sides),
        TEST(listeners_that_others_could_reach_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
