/*
 * A load generator for SASL servers of Dovecot's protocol: postern-sasl, or bench/sasl_stub.c alone. One process for
 * all connections, in epoll_wait(), as each of Postfix's smtpd does it for its one: AUTH PLAIN, and the next login when
 * the answer is there. A connection that the server closes is a login that Postfix would answer with 454; it is opened
 * again.
 *
 *   sasl_load [-c connections] [-i idle connections] [-d seconds | -n logins] [-r logins a second] [-m mailboxes]
 *             [-w password] [-a network] [-l login] [-s seed] [-p pid] [-t seconds] ADDRESS
 *
 * ADDRESS is a path or host:port (IPv4). -c: logins in parallel; all begin at once. -r: each time all that are in
 * parallel have their answer, the next ones begin together when their time has come: what one login waits for, without
 * the queue that a load without pauses makes; without -r the next begins at once. Logins are as many as there are
 * mailboxes, from user0000000@contoso.example on; with -l one. Clients are 192.0.2.0 to .255, or of -a A.B.C. -t: a
 * login that has no answer by then counts as silent. With -d a tenth of the time is spent warming up. One line comes
 * out:
 *
 *   requests=… warmup=… seconds=… rps=… ok=… fail=… closed=… silent=… other=0 p50_us=… p99_us=… max_us=… cpu_us=…
 *   load_cpu_us=…
 *
 * cpu_us: processor time of process pid a request, where -p was given; load_cpu_us: of the load generator itself.
 */
#include "bench/histogram.h"
#include "bench/policy_wire.h"
#include "bench/sasl_wire.h"
#include "core/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define TICK_MS 100 /* how often silence is looked for */

struct options {
    unsigned connections, idle, mailboxes;
    uint64_t seed, logins; /* logins: in all; 0: as many as fit into the time */
    double seconds, rate, patience_s;
    pid_t pid;
    const char *password, *network, *login, *address;
};

struct connection {
    int fd;
    bool greeted, asking;
    uint32_t id;
    uint64_t asked_ns;
    char in[SASL_LINE_MAX];
    size_t n;
};

