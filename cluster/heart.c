/* Tells the others how this relay is, hears how they are, and writes it down. */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#define NODES "postern:{m}:nodes"
#define STATUS_FILE "cluster.json"
/* Replaced when another relay has a newer directory: postern-mirror-pull.path waits for it. */
#define NEWS_FILE "pull"
/* What is offered may come a moment later than the heartbeat that says so. */
#define NEWS_AGAIN_NS (30 * NS_PER_S)
/* The others are read at each third heartbeat. */
#define READ_EVERY 3u
/* A relay that has been silent for so long is gone. */
#define GONE_MS (24 * 3600 * INT64_C(1000))

static void scan_nodes(struct node *n, struct slice cursor);

static const char *const stage_names[] = {[NODE_OFFLINE] = "offline",
                                          [NODE_GREETS] = "connecting",
                                          [NODE_REFUSED] = "other-key",
                                          [NODE_OTHER_SECRET] = "not-joined",
                                          [NODE_SHARES] = "shares"};

static void set_number(json_t *o, const char *name, uint64_t value)
{
    (void)json_object_set_new(o, name, json_integer((json_int_t)(value < INT64_MAX ? value : INT64_MAX)));
}

static json_t *digests_object(const struct node *n)
{
    json_t *o = json_object();
    char text[17];

    for (unsigned i = 0; o != NULL && i < DIGESTS; i++) {
        struct buf b = BUF_OVER(text);

        if (i == DIGEST_LISTS && !node_lists_settled(n))
            continue; /* what is not said is not compared */
        buf_addf(&b, "%016llx",
                 (unsigned long long)(i == DIGEST_LISTS ? shared_lists_digest(n->lists.shared) : n->digests.of[i]));
        (void)json_object_set_new(o, digest_name(i), json_string(text));
    }
    return o;
}

/* NULL without memory. */
static json_t *own_beat(struct node *n, const struct turn_times *times)
{
    struct outbox_stats outbox;
    uint64_t generation;
    int64_t settings_at = digests_settings_at(n->config, &generation);
    json_t *o = json_pack("{s:i, s:s, s:I, s:I, s:s, s:s}", "v", 1, "name", n->name, "at",
                          (json_int_t)(clock_wall_ns() / NS_PER_MS), "started", (json_int_t)n->started_s, "state",
                          stage_names[n->stage], "version", POSTERN_VERSION);

    if (o == NULL)
        return NULL;
    outbox_stats(n->outbox, &outbox);
    set_number(o, "round_trip_us", n->stats.round_trip_ns / 1000);
    set_number(o, "waiting",
               pending_count(n->pending) + node_habits_waiting(n) + events_count(n->events) + outbox.waiting);
    set_number(o, "lost",
               pending_lost(n->pending) + node_habits_lost(n) + events_lost(n->events) + outbox.lost +
                   n->stats.dropped);
    set_number(o, "keys", n->stats.batches.keys);
    set_number(o, "raised", n->stats.batches.raised);
    set_number(o, "floors", n->stats.batches.floors);
    set_number(o, "resent", n->stats.resent);
    set_number(o, "redirected", n->stats.redirected);
    set_number(o, "refused_by_redis", n->stats.refused_by_redis);
    set_number(o, "events_in", n->stats.events_in);
    set_number(o, "habits_in", n->stats.habits_in);
    set_number(o, "events_out", n->stats.events_out);
    set_number(o, "false_records", n->stats.false_records);
    set_number(o, "replayed", n->stats.replayed);
    set_number(o, "newer", n->stats.newer);
    (void)json_object_set_new(o, "clock_ms", json_integer(n->clock_offset_ms));
    set_number(o, "allowed", shared_lists_count(n->lists.shared, LIST_ALLOWED));
    set_number(o, "denied", shared_lists_count(n->lists.shared, LIST_DENIED));
    set_number(o, "generation", generation);
    (void)json_object_set_new(o, "settings_at", json_integer(settings_at));
    set_number(o, "mirrors", n->turn);
    (void)json_object_set_new(o, "mirrored_at", json_integer(times->newest));
    if (json_object_set_new(o, "digests", digests_object(n)) == 0)
        return o;
    json_decref(o);
    return NULL;
}

/* ---- to the others ---- */

static void tell_beat(struct node *n)
{
    unsigned char record[BEAT_TEXT_MAX + SEAL_EXTRA_BYTES];
    char *text = json_dumps(n->beats.own, JSON_COMPACT);
    size_t sealed = 0;

    if (text != NULL && strlen(text) <= BEAT_TEXT_MAX)
        sealed = seal(n->sealer, SEAL_BEAT, slice_of(text), record);
    free(text);
    if (sealed == 0)
        return;
    command_begin(&n->command);
    command_add_static(&n->command, "HSET");
    command_add_static(&n->command, NODES);
    command_add(&n->command, (struct slice){(const char *)sealer_incarnation(n->sealer), SEAL_INCARNATION_BYTES});
    command_add(&n->command, (struct slice){(const char *)record, sealed});
    (void)link_send(n->link, &n->command, node_told, n);
}

