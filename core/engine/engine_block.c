/*
 * Blocks that limits make: as long as the limit says, longer each time, and never of a protected subject.
 *
 * Clients are cheap: an attacker has a whole IPv6 /64, or many addresses of an IPv4 /24. So a block of an IPv6 client
 * covers its /64, and many blocks in one /24 become one of the /24; but not if somebody else is known to be in it.
 */
#include "core/base/clock.h"
#include "core/base/event.h"
#include "core/decide/block_keys.h"
#include "core/decide/blocked.h"
#include "core/decide/decide_steps.h"
#include "core/decide/failures.h"
#include "core/decide/familiar.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/decide/limits.h"
#include "core/engine/engine_parts.h"
#include "core/state/outbox.h"

/* Up to this many clients of one IPv4 network are blocked one by one. */
#define ALONE_MAX 16
#define MERGED_V4_PREFIX 24
#define IPV6_BITS 128 /* client_ipv6_prefix_length: each address is a client */
/* When there is no room for a block of a client, the next attempt is so much later, since looking for room takes time.
 */
#define FULL_NS NS_PER_S

/* base * grow^earlier, at most blocks.longest, but never less than the limit says. */
static uint64_t seconds_of(const struct config *config, uint64_t base_s, uint64_t earlier)
{
    uint64_t longest = config->block_longest_s > base_s ? config->block_longest_s : base_s;
    uint64_t seconds = base_s;

    for (uint64_t i = 0; i < earlier && seconds < longest && config->block_grow > 1; i++)
        seconds = seconds > longest / config->block_grow ? longest : seconds * config->block_grow;
    return seconds < longest ? seconds : longest;
}

static void log_block(struct engine_session *session, const struct block *block, uint64_t seconds)
{
    struct event e = event_begin(session->line, sizeof session->line, log_format_of(session->engine->log), "block");

    event_text(&e, "subject", slice_of(block->subject));
    event_word(&e, "limit", block->limit);
    event_number(&e, "seconds", seconds);
    event_sentence(&e, "why", block->reason);
    log_line(session->engine->log, LEVEL_WARNING, event_end(&e));
}

/* "over 6/d with a burst of 6, 2nd time" */
static void say_reason(const struct decide_context *c, const struct submission *s, const struct verdict *v,
                       const struct limit_config *limit, uint64_t earlier, struct buf *out)
{
    const struct identity *id = &v->identity;
    uint64_t added = limit_burst_of_habit(limit, v);
    struct limit_rate room;
    const struct limit_rate *figure = limit_figure(c, s, id, limit, &room);

    buf_add(out, is_stranger(id)                   ? SLICE("too many refusals without a login: over ")
                 : limit->count == COUNT_DENIALS   ? SLICE("too many refusals: over ")
                 : limit->count == COUNT_DEFERRALS ? SLICE("over limits again and again: over ")
                 : limit->count == COUNT_DEFERRED  ? SLICE("more messages than usual were deferred: over ")
                                                   : SLICE("over "));
    if (limit->count == COUNT_BYTES)
        rate_add_kib(out, figure->rate);
    else
        rate_add(out, figure->rate);
    buf_addf(out, ", burst %llu%s", (unsigned long long)figure->burst + (limit->beyond_habit ? added : 0),
             limit->count == COUNT_BYTES ? " KiB" : "");
    if (earlier > 0)
        buf_addf(out, "; %llu before", (unsigned long long)earlier);
}

/* "12 logins tried from 192.0.2.0/24" */
static void say_failures(const struct decide_context *c, const struct submission *s, const struct identity *id,
                         const struct limit_config *limit, uint64_t earlier, struct block *b)
{
    struct buf out = BUF_OVER(b->reason);
    struct slice where;

    (void)slice_cut(slice_of(b->subject), ' ', NULL, &where);
    buf_addf(&out, "%llu %s from %.*s", (unsigned long long)failures_counted(c, s, id, limit),
             limit->count == COUNT_FAILED_LOGINS ? "logins tried" : "failed attempts to sign in", SLICE_ARG(where));
    if (earlier > 0)
        buf_addf(&out, "; %llu before", (unsigned long long)earlier);
}

/* ---- of clients ---- */

