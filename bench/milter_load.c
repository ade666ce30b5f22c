/*
 * A load generator for milters: connections that send one message after the other as Postfix does, each step when the
 * one before was answered. Prints one line of NAME=VALUE for the harness.
 *
 *   milter_load [-c connections] [-j threads] [-d seconds] [-m mailboxes] [-n messages a connection] [-r recipients]
 *               [-s seed] [-p pid] PATH
 *
 * Logins are as many as there are mailboxes, from user0000000@contoso.example on, drawn pseudo-randomly. Each step is
 * sent that the filter wants, and each answer awaited that it will give. A message that is refused is counted as such,
 * and the connection goes on with the next one. A header of eight fields; a body of 1.5 KiB if the filter wants bodies.
 * The line: messages= (let through) refused= errors= seconds= mps= (both kinds a second) p50_us= p99_us= (of a whole
 * message) cpu_us= (processor time of process pid a message, where -p was given) load_cpu_us= (of the load generator).
 * With -n and -d 0 each connection sends so many messages, and ends. Exit status 1 when a connection broke.
 */
#include "bench/histogram.h"
#include "bench/milter_wire.h"
#include "core/base/buf.h"
#include "core/base/clock.h"

#include <errno.h>
#include <getopt.h>
#include <libmilter/mfapi.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define CLIENT "192.0.2.7"
#define TIMEOUT_MS 10000
#define RECIPIENTS_MAX 100
#define THREADS_MAX 64

struct options {
    const char *path;
    unsigned connections, threads, seconds, per_connection, recipients, mailboxes, seed;
    pid_t pid;
};

enum step { STEP_HELO, STEP_MAIL, STEP_RCPT, STEP_DATA, STEP_HEADER, STEP_EOH, STEP_BODY, STEP_END };

/* What a filter sets when it does not want the step, and when it will not answer it (mfdef.h). */
static const struct {
    uint32_t unwanted, silent;
} steps[] = {
    [STEP_HELO] = {SMFIP_NOHELO, SMFIP_NR_HELO},  [STEP_MAIL] = {SMFIP_NOMAIL, SMFIP_NR_MAIL},
    [STEP_RCPT] = {SMFIP_NORCPT, SMFIP_NR_RCPT},  [STEP_DATA] = {SMFIP_NODATA, SMFIP_NR_DATA},
    [STEP_HEADER] = {SMFIP_NOHDRS, SMFIP_NR_HDR}, [STEP_EOH] = {SMFIP_NOEOH, SMFIP_NR_EOH},
    [STEP_BODY] = {SMFIP_NOBODY, SMFIP_NR_BODY},  [STEP_END] = {0, 0},
};

/* A header as mail programs write it; the login's address stands for NULL. */
static const char *const fields[][2] = {
    {"Received", "from laptop (unknown [192.0.2.7])\n\tby relay.contoso.example with ESMTPSA"},
    {"From", NULL},
    {"To", "Someone <someone@fabrikam.example>"},
    {"Subject", "The figures that you asked for"},
    {"Date", "Thu, 20 Nov 2025 10:00:00 +0000"},
    {"Message-Id", "<20251120100000.1@contoso.example>"},
    {"Mime-Version", "1.0"},
    {"Content-Type", "text/plain; charset=utf-8"},
};
#define FIELDS (sizeof fields / sizeof fields[0])

static char body[1536];

struct connection {
    struct wire *wire;
    enum step sent, next; /* sent: the last one */
    bool done;            /* has sent what it was to send */
    size_t field;
    unsigned recipients_left, messages;
    uint64_t begun_ns;
    char login[64], path[72], queue_id[32];
};

struct worker {
    const struct options *o;
    pthread_t thread;
    unsigned number, n_connections, n_done;
    uint64_t random, begun_ns, queue_ids;
    uint64_t passed, refused, errors;
    struct histogram latency;
};

