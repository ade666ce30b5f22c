/*
 * Redis Cluster. All that is no counter is on one master, the one that serves the hash tag "{m}": the node's
 * connections go there, as they go to a single Redis. Counters are on all masters, each of which has a connection of
 * its own here.
 *
 * Where they are says CLUSTER SLOTS: who serves "{m}" is asked, since the relays agree on that one; while it is away,
 * the other masters, and the servers that are configured. A redirection (MOVED) holds until the map is read again.
 */
#include "cluster/node.h"

#include "core/base/clock.h"

#define MAP_EVERY_NS (10 * NS_PER_S)

static void on_slots(void *arg, const struct reply *reply);

/* ---- connections ---- */

static void greet_shard(struct shard *shard);

static void on_shard_up(void *arg)
{
    struct shard *shard = arg;

    if (shard->said_down)
        log_say(shard->n->log, LEVEL_NOTICE, "connected to %s, port %u of the Redis Cluster again", shard->at.host,
                shard->at.port);
    shard->said_down = false;
    greet_shard(shard);
}

static void on_shard_down(void *arg, const char *why)
{
    struct shard *shard = arg;
    struct node *n = shard->n;

    n->stats.connections++;
    n->shards.wanted = true;
    if (shard->tag == 0)
        return;
    (void)snprintf(n->trouble, sizeof n->trouble, "%.100s, port %u: %.100s", shard->at.host, shard->at.port, why);
    if (!shard->said_down)
        log_say(n->log, LEVEL_WARNING,
                "no connection to %s, port %u of the Redis Cluster (%s): what this relay counts of its keys is told "
                "later",
                shard->at.host, shard->at.port, why);
    shard->said_down = true;
}

/* The connection ends, and whoever waits learns it. The place is free when no handler can be running any more. */
static void leave_shard(struct shard *shard)
{
    static const struct link_place nowhere = {.path = NULL};

    shard->tag = 0;
    if (shard->link != NULL)
        link_move(shard->link, &nowhere);
}

static void free_left_shards(struct shards *s)
{
    for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++) {
        struct shard *shard = s->of + i;

        if (shard->link == NULL || link_host(shard->link)[0] != '\0')
            continue;
        link_free(shard->link);
        *shard = (struct shard){.n = NULL};
    }
}

void node_leave_shards(struct node *n)
{
    for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++)
        link_free(n->shards.of[i].link);
}

struct shard *node_shard_at(struct node *n, const struct server_name *name)
{
    static const struct link_handlers talk = {.up = on_shard_up, .down = on_shard_down};
    struct shard *free_one = NULL;
    struct link_place place;

    for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++) {
        struct shard *shard = n->shards.of + i;

        if (shard->link != NULL && link_is_at(shard->link, name->host, name->port))
            return shard;
        if (shard->link == NULL && free_one == NULL)
            free_one = shard;
    }
    if (free_one == NULL)
        return NULL;
    *free_one = (struct shard){.n = n, .at = *name, .warm = n->warm == WARM_DONE};
    place = at_name(&n->redis->place, &free_one->at);
    free_one->link = link_new(n->base, &place, &talk, free_one);
    return free_one->link != NULL ? free_one : NULL;
}

struct link *node_link_of(struct node *n, unsigned tag)
{
    if (tag == 0)
        return n->link;
    return n->shards.owners[tag] != NULL ? n->shards.owners[tag]->link : NULL;
}

unsigned node_shards_away(const struct node *n)
{
    unsigned away = 0, nobody = 0;

    if (!n->shards.several)
        return 0;
    for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++)
        away += n->shards.of[i].tag != 0 && !link_is_up(n->shards.of[i].link);
    for (unsigned tag = 1; tag <= KEY_TAGS; tag++)
        nobody += n->shards.owners[tag] == NULL;
    return away + (nobody > 0);
}

/* ---- the map ---- */

static void ask_slots(struct shard *from)
{
    struct node *n = from->n;

    command_begin(&n->command);
    command_add_static(&n->command, "CLUSTER");
    command_add_static(&n->command, "SLOTS");
    if (n->shards.asking || link_send(from->link, &n->command, on_slots, from) != 0)
        return;
    n->shards.asking = true;
    n->shards.wanted = false;
    n->shards.asked_ns = clock_boot_ns();
}

/* Whoever serves no tag of ours any more is left. */
static void take_map(struct node *n)
{
    struct shards *s = &n->shards;
    struct shard *masters[SLOTS_MASTERS_MAX] = {NULL};

    for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++)
        s->of[i].listed = false;
    for (unsigned i = 0; i < s->map.n; i++)
        if ((masters[i] = node_shard_at(n, s->map.masters + i)) != NULL)
            masters[i]->listed = true;
    for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++) {
        s->of[i].tag = 0;
        if (s->of[i].link != NULL && !s->of[i].listed)
            leave_shard(s->of + i);
    }
    for (unsigned tag = KEY_TAGS + 1; tag-- > 0;) {
        s->owners[tag] = s->map.owners[tag] != SLOTS_NOBODY ? masters[s->map.owners[tag]] : NULL;
        if (tag > 0 && s->owners[tag] != NULL)
            s->owners[tag]->tag = tag;
    }
}

static bool is_home(const struct node *n, const struct server_name *at)
{
    return link_is_at(n->link, at->host, at->port) && link_is_at(n->ear, at->host, at->port) &&
           link_is_at(n->reader, at->host, at->port);
}