/* ---- from the others ---- */

static void say_differences(struct node *n, const struct beat_peer *p, unsigned before)
{
    char text[128];

    if (p->differs != before && p->differs != 0 && (p->differs & ~DIGESTS_WEAK) == 0)
        log_say(n->log, LEVEL_NOTICE, "relay %s refuses with other texts than this one; all is counted together",
                beat_name(p->said));
    else if (p->differs != before && p->differs != 0)
        log_say(n->log, LEVEL_WARNING,
                "relay %s differs from this one in: %s; what depends on that each counts, or decides, for itself",
                beat_name(p->said), beat_differences(p->differs, text, sizeof text));
    else if (p->differs != before)
        log_say(n->log, LEVEL_NOTICE, "relay %s does not differ from this one any more", beat_name(p->said));
}

static void forget_node(struct node *n, struct slice incarnation)
{
    command_begin(&n->command);
    command_add_static(&n->command, "HDEL");
    command_add_static(&n->command, NODES);
    command_add(&n->command, incarnation);
    (void)link_send(n->link, &n->command, node_told, n);
}

static void heard_beat(struct node *n, struct slice field, struct slice record)
{
    uint64_t boot_ns = clock_boot_ns();
    const unsigned char *incarnation = NULL;
    struct beat_peer *p;
    unsigned before = 0;
    struct slice text;

    switch (seal_open(n->opener, SEAL_BEAT, record, &text, &incarnation)) {
    case OPENED:
        break;
    case OPENED_OWN:
    case OPENED_REPLAYED: /* the same as before: it has not been heard since */
        return;
    case OPENED_NEWER:
        n->stats.newer++;
        return;
    default:
        n->stats.false_records++;
        return;
    }
    if ((p = beats_take(&n->beats, incarnation, text, boot_ns, &before)) == NULL) {
        n->stats.newer++;
        return;
    }
    if ((int64_t)(clock_wall_ns() / NS_PER_MS) - p->at_ms > GONE_MS) {
        forget_node(n, field);
        beats_drop(p);
        return;
    }
    say_differences(n, p, before);
}

static void on_nodes(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    struct slice cursor;
    const struct reply *pairs = node_page(n, reply, "HSCAN of all heartbeats", &cursor);

    if (pairs == NULL || n->beats.own == NULL)
        return;
    for (size_t i = 0; i + 1 < pairs->n; i += 2)
        if (pairs->elements[i]->type == REPLY_TEXT && pairs->elements[i + 1]->type == REPLY_TEXT)
            heard_beat(n, pairs->elements[i]->text, pairs->elements[i + 1]->text);
    if (!slice_eq(cursor, SLICE("0")))
        scan_nodes(n, cursor);
}

static void scan_nodes(struct node *n, struct slice cursor)
{
    command_hscan(&n->command, NODES, cursor, "500");
    (void)link_send(n->link, &n->command, on_nodes, n);
}

/* ---- for this machine's own people ---- */

static json_t *peer_object(const struct beat_peer *p, uint64_t boot_ns)
{
    json_t *o = json_copy(p->said);
    char text[128];

    if (o == NULL)
        return NULL;
    set_number(o, "silent_s", beat_is_silent(p, boot_ns) ? (boot_ns - p->heard_ns) / NS_PER_S : 0);
    (void)json_object_set_new(o, "differs", json_string(beat_differences(p->differs, text, sizeof text)));
    return o;
}

/* Whose turn it is to mirror; null where this relay could not. */
static json_t *turn_object(const struct node *n)
{
    if (n->turn == TURN_NEVER)
        return json_null();
    return json_pack("{s:b, s:s?}", "here", n->turn == TURN_HOLDS, "by", n->turn_of[0] != '\0' ? n->turn_of : NULL);
}

/* Does one that is heard live under this relay's name? A machine was copied, or two were given the same. One of before
 * a restart is heard once. */
static bool has_clone(const struct node *n, uint64_t boot_ns)
{
    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        const struct beat_peer *p = n->beats.peers + i;

        if (p->said != NULL && p->times > 1 && !beat_is_silent(p, boot_ns) && strcmp(beat_name(p->said), n->name) == 0)
            return true;
    }
    return false;
}

static void look_for_clone(struct node *n, uint64_t boot_ns)
{
    bool before = n->clone;

    n->clone = has_clone(n, boot_ns);
    if (n->clone && !before)
        log_say(
            n->log, LEVEL_ERROR,
            "another relay says that it is %s, too: give each a name of its own (cluster.node), and a copied machine "
            "a state of its own",
            n->name);
}

