/* The work of the engine: decide, charge once, count denials, block, log. */
#include "core/clock.h"
#include "core/decide_steps.h"
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
    struct slice id = s->queue_id.n > 0 ? s->queue_id : s->instance;
    uint64_t key;

    if (s->stage < STAGE_DATA || id.n == 0)
        return 0;
    key = hash_mix(hash_slice(c->secret, id), hash_slice(c->secret, s->login_text));
    key = hash_mix(key, hash_slice(c->secret, address_slice(&s->sender)));
    return key_within(key, key_of_ip(c->secret, &s->client));
}

/* The same message, as the milter claims it. */
static uint64_t claim_key(uint64_t message)
{
    return message ^ 1; /* which lies beside the message itself (core/counters_once.c) */
}

static bool claimed(const struct decide_context *c, uint64_t message)
{
    return message != 0 && counters_seen(c->counters, claim_key(message), c->now_ns, ONCE_NS);
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
    struct decide_context looking = *c;
    struct verdict *v = &user->verdict;
    struct counters *counters = state_counters(user->engine->state);

    for (int i = 0; i < CHARGE_TRIES; i++) {
        if (limits_charge(counters, c, s, r, v) == PLAN_CHARGED) {
            if (message != 0)
                (void)counters_once(counters, message, c->now_ns, ONCE_NS);
            return;
        }
        looking.charging = false;
        decide(&looking, s, r, v, NULL);
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

/* Somebody over a limit: an honest client tries a few messages again, now and then; who goes on and on is none. */
static bool is_deferral(const struct verdict *v)
{
    return v->action == ACTION_DEFER && v->reason == REASON_LIMIT;
}

/* One refusal a message, however many of its recipients were refused. */
static bool is_first_refusal(struct counters *counters, const struct decide_context *c, const struct submission *s,
                             const struct identity *id)
{
    uint64_t key = key_within(hash_slice(c->secret, s->instance), 1);

    if (s->instance.n == 0)
        return true;
    return is_stranger(id) ? strangers_once(counters, key, c->now_ns, ONCE_NS)
                           : counters_once(counters, key, c->now_ns, ONCE_NS);
}

static void count_refusal(struct engine_user *user, const struct decide_context *c, const struct submission *s,
                          enum limit_count count)
{
    struct counters *counters = state_counters(user->engine->state);
    const struct limit_config *limit;

    if (!is_first_refusal(counters, c, s, &user->verdict.identity))
        return;
    limit = limits_count_refusal(counters, c, s, &user->verdict, count);
    if (limit != NULL)
        engine_block(user, c, s, limit);
}

/* What follows from the verdict: recipients noted, limits charged, blocks made, denials counted. True when it is to be
 * logged; *charged when the message was charged now. */
static bool follow_up(struct engine_user *user, const struct decide_context *c, const struct submission *s,
                      struct recipients *r, uint64_t message, bool *charged)
{
    const struct verdict *v = &user->verdict;
    bool passed = v->action == ACTION_PASS || v->action == ACTION_HOLD;

    if (s->stage == STAGE_RCPT && passed)
        recipients_note(r, c, s, v);
    if (passed && c->charging) {
        charge(user, c, s, r, message);
        *charged = true;
    }
    if (v->reason == REASON_LIMIT_BLOCK)
        engine_block(user, c, s, v->limit_row);
    if (is_denial(v))
        count_refusal(user, c, s, COUNT_DENIALS);
    else if (is_deferral(v))
        count_refusal(user, c, s, COUNT_DEFERRALS);
    return *charged || v->monitored || !passed;
}

static struct decide_context context_of(struct engine_user *user)
{
    struct engine *engine = user->engine;

    return (struct decide_context){.config = user->config->config,
                                   .view = user->view,
                                   .stamp = {.config = user->config->number,
                                             .directory = directory_view_serial(user->view),
                                             .secret = state_secret(engine->state)->k[0]},
                                   .domains = &user->domains,
                                   .counters = state_counters(engine->state),
                                   .blocks = state_blocks(engine->state),
                                   .secret = state_secret(engine->state),
                                   .now_ns = state_now(engine->state, clock_boot_ns()),
                                   .wall_s = clock_wall_s()};
}

const struct verdict *engine_decide(struct engine_user *user, const struct submission *s, struct recipients *r)
{
    struct decide_context c;
    struct deciding d = {.c = &c, .s = s, .r = r, .v = &user->verdict};
    bool charged = false, decided;
    uint64_t message;

    engine_user_renew(user);
    c = context_of(user);
    message = message_key(&c, s);
    counters_once_prefetch(c.counters, message); /* and looked at only when it is known who sends */
    decided = decide_who(&d);
    c.charged = message != 0 && counters_seen(c.counters, message, c.now_ns, ONCE_NS);
    c.charging = !c.charged && charges_here(&c, s, message);
    if (!decided)
        decide_rest(&d);
    if (user->verdict.reason != REASON_NOT_OURS && follow_up(user, &c, s, r, message, &charged))
        engine_log_verdict(user, &c, s, r, charged);
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
        (void)counters_once(state_counters(user->engine->state), claim_key(message), c.now_ns, ONCE_NS);
}
