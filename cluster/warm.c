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

#define KEY_BYTES 21u /* "postern:{xx}:" and 8 bytes */
#define KEY_HEAD 13u
#define SCAN_PATTERN "postern:{??}:*"
#define SCAN_AT_ONCE "1000"
#define NS_PER_US 1000

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

static void scan(struct node *n, struct slice cursor)
{
    command_begin(&n->command);
    command_add_static(&n->command, "SCAN");
    command_add(&n->command, cursor);
    command_add_static(&n->command, "MATCH");
    command_add_static(&n->command, SCAN_PATTERN);
    command_add_static(&n->command, "COUNT");
    command_add_static(&n->command, SCAN_AT_ONCE);
    if (link_send(n->link, &n->command, on_scanned, n) != 0)
        n->warm = WARM_WAITS;
}

void node_warm_up(struct node *n)
{
    if (n->warm != WARM_WAITS || n->stage != NODE_SHARES)
        return;
    n->warm = WARM_SCANS;
    n->warm_keys = 0;
    n->warm_most_ns = longest_window_ns(n->config);
    scan(n, SLICE("0"));
}

static bool is_counter(const struct reply *key)
{
    return key->type == REPLY_TEXT && key->text.n == KEY_BYTES && slice_starts_with(key->text, SLICE("postern:{")) &&
           key->text.p[KEY_HEAD - 2] == '}' && key->text.p[KEY_HEAD - 1] == ':';
}

/* The keys are asked for in the order in which they are kept. */
static void ask_values(struct node *n, const struct reply *keys)
{
    n->warm_n = 0;
    command_begin(&n->command);
    command_add_static(&n->command, "MGET");
    for (size_t i = 0; i < keys->n && n->warm_n < WARM_KEYS_MAX; i++)
        if (is_counter(keys->elements[i])) {
            command_add(&n->command, keys->elements[i]->text);
            n->warm_asked[n->warm_n++] = bytes_get64((const unsigned char *)keys->elements[i]->text.p + KEY_HEAD);
        }
    if (n->warm_n > 0 && link_send(n->link, &n->command, on_values, n) != 0)
        n->warm = WARM_WAITS;
}

static void warm_done(struct node *n)
{
    n->warm = WARM_DONE;
    log_say(n->log, LEVEL_NOTICE, "%llu counters of all relays were taken over", (unsigned long long)n->warm_keys);
}

static void go_on(struct node *n)
{
    char cursor[REPLY_CURSOR_MAX + 1];

    memcpy(cursor, n->warm_cursor, sizeof cursor);
    if (strcmp(cursor, "0") == 0)
        warm_done(n);
    else
        scan(n, slice_of(cursor));
}

static void on_scanned(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    const struct reply *keys;
    struct slice cursor;

    if (reply == NULL) {
        n->warm = WARM_WAITS; /* from the beginning, when the connection is back */
        return;
    }
    if (reply->type == REPLY_ERROR) {
        log_say(n->log, LEVEL_WARNING, "what other relays have counted is not taken over: Redis refuses SCAN");
        n->warm = WARM_DONE;
        return;
    }
    if ((keys = reply_page(reply, &cursor)) == NULL) {
        link_fail(n->link, "Redis replied to SCAN with something else");
        return;
    }
    memcpy(n->warm_cursor, cursor.p, cursor.n);
    n->warm_cursor[cursor.n] = '\0';
    ask_values(n, keys);
    if (n->warm_n == 0)
        go_on(n);
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
    uint64_t there_us = clock_wall_ns() / NS_PER_US + (uint64_t)n->clock_offset_ms * 1000;
    uint64_t now_ns = node_now(n, clock_boot_ns());

    if (reply == NULL || n->stage != NODE_SHARES) {
        n->warm = WARM_WAITS;
        return;
    }
    if (reply->type != REPLY_ARRAY || reply->n != n->warm_n) {
        link_fail(n->link, "Redis replied to MGET with something else");
        return;
    }
    for (size_t i = 0; i < reply->n; i++)
        take_value(n, n->warm_asked[i], reply->elements[i], there_us, now_ns);
    go_on(n);
}
