/*
 * Many relays of a cluster in one process, each with its own connections to one Redis, telling it batches as
 * postern-cluster does: by that program's own link, batch, proof and seal. What Redis makes of it is read from Redis
 * (bench/cluster.sh). Replies are counted, and not applied: it is not the relays that are measured.
 *
 *   cluster_nodes [-n relays] [-k counters] fill SOCKET
 *   cluster_nodes [-n relays] [-k counters] [-m marks] marks SOCKET
 *   cluster_nodes [-n relays] [-k counters] [-r updates a second] [-p pushes a hundred batches] [-d seconds] load
 * SOCKET
 *
 * fill: each counter is charged once, as fast as Redis replies. marks: so many distinct members are told, each of one
 * of these counters. load: each relay tells what it has each 50 ms, of counters that come in no order, one in fifty of
 * them with a new member; of hot keys each relay hears. One line comes out.
 */
#include "bench/histogram.h"
#include "cluster/batch.h"
#include "cluster/link.h"
#include "cluster/script.h"
#include "cluster/seal.h"
#include "core/base/clock.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define FLUSH_MS 50u
#define NODES_MAX 1000u
#define HOT_IN_A_PUSH 2u
#define MEMBER_EACH 50u
/* Five minutes a message, 28 of them. A counter that is filled lives for two hours. */
#define COST_NS (300 * NS_PER_S)
#define BURST_NS (28 * COST_NS)
#define FILL_NS (7200 * NS_PER_S)
#define KEEP_NS (48 * 3600 * NS_PER_S)

enum what { FILL, MARKS, LOAD };

struct bench {
    struct event_base *base;
    struct cluster_key key;
    struct link_place place;
    enum what what;
    uint64_t nodes, counters, marks, rate, pushes, seconds;
    uint64_t next, done;           /* FILL, MARKS: indices given out, and told */
    uint64_t random;               /* xorshift */
    uint64_t begun_ns, until_ns;   /* boot clock */
    uint64_t up, batches, updates; /* relays that are ready; told */
    struct relay *relays;
    uint64_t late, sent, heard;
    struct histogram waits;
    struct command command;
    struct batch batch;
};

struct relay {
    struct bench *bench;
    struct link *link, *ear;
    struct sealer *sealer;
    struct event *flush;
    uint64_t number, sent_ns, in_batch;
    bool waits;
};

static void next_batch(struct relay *r);

static void die(const char *why)
{
    fprintf(stderr, "cluster_nodes: %s\n", why);
    exit(EXIT_FAILURE);
}

