/* The work of the engine: decide, charge once, count denials, block, log. */
#include "core/clock.h"
#include "core/engine_parts.h"
#include "core/event.h"
#include "core/keys.h"
#include "core/limits.h"

#include <stdlib.h>

#define CHARGE_TRIES                                                                                                   \
    4 /* another message may take the room between looking and charging; each try sees the newer state */

/*
 * How long a message is remembered as charged: the time between the policy server's end of message and the milter's,
 * and between a policy request and its repetition after a lost connection. A transfer may lie between the two.
 */
#define ONCE_NS (UINT64_C(3600) * NS_PER_S)

/* One message: its queue id, which both front ends know at its end, else its instance. 0: it has neither. */
static uint64_t message_key(const struct decide_context *c, const struct submission *s)
{
    struct slice name = s->queue_id.n > 0 ? s->queue_id : s->instance;
    uint64_t key;

    if (s->stage < STAGE_DATA || name.n == 0)
        return 0;
    key = key_within(c->secret, hash_slice(c->secret, name), hash_slice(c->secret, s->login_text));
    if (s->has_client)
        key = key_within(c->secret, key, key_of_ip(c->secret, &s->client));
    return key_within(c->secret, key, hash_slice(c->secret, address_slice(&s->sender)));
}

/* The same message, as the milter claims it. */
static uint64_t claim_key(const struct decide_context *c, uint64_t message)
{
    return key_within(c->secret, message, 2);
}

static bool claimed(const struct decide_context *c, uint64_t message)
{
    return message != 0 && counters_seen(c->counters, claim_key(c, message), c->now_ns, ONCE_NS);
}

static bool charges_here(const struct decide_context *c, const struct submission *s, uint64_t message)
{
    bool milter = strcmp(s->front_end, "milter") == 0;

    if (s->stage < STAGE_DATA)
        return false;
    if (c->config->charge == CHARGE_AUTO)
        return milter || !claimed(c, message);
    return (c->config->charge == CHARGE_MILTER) == milter;
}

/* Charges what the verdict's plan says, and remembers that it did. The verdict may become a refusal. */
static void charge(struct engine_user *user, const struct decide_context *c, const struct submission *s,
                   const struct recipients *r, uint64_t message)
{
    struct verdict *v = &user->verdict;
    struct counters *counters = state_counters(user->engine->state);

    for (int i = 0; i < CHARGE_TRIES; i++) {
        if (limits_charge(counters, c, s, r, v) == PLAN_CHARGED) {
            if (message != 0)
                (void)counters_once(counters, message, c->now_ns, ONCE_NS);
            return;
        }
        decide(c, s, r, v, NULL);
        if (v->action != ACTION_PASS && v->action != ACTION_HOLD)
            return;
    }
    v->action = ACTION_DEFER;
    v->reason = REASON_LIMIT;
    v->reply = slice_of(reason_row(REASON_LIMIT)->reply);
}

/* ---- denials and blocks ---- */

/* Refusals that tell of somebody trying what is forbidden; not limits (retries are no attack), blocks, or our own
 * faults. */
static bool is_denial(const struct verdict *v)
{
    if (v->action != ACTION_REJECT)
        return false;
    switch (v->reason) {
    case REASON_BLOCKED:
    case REASON_LIMIT_REJECT:
    case REASON_LIMIT_NEVER:
    case REASON_LIMIT_BLOCK:
        return false;
    default:
        return true;
    }
}

static void log_block(struct engine_user *user, const struct block *block, uint64_t seconds)
{
    struct event e = event_begin(user->line, sizeof user->line, log_format_of(user->engine->log), "block");

    event_text(&e, "subject", slice_of(block->subject));
    event_word(&e, "limit", block->limit);
    event_number(&e, "seconds", seconds);
    log_line(user->engine->log, LEVEL_WARNING, event_end(&e));
}

static void block(struct engine_user *user, const struct decide_context *c, const struct submission *s,
                  const struct limit_config *limit)
{
    struct block b = {
        .from_ns = c->now_ns, .until_ns = c->now_ns + limit->block_s * NS_PER_S, .from_wall_s = c->wall_s};
    struct buf subject = BUF_OVER(b.subject), name = BUF_OVER(b.limit), reason = BUF_OVER(b.reason);
    struct error e;

    buf_add(&name, slice_of(limit->name));
    buf_add(&reason, limit->count == COUNT_DENIALS ? SLICE("too many refused attempts") : SLICE("over the limit"));
    b.key = key_of_block(c, s, &user->verdict.identity, limit, &subject);
    if (blocks_add(state_blocks(user->engine->state), &b, c->now_ns, &e) != 0)
        log_say(user->engine->log, LEVEL_ERROR, "block of %s failed: %s", b.subject, e.text);
    else
        log_block(user, &b, limit->block_s);
}

