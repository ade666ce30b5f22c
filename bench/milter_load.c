/*
 * A load generator for milters: connections that send one message after the other as Postfix does, each step when the
 * one before was answered. Prints one line of NAME=VALUE for the harness.
 *
 *   milter_load [-c connections] [-j threads] [-d seconds] [-m mailboxes] [-n messages a connection] [-r recipients]
 *               [-a client address] [-p pid] PATH
 *
 * Logins are user0000001@contoso.example up to the number of mailboxes, drawn pseudo-randomly. A message that is
 * refused is counted as such, and the connection goes on with the next one. A header of eight fields; a body of 1.5 KiB
 * if the filter wants bodies. The line: messages= (let through) refused= errors= seconds= mps= (both kinds a second)
 * p50_us= p99_us= (of a whole message) cpu_us= (processor time of process pid a message, where -p was given). Exit
 * status 1 when a connection broke.
 */
#include "bench/milter_wire.h"
#include "core/buf.h"
#include "core/clock.h"

#include <errno.h>
#include <getopt.h>
#include <libmilter/mfapi.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define TIMEOUT_MS 10000
#define RECIPIENTS_MAX 100
#define THREADS_MAX 64
/* Latencies are counted in buckets of a microsecond up to this many, the rest in the last one. */
#define BUCKETS 200000

struct options {
    const char *path, *client;
    unsigned connections, threads, seconds, per_connection, recipients, mailboxes;
    pid_t pid;
};

enum step { STEP_MAIL, STEP_RCPT, STEP_END };

struct connection {
    struct wire *wire;
    enum step step;
    unsigned recipients_left, messages;
    uint64_t begun_ns;
    char login[64], path[72], queue_id[32];
};

struct worker {
    const struct options *o;
    pthread_t thread;
    unsigned number, n_connections;
    uint64_t random, end_ns, queue_ids;
    uint64_t passed, refused, errors;
    uint32_t *latency_us;
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

    buf_addf(&login, "user%07u@contoso.example", 1 + (unsigned)(next_random(&w->random) % w->o->mailboxes));
    buf_addf(&path, "<%s>", c->login);
    buf_addf(&queue_id, "4%u.%llu", w->number, (unsigned long long)++w->queue_ids);
}

static void queue_mail(struct worker *w, struct connection *c)
{
    make_names(w, c);
    if (c->messages > 0)
        wire_packet(c->wire, SMFIC_ABORT, NULL, 0);
    wire_macros(c->wire, SMFIC_MAIL,
                (const char *const[]){"{mail_addr}", c->login, "{auth_authen}", c->login, "{auth_type}", "PLAIN",
                                      "{tls_version}", "TLSv1.3", "{client_addr}", w->o->client, NULL});
    wire_strings(c->wire, SMFIC_MAIL, (const char *const[]){c->path, "SIZE=2048", NULL});
    c->step = STEP_MAIL;
    c->recipients_left = w->o->recipients;
    c->begun_ns = clock_boot_ns();
}

static void queue_recipient(struct connection *c)
{
    if (c->wire->lists[SMFIM_ENVRCPT][0] != '\0')
        wire_macros(c->wire, SMFIC_RCPT, (const char *const[]){"i", c->queue_id, NULL});
    wire_strings(c->wire, SMFIC_RCPT, (const char *const[]){"<someone@fabrikam.example>", NULL});
    c->step = STEP_RCPT;
    c->recipients_left--;
}

static const char body[1536];

/* A header as mail programs write it. */
static void queue_message(struct connection *c)
{
    const char *const late[] = {"i", c->queue_id, NULL};

    if (wire_wants(c->wire, SMFIP_NODATA)) {
        if (c->wire->lists[SMFIM_DATA][0] != '\0')
            wire_macros(c->wire, SMFIC_DATA, late);
        wire_packet(c->wire, SMFIC_DATA, NULL, 0);
    }
    if (wire_wants(c->wire, SMFIP_NOHDRS)) {
        wire_header(c->wire, "Received", "from laptop (unknown [192.0.2.7])\n\tby relay.contoso.example with ESMTPSA");
        wire_header(c->wire, "From", c->login);
        wire_header(c->wire, "To", "Someone <someone@fabrikam.example>");
        wire_header(c->wire, "Subject", "The figures that you asked for");
        wire_header(c->wire, "Date", "Thu, 20 Nov 2025 10:00:00 +0000");
        wire_header(c->wire, "Message-Id", "<20251120100000.1@contoso.example>");
        wire_header(c->wire, "Mime-Version", "1.0");
        wire_header(c->wire, "Content-Type", "text/plain; charset=utf-8");
    }
    if (wire_wants(c->wire, SMFIP_NOBODY))
        wire_packet(c->wire, SMFIC_BODY, body, sizeof body);
    if (c->wire->lists[SMFIM_EOM][0] != '\0')
        wire_macros(c->wire, SMFIC_BODYEOB, late);
    wire_packet(c->wire, SMFIC_BODYEOB, NULL, 0);
    c->step = STEP_END;
}

/* Connects, negotiates, and sends the first MAIL. False when that fails. */
static bool begin(struct worker *w, struct connection *c)
{
    struct error e;

    wire_free(c->wire);
    c->messages = 0;
    c->wire = wire_open(w->o->path, &e);
    if (c->wire == NULL || wire_negotiate(c->wire, WIRE_ACTIONS, WIRE_STEPS, TIMEOUT_MS) != 0)
        return false;
    if (wire_replies(c->wire, SMFIP_NR_HDR) || wire_replies(c->wire, SMFIP_NR_BODY) ||
        wire_replies(c->wire, SMFIP_NR_DATA))
        return false; /* not what is measured here */
    wire_connect(c->wire, "laptop.contoso.example", SMFIA_INET, 50000, w->o->client);
    if (wire_replies(c->wire, SMFIP_NR_CONN) && wire_read(c->wire, TIMEOUT_MS).command != SMFIR_CONTINUE)
        return false;
    queue_mail(w, c);
    return wire_flush(c->wire) == 0;
}

