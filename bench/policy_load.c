/*
 * A load generator for policy servers. As with Postfix, where each smtpd is a process of its own, every connection is a
 * process that asks what Postfix 3.7 asks about one message after the other (RCPT, END-OF-MESSAGE), and waits for each
 * answer before it goes on. It waits as Postfix's streams do, with poll() before each write() and read()
 * (util/timed_read.c, timed_write.c): whoever sleeps in read() itself is also woken when the server takes the request
 * from its socket, and takes a processor for nothing. Requests are patched in place rather than written anew.
 *
 *   policy_load [-b] [-c connections] [-i idle connections] [-d seconds | -n messages] [-m mailboxes] [-s seed]
 *               [-p pid] [-1] ADDRESS
 *
 * ADDRESS is a path or host:port (IPv4). Logins are as many as there are mailboxes, from user0000000@contoso.example
 * on, drawn pseudo-randomly, the same in each run. A tenth of the time is spent warming up. With -n each connection
 * sends that many messages and is not timed: for counting instructions. One line comes out:
 *
 *   requests=… warmup=… seconds=… rps=… dunno=… other=… p50_us=… p99_us=… p999_us=… max_us=… cpu_us=… load_cpu_us=…
 *
 * warmup: requests that are in no other figure. cpu_us: processor time of process pid a request, where -p was given;
 * load_cpu_us: of the load generator itself. Exit status 1 if an answer was none.
 * -b keeps the server busy: one process for all connections, in epoll_wait(), which asks on each of them again as soon
 * as it has its answer, at RCPT only. Postfix does nothing like it, but with processes that all want to be woken there
 * is little else to be measured, while here a server is seldom without a request, so that what it spends on one
 * decides. -1 asks once, trying to connect until somebody listens, and prints how long that took: ms=…
 */
#include "bench/histogram.h"
#include "bench/policy_wire.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A message's number is made of seed, connection and count. */
#define CONNECTION_STEP UINT64_C(100000000)
#define SEED_STEP (CONNECTION_STEP * 10000)
#define WARM_SEEDS 5000    /* warming up has seeds from here on */
#define FIRST_TRIES 100000 /* of 100 us */
#define TIMEOUT_MS 100000  /* smtpd_policy_service_timeout */
#define EVENTS 64

struct connection {
    int fd;
    bool at_end; /* END-OF-MESSAGE is being asked */
    uint64_t asked_ns;
};

struct options {
    unsigned connections, idle, mailboxes;
    uint64_t seed;
    uint64_t messages; /* of each connection; 0: as many as fit into the time */
    double seconds;
    pid_t pid;
    bool busy, once;
    const char *address;
};

struct figures {
    uint64_t requests, warmup, dunno, other, max_ns, cpu_ns, load_cpu_ns;
    double seconds;
    struct histogram latency;
};

static struct policy_request templates[2]; /* RCPT, END-OF-MESSAGE */
static uint64_t random_state = 88172645463325252u;

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Each connection draws others, and in each run. */
static void seed_draws(const struct options *o, unsigned which)
{
    random_state = (random_state + o->seed) * UINT64_C(0x9e3779b97f4a7c15) + which * UINT64_C(0xd1342543de82ef95);
}

/* xorshift64 (Marsaglia 2003) */
static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void wait_for(int fd, short event)
{
    struct pollfd p = {.fd = fd, .events = event};

    if (poll(&p, 1, TIMEOUT_MS) != 1)
        fail("poll");
}

/* Both requests of a message carry its number. */
static void ask(struct connection *c, uint64_t message, uint64_t login)
{
    struct policy_request *r = &templates[c->at_end];

    policy_request_patch(r, message, login);
    c->asked_ns = clock_ns(CLOCK_MONOTONIC);
    if (write(c->fd, r->text, r->n) != (ssize_t)r->n)
        fail("write");
}

static ssize_t hear(const struct connection *c, char *answer, size_t most)
{
    wait_for(c->fd, POLLIN);
    return read(c->fd, answer, most);
}

/* ---- what came back ---- */

/* Peers answer in lower case too. */
static void note(struct figures *f, const char *answer, ssize_t n, uint64_t took_ns)
{
    if (n < 9 || memcmp(answer, "action=", 7) != 0 || memcmp(answer + n - 2, "\n\n", 2) != 0) {
        fprintf(stderr, "policy_load: no answer: \"%.*s\"\n", n > 0 ? (int)n : 0, answer);
        exit(EXIT_FAILURE);
    }
    f->requests++;
    if (n == 14 && strncasecmp(answer, "action=DUNNO\n\n", 14) == 0)
        f->dunno++;
    else
        f->other++;
    if (took_ns > f->max_ns)
        f->max_ns = took_ns;
    histogram_add(&f->latency, took_ns);
}

/* ---- one process a connection ---- */

