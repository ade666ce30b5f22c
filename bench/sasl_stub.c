/*
 * In Dovecot's place: an authentication server without passwords of its own, for measuring and testing postern-sasl.
 * One thread, one epoll. The password of a login says what becomes of it:
 *
 *   secret    OK, with the login as user
 *   hang      no answer, as long as the connection lasts
 *   drop      the connection is closed
 *   exit      the program ends, as if killed
 *   temp      FAIL, with Dovecot's word for a failure of its own
 *   garbage   bytes that are no line of the protocol
 *   long      a line that does not end
 *   split     OK, byte by byte
 *   other     OK, for an id that nobody asked about
 *   CONT      a challenge, and OK after the response
 *   anything else: FAIL
 *
 *   sasl_stub [-d milliseconds] [-l] PATH      runs until it is killed; a socket at PATH is replaced
 *
 * -d: how much later FAIL is said, as Dovecot's auth_failure_delay. -l: each login is printed as it is asked about.
 * SIGUSR1, and SIGTERM before the end, print one line: connections=… open=… auth=… ok=… fail=… hang=…
 */
#include "bench/policy_wire.h"
#include "bench/sasl_wire.h"
#include "core/base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FD_MAX 65536
#define EVENTS 64
#define LATER_MAX 65536 /* answers that wait for their time */
#define ID_MAX UINT32_MAX

struct connection {
    char in[SASL_LINE_MAX];
    size_t n;
    unsigned serial; /* a descriptor comes again: whose answer an old one was */
    bool challenged; /* a response is expected, for OK */
    char login[SASL_NAME_MAX];
};

struct later {
    uint64_t due_ns;
    int fd;
    unsigned serial;
    char line[SASL_NAME_MAX + 64];
};

static struct connection *connections[FD_MAX];
static struct later later[LATER_MAX]; /* a ring: all wait equally long */
static size_t later_first, later_n;
static uint64_t delay_ns;
static bool prints_logins;
static struct {
    unsigned long long connections, open, auth, ok, fail, hang;
} count;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void print_count(void)
{
    printf("connections=%llu open=%llu auth=%llu ok=%llu fail=%llu hang=%llu\n", count.connections, count.open,
           count.auth, count.ok, count.fail, count.hang);
    fflush(stdout);
}

/* ---- answers ---- */

static void say(int fd, struct slice text)
{
    (void)!send(fd, text.p, text.n, MSG_NOSIGNAL);
}

static void say_ok(int fd, const char *id, const char *login, bool split)
{
    char text[SASL_NAME_MAX + 64];
    struct buf b = BUF_OVER(text);

    count.ok++;
    buf_addf(&b, "OK\t%s\tuser=%s\n", id, login);
    for (size_t i = 0; split && i + 1 < b.n; i++)
        say(fd, (struct slice){text + i, 1});
    say(fd, split ? (struct slice){text + b.n - 1, 1} : buf_slice(&b));
}

static void say_fail(int fd, const char *id, const char *login, const char *more)
{
    struct later *l = &later[(later_first + later_n) % LATER_MAX];
    struct buf b = BUF_OVER(l->line);

    count.fail++;
    buf_addf(&b, "FAIL\t%s\tuser=%s%s\n", id, login, more);
    if (delay_ns == 0 || later_n == LATER_MAX) {
        say(fd, buf_slice(&b));
        return;
    }
    l->fd = fd;
    l->serial = connections[fd]->serial;
    l->due_ns = clock_boot_ns() + delay_ns;
    later_n++;
}

/* Says what is due. Milliseconds until the next one is; -1: none waits. */
static int say_later(void)
{
    uint64_t now = clock_boot_ns();

    for (; later_n > 0; later_n--, later_first = (later_first + 1) % LATER_MAX) {
        const struct later *l = &later[later_first];
        const struct connection *c = connections[l->fd];

        if (l->due_ns > now)
            return (int)((l->due_ns - now) / 1000000 + 1);
        if (c != NULL && c->serial == l->serial)
            say(l->fd, slice_of(l->line));
    }
    return -1;
}

static void say_garbage(int fd)
{
    static const char bytes[] = "\x00\x7f\xff\x01\tOK\t\t\t=\r\n\n\t\nOK\nFAIL\nOK\tx\nCONT\n";

    say(fd, (struct slice){bytes, sizeof bytes - 1});
}

static void say_long(int fd)
{
    char text[4096];

    memset(text, 'x', sizeof text);
    for (int i = 0; i < 64; i++)
        say(fd, (struct slice){text, sizeof text});
}

/* ---- requests ---- */

enum after { GO_ON, CLOSE };

static enum after answer(int fd, struct connection *c, const char *id, const struct sasl_plain *p)
{
    char challenge[64];
    struct buf b = BUF_OVER(challenge);