static void go_home(struct node *n)
{
    const struct shard *home = n->shards.owners[0];

    if (home == NULL) {
        n->shards.wanted = true;
        if (n->stage == NODE_OFFLINE)
            (void)snprintf(n->trouble, sizeof n->trouble, "no master of the Redis Cluster serves the slot of {m}");
    } else if (!is_home(n, &home->at)) {
        log_say(n->log, LEVEL_NOTICE, "in the Redis Cluster, %s, port %u has all that is no counter", home->at.host,
                home->at.port);
        node_move(n, &home->at);
    } else if (link_is_up(n->link) && n->stage == NODE_OFFLINE) {
        node_greet(n);
    }
}

/* Is it a Redis without others? With few rights it does not say: a Redis Cluster would then redirect all we tell it. */
static bool is_alone(const struct node *n, const struct reply *reply)
{
    return n->config->cluster.n_servers == 1 && (reply_is_error(reply, "ERR") || reply_is_error(reply, "NOPERM")) &&
           !slice_starts_with(reply->text, SLICE("ERR max number of clients"));
}

static void is_single(struct node *n)
{
    if (n->shards.several)
        for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++)
            leave_shard(n->shards.of + i);
    n->shards.several = false;
    node_set_lanes(n, 1);
    if (n->stage == NODE_OFFLINE)
        node_greet(n);
}

bool node_is_elsewhere(struct node *n, const struct reply *reply)
{
    static const char *const words[] = {"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN"};

    for (size_t i = 0; n->shards.several && i < sizeof words / sizeof words[0]; i++)
        if (reply_is_error(reply, words[i])) {
            n->shards.wanted = true;
            return true;
        }
    return false;
}

static void on_slots(void *arg, const struct reply *reply)
{
    struct shard *from = arg;
    struct node *n = from->n;
    struct error e;

    n->shards.asking = false;
    if (reply == NULL)
        return;
    if (from == &n->shards.home && is_alone(n, reply)) {
        is_single(n);
        return;
    }
    if (reply->type == REPLY_ERROR) {
        (void)error_set(&e, "%s CLUSTER SLOTS: %s",
                        n->config->cluster.n_servers == 1
                            ? "Redis refuses"
                            : "as one of several servers it should be a node of a Redis Cluster, but refuses",
                        reply_words(reply).text);
        link_fail(from->link, e.text);
        return;
    }
    if (slots_read(reply, link_host(from->link), &n->shards.map, &e) != 0) {
        link_fail(from->link, e.text);
        return;
    }
    n->shards.several = true;
    node_set_lanes(n, KEY_TAGS);
    take_map(n);
    go_home(n);
}

void node_look_around(struct node *n)
{
    if (n->sentinels != NULL)
        is_single(n);
    else
        ask_slots(&n->shards.home);
}

void node_look_elsewhere(struct node *n)
{
    const struct cluster_config *config = &n->config->cluster;
    struct link_place place;

    n->shards.wanted = true;
    if (config->n_servers < 2)
        return;
    place = at_server(&n->redis->place, config->servers + ++n->shards.seed % config->n_servers);
    link_try_at(n->link, &place);
}

/* Who is asked for the map. NULL: there is nobody at the moment. */
static struct shard *who_knows(struct node *n)
{
    struct shards *s = &n->shards;

    if (n->stage != NODE_SHARES)
        for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++) {
            struct shard *shard = s->of + s->turn++ % SLOTS_MASTERS_MAX;

            if (shard->link != NULL && link_is_up(shard->link))
                return shard;
        }
    return link_is_up(n->link) ? &s->home : NULL;
}

void node_watch_shards(struct node *n, uint64_t boot_ns)
{
    struct shard *from;

    free_left_shards(&n->shards);
    if (!n->shards.several ||
        (n->stage == NODE_SHARES && !n->shards.wanted && boot_ns - n->shards.asked_ns < MAP_EVERY_NS))
        return;
    if ((from = who_knows(n)) != NULL)
        ask_slots(from);
}

/* ---- do they remember? ---- */

static void on_shard_epoch(void *arg, const struct reply *reply)
{
    struct shard *shard = arg;
    struct node *n = shard->n;
    char *known = n->shards.epochs[shard->tag], who[SERVER_HOST_MAX + 64];
    struct buf b = BUF_OVER(who);

    if (reply == NULL || reply->type != REPLY_TEXT || reply->text.n == 0 || reply->text.n > NODE_EPOCH_MAX ||
        shard->tag == 0 || slice_eq(reply->text, slice_of(known)))
        return;
    buf_addf(&b, "%s, port %u of the Redis Cluster", shard->at.host, shard->at.port);
    if (known[0] != '\0')
        node_forgotten(n, who);
    memcpy(known, reply->text.p, reply->text.n);
    known[reply->text.n] = '\0';
}

/* A random word under a name with a tag that it serves: another one means that all is gone. */
static void greet_shard(struct shard *shard)
{
    struct node *n = shard->n;
    char name[32], tag[3];
    struct buf b = BUF_OVER(name);
    char word[NODE_EPOCH_MAX + 1];

    if (shard->tag == 0 || !n->admitted || !link_is_up(shard->link) || node_random_word(word) != 0)
        return;
    buf_addf(&b, "postern:{%s}:epoch", tag_text(shard->tag, tag));
    command_begin(&n->command);
    command_add_static(&n->command, "SET");
    command_add(&n->command, buf_slice(&b));
    command_add(&n->command, slice_of(word));
    command_add_static(&n->command, "NX");
    (void)link_send(shard->link, &n->command, NULL, NULL);
    command_begin(&n->command);
    command_add_static(&n->command, "GET");
    command_add(&n->command, buf_slice(&b));
    (void)link_send(shard->link, &n->command, on_shard_epoch, shard);
}

void node_ask_shards(struct node *n)
{
    for (unsigned i = 0; n->shards.several && i < SLOTS_MASTERS_MAX; i++)
        greet_shard(n->shards.of + i);
}