/*
 * All connections begin together, when the parent closes its end of the pipe, and have the same end. The parent opens
 * them, so that one that cannot be opened ends the run before it began.
 */
struct gate {
    int ends[2];
    volatile uint64_t *end_ns; /* shared; 0: it is not to begin */
};

/* One process: its own share of the figures, which the parent reads when all have ended. */
static void run(const struct options *o, unsigned which, int fd, const struct gate *gate, struct figures *f)
{
    struct connection c = {.fd = fd};
    uint64_t first = o->seed * SEED_STEP + which * CONNECTION_STEP, number = first, login = 0, now = 0;
    char answer[1024];
    ssize_t got;

    seed_draws(o, which);
    close(gate->ends[1]);
    (void)!read(gate->ends[0], answer, 1);
    if (*gate->end_ns == 0)
        _exit(EXIT_FAILURE);
    while (c.at_end || (o->messages > 0 ? number - first < o->messages : now < *gate->end_ns)) {
        if (!c.at_end) {
            number++;
            login = draw() % o->mailboxes;
        }
        wait_for(c.fd, POLLOUT);
        ask(&c, number, login);
        got = hear(&c, answer, sizeof answer);
        now = clock_ns(CLOCK_MONOTONIC);
        note(f, answer, got, now - c.asked_ns);
        c.at_end = !c.at_end;
    }
}

static void fork_all(const struct options *o, const struct gate *gate, struct figures *each)
{
    memset(each, 0, o->connections * sizeof *each);
    for (unsigned i = 0; i < o->connections; i++) {
        int fd = policy_connect(o->address);
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            run(o, i, fd, gate, &each[i]);
            _exit(EXIT_SUCCESS);
        }
        close(fd);
    }
}

static void add(struct figures *sum, const struct figures *f)
{
    sum->requests += f->requests;
    sum->dunno += f->dunno;
    sum->other += f->other;
    sum->max_ns = f->max_ns > sum->max_ns ? f->max_ns : sum->max_ns;
    histogram_merge(&sum->latency, &f->latency);
}

static void run_all(const struct options *o, double seconds, struct figures *each, struct figures *sum)
{
    struct gate gate = {.end_ns = (volatile uint64_t *)(each + o->connections)};
    int status, failed = 0;
    uint64_t start;

    *gate.end_ns = 0;
    if (pipe(gate.ends) != 0)
        fail("pipe");
    fork_all(o, &gate, each);
    start = clock_ns(CLOCK_MONOTONIC);
    *gate.end_ns = start + (uint64_t)(seconds * 1e9);
    close(gate.ends[0]);
    close(gate.ends[1]);
    for (unsigned i = 0; i < o->connections; i++)
        failed |= wait(&status) < 0 || status != 0;
    if (failed)
        exit(EXIT_FAILURE);
    memset(sum, 0, sizeof *sum);
    sum->seconds = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
    for (unsigned i = 0; i < o->connections; i++)
        add(sum, &each[i]);
}

/* ---- -b ---- */

static int connect_all(const struct options *o, struct connection *all)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    for (unsigned i = 0; i < o->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};

        all[i] = (struct connection){.fd = policy_connect(o->address)};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) != 0)
            fail("epoll_ctl");
    }
    return epoll;
}

static void take_answer(const struct connection *c, struct figures *f)
{
    char answer[1024];
    ssize_t n = read(c->fd, answer, sizeof answer);

    note(f, answer, n, clock_ns(CLOCK_MONOTONIC) - c->asked_ns);
}

static void run_busy(const struct options *o, double seconds, struct figures *sum)
{
    struct connection *all = calloc(o->connections, sizeof *all);
    int epoll;
    uint64_t number = o->seed * SEED_STEP, start = clock_ns(CLOCK_MONOTONIC), now = start;
    const uint64_t end = start + (uint64_t)(seconds * 1e9);
    struct epoll_event ready[EVENTS];

    if (all == NULL)
        fail("calloc");
    epoll = connect_all(o, all);
    memset(sum, 0, sizeof *sum);
    seed_draws(o, 0);
    for (unsigned i = 0; i < o->connections; i++)
        ask(&all[i], ++number, draw() % o->mailboxes);
    while (o->messages > 0 ? sum->requests < o->messages * o->connections : now < end) {
        int n = epoll_wait(epoll, ready, EVENTS, TIMEOUT_MS);

        if (n <= 0)
            fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;

            take_answer(c, sum);
            ask(c, ++number, draw() % o->mailboxes);
        }
        now = clock_ns(CLOCK_MONOTONIC);
    }
    sum->seconds = (double)(now - start) / 1e9;
    for (unsigned i = 0; i < o->connections; i++)
        close(all[i].fd);
    close(epoll);
    free(all);
}

/* ---- measuring either ---- */

static void run_for(const struct options *o, double seconds, struct figures *each, struct figures *sum)
{
    if (o->busy)
        run_busy(o, seconds, sum);
    else
        run_all(o, seconds, each, sum);
}