/* xorshift64: good enough to spread logins, and cheap. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void make_names(struct worker *w, struct connection *c)
{
    struct buf login = BUF_OVER(c->login), path = BUF_OVER(c->path), queue_id = BUF_OVER(c->queue_id);

    buf_addf(&login, "user%07u@contoso.example", (unsigned)(next_random(&w->random) % w->o->mailboxes));
    buf_addf(&path, "<%s>", c->login);
    buf_addf(&queue_id, "4%u.%u.%llu", w->o->seed, w->number, (unsigned long long)++w->queue_ids);
}

static void queue_id_macro(struct connection *c, int stage, char command)
{
    if (wire_wants_id(c->wire, stage))
        wire_macros(c->wire, command, (const char *const[]){"i", c->queue_id, NULL});
}

static void queue_mail(struct worker *w, struct connection *c)
{
    make_names(w, c);
    if (c->messages > 0)
        wire_packet(c->wire, SMFIC_ABORT, NULL, 0);
    wire_macros(c->wire, SMFIC_MAIL,
                (const char *const[]){"{mail_addr}", c->login, "{auth_authen}", c->login, "{auth_type}", "PLAIN",
                                      "{tls_version}", "TLSv1.3", "{client_addr}", CLIENT, NULL});
    wire_strings(c->wire, SMFIC_MAIL, (const char *const[]){c->path, "SIZE=2048", NULL});
    c->recipients_left = w->o->recipients;
    c->field = 0;
    c->begun_ns = clock_boot_ns();
}

static void queue_step(struct worker *w, struct connection *c, enum step step)
{
    switch (step) {
    case STEP_HELO:
        wire_strings(c->wire, SMFIC_HELO, (const char *const[]){"laptop.contoso.example", NULL});
        break;
    case STEP_MAIL:
        queue_mail(w, c);
        break;
    case STEP_RCPT:
        queue_id_macro(c, SMFIM_ENVRCPT, SMFIC_RCPT);
        wire_strings(c->wire, SMFIC_RCPT, (const char *const[]){"<someone@fabrikam.example>", NULL});
        break;
    case STEP_DATA:
        queue_id_macro(c, SMFIM_DATA, SMFIC_DATA);
        wire_packet(c->wire, SMFIC_DATA, NULL, 0);
        break;
    case STEP_HEADER:
        wire_header(c->wire, fields[c->field][0], fields[c->field][1] != NULL ? fields[c->field][1] : c->login);
        break;
    case STEP_EOH:
        queue_id_macro(c, SMFIM_EOH, SMFIC_EOH);
        wire_packet(c->wire, SMFIC_EOH, NULL, 0);
        break;
    case STEP_BODY:
        wire_packet(c->wire, SMFIC_BODY, body, sizeof body);
        break;
    case STEP_END:
        queue_id_macro(c, SMFIM_EOM, SMFIC_BODYEOB);
        wire_packet(c->wire, SMFIC_BODYEOB, NULL, 0);
        break;
    }
}

static enum step step_after(struct connection *c, enum step step)
{
    if ((step == STEP_RCPT && --c->recipients_left > 0) || (step == STEP_HEADER && ++c->field < FIELDS))
        return step;
    return step == STEP_END ? STEP_MAIL : step + 1;
}

/* Sends the steps up to the next one that is answered. */
static bool go_on(struct worker *w, struct connection *c)
{
    bool asked = false;

    while (!asked) {
        c->sent = c->next;
        if (wire_wants(c->wire, steps[c->sent].unwanted)) {
            queue_step(w, c, c->sent);
            asked = wire_replies(c->wire, steps[c->sent].silent);
        }
        c->next = step_after(c, c->sent);
    }
    return wire_flush(c->wire) == 0;
}

/* Connects, negotiates, and sends what comes before the first answer. False when that fails. */
static bool begin(struct worker *w, struct connection *c)
{
    struct error e;

    wire_free(c->wire);
    c->messages = 0;
    c->wire = wire_open(w->o->path, &e);
    if (c->wire == NULL || wire_negotiate(c->wire, WIRE_VERSION, WIRE_ACTIONS, WIRE_STEPS, TIMEOUT_MS) != 0)
        return false;
    if (wire_wants(c->wire, SMFIP_NOCONNECT))
        wire_connect(c->wire, "laptop.contoso.example", SMFIA_INET, 50000, CLIENT);
    if (wire_wants(c->wire, SMFIP_NOCONNECT) && wire_replies(c->wire, SMFIP_NR_CONN) &&
        wire_read(c->wire, TIMEOUT_MS).command != SMFIR_CONTINUE)
        return false;
    c->next = STEP_HELO;
    return go_on(w, c);
}

/* False: this connection is done. */
static bool next_message(struct worker *w, struct connection *c, bool passed)
{
    w->passed += passed ? 1 : 0;
    w->refused += passed ? 0 : 1;
    histogram_add(&w->latency, clock_boot_ns() - c->begun_ns);
    c->next = STEP_MAIL;
    if (++c->messages < w->o->per_connection)
        return go_on(w, c);
    wire_packet(c->wire, SMFIC_QUIT, NULL, 0);
    (void)wire_flush(c->wire);
    c->done = w->o->seconds == 0;
    return false;
}

/* The next step after a reply. False: this connection is done. */
static bool advance(struct worker *w, struct connection *c, char reply)
{
    bool continues = reply == SMFIR_CONTINUE || reply == SMFIR_SKIP;

    if (continues && c->sent != STEP_END)
        return go_on(w, c);
    return next_message(w, c, continues || reply == SMFIR_ACCEPT);
}

static bool watch(int epoll, struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, c->wire->fd, &event) == 0;
}

/* False when there is no use in going on. */
static bool handle(struct worker *w, int epoll, struct connection *c)
{
    struct wire_reply reply;

    do
        reply = wire_read(c->wire, TIMEOUT_MS);
    while (wire_is_change(reply.command));
    if (reply.command == 0)
        w->errors++;
    else if (advance(w, c, reply.command))
        return true;
    if (c->done) {
        w->n_done++;
        return epoll_ctl(epoll, EPOLL_CTL_DEL, c->wire->fd, NULL) == 0;
    }
    return begin(w, c) && watch(epoll, c);
}