static void note_latency(struct worker *w, const struct connection *c)
{
    uint64_t us = (clock_boot_ns() - c->begun_ns) / 1000;

    w->latency_us[us < BUCKETS ? us : BUCKETS - 1]++;
}

static bool next_message(struct worker *w, struct connection *c, bool passed)
{
    w->passed += passed ? 1 : 0;
    w->refused += passed ? 0 : 1;
    note_latency(w, c);
    if (++c->messages < w->o->per_connection) {
        queue_mail(w, c);
        return true;
    }
    wire_packet(c->wire, SMFIC_QUIT, NULL, 0);
    (void)wire_flush(c->wire);
    return false;
}

/* The next step after a reply. False: this connection is done, another one begins. */
static bool advance(struct worker *w, struct connection *c, char reply)
{
    bool more;

    if (reply == SMFIR_ACCEPT || (reply == SMFIR_CONTINUE && c->step == STEP_END))
        more = next_message(w, c, true);
    else if (reply != SMFIR_CONTINUE)
        more = next_message(w, c, false);
    else {
        if (c->recipients_left > 0)
            queue_recipient(c);
        else
            queue_message(c);
        more = true;
    }
    return more && wire_flush(c->wire) == 0;
}

static bool watch(int epoll, struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, c->wire->fd, &event) == 0;
}

/* False when there is no use in going on. */
static bool handle(struct worker *w, int epoll, struct connection *c)
{
    struct wire_reply reply = wire_read(c->wire, TIMEOUT_MS);

    while (reply.command == SMFIR_QUARANTINE) /* the reply proper follows */
        reply = wire_read(c->wire, TIMEOUT_MS);
    if (reply.command == 0)
        w->errors++;
    else if (advance(w, c, reply.command))
        return true;
    return begin(w, c) && watch(epoll, c);
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
    w->end_ns = clock_boot_ns() + w->o->seconds * NS_PER_S;
    while (going && clock_boot_ns() < w->end_ns) {
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

static uint64_t percentile(const struct worker *workers, unsigned n, uint64_t all, unsigned per_mille)
{
    uint64_t seen = 0;

    for (unsigned us = 0; us < BUCKETS; us++) {
        for (unsigned i = 0; i < n; i++)
            seen += workers[i].latency_us[us];
        if (seen > 0 && seen * 1000 >= all * per_mille)
            return us;
    }
    return BUCKETS;
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

static int report(const struct worker *workers, const struct options *o, uint64_t used_ns)
{
    uint64_t passed = 0, refused = 0, errors = 0, all;

    for (unsigned i = 0; i < o->threads; i++) {
        passed += workers[i].passed;
        refused += workers[i].refused;
        errors += workers[i].errors;
    }
    all = passed + refused;
    printf("messages=%llu refused=%llu errors=%llu seconds=%u mps=%llu p50_us=%llu p99_us=%llu cpu_us=%.2f\n",
           (unsigned long long)passed, (unsigned long long)refused, (unsigned long long)errors, o->seconds,
           (unsigned long long)(all / o->seconds), (unsigned long long)percentile(workers, o->threads, all, 500),
           (unsigned long long)percentile(workers, o->threads, all, 990),
           (double)used_ns / 1000.0 / (double)(all > 0 ? all : 1));
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

    while ((option = getopt(argc, argv, "c:j:d:m:n:r:a:p:")) != -1) {
        switch (option) {
        case 'c':
            o->connections = number(optarg, 1, 10000);
            break;
        case 'j':
            o->threads = number(optarg, 1, THREADS_MAX);
            break;
        case 'd':
            o->seconds = number(optarg, 1, 3600);
            break;
        case 'm':
            o->mailboxes = number(optarg, 1, 9999999);
            break;
        case 'n':
            o->per_connection = number(optarg, 1, 1000000000);
            break;
        case 'r':
            o->recipients = number(optarg, 1, RECIPIENTS_MAX);
            break;
        case 'a':
            o->client = optarg;
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
    struct options o = {.client = "192.0.2.7",
                        .connections = 16,
                        .threads = 1,
                        .seconds = 5,
                        .per_connection = 1000000000,
                        .recipients = 1,
                        .mailboxes = 1000000};
    struct worker workers[THREADS_MAX] = {0};
    uint64_t before_ns;
    int status;

    read_options(argc, argv, &o);
    before_ns = cpu_ns(o.pid);
    for (unsigned i = 0; i < o.threads; i++) {
        struct worker *w = &workers[i];

        *w = (struct worker){.o = &o, .number = i, .random = UINT64_C(0x9e3779b97f4a7c15) * (i + 1)};
        w->n_connections = o.connections / o.threads + (i < o.connections % o.threads ? 1 : 0);
        w->latency_us = calloc(BUCKETS, sizeof *w->latency_us);
        if (w->latency_us == NULL || pthread_create(&w->thread, NULL, run, w) != 0) {
            fprintf(stderr, "milter_load: no memory or threads\n");
            return 1;
        }
    }
    for (unsigned i = 0; i < o.threads; i++)
        (void)pthread_join(workers[i].thread, NULL);
    status = report(workers, &o, cpu_ns(o.pid) - before_ns);
    for (unsigned i = 0; i < o.threads; i++)
        free(workers[i].latency_us);
    return status;
}
