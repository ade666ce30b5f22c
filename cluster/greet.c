/*
 * The first words on a connection. Whose cluster is it: the check value of the key must be ours, or nothing is told.
 * Which time is it there. And does Redis remember what it was told: an epoch is a random word that stays as long as its
 * data does, so that another one means that all is gone.
 */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/quote.h"

#include <openssl/rand.h>

/* Clocks that are further apart are worth a line. */
#define CLOCK_MOST_MS 1000

static void ask(struct node *n, link_reply *reply)
{
    if (link_send(n->link, &n->command, reply, n) != 0)
        link_fail(n->link, "no memory, or Redis does not read");
}

/* SET name value NX: who comes first says what it is. */
static void say_first(struct node *n, const char *name, struct slice value, link_reply *reply)
{
    command_begin(&n->command);
    command_add_static(&n->command, "SET");
    command_add_static(&n->command, name);
    command_add(&n->command, value);
    command_add_static(&n->command, "NX");
    ask(n, reply);
}

static void ask_for(struct node *n, const char *name, link_reply *reply)
{
    command_begin(&n->command);
    command_add_static(&n->command, "GET");
    command_add_static(&n->command, name);
    ask(n, reply);
}

/* An error is trouble with Redis: the connection ends, and it is tried again. */
static bool is_good(struct node *n, const struct reply *reply, const char *command)
{
    struct error e;

    if (reply == NULL)
        return false;
    if (reply->type != REPLY_ERROR)
        return true;
    if (node_is_elsewhere(n, reply) && n->stage == NODE_SHARES)
        return false; /* asked again soon */
    (void)error_set(&e, "Redis refuses %s: %s", command, reply_words(reply).text);
    link_fail(n->link, e.text);
    return false;
}

/* ---- the epoch ---- */

void node_forgotten(struct node *n, const char *who)
{
    n->stats.epochs++;
    log_say(n->log, LEVEL_WARNING,
            "%s has forgotten what it was told (restarted without its data, emptied, or another one): it is told again",
            who);
    recent_begin(n->recent);
    n->reposts = true;
}

static void on_epoch(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (!is_good(n, reply, "GET postern:{m}:epoch"))
        return;
    if (reply->type != REPLY_TEXT || reply->text.n == 0 || reply->text.n > NODE_EPOCH_MAX) {
        if (reply->type != REPLY_NIL) {
            link_fail(n->link, "postern:{m}:epoch in Redis is not what a relay wrote");
            return;
        }
        node_greet(n); /* forgotten since we asked last */
        return;
    }
    if (!node_is_joined(n)) {
        n->stage = NODE_OTHER_SECRET;
        return;
    }
    if (n->stage == NODE_GREETS) {
        n->stage = NODE_SHARES;
        n->admitted = true;
        n->shares_since_ns = clock_boot_ns();
        if (!n->said_shares)
            log_say(n->log, LEVEL_NOTICE, "shares with the cluster");
        n->said_shares = true;
    }
    if (slice_eq(reply->text, slice_of(n->epoch)))
        return;
    if (n->epoch[0] != '\0')
        node_forgotten(n, "Redis");
    recent_begin(n->recent);
    n->reposts = true;
    node_keep_all_habits(n);
    memcpy(n->epoch, reply->text.p, reply->text.n);
    n->epoch[reply->text.n] = '\0';
    node_forget_position(n);
}

static void on_epoch_set(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (is_good(n, reply, "SET postern:{m}:epoch"))
        node_ask_epoch(n);
}

void node_ask_epoch(struct node *n)
{
    ask_for(n, "postern:{m}:epoch", on_epoch);
}

int node_random_word(char word[NODE_EPOCH_MAX + 1])
{
    unsigned char random[16] = {0};
    struct buf b = buf_over(word, NODE_EPOCH_MAX + 1);

    if (RAND_bytes(random, sizeof random) != 1)
        return -1;
    for (size_t i = 0; i < sizeof random; i++)
        buf_addf(&b, "%02x", random[i]);
    return 0;
}

static void propose_epoch(struct node *n)
{
    char word[NODE_EPOCH_MAX + 1];

    if (node_random_word(word) != 0) {
        link_fail(n->link, "no randomness");
        return;
    }
    say_first(n, "postern:{m}:epoch", slice_of(word), on_epoch_set);
}

/* ---- whose cluster ---- */

static void on_key(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (!is_good(n, reply, "GET postern:{m}:key"))
        return;
    if (reply->type == REPLY_TEXT && slice_eq(reply->text, slice_of(n->key->check))) {
        n->stage = NODE_GREETS;
        propose_epoch(n);
        return;
    }
    if (n->stage != NODE_REFUSED)
        log_say(
            n->log, LEVEL_ERROR,
            "not shared: the relays at this Redis have another cluster key (check value \"%s\", ours is \"%s\"); copy "
            "their key file here and run \"postern-cluster join\", or use another Redis",
            quote(reply->text).text, n->key->check);
    n->stage = NODE_REFUSED;
    n->admitted = false;
}

static void on_key_set(void *arg, const struct reply *reply)
{
    struct node *n = arg;

    if (is_good(n, reply, "SET postern:{m}:key"))
        ask_for(n, "postern:{m}:key", on_key);
}

/* ---- the time ---- */

static void on_time(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    int64_t there_us, ours_ms = (int64_t)(clock_wall_ns() / NS_PER_MS), before = n->clock_offset_ms;

    if (!is_good(n, reply, "TIME"))
        return;
    if (!reply_time(reply, &there_us)) {
        link_fail(n->link, "Redis replied to TIME with something else");
        return;
    }
    n->clock_offset_ms = there_us / 1000 - ours_ms;
    if (llabs(n->clock_offset_ms) > CLOCK_MOST_MS && llabs(before) <= CLOCK_MOST_MS)
        log_say(n->log, LEVEL_WARNING,
                "the clocks of Redis and of this relay differ by %lld ms; limits don't mind, but check time "
                "synchronization: a failover to a Redis with another clock shifts what is counted",
                (long long)n->clock_offset_ms);
    say_first(n, "postern:{m}:key", slice_of(n->key->check), on_key_set);
}

void node_greet(struct node *n)
{
    if (n->stage != NODE_REFUSED)
        n->stage = NODE_GREETS;
    command_begin(&n->command);
    command_add_static(&n->command, "TIME");
    ask(n, on_time);
}
