#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/notify.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_MS 50
#define BEAT_NS (2 * NS_PER_S)
/* The end of a connection that lasted so long is worth a line; one that comes and goes is said once. */
#define LASTED_NS (10 * NS_PER_S)
/* A relay whose Redis is away begins to serve all the same. */
#define READY_LATEST_NS (10 * NS_PER_S)
/* What is told again after Redis has forgotten it: 2,000 keys a second. */
#define REPOST_AT_ONCE 100u
/* What is refused is tried again within a few seconds. */
#define REFUSED_NOW_NS (15 * NS_PER_S)
/* After so long without it, it is worth another line. */
#define REFUSED_ANEW_NS (600 * NS_PER_S)

/* ---- the connections ---- */

static void on_up(void *arg)
{
    node_look_around(arg);
}

static void on_down(void *arg, const char *why)
{
    struct node *n = arg;

    n->stats.connections++;
    if (n->stage != NODE_REFUSED)
        n->stage = NODE_OFFLINE;
    (void)snprintf(n->trouble, sizeof n->trouble, "%.250s", why);
    if (!n->said_down)
        log_say(
            n->log, LEVEL_WARNING,
            "no connection to Redis (%s): this relay's own limits and blocks go on, and what it counts is told later",
            why);
    n->said_down = true;
    if (n->sentinels != NULL)
        sentinels_failed(n->sentinels);
    else
        node_look_elsewhere(n);
}

void node_move(struct node *n, const struct server_name *name)
{
    struct link_place place;

    n->home = *name;
    place = at_name(&n->redis->place, &n->home);
    n->stage = NODE_OFFLINE;
    node_step_back(n);
    link_move(n->link, &place);
    link_move(n->ear, &place);
    link_move(n->reader, &place);
}

static void on_master(void *arg, const struct server_name *name)
{
    struct node *n = arg;

    log_say(n->log, LEVEL_NOTICE, "by what the Sentinels say, Redis is at %s, port %u", name->host, name->port);
    node_move(n, name);
}

static void on_sentinel_trouble(void *arg, const char *sentinel, const char *why)
{
    struct node *n = arg;

    log_say(n->log, LEVEL_WARNING, "no word from the Sentinel %s: %s", sentinel, why);
    if (!link_is_up(n->link))
        (void)snprintf(n->trouble, sizeof n->trouble, "Sentinel: %.240s", why);
}

static void on_reader_up(void *arg)
{
    struct node *n = arg;

    n->knows_last = false;
    node_read_events(n);
}

static void on_ear_up(void *arg)
{
    node_hear(arg);
}

static void on_ear_down(void *arg, const char *why)
{
    struct node *n = arg;

    (void)why; /* the other connection has the same trouble, and says so */
    n->stats.connections++;
}

void node_told(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (reply == NULL || reply->type != REPLY_ERROR)
        return;
    if (node_is_elsewhere(n, reply)) {
        node_retell_events(n);
        return;
    }
    node_refused(n, "a part of what this relay tells or asks", reply);
}

void node_refused(struct node *n, const char *command, const struct reply *reply)
{
    uint64_t boot_ns = clock_boot_ns();

    (void)snprintf(n->refused, sizeof n->refused, "Redis refuses %.60s: %.160s", command, reply_words(reply).text);
    if (n->refused_ns == 0 || boot_ns - n->refused_ns > REFUSED_ANEW_NS)
        log_say(n->log, LEVEL_WARNING, "%s (has this relay's user all rights there?)", n->refused);
    n->refused_ns = boot_ns;
    n->stats.refused_by_redis++;
}

bool node_is_refused(const struct node *n, uint64_t boot_ns)
{
    return n->refused_ns != 0 && boot_ns - n->refused_ns < REFUSED_NOW_NS;
}

const struct reply *node_page(struct node *n, const struct reply *reply, const char *command, struct slice *cursor)
{
    const struct reply *page;

    if (reply == NULL || n->stage != NODE_SHARES || node_is_elsewhere(n, reply))
        return NULL;
    if ((page = reply_page(reply, cursor)) != NULL)
        return page;
    if (reply->type == REPLY_ERROR)
        node_refused(n, command, reply);
    else
        link_fail(n->link, "Redis replied to HSCAN with something else");
    return NULL;
}

/* ---- the rounds ---- */

