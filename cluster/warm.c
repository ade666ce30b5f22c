/*
 * Warm-up: a relay that begins takes over what all others have counted, before its front ends say that they are ready.
 * Otherwise it would be the one that lets a stolen login have its whole burst once more.
 *
 * What stands in Redis is not sealed, and tells no burst, so that a key is raised to at most twice the longest window
 * of the configured limits. Marks are not taken from there: they come with the events, which are sealed.
 */
#include "cluster/node.h"

#include "cluster/bytes.h"
#include "core/base/clock.h"

#include <stdlib.h>

#define KEY_BYTES 21u /* "postern:{xx}:" and 8 bytes */
#define KEY_HEAD 13u
#define SCAN_PATTERN "postern:{??}:*"
#define SCAN_AT_ONCE "1000"
#define NS_PER_US 1000
#define RETRY_NS NS_PER_S

static void on_scanned(void *arg, const struct reply *reply);
static void on_values(void *arg, const struct reply *reply);

static uint64_t longest_window_ns(const struct config *config)
{
    uint64_t longest = 0, window;

    for (size_t i = 0; i < config->n_limits; i++) {
        const struct limit_rate *figure = &config->limits[i].figure;

        if (!figure->unlimited && !__builtin_mul_overflow(figure->burst, figure->interval_ns, &window) &&
            window > longest)
            longest = window;
    }
    return longest < COUNTERS_LONGEST_WINDOW_NS ? longest : COUNTERS_LONGEST_WINDOW_NS;
}

static struct link *link_of(const struct node *n)
{
    return n->warming != NULL ? n->warming->link : n->link;
}

/* From its beginning, a little later. */
static void again(struct node *n)
{
    n->warm = WARM_WAITS;
    n->warm_n = n->warm_at = 0;
    n->warm_retry_ns = clock_boot_ns() + RETRY_NS;
}

static void scan(struct node *n, struct slice cursor)
{
    command_scan(&n->command, SCAN_PATTERN, cursor, SCAN_AT_ONCE);
    if (link_send(link_of(n), &n->command, on_scanned, n) != 0)
        again(n);
}

/* Ends are by its own clock. */
static void on_time(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    int64_t there_us;

    if (n->warm != WARM_ASKS)
        return;
    if (reply == NULL || reply->type == REPLY_ERROR || !reply_time(reply, &there_us)) {
        again(n);
        return;
    }
    n->warm_offset_us = there_us - (int64_t)(clock_wall_ns() / NS_PER_US);
    n->warm = WARM_SCANS;
    scan(n, SLICE("0"));
}

static void warm_done(struct node *n)
{
    n->warm = WARM_DONE;
    log_say(n->log, LEVEL_NOTICE, "%llu counters of all relays were taken over", (unsigned long long)n->warm_keys);
}

/* The next master that was not asked; one that is away is, when it is back. False: there is none at the moment. */
static bool choose(struct node *n)
{
    struct shard *shard, *next = NULL;
    unsigned cold = 0;

    n->warming = NULL;
    if (!n->shards.several)
        return link_is_up(n->link);
    for (unsigned i = 0; i < SLOTS_MASTERS_MAX; i++) {
        shard = n->shards.of + i;
        cold += shard->tag != 0 && !shard->warm;
        if (shard->tag != 0 && !shard->warm && link_is_up(shard->link))
            next = shard;
    }
    if (cold == 0)
        warm_done(n);
    n->warming = next;
    return next != NULL;
}

void node_warm_up(struct node *n)
{
    if (n->warm != WARM_WAITS || n->stage != NODE_SHARES || clock_boot_ns() < n->warm_retry_ns || !choose(n))
        return;
    n->warm = WARM_ASKS;
    n->warm_most_ns = longest_window_ns(n->config);
    command_begin(&n->command);
    command_add_static(&n->command, "TIME");
    if (link_send(link_of(n), &n->command, on_time, n) != 0)
        again(n);
}

/* A member has its limit's tag, which is seldom its own. */
static bool is_counter(const struct reply *key, uint64_t *number)
{
    char tag[3];

    if (key->type != REPLY_TEXT || key->text.n != KEY_BYTES || !slice_starts_with(key->text, SLICE("postern:{")) ||
        key->text.p[KEY_HEAD - 2] != '}' || key->text.p[KEY_HEAD - 1] != ':')
        return false;
    *number = bytes_get64((const unsigned char *)key->text.p + KEY_HEAD);
    return memcmp(key->text.p + KEY_HEAD - 4, tag_text(tag_of_key(*number), tag), 2) == 0;
}

