/* From the outbox to Redis, and what comes back to the counters. */
#include "cluster/node.h"

#include "core/base/clock.h"

#define DRAIN_AT_ONCE 256u
/* What Redis refuses is tried again after a second; a batch that it can't take, so many times. */
#define RETRY_NS NS_PER_S
#define TRIES_MOST 20u
/* A round waits for its events no longer than that. */
#define ROUND_WAIT_NS NS_PER_S
/* Nor for a lane. */
#define BEHIND_NS NS_PER_S

_Static_assert(PENDING_ENTRIES_MAX / BATCH_ENTRIES_MAX + PENDING_MEMBERS_MAX / BATCH_MEMBERS_MAX + 2 <
                   NODE_NUMBERS_A_ROUND,
               "a round's batches have numbers of their own");

static void on_batch(void *arg, const struct reply *reply);

/* ---- rounds ---- */

/* Counters of other masters don't wait for what only the one that has "{m}" is told. */
static bool home_is_away(const struct node *n)
{
    return n->shards.several && n->stage != NODE_SHARES;
}

/* Another ring has positions of its own; what is under way may then be counted twice. */
static void number_anew(struct node *n, const unsigned char *id)
{
    memcpy(n->outbox_id, id, OUTBOX_IDENTITY_BYTES);
    for (unsigned i = 0; i < n->n_lanes; i++)
        n->lanes[i].number = n->lanes[i].batch.number = 0;
}

/* All that was drained and not told is told from now on. False: there is nothing, or the last round is not over. */
static bool begin_round(struct node *n)
{
    unsigned char id[OUTBOX_IDENTITY_BYTES];
    uint64_t from;

    if (n->in_round || !outbox_identity(n->outbox, n->boot_id, id) || !pending_begin_round(n->pending))
        return false;
    (void)node_habits_begin_round(n); /* unless its Redis is away, and some of the last one is left */
    from = outbox_begin_round(n->outbox);
    if (from == outbox_position(n->outbox) && pending_in_round(n->pending) == 0 &&
        (node_habits_told(n) || home_is_away(n)))
        return false;
    n->in_doubt = from == outbox_position(n->outbox) && !n->carries;
    n->carries = false;
    if (memcmp(n->outbox_id, id, sizeof id) != 0)
        number_anew(n, id);
    n->in_round = true;
    n->round_from = from;
    n->round_habits = 0;
    for (unsigned i = 0; i < n->n_lanes; i++)
        n->lanes[i].round_batches = 0;
    n->round_events = events_added(n->events);
    n->round_wait_ns = 0;
    return true;
}

/* Another file in the outbox's place has positions of its own. */
static bool is_same_outbox(struct node *n)
{
    unsigned char id[OUTBOX_IDENTITY_BYTES];

    return outbox_identity(n->outbox, n->boot_id, id) && memcmp(id, n->outbox_id, sizeof id) == 0;
}

/* A lane whose master is away, or whose slot is being moved, holds up no other: it goes on with the batch that it has.
 */
static bool is_behind(const struct lane *lane, uint64_t boot_ns)
{
    return lane->n->shards.several && lane->has_batch && boot_ns - lane->filled_ns > BEHIND_NS;
}

static bool is_told(const struct node *n, uint64_t boot_ns)
{
    for (unsigned i = 0; i < n->n_lanes; i++) {
        const struct lane *lane = n->lanes + i;

        if (!is_behind(lane, boot_ns) && (lane->has_batch || pending_has(n->pending, lane->batch.tag)))
            return false;
    }
    return node_habits_told(n) || home_is_away(n);
}

/*
 * What was counted is told once, and what was marked at least once: both before the outbox may forget it. What lanes
 * that are behind have left is in memory only from then on: should this program be killed, too, before their masters
 * are back, the others learn of it when these keys are charged again (floors).
 */
static void end_round(struct node *n, uint64_t boot_ns)
{
    if (!n->in_round || !is_told(n, boot_ns))
        return;
    if (n->round_wait_ns == 0)
        n->round_wait_ns = boot_ns + ROUND_WAIT_NS;
    if (events_settled(n->events) < n->round_events && n->stage == NODE_SHARES && boot_ns < n->round_wait_ns)
        return;
    if (!n->in_doubt && is_same_outbox(n))
        outbox_end_round(n->outbox);
    n->in_round = false;
    n->carries = pending_in_round(n->pending) > 0;
    pending_carry(n->pending);
}

/* ---- draining ---- */