struct load {
    const struct options *o;
    struct connection *all; /* the idle ones last */
    unsigned n, asking;     /* asking: logins that wait for an answer */
    int epoll;
    uint64_t begun, random, end_ns, next_ns; /* begun: logins */
    uint64_t requests, ok, fail, closed, silent, max_ns;
    struct histogram latency;
};

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static uint64_t cpu_ns(clockid_t id)
{
    struct timespec t;

    if (clock_gettime(id, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* xorshift64 (Marsaglia 2003) */
static uint64_t draw(struct load *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random;
}

/* ---- one connection ---- */

static void open_connection(struct load *l, struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    *c = (struct connection){.fd = policy_connect(l->o->address)};
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail("epoll_ctl");
    (void)!send(c->fd, sasl_client_greeting, strlen(sasl_client_greeting), MSG_NOSIGNAL);
}

static void ask(struct load *l, struct connection *c)
{
    char text[1024], login[SASL_NAME_MAX], client[64];
    struct buf b = BUF_OVER(text);
    uint64_t number = draw(l);

    (void)snprintf(login, sizeof login, "user%07llu@contoso.example", (unsigned long long)(number % l->o->mailboxes));
    (void)snprintf(client, sizeof client, "%s.%u", l->o->network, (unsigned)(number >> 32 & 255));
    sasl_add_auth(&b, &(struct sasl_attempt){.id = ++c->id,
                                             .login = l->o->login != NULL ? l->o->login : login,
                                             .password = l->o->password,
                                             .client = client});
    c->asked_ns = clock_boot_ns();
    c->asking = true;
    l->asking++;
    l->begun++;
    (void)!send(c->fd, text, b.n, MSG_NOSIGNAL); /* a closed connection is noticed when it is read */
}

/* The login is over; *what counts it. */
static void ended(struct load *l, struct connection *c, uint64_t *what)
{
    uint64_t took = clock_boot_ns() - c->asked_ns;

    c->asking = false;
    l->asking--;
    l->requests++;
    (*what)++;
    histogram_add(&l->latency, took);
    if (took > l->max_ns)
        l->max_ns = took;
}

static void lost(struct load *l, struct connection *c)
{
    if (!c->greeted && !c->asking && l->requests == 0) {
        fprintf(stderr, "sasl_load: %s closes connections before any login\n", l->o->address);
        exit(EXIT_FAILURE);
    }
    if (c->asking)
        ended(l, c, &l->closed);
    close(c->fd);
    open_connection(l, c);
}

static void take_line(struct load *l, struct connection *c, struct slice line)
{
    struct slice command, id, words;
    unsigned long long number;

    (void)slice_cut(line, '\t', &command, &words);
    (void)slice_cut(words, '\t', &id, &words);
    if (slice_eq(command, SLICE("DONE")))
        c->greeted = true;
    else if (c->asking && slice_to_u64(id, UINT32_MAX, &number) && number == c->id) {
        if (slice_eq(command, SLICE("OK")))
            ended(l, c, &l->ok);
        else if (slice_eq(command, SLICE("FAIL")))
            ended(l, c, &l->fail);
    }
}

static void hear(struct load *l, struct connection *c)
{
    ssize_t got = recv(c->fd, c->in + c->n, sizeof c->in - c->n, 0);
    struct slice rest, line;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lost(l, c);
        return;
    }
    c->n += (size_t)got;
    rest = (struct slice){c->in, c->n};
    while (memchr(rest.p, '\n', rest.n) != NULL) {
        (void)slice_cut(rest, '\n', &line, &rest);
        take_line(l, c, line);
    }
    memmove(c->in, rest.p, rest.n);
    c->n = rest.n;
}

/* ---- all of them ---- */

static bool is_over(const struct load *l, uint64_t now)
{
    return l->o->logins > 0 ? l->begun >= l->o->logins : now >= l->end_ns;
}

/* Those that may begin: all that wait, or with a rate all together, once each has had its answer. */
static void begin(struct load *l, uint64_t now)
{
    if (l->o->rate > 0 && (l->asking > 0 || now < l->next_ns))
        return;
    if (l->o->rate > 0)
        l->next_ns = now + (uint64_t)(l->o->connections / l->o->rate * 1e9);
    for (unsigned i = 0; i < l->o->connections && !is_over(l, now); i++)
        if (l->all[i].greeted && !l->all[i].asking)
            ask(l, &l->all[i]);
}

static void look_for_silence(struct load *l, uint64_t now)
{
    for (unsigned i = 0; i < l->n; i++) {
        struct connection *c = &l->all[i];

        if (!c->asking || (double)(now - c->asked_ns) < l->o->patience_s * 1e9)
            continue;
        ended(l, c, &l->silent);
        close(c->fd);
        open_connection(l, c);
    }
}

static bool all_greeted(const struct load *l)
{
    for (unsigned i = 0; i < l->n; i++)
        if (!l->all[i].greeted)
            return false;
    return true;
}

static int wait_ms(const struct load *l, uint64_t now)
{
    if (l->o->rate == 0 || l->asking > 0)
        return TICK_MS;
    return now >= l->next_ns ? 0 : (int)((l->next_ns - now) / 1000000 + 1);
}

static void turn(struct load *l, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++)
        hear(l, events[i].data.ptr);
}

static void run(struct load *l, double seconds)
{
    uint64_t start, now, looked;

    while (!all_greeted(l))
        turn(l, TICK_MS);
    now = start = looked = clock_boot_ns();
    l->end_ns = start + (uint64_t)(seconds * 1e9);
    while (!is_over(l, now) || l->asking > 0) {
        begin(l, now);
        turn(l, wait_ms(l, now));
        now = clock_boot_ns();
        if (now - looked > TICK_MS * UINT64_C(1000000)) {
            look_for_silence(l, now);
            looked = now;
        }
    }
    l->end_ns = now - start; /* how long it took */
}

static void report(const struct load *l, uint64_t warmup, uint64_t server_ns, uint64_t own_ns)
{
    double requests = (double)(l->requests > 0 ? l->requests : 1), seconds = (double)l->end_ns / 1e9;

    printf("requests=%llu warmup=%llu seconds=%.2f rps=%.0f ok=%llu fail=%llu closed=%llu silent=%llu other=0 "
           "p50_us=%.1f p99_us=%.1f max_us=%.1f cpu_us=%.3f load_cpu_us=%.3f\n",
           (unsigned long long)l->requests, (unsigned long long)warmup, seconds, (double)l->requests / seconds,
           (unsigned long long)l->ok, (unsigned long long)l->fail, (unsigned long long)l->closed,
           (unsigned long long)l->silent, histogram_us(&l->latency, 0.5), histogram_us(&l->latency, 0.99),
           (double)l->max_ns / 1000.0, (double)server_ns / 1000.0 / requests, (double)own_ns / 1000.0 / requests);
}

static void measure(const struct options *o)
{
    static struct load l;
    clockid_t clock = CLOCK_MONOTONIC;
    uint64_t warmup = 0, server, own;

    l = (struct load){.o = o, .n = o->connections + o->idle, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    l.all = calloc(l.n, sizeof *l.all);
    l.random = 88172645463325252u + o->seed * UINT64_C(0x9e3779b97f4a7c15);
    if (l.all == NULL || l.epoll < 0 || (o->pid > 0 && clock_getcpuclockid(o->pid, &clock) != 0))
        fail("sasl_load");
    for (unsigned i = 0; i < l.n; i++)
        open_connection(&l, &l.all[i]);
    if (o->logins == 0) {
        run(&l, o->seconds / 10);
        warmup = l.requests;
        l.requests = l.ok = l.fail = l.closed = l.silent = l.max_ns = 0;
        l.latency = (struct histogram){.n = {0}};
    }
    server = o->pid > 0 ? cpu_ns(clock) : 0;
    own = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    run(&l, o->seconds);
    own = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - own;
    report(&l, warmup, o->pid > 0 ? cpu_ns(clock) - server : 0, own);
    for (unsigned i = 0; i < l.n; i++)
        close(l.all[i].fd);
    close(l.epoll);
    free(l.all);
}

static bool read_options(int argc, char **argv, struct options *o)
{
    int option;

    while ((option = getopt(argc, argv, "c:i:d:n:r:m:w:a:l:s:p:t:")) != -1) {
        switch (option) {
        case 'c':
            o->connections = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'i':
            o->idle = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            o->seconds = strtod(optarg, NULL);
            break;
        case 'n':
            o->logins = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            o->rate = strtod(optarg, NULL);
            break;
        case 'm':
            o->mailboxes = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            o->password = optarg;
            break;
        case 'a':
            o->network = optarg;
            break;
        case 'l':
            o->login = optarg;
            break;
        case 's':
            o->seed = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            o->pid = (pid_t)strtol(optarg, NULL, 10);
            break;
        case 't':
            o->patience_s = strtod(optarg, NULL);
            break;
        default:
            return false;
        }
    }
    o->address = argv[optind];
    return optind + 1 == argc && o->connections > 0 && o->mailboxes > 0 && o->mailboxes <= 10000000 && o->seconds > 0 &&
           o->patience_s > 0 && o->rate >= 0;
}

int main(int argc, char **argv)
{
    struct options o = {.connections = 16,
                        .seconds = 5,
                        .mailboxes = 10000,
                        .patience_s = 60,
                        .password = "secret",
                        .network = "192.0.2"};
    struct rlimit limit;

    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: sasl_load [-c connections] [-i idle] [-d seconds | -n logins] [-r rate] [-m mailboxes] "
                        "[-w password] [-a network] [-l login] [-s seed] [-p pid] [-t seconds] ADDRESS\n");
        return EXIT_FAILURE;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    measure(&o);
    return EXIT_SUCCESS;
}
