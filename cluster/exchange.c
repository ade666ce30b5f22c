/* From the outbox to Redis, and what comes back to the counters. */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/base/quote.h"

#define DRAIN_AT_ONCE 256u
/* A batch that Redis refuses is tried again after a second, so many times. */
#define RETRY_NS NS_PER_S
#define TRIES_MOST 20u
/* A round waits for its events no longer than that. */
#define ROUND_WAIT_NS NS_PER_S

_Static_assert(PENDING_ENTRIES_MAX / BATCH_ENTRIES_MAX + PENDING_MEMBERS_MAX / BATCH_MEMBERS_MAX + 2 <
                   NODE_NUMBERS_A_ROUND,
               "a round's batches have numbers of their own");

static void on_batch(void *arg, const struct reply *reply);

/* ---- rounds ---- */

/* All that was drained and not told is told from now on. False: there is nothing, or the last round is not over. */
static bool begin_round(struct node *n)
{
    unsigned char id[OUTBOX_IDENTITY_BYTES];
    uint64_t from;

    if (n->in_round || !outbox_identity(n->outbox, n->boot_id, id) || !node_habits_begin_round(n) ||
        !pending_begin_round(n->pending))
        return false;
    from = outbox_begin_round(n->outbox);
    if (from == outbox_position(n->outbox) && pending_in_round(n->pending) == 0 && node_habits_told(n))
        return false;
    n->in_doubt = from == outbox_position(n->outbox);
    memcpy(n->outbox_id, id, sizeof id);
    n->in_round = true;
    n->round_from = from;
    n->round_batches = n->round_habits = 0;
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

/* What was counted is told once, and what was marked at least once: both before the outbox may forget it. */
static void end_round(struct node *n, uint64_t boot_ns)
{
    if (!n->in_round || n->has_batch || pending_in_round(n->pending) > 0 || !node_habits_told(n))
        return;
    if (n->round_wait_ns == 0)
        n->round_wait_ns = boot_ns + ROUND_WAIT_NS;
    if (events_settled(n->events) < n->round_events && boot_ns < n->round_wait_ns)
        return;
    if (!n->in_doubt && is_same_outbox(n))
        outbox_end_round(n->outbox);
    n->in_round = false;
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

/* The same batch has the same number whenever the round is told. */
static uint64_t number_of(struct node *n)
{
    if (n->batch.of_round == 0)
        return 0;
    n->round_batches++;
    return n->in_doubt ? 0 : n->round_from * NODE_NUMBERS_A_ROUND + n->round_batches;
}

/* False: there is nothing to tell. */
static bool next_batch(struct node *n, uint64_t boot_ns)
{
    struct counters *counters = state_counters(n->state);

    do {
        n->has_batch = batch_fill(&n->batch, n->pending, counters, node_now(n, boot_ns));
        n->batch.number = number_of(n);
    } while (!n->has_batch && pending_in_round(n->pending) > 0);
    n->tries = 0;
    return n->has_batch;
}

void node_send_batch(struct node *n)
{
    uint64_t boot_ns = clock_boot_ns();

    if (n->stage != NODE_SHARES || n->sent || boot_ns < n->retry_ns || !node_is_joined(n))
        return;
    if (!n->has_batch) {
        end_round(n, boot_ns);
        (void)begin_round(n);
        if (!next_batch(n, boot_ns))
            return;
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

/* Redis has it: full, read only, still loading, or it does not let us. */
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
    if (n->tries < TRIES_MOST)
        return;
    n->has_batch = false;
    n->stats.dropped++;
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
    end_round(n, boot_ns);
    push_hot(n, &hot);
    if (pending_count(n->pending) > 0)
        node_send_batch(n);
}
