/* From the outbox to Redis, and what comes back to the counters. */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/quote.h"

#define DRAIN_AT_ONCE 256u
/* What Redis refuses is tried again after a second; a batch that it can't take, so many times. */
#define RETRY_NS NS_PER_S
#define TRIES_MOST 20u

static void on_batch(void *arg, const struct reply *reply);

void node_drain(struct node *n)
{
    struct outbox_record records[DRAIN_AT_ONCE];
    uint64_t boot_ns = clock_boot_ns();
    size_t got;

    do {
        got = outbox_drain(n->outbox, boot_ns, records, DRAIN_AT_ONCE);
        for (size_t i = 0; i < got; i++) {
            (void)pending_take(n->pending, records + i);
            node_note_record(n, records + i);
            if (records[i].kind == OUTBOX_RESET)
                recent_forget(n->recent, records[i].key);
            else if (records[i].table == OUTBOX_COUNTERS)
                recent_note(n->recent, records[i].key, records[i].burst_ns);
        }
    } while (got == DRAIN_AT_ONCE);
}

static struct batch_sender sender_of(const struct node *n)
{
    return (struct batch_sender){n->key, sealer_incarnation(n->sealer), clock_wall_s()};
}

static void send_filled(struct node *n, bool whole)
{
    const struct batch_sender sender = sender_of(n);

    batch_command(&n->batch, &sender, whole, &n->command);
    if (link_send(n->link, &n->command, on_batch, n) != 0)
        return; /* it stays filled */
    n->sent = true;
    n->sent_ns = clock_boot_ns();
    n->stats.sent++;
    n->stats.resent += n->tries++ > 0;
}

void node_send_batch(struct node *n)
{
    uint64_t boot_ns = clock_boot_ns();

    if (n->stage != NODE_SHARES || n->sent || boot_ns < n->retry_ns || !node_is_joined(n))
        return;
    if (!n->has_batch) {
        if (!batch_fill(&n->batch, n->pending, state_counters(n->state), node_now(n, boot_ns)))
            return;
        n->has_batch = true;
        n->tries = 0;
        n->batch.number = ++n->number;
        n->takes_all = pending_count(n->pending) == 0;
        n->taken_position = outbox_position(n->outbox);
    } else {
        batch_cut(&n->batch, state_counters(n->state), node_now(n, boot_ns));
    }
    send_filled(n, false);
}

/* What became hot is told the others at once. */
static void push_hot(struct node *n, const struct hot_list *hot)
{
    unsigned char text[HOT_MAX * HOT_ENTRY_BYTES], record[sizeof text + SEAL_EXTRA_BYTES];
    size_t sealed;

    if (hot->n == 0)
        return;
    sealed = seal(n->sealer, SEAL_PUSH, (struct slice){(const char *)text, hot_write(hot, text)}, record);
    command_begin(&n->command);
    command_add_static(&n->command, "PUBLISH");
    command_add_static(&n->command, "postern:hot");
    command_add(&n->command, (struct slice){(const char *)record, sealed});
    if (sealed > 0 && link_send(n->link, &n->command, node_told, n) == 0)
        n->stats.pushes_out++;
}

/* An error of the script, not of Redis' own state: full, read only, still loading. It would hold up all that follows.
 */
static bool is_of_batch(const struct reply *reply)
{
    return reply_is_error(reply, "ERR") || reply_is_error(reply, "WRONGTYPE");
}

static void batch_refused(struct node *n, const struct reply *reply)
{
    struct quote why = quote(reply->text);

    n->stats.refused_by_redis++;
    if (reply_is_error(reply, "NOSCRIPT")) {
        send_filled(n, true);
        return;
    }
    if (n->trouble[0] == '\0')
        log_say(n->log, LEVEL_WARNING, "Redis refuses what this relay counted, which is tried again: %s", why.text);
    (void)snprintf(n->trouble, sizeof n->trouble, "Redis refuses: %.200s", why.text);
    n->trouble_now = true;
    n->retry_ns = clock_boot_ns() + RETRY_NS;
    if (n->tries < TRIES_MOST || !is_of_batch(reply))
        return;
    log_say(n->log, LEVEL_ERROR, "Redis cannot take what this relay counted of %zu keys: the others will not know (%s)",
            n->batch.n + n->batch.n_members, why.text);
    n->has_batch = false;
    n->stats.dropped += n->batch.n + n->batch.n_members;
}

static int apply(struct node *n, const struct reply *reply, uint64_t boot_ns, struct hot_list *hot, struct error *e)
{
    const struct batch_applying with = {.sender = sender_of(n),
                                        .counters = state_counters(n->state),
                                        .pending = n->pending,
                                        .now_ns = node_now(n, boot_ns),
                                        .round_trip_ns = boot_ns - n->sent_ns};

    return batch_apply(&n->batch, reply, &with, hot, &n->stats.batches, e);
}

static void on_batch(void *arg, const struct reply *reply)
{
    struct node *n = arg;
    struct hot_list hot = {.n = 0};
    uint64_t boot_ns = clock_boot_ns();
    struct error e;

    n->sent = false;
    if (reply == NULL) /* sent again when the connection is back, with its number */
        return;
    n->stats.round_trip_ns = boot_ns - n->sent_ns;
    if (reply->type == REPLY_ERROR) {
        batch_refused(n, reply);
        return;
    }
    /* Before the reply is judged: all that was counted here until now. */
    node_drain(n);
    if (node_is_joined(n) && apply(n, reply, boot_ns, &hot, &e) != 0) {
        link_fail(n->link, e.text);
        return;
    }
    n->has_batch = false;
    n->trouble[0] = '\0';
    n->trouble_now = false;
    n->shared_ns = boot_ns;
    if (n->takes_all)
        outbox_done(n->outbox, n->taken_position);
    push_hot(n, &hot);
    if (pending_count(n->pending) > 0)
        node_send_batch(n);
}