/* By tag, since the highest bit is none of ours (cluster/command.c). */
static int compare_keys(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* How many of those that were not answered are asked for in one command: all, or of a Redis Cluster those of one tag.
 */
static size_t together(const struct node *n, size_t from)
{
    size_t to = from;

    while (to < n->warm_n && (!n->shards.several || tag_of_key(n->warm_asked[to]) == tag_of_key(n->warm_asked[from])))
        to++;
    return to - from;
}

/* The keys are asked for in the order in which they are kept. */
static void ask_values(struct node *n, const struct reply *keys)
{
    n->warm_n = n->warm_at = 0;
    for (size_t i = 0; i < keys->n && n->warm_n < WARM_KEYS_MAX; i++)
        n->warm_n += is_counter(keys->elements[i], n->warm_asked + n->warm_n);
    qsort(n->warm_asked, n->warm_n, sizeof n->warm_asked[0], compare_keys);
    for (size_t from = 0, count; from < n->warm_n; from += count) {
        count = together(n, from);
        command_begin(&n->command);
        command_add_static(&n->command, "MGET");
        for (size_t i = from; i < from + count; i++)
            command_add_key(&n->command, n->warm_asked[i], n->warm_asked[i]);
        if (link_send(link_of(n), &n->command, on_values, n) != 0) {
            again(n);
            return;
        }
    }
}

static bool is_last_page(const struct node *n)
{
    return strcmp(n->warm_cursor, "0") == 0;
}

/* All of the page was taken; the next one, if there is one, is under way. */
static void end_page(struct node *n)
{
    if (!is_last_page(n))
        return;
    if (n->warming == NULL) {
        warm_done(n);
        return;
    }
    n->warming->warm = true;
    n->warm = WARM_WAITS;
    node_warm_up(n);
}

/* The next page is asked for together with the values of this one: replies come in the order of the questions, so that
 * all of these are here before it. */
static void on_scanned(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    const struct reply *keys;
    struct slice cursor;

    if (n->warm != WARM_SCANS)
        return;
    if (reply == NULL) {
        again(n);
        return;
    }
    if (reply->type == REPLY_ERROR) {
        log_say(n->log, LEVEL_WARNING, "what other relays have counted is not taken over: Redis refuses SCAN");
        n->warm = WARM_DONE;
        return;
    }
    if ((keys = reply_page(reply, &cursor)) == NULL || n->warm_at != n->warm_n) {
        link_fail(link_of(n), "Redis replied to SCAN with something else");
        return;
    }
    memcpy(n->warm_cursor, cursor.p, cursor.n);
    n->warm_cursor[cursor.n] = '\0';
    ask_values(n, keys);
    if (n->warm == WARM_SCANS && !is_last_page(n))
        scan(n, slice_of(n->warm_cursor));
    if (n->warm == WARM_SCANS && n->warm_n == 0)
        end_page(n);
}

/* A counter's value is its end, in microseconds of Redis' clock; a mark's is a proof, which is no number. */
static void take_value(struct node *n, uint64_t key, const struct reply *value, uint64_t there_us, uint64_t now_ns)
{
    unsigned long long end_us;
    uint64_t left_ns, most_ns = 2 * n->warm_most_ns;

    if (value->type != REPLY_TEXT || !slice_to_u64(value->text, UINT64_MAX, &end_us) || end_us <= there_us)
        return;
    left_ns = end_us - there_us < most_ns / NS_PER_US ? (end_us - there_us) * NS_PER_US : most_ns;
    if (counters_raise(state_counters(n->state), key, left_ns, now_ns))
        n->warm_keys++;
}

static void on_values(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    uint64_t there_us = clock_wall_ns() / NS_PER_US + (uint64_t)n->warm_offset_us;
    uint64_t now_ns = node_now(n, clock_boot_ns());

    if (n->warm != WARM_SCANS || n->warm_at == n->warm_n)
        return; /* of one that begins again */
    if (reply != NULL && reply->type == REPLY_ERROR && !node_is_elsewhere(n, reply))
        node_refused(n, "MGET of what other relays have counted", reply);
    /* An error: its slot was moved meanwhile, say. */
    if (reply == NULL || n->stage != NODE_SHARES || reply->type == REPLY_ERROR) {
        again(n);
        return;
    }
    if (reply->type != REPLY_ARRAY || reply->n != together(n, n->warm_at)) {
        link_fail(link_of(n), "Redis replied to MGET with something else");
        return;
    }
    for (size_t i = 0; i < reply->n; i++)
        take_value(n, n->warm_asked[n->warm_at++], reply->elements[i], there_us, now_ns);
    if (n->warm_at == n->warm_n)
        end_page(n);
}