/* One denial a message, however many of its recipients were refused. */
static void count_denial(struct engine_user *user, const struct decide_context *c, const struct submission *s)
{
    struct counters *counters = state_counters(user->engine->state);
    const struct limit_config *limit;

    if (s->instance.n > 0 &&
        !counters_once(counters, key_within(c->secret, hash_slice(c->secret, s->instance), 1), c->now_ns, ONCE_NS))
        return;
    limit = limits_count_denial(counters, c, s, &user->verdict);
    if (limit != NULL)
        block(user, c, s, limit);
}

/* ---- recipients ---- */

static void recipients_add(struct recipients *r, const struct decide_context *c, const struct submission *s,
                           bool internal)
{
    struct recipient_seen seen = {hash_slice(c->secret, address_slice(&s->recipient)),
                                  hash_slice(c->secret, address_domain(&s->recipient)) | 1};

    r->n++;
    r->external += internal ? 0 : 1;
    if (s->recipient_result != ADDRESS_OK) /* what is no address is told apart by its text */
        seen.address = hash_slice(c->secret, s->recipient_text);
    seen.address |= 1;
    if (r->kept == r->capacity && r->capacity < RECIPIENTS_KEPT_MAX) {
        uint32_t capacity = r->capacity == 0 ? 4 : r->capacity * 2;
        struct recipient_seen *more = realloc(r->seen, capacity * sizeof *more);

        if (more == NULL)
            return;
        r->seen = more;
        r->capacity = capacity;
    }
    if (r->kept < r->capacity)
        r->seen[r->kept++] = seen;
}

/* Does some limit look at recipients one by one? Otherwise none needs to be kept, only counted. */
static bool keeps_recipients(const struct config *config)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if ((config->limits[i].per & PER_RECIPIENT_DOMAIN) != 0 ||
            (config->limits[i].count == COUNT_DISTINCT && config->limits[i].distinct >= DISTINCT_RECIPIENT))
            return true;
    return false;
}

static void note_recipient(const struct decide_context *c, const struct submission *s, const struct verdict *v,
                           struct recipients *r)
{
    if (keeps_recipients(c->config)) {
        recipients_add(r, c, s, v->recipient_internal);
        return;
    }
    r->n++;
    r->external += v->recipient_internal ? 0 : 1;
}

/* What follows from the verdict: recipients noted, limits charged, blocks made, denials counted. True when it is to be
 * logged. */
static bool follow_up(struct engine_user *user, const struct decide_context *c, const struct submission *s,
                      struct recipients *r, uint64_t message)
{
    const struct verdict *v = &user->verdict;
    bool passed = v->action == ACTION_PASS || v->action == ACTION_HOLD, charged = false;

    if (s->stage == STAGE_RCPT && passed)
        note_recipient(c, s, v, r);
    if (passed && !c->charged && charges_here(c, s, message)) {
        charge(user, c, s, r, message);
        charged = true;
    }
    if (v->reason == REASON_LIMIT_BLOCK)
        block(user, c, s, v->limit_row);
    if (is_denial(v))
        count_denial(user, c, s);
    return charged || v->monitored || !passed;
}

static struct decide_context context_of(struct engine_user *user)
{
    struct engine *engine = user->engine;

    return (struct decide_context){.config = user->config->config,
                                   .view = user->view,
                                   .counters = state_counters(engine->state),
                                   .blocks = state_blocks(engine->state),
                                   .secret = state_secret(engine->state),
                                   .now_ns = state_now(engine->state, clock_boot_ns()),
                                   .wall_s = clock_wall_s()};
}

const struct verdict *engine_decide(struct engine_user *user, const struct submission *s, struct recipients *r)
{
    struct decide_context c;
    uint64_t message;

    engine_user_renew(user);
    c = context_of(user);
    message = message_key(&c, s);
    c.charged = message != 0 && counters_seen(c.counters, message, c.now_ns, ONCE_NS);
    decide(&c, s, r, &user->verdict, NULL);
    if (user->verdict.reason != REASON_NOT_OURS && follow_up(user, &c, s, r, message))
        engine_log_verdict(user, &c, s, r);
    return &user->verdict;
}

void engine_claim(struct engine_user *user, const struct submission *s)
{
    struct decide_context c;
    uint64_t message;

    engine_user_renew(user);
    c = context_of(user);
    message = message_key(&c, s);
    if (message != 0 && c.config->charge == CHARGE_AUTO)
        (void)counters_once(state_counters(user->engine->state), claim_key(&c, message), c.now_ns, ONCE_NS);
}