/* What does not reach the others although there is a connection; "": all does. */
static const char *refused_text(const struct node *n, uint64_t boot_ns)
{
    return n->trouble_now ? n->trouble : node_is_refused(n, boot_ns) ? n->refused : "";
}

static json_t *status_object(const struct node *n, uint64_t boot_ns)
{
    json_t *nodes = json_array(), *o;

    for (unsigned i = 0; nodes != NULL && i < BEAT_PEERS_MAX; i++) {
        const struct beat_peer *p = n->beats.peers + i;

        if (p->said != NULL && !beat_is_superseded(&n->beats, p, boot_ns))
            (void)json_array_append_new(nodes, peer_object(p, boot_ns));
    }
    o = json_pack("{s:O, s:s, s:s, s:s, s:b, s:b, s:o, s:o}", "own", n->beats.own, "trouble", n->trouble, "refused",
                  refused_text(n, boot_ns), "policy", n->policy, "evicts", n->evicts, "clone", n->clone, "mirror",
                  turn_object(n), "nodes", nodes);
    return o;
}

/* Beside the outbox, in memory: the folder, or -1. */
static int open_beside(const struct node *n)
{
    char *path = strdup(n->config->cluster.outbox);
    int folder = path != NULL ? open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    free(path);
    return folder;
}

/* Whole or not at all. */
static void write_status(struct node *n, uint64_t boot_ns)
{
    json_t *o = status_object(n, boot_ns);
    char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
    int folder = open_beside(n);
    struct error e = {""};

    if (folder < 0)
        (void)error_set(&e, "%s", strerror(errno));
    if ((text == NULL || folder < 0 || spool_put(folder, STATUS_FILE, slice_of(text), &e) != 0) && !n->said_status)
        log_say(n->log, LEVEL_WARNING, "\"postern status\" will not know of the cluster: %s", e.text);
    n->said_status = n->said_status || e.text[0] != '\0';
    if (folder >= 0)
        (void)close(folder);
    free(text);
    json_decref(o);
}

/* What has been silent for a day is no relay any more. */
static void forget_gone(struct node *n, uint64_t boot_ns)
{
    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++) {
        struct beat_peer *p = n->beats.peers + i;

        if (p->said == NULL || boot_ns - p->heard_ns < (uint64_t)GONE_MS * NS_PER_MS)
            continue;
        forget_node(n, (struct slice){(const char *)p->incarnation, sizeof p->incarnation});
        beats_drop(p);
    }
}

/* ---- the mirror ---- */

/* Who holds it is remembered while nobody is heard: without Redis whoever held it goes on. */
static void take_turn(struct node *n, const struct turn_times *times, uint64_t boot_ns)
{
    bool shares = n->stage == NODE_SHARES, empty = times->oldest_mirrored == 0;
    struct turn_now now = {.before = n->turn,
                           .could = turn_could(n->config),
                           .old = !empty && clock_wall_s() - times->oldest_mirrored > TURN_OLD_S,
                           .hears = shares && boot_ns - n->shares_since_ns > BEAT_SILENT_S * NS_PER_S,
                           .name = n->name,
                           .boot_ns = boot_ns};
    const char *by;
    struct buf b;

    n->turn = turn_decide(&now, &n->beats, &by);
    if (by == NULL && !shares)
        return;
    b = BUF_OVER(n->turn_of);
    buf_addf(&b, "%s", by != NULL ? by : "");
}

/* The mirror knows nothing of Redis: it finds a file that is new. */
static void tell_mirror(struct node *n, const struct turn_times *times, uint64_t boot_ns)
{
    struct error e;
    int folder;

    if (n->config->mirror_pull.n_sources == 0 || n->turn == TURN_HOLDS ||
        (n->news_ns != 0 && boot_ns - n->news_ns < NEWS_AGAIN_NS) || !turn_newer_elsewhere(times, &n->beats, boot_ns))
        return;
    n->news_ns = boot_ns;
    folder = open_beside(n);
    if (folder < 0 || spool_put(folder, NEWS_FILE, SLICE("another relay has a newer directory\n"), &e) != 0)
        log_say(n->log, LEVEL_WARNING, "the mirror is not told of a newer directory; its timer will find it");
    if (folder >= 0)
        (void)close(folder);
}

void node_beat(struct node *n, uint64_t boot_ns)
{
    const struct turn_times times = turn_times(n->config);
    json_t *own;

    take_turn(n, &times, boot_ns);
    tell_mirror(n, &times, boot_ns);
    own = own_beat(n, &times);
    if (own == NULL)
        return;
    json_decref(n->beats.own);
    n->beats.own = own;
    if (n->stage == NODE_SHARES) {
        usage_worker_shares(n->usage, &n->beats, boot_ns);
        forget_gone(n, boot_ns);
        tell_beat(n);
        if (n->n_beats++ % READ_EVERY == 0)
            scan_nodes(n, SLICE("0"));
    }
    look_for_clone(n, boot_ns);
    write_status(n, boot_ns);
}