    if (strcmp(p->password, "secret") == 0 || strcmp(p->password, "split") == 0)
        say_ok(fd, id, p->login, p->password[1] == 'p');
    else if (strcmp(p->password, "hang") == 0)
        count.hang++;
    else if (strcmp(p->password, "drop") == 0)
        return CLOSE;
    else if (strcmp(p->password, "exit") == 0)
        _exit(EXIT_FAILURE);
    else if (strcmp(p->password, "temp") == 0)
        say_fail(fd, id, p->login, "\ttemp");
    else if (strcmp(p->password, "garbage") == 0)
        say_garbage(fd);
    else if (strcmp(p->password, "long") == 0)
        say_long(fd);
    else if (strcmp(p->password, "other") == 0)
        say_ok(fd, "4000000000", p->login, false);
    else if (strcmp(p->password, "CONT") == 0) {
        c->challenged = true;
        memcpy(c->login, p->login, sizeof c->login);
        buf_addf(&b, "CONT\t%s\tVXNlcm5hbWU6\n", id);
        say(fd, buf_slice(&b));
    } else
        say_fail(fd, id, p->login, "");
    return GO_ON;
}

/* "AUTH id PLAIN … resp=", or "CONT id response" after a challenge. */
static enum after take_line(int fd, struct slice line)
{
    struct connection *c = connections[fd];
    struct slice command, number, words, response;
    unsigned long long id;
    struct sasl_plain plain;
    char text[24];

    (void)slice_cut(line, '\t', &command, &words);
    (void)slice_cut(words, '\t', &number, &words);
    if (slice_eq(command, SLICE("VERSION")) || slice_eq(command, SLICE("CPID")) || slice_eq(command, SLICE("CANCEL")))
        return GO_ON;
    if (!slice_to_u64(number, ID_MAX, &id))
        return CLOSE;
    (void)snprintf(text, sizeof text, "%llu", id);
    if (c->challenged && slice_eq(command, SLICE("CONT"))) {
        c->challenged = false;
        say_ok(fd, text, c->login, false);
        return GO_ON;
    }
    response = slice_eq(command, SLICE("AUTH")) ? sasl_parameter(words, SLICE("resp=")) : words;
    count.auth++;
    if (!sasl_read_plain(response, &plain)) {
        say_fail(fd, text, "", "");
        return GO_ON;
    }
    if (prints_logins) {
        printf("%s\n", plain.login);
        fflush(stdout);
    }
    return answer(fd, c, text, &plain);
}

/* ---- connections ---- */

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void end(int fd)
{
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
    count.open--;
}

static void accept_all(int epoll, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0 && fd < FD_MAX) {
        connections[fd] = calloc(1, sizeof *connections[fd]);
        if (connections[fd] == NULL)
            fail("calloc");
        connections[fd]->serial = (unsigned)++count.connections;
        count.open++;
        watch(epoll, fd);
        say(fd, slice_of(sasl_server_greeting));
    }
}

static void serve(int fd)
{
    struct connection *c = connections[fd];
    ssize_t got = recv(fd, c->in + c->n, sizeof c->in - c->n, 0);
    struct slice rest, line;

    if (got <= 0) {
        end(fd);
        return;
    }
    c->n += (size_t)got;
    rest = (struct slice){c->in, c->n};
    while (memchr(rest.p, '\n', rest.n) != NULL) {
        (void)slice_cut(rest, '\n', &line, &rest);
        if (take_line(fd, line) == CLOSE) {
            end(fd);
            return;
        }
    }
    if (rest.n == sizeof c->in) {
        end(fd);
        return;
    }
    memmove(c->in, rest.p, rest.n);
    c->n = rest.n;
}

static int listen_at(const char *path)
{
    (void)unlink(path);
    (void)umask(0111); /* as Dovecot's socket would be: for whoever reaches the folder */
    return policy_listen(path);
}

static int watch_signals(int epoll)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        fail("signalfd");
    watch(epoll, fd);
    return fd;
}

static void take_signal(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof info) != sizeof info)
        return;
    print_count();
    if (info.ssi_signo == SIGTERM)
        exit(EXIT_SUCCESS);
}

static void run(int epoll, int listener, int signals)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, say_later());

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == listener)
                accept_all(epoll, listener);
            else if (fd == signals)
                take_signal(fd);
            else if (connections[fd] != NULL)
                serve(fd);
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    int option, epoll = epoll_create1(EPOLL_CLOEXEC), listener;

    while ((option = getopt(argc, argv, "d:l")) != -1) {
        if (option == 'd')
            delay_ns = strtoull(optarg, NULL, 10) * 1000000;
        else if (option == 'l')
            prints_logins = true;
        else
            argc = 0;
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: sasl_stub [-d milliseconds] [-l] PATH\n");
        return EXIT_FAILURE;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    listener = listen_at(argv[optind]);
    watch(epoll, listener);
    run(epoll, listener, watch_signals(epoll));
}