static bool goes_on(const struct worker *w)
{
    return w->o->seconds > 0 ? clock_boot_ns() < w->begun_ns + w->o->seconds * NS_PER_S : w->n_done < w->n_connections;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct connection *connections = calloc(w->n_connections, sizeof *connections);
    struct epoll_event events[64];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    bool going = connections != NULL && epoll >= 0;

    for (unsigned i = 0; going && i < w->n_connections; i++)
        going = begin(w, &connections[i]) && watch(epoll, &connections[i]);
    w->begun_ns = clock_boot_ns();
    while (going && goes_on(w)) {
        int n = epoll_wait(epoll, events, 64, TIMEOUT_MS);

        if (n <= 0 && errno != EINTR)
            going = false;
        for (int i = 0; going && i < n; i++)
            going = handle(w, epoll, events[i].data.ptr);
    }
    if (!going)
        w->errors++;
    for (unsigned i = 0; connections != NULL && i < w->n_connections; i++)
        wire_free(connections[i].wire);
    free(connections);
    return NULL;
}

/* User and system time of a process and its threads so far; 0 when it is not to be had. */
static uint64_t cpu_ns(pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static int report(const struct worker *workers, const struct options *o, double seconds, uint64_t used_ns)
{
    static struct histogram latency;
    uint64_t passed = 0, refused = 0, errors = 0, all;
    double each;

    for (unsigned i = 0; i < o->threads; i++) {
        passed += workers[i].passed;
        refused += workers[i].refused;
        errors += workers[i].errors;
        histogram_merge(&latency, &workers[i].latency);
    }
    all = passed + refused;
    each = 1000.0 * (double)(all > 0 ? all : 1);
    printf("messages=%llu refused=%llu errors=%llu seconds=%.2f mps=%.0f p50_us=%.1f p99_us=%.1f cpu_us=%.3f "
           "load_cpu_us=%.3f\n",
           (unsigned long long)passed, (unsigned long long)refused, (unsigned long long)errors, seconds,
           (double)all / seconds, histogram_us(&latency, 0.5), histogram_us(&latency, 0.99), (double)used_ns / each,
           (double)cpu_ns(getpid()) / each);
    return errors == 0 && all > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static unsigned number(const char *text, unsigned least, unsigned most)
{
    unsigned long long v;

    if (slice_to_u64(slice_of(text), most, &v) && v >= least)
        return (unsigned)v;
    fprintf(stderr, "milter_load: \"%s\": expected a number from %u to %u\n", text, least, most);
    exit(2);
}

static void read_options(int argc, char **argv, struct options *o)
{
    int option;

    while ((option = getopt(argc, argv, "c:j:d:m:n:r:s:p:")) != -1) {
        switch (option) {
        case 'c':
            o->connections = number(optarg, 1, 10000);
            break;
        case 'j':
            o->threads = number(optarg, 1, THREADS_MAX);
            break;
        case 'd':
            o->seconds = number(optarg, 0, 3600);
            break;
        case 'm':
            o->mailboxes = number(optarg, 1, 10000000);
            break;
        case 'n':
            o->per_connection = number(optarg, 1, 1000000000);
            break;
        case 'r':
            o->recipients = number(optarg, 1, RECIPIENTS_MAX);
            break;
        case 's':
            o->seed = number(optarg, 0, INT_MAX);
            break;
        case 'p':
            o->pid = (pid_t)number(optarg, 1, INT_MAX);
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "usage: milter_load [options] SOCKET (see the top of its source)\n");
        exit(2);
    }
    o->path = argv[optind];
    if (o->threads > o->connections)
        o->threads = o->connections;
}

int main(int argc, char **argv)
{
    struct options o = {.connections = 16,
                        .threads = 1,
                        .seconds = 5,
                        .per_connection = 1000000000,
                        .recipients = 1,
                        .mailboxes = 1000000};
    static struct worker workers[THREADS_MAX];
    static const char line[] = "A line of text, as long as a line of text is\r\n";
    uint64_t before_ns, begun_ns = UINT64_MAX;

    read_options(argc, argv, &o);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = line[i % (sizeof line - 1)];
    before_ns = cpu_ns(o.pid);
    for (unsigned i = 0; i < o.threads; i++) {
        struct worker *w = &workers[i];

        *w = (struct worker){
            .o = &o, .number = i, .random = UINT64_C(0x9e3779b97f4a7c15) * (i + 1 + (uint64_t)o.seed * THREADS_MAX)};
        w->n_connections = o.connections / o.threads + (i < o.connections % o.threads ? 1 : 0);
        if (pthread_create(&w->thread, NULL, run, w) != 0) {
            fprintf(stderr, "milter_load: no threads\n");
            return 1;
        }
    }
    for (unsigned i = 0; i < o.threads; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        begun_ns = workers[i].begun_ns < begun_ns ? workers[i].begun_ns : begun_ns;
    }
    return report(workers, &o, (double)(clock_boot_ns() - begun_ns) / NS_PER_S, cpu_ns(o.pid) - before_ns);
}