static void drain(struct node *n, uint64_t boot_ns)
{
    struct outbox_record records[DRAIN_AT_ONCE];
    size_t got;

    do {
        got = outbox_drain(n->outbox, boot_ns, records, DRAIN_AT_ONCE);
        for (size_t i = 0; i < got; i++) {
            if (outbox_is_of_habit(records[i].kind)) {
                node_note_habit(n, records + i);
                continue;
            }
            (void)pending_take(n->pending, records + i);
            node_note_record(n, records + i);
            if (records[i].kind == OUTBOX_RESET)
                recent_forget(n->recent, records[i].key);
            else if (records[i].table == OUTBOX_COUNTERS)
                recent_note(n->recent, records[i].key, records[i].burst_ns);
        }
    } while (got == DRAIN_AT_ONCE);
}

void node_drain(struct node *n)
{
    uint64_t boot_ns = clock_boot_ns();

    drain(n, boot_ns);
    if (!outbox_at_round(n->outbox))
        return;
    /* What the program that was killed told last is told again as it was. */
    (void)begin_round(n);
    drain(n, boot_ns);
}

/* ---- batches ---- */

static struct batch_sender sender_of(const struct node *n)
{
    return (struct batch_sender){n->key, n->outbox_id, clock_wall_s()};
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

/* The same batch has the same number whenever the round is told. What an earlier round left comes with it. */
static uint64_t number_of(struct lane *lane)
{
    const struct node *n = lane->n;
    uint64_t number;

    if (lane->batch.of_round == 0)
        return 0;
    number = n->round_from * NODE_NUMBERS_A_ROUND + ++lane->round_batches;
    if (n->in_doubt)
        return 0;
    lane->number = number > lane->number ? number : lane->number + 1;
    return lane->number;
}

/* False: there is nothing to tell. */
static bool next_batch(struct lane *lane, uint64_t boot_ns)
{
    struct node *n = lane->n;

    do {
        lane->has_batch = batch_fill(&lane->batch, n->pending, state_counters(n->state), node_now(n, boot_ns));
        lane->batch.number = number_of(lane);
    } while (!lane->has_batch && pending_has(n->pending, lane->batch.tag));
    lane->tries = 0;
    lane->filled_ns = boot_ns;
    return lane->has_batch;
}

static void send_batch(struct lane *lane, uint64_t boot_ns)
{
    struct node *n = lane->n;

    if (lane->sent || boot_ns < lane->retry_ns)
        return;
    if (lane->has_batch)
        batch_cut(&lane->batch, state_counters(n->state), node_now(n, boot_ns));
    else if (!next_batch(lane, boot_ns))
        return;
    send_filled(lane);
}

void node_send_batches(struct node *n)
{
    uint64_t boot_ns = clock_boot_ns();

    if (!may_tell(n))
        return;
    end_round(n, boot_ns);
    (void)begin_round(n);
    for (unsigned i = 0; i < n->n_lanes; i++)
        send_batch(n->lanes + i, boot_ns);
}

void node_set_lanes(struct node *n, unsigned lanes)
{
    if (lanes == n->n_lanes)
        return;
    n->n_lanes = lanes;
    for (unsigned i = 0; i < KEY_TAGS; i++) {
        n->lanes[i].n = n;
        n->lanes[i].batch.tag = lanes > 1 ? i + 1 : 0;
        n->lanes[i].has_batch = false;
        n->lanes[i].number = 0;
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

/* An error of the script, not of Redis' own state: full, read only, still loading. It would hold up all that follows.
 * That our user lacks a right, or a command has another name, is no batch's fault. */
static bool is_of_batch(const struct reply *reply)
{
    return reply_is_error(reply, "WRONGTYPE") ||
           (reply_is_error(reply, "ERR") &&
            !slice_starts_with(reply->text, SLICE("ERR The user executing the script")) &&
            !slice_starts_with(reply->text, SLICE("ERR unknown command")));
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
    struct quote why = reply_words(reply);

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
    (void)snprintf(n->trouble, sizeof n->trouble, "Redis refuses what this relay counted: %.200s", why.text);
    n->trouble_now = true;
    lane->retry_ns = clock_boot_ns() + RETRY_NS;
    if (lane->tries < TRIES_MOST || !is_of_batch(reply))
        return;
    log_say(n->log, LEVEL_ERROR, "Redis cannot take what this relay counted of %zu keys: the others will not know (%s)",
            lane->batch.n + lane->batch.n_members, why.text);
    lane->has_batch = false;
    n->stats.dropped += lane->batch.n + lane->batch.n_members;
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
    lane->has_batch = false;
    if (node_shards_away(n) == 0)
        n->trouble[0] = '\0';
    n->trouble_now = false;
    n->shared_ns = boot_ns;
    end_round(n, boot_ns);
    push_hot(n, &hot);
    /* Floors wait for the next flush: a Redis that forgets them at once asks for no more than those. */
    if (pending_count(n->pending) == pending_floors(n->pending) || !may_tell(n))
        return;
    if (n->in_round)
        send_batch(lane, boot_ns);
    else
        node_send_batches(n);
}