static void tick(struct node *n, uint64_t boot_ns)
{
    bool ours = node_is_joined(n);
    struct error e;

    if (state_tick(n->state, boot_ns, clock_wall_ns(), &e) != 0)
        log_say(n->log, LEVEL_WARNING, "%s", e.text);
    outbox_tick(n->outbox, boot_ns);
    if (n->stage == NODE_SHARES && boot_ns - n->shares_since_ns >= LASTED_NS)
        n->said_down = false;
    node_share_usage(n, boot_ns);
    node_save_position(n);
    node_look_for_requests(n);
    node_lists_tick(n, boot_ns);
    node_watch_shards(n, boot_ns);
    if (ours && n->stage == NODE_OTHER_SECRET) {
        n->said_secret = false;
        if (link_is_up(n->link))
            node_greet(n);
    } else if (!ours) {
        if (!n->said_secret)
            log_say(n->log, LEVEL_ERROR,
                    "not shared: this relay's state has another secret than the cluster's key; run \"postern-cluster "
                    "join\", which keeps its blocks");
        n->said_secret = true;
        if (n->stage == NODE_SHARES || n->stage == NODE_GREETS)
            n->stage = NODE_OTHER_SECRET;
    }
}

/* Subscribers are asked for a sign of life, too: one that hangs would never be heard again. */
static void beat(struct node *n, uint64_t boot_ns)
{
    node_beat(n, boot_ns);
    node_alarm(n, boot_ns);
    node_ask_keeping(n, boot_ns);
    node_ask_shards(n);
    if (n->stage == NODE_SHARES)
        node_ask_epoch(n);
    else if (n->stage == NODE_REFUSED && link_is_up(n->link))
        node_greet(n);
    if (link_is_up(n->ear)) {
        command_begin(&n->command);
        command_add_static(&n->command, "PING");
        (void)link_send(n->ear, &n->command, NULL, NULL);
    }
}

/* The front ends begin after that (their units say so); without Redis they begin unshared. */
static void say_ready(struct node *n, uint64_t boot_ns)
{
    bool warm = n->warm == WARM_DONE && node_habits_are_warm(n) && n->caught_up && n->blocks_taken && n->lists.read &&
                !n->lists.dirty;

    if (n->said_ready || (!warm && boot_ns - n->begun_ns < READY_LATEST_NS))
        return;
    if (!warm)
        log_say(n->log, LEVEL_WARNING, "begins without what the other relays have counted and blocked");
    n->said_ready = true;
    notify_ready();
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    struct node *n = arg;
    uint64_t boot_ns = clock_boot_ns();

    (void)fd;
    (void)what;
    if (boot_ns - n->tick_ns >= NS_PER_S) {
        n->tick_ns = boot_ns;
        tick(n, boot_ns);
    }
    if (boot_ns - n->beat_ns >= BEAT_NS) {
        n->beat_ns = boot_ns;
        beat(n, boot_ns);
    }
    node_warm_up(n);
    node_warm_habits(n);
    node_read_blocks(n, boot_ns);
    say_ready(n, boot_ns);
    node_drain(n);
    node_look_at_blocks(n);
    if (n->reposts && n->stage == NODE_SHARES)
        n->reposts =
            recent_repost(n->recent, n->pending, state_counters(n->state), node_now(n, boot_ns), REPOST_AT_ONCE);
    node_tell_lists(n);
    node_log_tick(n, boot_ns);
    node_send_events(n);
    node_send_batches(n);
    node_send_habits(n);
    node_keep_habits(n);
    node_read_events(n);
}

/* ---- from outside ---- */

static void find_name(struct node *n)
{
    char host[HOST_NAME_MAX + 1] = "";
    struct buf b = BUF_OVER(n->name);

    if (n->config->cluster.node != NULL)
        buf_add(&b, slice_of(n->config->cluster.node));
    else if (gethostname(host, sizeof host) == 0)
        buf_add(&b, (struct slice){host, strnlen(host, sizeof host)});
    if (b.n == 0)
        buf_add(&b, SLICE("unnamed"));
}

static int start_usage(struct node *n, struct error *e)
{
    const struct usage_worker_options options = {.log = n->log,
                                                 .journal = n->config->journal != NULL ? n->config->journal : "",
                                                 .folder = n->config->cluster.folder,
                                                 .name = n->name};

    n->usage = usage_worker_new(&options, e);
    return n->usage != NULL ? 0 : -1;
}