static uint64_t draw(struct bench *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

/* As random as a keyed hash (splitmix64). */
static uint64_t key_of(uint64_t index)
{
    uint64_t z = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- what is told ---- */

static void add_counter(struct bench *b, uint64_t index, uint64_t ns)
{
    b->batch.entries[b->batch.n] = (struct pending_entry){
        .key = key_of(index), .table = OUTBOX_COUNTERS, .add_ns = (int64_t)ns, .burst_ns = BURST_NS};
    b->batch.floors_ns[b->batch.n++] = 0;
}

static void add_member(struct bench *b, uint64_t counter, uint64_t member)
{
    b->batch.members[b->batch.n_members++] = (struct pending_member){
        .key = key_of(counter), .member = key_of(~member), .ns = COST_NS, .burst_ns = BURST_NS, .keep_ns = KEEP_NS};
}

/* What a relay has counted in a flush at this rate. */
static void add_flush(struct bench *b)
{
    uint64_t n = b->rate * FLUSH_MS / 1000 / b->nodes;

    for (uint64_t i = 0; i < n && i < BATCH_ENTRIES_MAX; i++)
        if (i % MEMBER_EACH == MEMBER_EACH - 1)
            add_member(b, draw(b) % b->counters, draw(b));
        else
            add_counter(b, draw(b) % b->counters, COST_NS);
}

static void make_batch(struct bench *b)
{
    b->batch.n = b->batch.n_members = 0;
    if (b->what == LOAD)
        add_flush(b);
    else if (b->what == FILL)
        while (b->batch.n < BATCH_ENTRIES_MAX && b->next < b->counters)
            add_counter(b, b->next++, FILL_NS);
    else
        while (b->batch.n_members < BATCH_MEMBERS_MAX && b->next < b->marks) {
            add_member(b, b->next % b->counters, b->next);
            b->next++;
        }
}

/* Some of it is hot, and told all others. */
static void push(struct relay *r)
{
    struct bench *b = r->bench;
    struct hot_list hot = {.n = 0};
    unsigned char text[HOT_IN_A_PUSH * HOT_ENTRY_BYTES], record[sizeof text + SEAL_EXTRA_BYTES];
    size_t sealed;

    if (b->what != LOAD || draw(b) % 100 >= b->pushes)
        return;
    for (; hot.n < HOT_IN_A_PUSH; hot.n++)
        hot.entries[hot.n] = (struct hot_entry){draw(b) | 1, OUTBOX_COUNTERS, BURST_NS / 2, BURST_NS};
    sealed = seal(r->sealer, SEAL_PUSH, (struct slice){(const char *)text, hot_write(&hot, text)}, record);
    command_begin(&b->command);
    command_add_static(&b->command, "PUBLISH");
    command_add_static(&b->command, "postern:hot");
    command_add(&b->command, (struct slice){(const char *)record, sealed});
    if (link_send(r->link, &b->command, NULL, NULL) == 0)
        b->sent++;
}

static void on_batch(void *arg, const struct reply *reply)
{
    struct relay *r = arg;
    struct bench *b = r->bench;

    r->waits = false;
    if (reply == NULL)
        die("Redis is gone");
    if (reply->type != REPLY_ARRAY)
        die("Redis refuses a batch");
    histogram_add(&b->waits, clock_boot_ns() - r->sent_ns);
    b->batches++;
    b->updates += r->in_batch;
    b->done += r->in_batch;
    push(r);
    if (b->what != LOAD && b->done == (b->what == FILL ? b->counters : b->marks))
        (void)event_base_loopbreak(b->base);
    else if (b->what != LOAD)
        next_batch(r);
}

static void next_batch(struct relay *r)
{
    struct bench *b = r->bench;
    const struct batch_sender sender = {&b->key, sealer_incarnation(r->sealer), clock_wall_s()};

    make_batch(b);
    r->in_batch = b->batch.n + b->batch.n_members;
    if (r->in_batch == 0)
        return;
    b->batch.number = ++r->number;
    batch_command(&b->batch, &sender, false, &b->command);
    if (link_send(r->link, &b->command, on_batch, r) != 0)
        die("cannot send");
    r->waits = true;
    r->sent_ns = clock_boot_ns();
}

/* ---- the relays ---- */

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct relay *r = arg;

    (void)fd;
    (void)what;
    if (clock_boot_ns() >= r->bench->until_ns)
        (void)event_base_loopbreak(r->bench->base);
    else if (r->waits)
        r->bench->late++;
    else
        next_batch(r);
}

/* Relays begin at moments of their own. */
static void begin_load(struct bench *b)
{
    static const struct timeval often = {.tv_usec = FLUSH_MS * 1000};

    for (uint64_t i = 0; i < b->nodes; i++) {
        struct relay *r = b->relays + i;

        if ((r->flush = event_new(b->base, -1, EV_PERSIST, on_flush, r)) == NULL || event_add(r->flush, &often) != 0)
            die("no memory");
        (void)usleep(FLUSH_MS * 1000 / (useconds_t)b->nodes);
    }
    b->begun_ns = clock_boot_ns();
    b->until_ns = b->begun_ns + b->seconds * NS_PER_S;
}

/* Redis knows the script. The last relay to hear that begins for all. */
static void on_script(void *arg, const struct reply *reply)
{
    struct bench *b = ((struct relay *)arg)->bench;

    if (reply == NULL || reply->type != REPLY_TEXT)
        die("Redis refuses the script");
    if (++b->up < b->nodes)
        return;
    if (b->what == LOAD) {
        begin_load(b);
        return;
    }
    b->begun_ns = clock_boot_ns();
    for (uint64_t i = 0; i < b->nodes; i++)
        next_batch(b->relays + i);
}

static void on_up(void *arg)
{
    struct relay *r = arg;
    struct command *c = &r->bench->command;

    command_begin(c);
    command_add_static(c, "SCRIPT");
    command_add_static(c, "LOAD");
    command_add_static(c, script_text);
    if (link_send(r->link, c, on_script, r) != 0)
        die("cannot send");
}

static void on_ear_up(void *arg)
{
    struct relay *r = arg;
    struct command *c = &r->bench->command;

    command_begin(c);
    command_add_static(c, "SUBSCRIBE");
    command_add_static(c, "postern:hot");
    if (link_send(r->ear, c, NULL, NULL) != 0)
        die("cannot send");
}

static void on_heard(void *arg, const struct reply *reply)
{
    struct relay *r = arg;

    r->bench->heard += reply_array(reply, 3) != NULL && reply_is(reply->elements[0], "message");
}

static void on_down(void *arg, const char *why)
{
    (void)arg;
    die(why);
}

static void open_relay(struct bench *b, struct relay *r)
{
    static const struct link_handlers talk = {on_up, on_down, NULL}, hear = {on_ear_up, on_down, on_heard};
    struct error e;

    r->bench = b;
    if ((r->sealer = sealer_new(&b->key, &e)) == NULL)
        die(e.text);
    if ((b->what == LOAD && (r->ear = link_new(b->base, &b->place, &hear, r)) == NULL) ||
        (r->link = link_new(b->base, &b->place, &talk, r)) == NULL)
        die("no memory");
}

static void close_relay(struct relay *r)
{
    link_free(r->link);
    if (r->ear != NULL)
        link_free(r->ear);
    if (r->flush != NULL)
        event_free(r->flush);
    sealer_free(r->sealer);
}

/* ---- from outside ---- */

static uint64_t number(const char *text, uint64_t most)
{
    unsigned long long n;

    if (!slice_to_u64(slice_of(text), most, &n) || n == 0)
        die("an option is not a number, or out of range");
    return n;
}

static void take_options(struct bench *b, int argc, char **argv)
{
    static const char *const names[] = {[FILL] = "fill", [MARKS] = "marks", [LOAD] = "load"};
    int option;

    while ((option = getopt(argc, argv, "n:k:m:r:p:d:")) != -1)
        switch (option) {
        case 'n':
            b->nodes = number(optarg, NODES_MAX);
            break;
        case 'k':
            b->counters = number(optarg, UINT32_MAX);
            break;
        case 'm':
            b->marks = number(optarg, UINT32_MAX);
            break;
        case 'r':
            b->rate = number(optarg, UINT32_MAX);
            break;
        case 'p':
            b->pushes = number(optarg, 100);
            break;
        case 'd':
            b->seconds = number(optarg, 86400);
            break;
        default:
            die("expected -n, -k, -m, -r, -p, -d, what to do, and Redis' socket");
        }
    if (argc - optind != 2)
        die("expected what to do, and Redis' socket");
    while (b->what <= LOAD && strcmp(argv[optind], names[b->what]) != 0)
        b->what++;
    if (b->what > LOAD)
        die("expected fill, marks or load");
    b->place.path = argv[optind + 1];
}

static void tell(const struct bench *b)
{
    double seconds = (double)(clock_boot_ns() - b->begun_ns) / 1e9;
    struct rusage own;

    (void)getrusage(RUSAGE_SELF, &own);
    printf("relays=%llu updates=%llu seconds=%.1f rps=%.0f batches=%llu late=%llu pushes=%llu heard=%llu p50_us=%.0f "
           "p99_us=%.0f load_cpu_s=%.1f\n",
           (unsigned long long)b->nodes, (unsigned long long)b->updates, seconds, (double)b->updates / seconds,
           (unsigned long long)b->batches, (unsigned long long)b->late, (unsigned long long)b->sent,
           (unsigned long long)b->heard, histogram_us(&b->waits, 0.5), histogram_us(&b->waits, 0.99),
           (double)own.ru_utime.tv_sec + (double)own.ru_stime.tv_sec +
               (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6);
}

int main(int argc, char **argv)
{
    static const unsigned char bytes[CLUSTER_KEY_BYTES] = "the key of a cluster on loopback";
    static struct bench b = {.nodes = 100,
                             .counters = 10000000,
                             .marks = 1000000,
                             .rate = 100000,
                             .seconds = 20,
                             .random = 88172645463325252u};
    struct error e;

    take_options(&b, argc, argv);
    b.base = event_base_new();
    b.relays = calloc(b.nodes, sizeof *b.relays);
    if (b.base == NULL || b.relays == NULL || cluster_key_derive(bytes, &b.key, &e) != 0)
        die("no memory");
    for (uint64_t i = 0; i < b.nodes; i++)
        open_relay(&b, b.relays + i);
    (void)event_base_dispatch(b.base);
    tell(&b);
    for (uint64_t i = 0; i < b.nodes; i++)
        close_relay(b.relays + i);
    free(b.relays);
    event_base_free(b.base);
    return EXIT_SUCCESS;
}