static bool is_of_client(const struct limit_config *limit)
{
    return (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0;
}

/* The key, the words and the class. */
static void begin_block(const struct decide_context *c, const struct submission *s, const struct identity *id,
                        const struct limit_config *limit, struct block *b)
{
    if (limit->per == PER_CLIENT)
        key_of_block_on(c, s, id, PER_CLIENT, b); /* the address alone; it may become a network below */
    else
        key_of_block(c, s, id, limit, b);
    b->class = is_of_client(limit) ? BLOCK_OF_CLIENT : BLOCK_OF_LOGIN;
    if (limit->defers)
        key_of_deferring(c, id, (enum limit_key_part)limit->per, b);
    if (is_of_client(limit) && is_stranger(id))
        key_of_strangers(c, s, b);
}

/* Should this block of a client be one of the network around it, and until when must that last at least? */
static bool goes_up(const struct decide_context *c, const struct block *client, const struct block *around,
                    const struct network *net, uint64_t *least_ns)
{
    uint64_t until_ns;

    if (blocks_find(c->blocks, around->key, c->now_ns, &until_ns))
        return true;
    if (ip_is_v4(&net->base) &&
        blocks_inside(c->blocks, net, (enum block_class)client->class, client->key, c->now_ns, least_ns) < ALONE_MAX)
        return false;
    return !network_sheltered(c, net);
}

/* Makes it a block of the network around the client, if it is to be one: true. Its length is still the client's, but at
 * least *least_ns. */
static bool merge(const struct decide_context *c, const struct submission *s, struct block *b, uint64_t *least_ns)
{
    unsigned v6_prefix = c->config->client_ipv6_prefix_length;
    struct network net = network_around(&s->client, MERGED_V4_PREFIX, v6_prefix);
    struct block around = *b;

    *least_ns = 0;
    if (b->prefix != 0 || b->class < BLOCK_OF_CLIENT || !s->has_client ||
        (!ip_is_v4(&s->client) && v6_prefix == IPV6_BITS))
        return false;
    key_of_block_on_network(c, &net, &around);
    if (b->class == BLOCK_OF_STRANGERS)
        key_of_strangers(c, s, &around);
    if (!goes_up(c, b, &around, &net, least_ns))
        return false;
    *b = around;
    return true;
}

/* ---- history ---- */

static uint64_t blocked_before(const struct decide_context *c, const struct block *b)
{
    struct charge history = block_history(c, b->key);

    return b->class == BLOCK_OF_STRANGERS ? strangers_look(c->counters, STRANGERS_BLOCKS, &history, c->now_ns).used
                                          : counters_look(c->counters, &history, c->now_ns).used;
}

static void note_blocked(struct counters *counters, const struct decide_context *c, const struct block *b)
{
    struct charge history = block_history(c, b->key);
    bool strangers = b->class == BLOCK_OF_STRANGERS;
    struct charge_answer answer;

    if (strangers)
        (void)strangers_charge(counters, STRANGERS_BLOCKS, &history, c->now_ns);
    else
        counters_force(counters, &history, c->now_ns, &answer);
    outbox_tell_charge(counters_outbox(counters), strangers ? OUTBOX_STRANGERS_BLOCKS : OUTBOX_COUNTERS, &history);
}

/* What has led to a block that defers leads to no second one: what waited comes all at once when the block ends. */
static void forget_deferred(struct counters *counters, const struct decide_context *c, const struct submission *s,
                            const struct identity *id, const struct limit_config *limit)
{
    uint64_t key;

    if (limit->count != COUNT_DEFERRED || !limit->defers || !key_of_limit(c, s, id, limit, &key))
        return;
    (void)counters_reset(counters, key, c->now_ns);
    outbox_tell_reset(counters_outbox(counters), key);
}

/* ---- making them ---- */

/* Adds it, and logs a failure; for clients, which are retried often, at most once an hour. */
static bool add_block(struct engine_session *session, const struct decide_context *c, const struct block *b)
{
    struct engine *engine = session->engine;
    bool client = b->class >= BLOCK_OF_CLIENT;
    uint64_t told = atomic_load_explicit(&engine->blocks_full_told_ns, memory_order_relaxed);
    struct error e;

    if (blocks_add(state_blocks(engine->state), b, c->now_ns, &e) == 0)
        return true;
    if (client)
        atomic_store_explicit(&engine->blocks_full_ns[b->class - BLOCK_OF_CLIENT], c->now_ns, memory_order_relaxed);
    if (client && told != 0 && c->now_ns - told < COMPLAIN_AGAIN_NS)
        return false;
    if (client && !atomic_compare_exchange_strong(&engine->blocks_full_told_ns, &told, c->now_ns))
        return false;
    log_say(engine->log, LEVEL_ERROR, "block of %s failed: %s", b->subject, e.text);
    return false;
}

/* Was there no room for such a block a moment ago? */
static bool was_full(const struct engine *engine, const struct decide_context *c, const struct block *b)
{
    uint64_t full_ns =
        b->class < BLOCK_OF_CLIENT
            ? 0
            : atomic_load_explicit(&engine->blocks_full_ns[b->class - BLOCK_OF_CLIENT], memory_order_relaxed);

    return full_ns != 0 && c->now_ns - full_ns < FULL_NS;
}

/* Protected, blocked already, or no room: nothing to do. */
static bool is_settled(const struct engine_session *session, const struct decide_context *c, const struct submission *s,
                       const struct limit_config *limit, const struct block *b)
{
    uint64_t until_ns;

    if (never_blocked(c, s, &session->verdict.identity, (enum limit_key_part)limit->per)) {
        log_say(session->engine->log, LEVEL_WARNING, "no block of %s by limit %s: never_block protects it", b->subject,
                limit->name);
        return true;
    }
    /* Messages that hit the limit at the same time make one block. */
    return blocks_find(c->blocks, b->key, c->now_ns, &until_ns) || was_full(session->engine, c, b);
}

/* Somebody else may have used the login: this week's mail teaches nothing, on no relay. */
static void forget_week(struct engine_session *session, const struct decide_context *c, const struct identity *id)
{
    uint64_t key = key_of_habit(c, id);

    if (key == 0)
        return;
    habits_forget_week(state_habits(session->engine->state), key, c->now_ns);
    if (c->config->limits_use_habits)
        outbox_tell(counters_outbox(state_counters(session->engine->state)),
                    outbox_habit(OUTBOX_HABIT_FORGET, key, NULL, c->now_ns));
}

void engine_block(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                  const struct limit_config *limit)
{
    struct counters *counters = state_counters(session->engine->state);
    const struct identity *id = &session->verdict.identity;
    struct block b = {.from_ns = c->now_ns, .from_wall_s = c->wall_s};
    struct buf name = BUF_OVER(b.limit), reason = BUF_OVER(b.reason);
    uint64_t earlier, seconds, until_ns, least_ns;
    bool merged;

    begin_block(c, s, id, limit, &b);
    if (is_settled(session, c, s, limit, &b))
        return;
    merged = merge(c, s, &b, &least_ns);
    if (merged && blocks_find(c->blocks, b.key, c->now_ns, &until_ns))
        return;
    earlier = blocked_before(c, &b);
    seconds = seconds_of(c->config, limit->block_s, earlier);
    b.until_ns = c->now_ns + seconds * NS_PER_S;
    if (b.until_ns < least_ns)
        b.until_ns = least_ns;
    buf_add(&name, slice_of(limit->name));
    if (limit_counts_failures(limit))
        say_failures(c, s, id, limit, earlier, &b);
    else
        say_reason(c, s, &session->verdict, limit, earlier, &reason);
    if (!add_block(session, c, &b))
        return;
    if (merged && ip_is_v4(&b.base))
        blocks_absorb(state_blocks(session->engine->state),
                      &(const struct network){.base = b.base, .prefix = (uint8_t)b.prefix}, (enum block_class)b.class,
                      b.until_ns, c->now_ns);
    note_blocked(counters, c, &b);
    forget_deferred(counters, c, s, id, limit);
    networks_forget(counters, c, s, id);
    if (!is_of_client(limit))
        forget_week(session, c, id);
    log_block(session, &b, (b.until_ns - c->now_ns) / NS_PER_S);
    engine_alert_block(session, s, &b, (b.until_ns - c->now_ns) / NS_PER_S);
    if (limit->disable_at_source)
        engine_request_disable(session, c, s, limit);
}