/* Where the connections go, if that is known yet. */
static struct link_place first_place(const struct node *n)
{
    const struct cluster_config *config = &n->config->cluster;

    return config->n_servers > 0 ? at_server(&n->redis->place, config->servers) : n->redis->place;
}

static int connect_all(struct node *n)
{
    static const struct link_handlers talk = {on_up, on_down, NULL}, hear = {on_ear_up, on_ear_down, node_heard},
                                      read = {on_reader_up, on_ear_down, NULL};
    static const struct sentinels_handlers ask = {on_master, on_sentinel_trouble};
    const struct link_place place = first_place(n);

    n->link = link_new(n->base, &place, &talk, n);
    n->shards.home = (struct shard){.n = n, .link = n->link};
    n->ear = link_new(n->base, &place, &hear, n);
    n->reader = link_new(n->base, &place, &read, n);
    if (n->link == NULL || n->ear == NULL || n->reader == NULL)
        return -1;
    if (n->config->cluster.n_sentinels == 0)
        return 0;
    n->sentinels = sentinels_new(n->base, &n->config->cluster, &n->redis->sentinel, &ask, n);
    return n->sentinels != NULL ? 0 : -1;
}

static int start(struct node *n, struct error *e)
{
    static const struct timeval often = {.tv_usec = FLUSH_MS * 1000};

    if ((n->sealer = sealer_new(n->key, e)) == NULL || (n->opener = opener_new(n->key, n->sealer, e)) == NULL)
        return -1;
    if (node_habits_new(n, e) != 0)
        return -1;
    n->events = events_new();
    n->lists.shared = shared_lists_new(&n->key->hash);
    n->log_asked = node_log_new();
    n->blocks = shared_blocks_new(n->config->state_blocks);
    n->pending = pending_new();
    n->recent = recent_new();
    n->lanes = calloc(KEY_TAGS, sizeof *n->lanes);
    n->flush = event_new(n->base, -1, EV_PERSIST, on_flush, n);
    if (n->events == NULL || n->lists.shared == NULL || n->log_asked == NULL || n->blocks == NULL ||
        n->pending == NULL || n->recent == NULL || n->lanes == NULL || n->flush == NULL || connect_all(n) != 0 ||
        event_add(n->flush, &often) != 0)
        return error_set(e, "no memory for the cluster");
    if (directory_open(n->config->directory, &n->directory, e) != 0)
        return -1;
    node_lists_load(n);
    node_load_position(n);
    return start_usage(n, e);
}

struct node *node_new(const struct node_options *o, struct error *e)
{
    struct node *n = calloc(1, sizeof *n);

    if (n == NULL) {
        (void)error_set(e, "no memory for the cluster");
        return NULL;
    }
    n->base = o->base;
    n->log = o->log;
    n->config = o->config;
    n->state = o->state;
    n->outbox = o->outbox;
    n->key = o->key;
    n->redis = o->redis;
    n->digests = digests_of(o->config, &o->key->hash);
    find_name(n);
    n->started_s = clock_wall_s();
    n->begun_ns = clock_boot_ns();
    n->boot_id = clock_boot_id();
    (void)outbox_identity(n->outbox, n->boot_id, n->outbox_id);
    if (start(n, e) == 0)
        return n;
    node_free(n);
    return NULL;
}

void node_free(struct node *n)
{
    struct error e;

    if (n == NULL)
        return;
    if (n->lists.shared != NULL)
        (void)node_lists_write(n, &e);
    sentinels_free(n->sentinels);
    node_leave_shards(n);
    link_free(n->link);
    link_free(n->ear);
    link_free(n->reader);
    if (n->flush != NULL)
        event_free(n->flush);
    usage_worker_free(n->usage);
    beats_clear(&n->beats);
    node_habits_free(n);
    directory_close(n->directory);
    events_free(n->events);
    shared_blocks_free(n->blocks);
    shared_lists_free(n->lists.shared);
    node_log_free(n->log_asked);
    pending_free(n->pending);
    recent_free(n->recent);
    free(n->lanes);
    opener_free(n->opener);
    sealer_free(n->sealer);
    free(n);
}
