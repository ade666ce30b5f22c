/* From the outbox to Redis, and what comes back to the counters. */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/quote.h"

#define DRAIN_AT_ONCE 256u
/* A batch that Redis refuses is tried again after a second, so many times. */
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

/* The cluster's key was seen, and counters that another master has need not wait for the one that has the key. */
static bool may_tell(const struct node *n)
{
    return node_is_joined(n) &&
           (n->stage == NODE_SHARES || (n->shards.several && n->admitted && n->stage != NODE_REFUSED));
}

/* Where the lane's next try goes. NULL: nowhere at the moment. */
static struct link *link_of(struct lane *lane)
{
    struct node *n = lane->n;
    struct link *link;

    if (lane->ask == NULL)
        return node_link_of(n, lane->batch.tag);
    link = lane->ask->link;
    lane->ask = NULL;
    command_begin(&n->command);
    command_add_static(&n->command, "ASKING");
    return link != NULL && link_is_up(link) && link_send(link, &n->command, NULL, NULL) == 0 ? link : NULL;
}

static void send_filled(struct lane *lane)
{
    struct node *n = lane->n;
    const struct batch_sender sender = sender_of(n);
    struct link *link = link_of(lane);

    if (link == NULL)
        return; /* it stays filled */
    batch_command(&lane->batch, &sender, lane->whole, &n->command);
    if (link_send(link, &n->command, on_batch, lane) != 0)
        return;
    lane->sent = true;
    lane->sent_ns = clock_boot_ns();
    n->stats.sent++;
    n->stats.resent += lane->tries++ > 0;
}

static void send_batch(struct lane *lane, uint64_t boot_ns)
{
    struct node *n = lane->n;
    struct counters *counters = state_counters(n->state);

    if (lane->sent || boot_ns < lane->retry_ns)
        return;
    if (!lane->has_batch) {
        if (!batch_fill(&lane->batch, n->pending, counters, node_now(n, boot_ns)))
            return;
        lane->has_batch = true;
        lane->tries = 0;
        lane->batch.number = ++n->number;
    } else {
        batch_cut(&lane->batch, counters, node_now(n, boot_ns));
    }
    send_filled(lane);
}

/* When nothing is pending and these lanes are done with what they have, all that was drained has reached the others. */
static void mark(struct node *n)
{
    if (n->mark_lanes > 0 || pending_count(n->pending) > 0)
        return;
    n->mark_position = outbox_position(n->outbox);
    for (unsigned i = 0; i < n->n_lanes; i++)
        n->mark_lanes += n->lanes[i].of_mark = n->lanes[i].has_batch;
}

static void batch_is_over(struct lane *lane)
{
    struct node *n = lane->n;

    lane->has_batch = false;
    if (lane->of_mark && --n->mark_lanes == 0)
        outbox_done(n->outbox, n->mark_position);
    lane->of_mark = false;
}

void node_send_batches(struct node *n)
{
    uint64_t boot_ns = clock_boot_ns();

    if (!may_tell(n))
        return;
    for (unsigned i = 0; i < n->n_lanes; i++)
        send_batch(n->lanes + i, boot_ns);
    mark(n);
}

void node_set_lanes(struct node *n, unsigned lanes)
{
    if (lanes == n->n_lanes)
        return;
    n->n_lanes = lanes;
    n->mark_lanes = 0;
    for (unsigned i = 0; i < KEY_TAGS; i++) {
        n->lanes[i].n = n;
        n->lanes[i].batch.tag = lanes > 1 ? i + 1 : 0;
        n->lanes[i].has_batch = n->lanes[i].of_mark = false;
        n->lanes[i].ask = NULL;
    }
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

/* Its slot is elsewhere, being moved, or has no master at the moment. The batch waits, however long that takes. */
static bool is_elsewhere(struct lane *lane, const struct reply *reply)
{
    struct node *n = lane->n;
    struct slots_redirect redirect;
    struct link *link = node_link_of(n, lane->batch.tag);
    struct shard *to;

    if (!node_is_elsewhere(n, reply))
        return false;
    if (link == NULL || !slots_redirect_read(reply, link_host(link), &redirect)) {
        lane->retry_ns = clock_boot_ns() + RETRY_NS / 10;
    } else {
        n->stats.redirected++;
        to = node_shard_at(n, &redirect.to);
        if (redirect.ask)
            lane->ask = to;
        else
            n->shards.owners[lane->batch.tag] = to;
    }
    lane->tries = 1;
    return true;
}

/* Redis has it: full, read only, still loading, or it does not let us. */
static void batch_refused(struct lane *lane, const struct reply *reply)
{
    struct node *n = lane->n;
    struct quote why = quote(reply->text);

    if (is_elsewhere(lane, reply))
        return;
    n->stats.refused_by_redis++;
    if (reply_is_error(reply, "NOSCRIPT")) {
        lane->whole = true;
        send_filled(lane);
        return;
    }
    if (n->trouble[0] == '\0')
        log_say(n->log, LEVEL_WARNING, "Redis refuses what this relay counted, which is tried again: %s", why.text);
    (void)snprintf(n->trouble, sizeof n->trouble, "Redis refuses: %.200s", why.text);
    n->trouble_now = true;
    lane->retry_ns = clock_boot_ns() + RETRY_NS;
    if (lane->tries < TRIES_MOST)
        return;
    batch_is_over(lane);
    n->stats.dropped++;
}

static int apply(struct lane *lane, const struct reply *reply, uint64_t boot_ns, struct hot_list *hot, struct error *e)
{
    struct node *n = lane->n;
    const struct batch_applying with = {.sender = sender_of(n),
                                        .counters = state_counters(n->state),
                                        .pending = n->pending,
                                        .now_ns = node_now(n, boot_ns),
                                        .round_trip_ns = boot_ns - lane->sent_ns};

    return batch_apply(&lane->batch, reply, &with, hot, &n->stats.batches, e);
}

static void on_batch(void *arg, const struct reply *reply)
{
    struct lane *lane = arg;
    struct node *n = lane->n;
    struct hot_list hot = {.n = 0};
    uint64_t boot_ns = clock_boot_ns();
    struct error e;

    lane->sent = false;
    if (reply == NULL || !lane->has_batch) /* sent again when the connection is back, with its number */
        return;
    n->stats.round_trip_ns = boot_ns - lane->sent_ns;
    if (reply->type == REPLY_ERROR) {
        batch_refused(lane, reply);
        return;
    }
    /* Before the reply is judged: all that was counted here until now. */
    node_drain(n);
    if (node_is_joined(n) && apply(lane, reply, boot_ns, &hot, &e) != 0) {
        struct link *link = node_link_of(n, lane->batch.tag);

        if (link != NULL)
            link_fail(link, e.text);
        return;
    }
    lane->whole = false;
    batch_is_over(lane);
    if (node_shards_away(n) == 0)
        n->trouble[0] = '\0';
    n->trouble_now = false;
    n->shared_ns = boot_ns;
    push_hot(n, &hot);
    if (pending_count(n->pending) > 0 && may_tell(n))
        send_batch(lane, boot_ns);
}