/* Of the children that have ended, and of this process. */
static uint64_t own_cpu_ns(void)
{
    struct rusage children;

    if (getrusage(RUSAGE_CHILDREN, &children) != 0)
        fail("getrusage");
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID) +
           (uint64_t)(children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000u;
}

static void measure(const struct options *o, struct figures *sum)
{
    struct figures *each = mmap(NULL, o->connections * sizeof *each + sizeof(uint64_t), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    clockid_t cpu = CLOCK_MONOTONIC;
    uint64_t warmup = 0, cpu_before, own_before;

    if (each == MAP_FAILED || (o->pid > 0 && clock_getcpuclockid(o->pid, &cpu) != 0))
        fail("policy_load");
    for (unsigned i = 0; i < o->idle; i++)
        (void)policy_connect(o->address);
    if (o->messages == 0) {
        struct options other = *o;

        other.seed += WARM_SEEDS;
        run_for(&other, o->seconds / 10, each, sum);
        warmup = sum->requests;
    }
    cpu_before = o->pid > 0 ? clock_ns(cpu) : 0;
    own_before = own_cpu_ns();
    run_for(o, o->seconds, each, sum);
    sum->cpu_ns = o->pid > 0 ? clock_ns(cpu) - cpu_before : 0;
    sum->load_cpu_ns = own_cpu_ns() - own_before;
    sum->warmup = warmup;
    munmap(each, o->connections * sizeof *each + sizeof(uint64_t));
}

static int first_answer(const struct options *o)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    struct connection c = {.fd = -1};
    char answer[1024];

    memcpy(address.sun_path, o->address, strnlen(o->address, sizeof address.sun_path - 1));
    for (unsigned i = 0; i < FIRST_TRIES; i++) {
        c.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(c.fd, (const struct sockaddr *)&address, sizeof address) == 0)
            break;
        close(c.fd);
        usleep(100);
    }
    wait_for(c.fd, POLLOUT);
    ask(&c, 1, 1);
    if (hear(&c, answer, sizeof answer) < 9)
        return EXIT_FAILURE;
    printf("ms=%.1f answer=%.12s\n", (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e6, answer);
    return EXIT_SUCCESS;
}

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool read_options(int argc, char **argv, struct options *o)
{
    int option;

    while ((option = getopt(argc, argv, "bc:i:d:n:m:s:p:1")) != -1) {
        if (option == 'c')
            o->connections = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'i')
            o->idle = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 'd')
            o->seconds = strtod(optarg, NULL);
        else if (option == 'n')
            o->messages = strtoull(optarg, NULL, 10);
        else if (option == 'm')
            o->mailboxes = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            o->seed = strtoull(optarg, NULL, 10);
        else if (option == 'b')
            o->busy = true;
        else if (option == '1')
            o->once = true;
        else if (option == 'p')
            o->pid = (pid_t)strtol(optarg, NULL, 10);
        else
            return false;
    }
    o->address = argv[optind];
    return optind + 1 == argc && o->connections > 0 && o->mailboxes > 0 && o->mailboxes <= 10000000 &&
           o->connections < 10000 && o->seed < WARM_SEEDS && o->seconds > 0;
}

static void report(const struct figures *f)
{
    double requests = (double)(f->requests > 0 ? f->requests : 1);

    printf("requests=%llu warmup=%llu seconds=%.2f rps=%.0f dunno=%llu other=%llu p50_us=%.1f p99_us=%.1f p999_us=%.1f "
           "max_us=%.1f cpu_us=%.3f load_cpu_us=%.3f\n",
           (unsigned long long)f->requests, (unsigned long long)f->warmup, f->seconds, (double)f->requests / f->seconds,
           (unsigned long long)f->dunno, (unsigned long long)f->other, histogram_us(&f->latency, 0.5),
           histogram_us(&f->latency, 0.99), histogram_us(&f->latency, 0.999), (double)f->max_ns / 1000.0,
           (double)f->cpu_ns / 1000.0 / requests, (double)f->load_cpu_ns / 1000.0 / requests);
}

int main(int argc, char **argv)
{
    struct options o = {.connections = 16, .seconds = 5, .mailboxes = 10000};
    static struct figures f;

    if (!read_options(argc, argv, &o)) {
        fprintf(stderr,
                "usage: policy_load [-b] [-c connections] [-i idle] [-d seconds | -n messages] [-m mailboxes] [-p pid] "
                "[-1] ADDRESS\n");
        return EXIT_FAILURE;
    }
    raise_descriptors();
    policy_request_init(&templates[0], POLICY_RCPT);
    policy_request_init(&templates[1], POLICY_END_OF_MESSAGE);
    if (o.once)
        return first_answer(&o);
    measure(&o, &f);
    report(&f);
    return EXIT_SUCCESS;
}
