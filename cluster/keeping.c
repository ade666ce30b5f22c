/*
 * Does Redis keep what it is told? One that is set to evict keys throws counters away, which are told again when they
 * are counted again, and the blocks that are kept for those who come later, which nobody would miss. So it is asked.
 */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/quote.h"

#define ASK_EVERY_NS (10 * NS_PER_S)
/* What is evicted as soon as it is told again is told no oftener. */
#define RETELL_EVERY_NS (60 * NS_PER_S)

/* The value of "name:value" in the text of INFO; empty: there is none. */
static struct slice info_value(struct slice info, const char *name)
{
    struct slice line, found, value;

    while (info.n > 0) {
        if (!slice_cut(info, '\n', &line, &info))
            line = info, info.n = 0;
        if (slice_cut(slice_trim(line), ':', &found, &value) && slice_eq(found, slice_of(name)))
            return value;
    }
    return (struct slice){NULL, 0};
}

static uint64_t info_number(struct slice info, const char *name)
{
    unsigned long long value;

    return slice_to_u64(info_value(info, name), UINT64_MAX, &value) ? value : 0;
}

static void on_info(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    struct slice policy;
    struct buf b = BUF_OVER(n->policy);
    uint64_t evicted, room;
    bool before = n->evicts;

    if (reply == NULL || reply->type != REPLY_TEXT) {
        /* Some services let nobody ask. */
        if (reply != NULL && reply->type == REPLY_ERROR && !n->said_info)
            log_say(n->log, LEVEL_NOTICE, "Redis does not say whether it throws keys away when it is full: %s",
                    reply_words(reply).text);
        n->said_info = n->said_info || reply != NULL;
        return;
    }
    policy = info_value(reply->text, "maxmemory_policy");
    if (policy.n < sizeof n->policy)
        buf_add_printable(&b, policy);
    room = info_number(reply->text, "maxmemory");
    evicted = info_number(reply->text, "evicted_keys");
    n->evicts = room > 0 && policy.n > 0 && !slice_eq(policy, SLICE("noeviction"));
    if (n->evicts && !before)
        log_say(
            n->log, LEVEL_WARNING,
            "Redis is set to throw away what it is told when its memory of %llu bytes is full (maxmemory-policy %s): "
            "give the relays one of their own, with noeviction",
            (unsigned long long)room, quote(policy).text);
    if (evicted > n->evicted && !n->said_evicted)
        log_say(n->log, LEVEL_WARNING, "Redis has thrown away %llu keys: what is missing is told again",
                (unsigned long long)evicted);
    n->said_evicted = n->evicts && (n->said_evicted || evicted > n->evicted);
    n->evicted = evicted;
}

static uint64_t blocks_in_force(const struct node *n)
{
    uint64_t now_ns = node_now(n, clock_boot_ns()), count = 0;
    struct block block;

    for (uint32_t i = 0; blocks_next(state_blocks(n->state), &i, now_ns, &block);)
        count++;
    return count;
}

/* Each relay has the blocks of all. Twice in a row: one that has just been made is on its way. */
static void on_blocks(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    uint64_t boot_ns = clock_boot_ns();
    bool lacks;

    if (reply == NULL || reply->type != REPLY_INTEGER || n->stage != NODE_SHARES || !n->caught_up) {
        node_told(n, reply);
        return;
    }
    lacks = reply->integer >= 0 && (uint64_t)reply->integer < blocks_in_force(n) && events_count(n->events) == 0;
    if (lacks && n->lacks_blocks && (n->blocks_retold_ns == 0 || boot_ns - n->blocks_retold_ns >= RETELL_EVERY_NS)) {
        log_say(n->log, LEVEL_WARNING, "Redis has lost blocks that stand: all are told again");
        n->blocks_retold_ns = boot_ns;
        node_retell_blocks(n);
    }
    n->lacks_blocks = lacks;
}

void node_ask_keeping(struct node *n, uint64_t boot_ns)
{
    if (n->stage != NODE_SHARES || boot_ns - n->keeping_asked_ns < ASK_EVERY_NS)
        return;
    n->keeping_asked_ns = boot_ns;
    command_begin(&n->command);
    command_add_static(&n->command, "INFO");
    command_add_static(&n->command, "memory");
    command_add_static(&n->command, "stats");
    (void)link_send(n->link, &n->command, on_info, n);
    node_ask_blocks(n, on_blocks);
}
