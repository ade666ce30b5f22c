/* The work of the engine: decide, charge once, count denials, block, log. */
#include "core/base/clock.h"
#include "core/base/event.h"
#include "core/decide/decide_steps.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/decide/limits.h"
#include "core/engine/engine_parts.h"

#include <stdlib.h>

#define CHARGE_TRIES                                                                                                   \
    4 /* another message may use up the limit between look and charge; each try sees the newer state                   \
       */

/*
 * How long a message is remembered as charged: the time between DATA and the end of the message, between the policy
 * server's end and the milter's, and between a policy request and its repetition after a lost connection. A transfer
 * may lie between the two.
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

/* The same message, as it was charged at DATA: all but its bytes. */
static uint64_t at_data(uint64_t message)
{
    return message ^ 1; /* which is adjacent to the message itself (core/state/counters_once.c) */
}

static enum charged charged_before(const struct decide_context *c, const struct submission *s, uint64_t message)
{
    if (message == 0)
        return CHARGED_NOTHING;
    if (counters_seen(c->counters, message, c->now_ns, ONCE_NS))
        return CHARGED_ALL;
    if (!counters_seen(c->counters, at_data(message), c->now_ns, ONCE_NS))
        return CHARGED_NOTHING;
    return s->stage == STAGE_END ? CHARGED_BUT_BYTES : CHARGED_ALL;
}

static bool is_milter(const struct submission *s)
{
    return strcmp(s->front_end, "milter") == 0;
}

static bool charges_here(const struct decide_context *c, const struct submission *s)
{
    enum charge_where where = c->config->charge;

    return s->stage >= STAGE_DATA && (where == CHARGE_AUTO || (where == CHARGE_MILTER) == is_milter(s));
}

/* Marks the message as charged, and keeps its receipt for the front end that is asked after us. */
static void keep_charged(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                         uint64_t message, const struct receipt *receipt)
{
    uint64_t key = s->stage == STAGE_END ? message : at_data(message);

    if (message == 0)
        return;
    (void)counters_once(state_counters(session->engine->state), key, c->now_ns, ONCE_NS);
    if (!is_milter(s))
        receipts_keep(state_receipts(session->engine->state), key, receipt, c->now_ns);
}

/* Charges what the verdict's plan says, and remembers that it did. The verdict may become a refusal. */
static void charge(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                   const struct recipients *r, uint64_t message)
{
    struct decide_context looking = *c;
    struct state *state = session->engine->state;
    struct verdict *v = &session->verdict;
    struct receipt receipt;

    for (int i = 0; i < CHARGE_TRIES; i++) {
        if (limits_charge(state_counters(state), state_habits(state), c, s, r, v, &receipt) == PLAN_CHARGED) {
            keep_charged(session, c, s, message, &receipt);
            return;
        }
        looking.charging = false;
        decide(&looking, s, r, v, NULL);
        if (v->action != ACTION_PASS && v->action != ACTION_HOLD)
            return;
    }
    verdict_refuse(c->config, s, v, REASON_LIMIT);
}

static void give_back_one(struct engine_session *session, const struct decide_context *c, uint64_t key)
{
    struct counters *counters = state_counters(session->engine->state);
    struct receipt receipt;

    if (!receipts_take(state_receipts(session->engine->state), key, c->now_ns, ONCE_NS, &receipt))
        return;
    counters_once_forget(counters, key, c->now_ns);
    for (size_t i = 0; i < receipt.n; i++) {
        uint64_t counter = receipt.charges[i].key, ns = receipt.charges[i].ns;

        counters_return(counters, counter, ns, c->now_ns);
        outbox_tell(counters_outbox(counters), (struct outbox_record){.kind = OUTBOX_RETURN, .key = counter, .ns = ns});
    }
    if (receipt.habit == 0)
        return;
    habits_return(state_habits(session->engine->state), receipt.habit, receipt.habit_units, receipt.at_ns, c->now_ns);
    outbox_tell(counters_outbox(counters),
                outbox_habit(OUTBOX_HABIT_RETURN, receipt.habit, receipt.habit_units, receipt.at_ns));
}

/* Gives back the charge of a message that is refused after all: by the milter after the policy server, or at the end
 * after DATA. */
static void give_back_charge(struct engine_session *session, const struct decide_context *c, uint64_t message)
{
    give_back_one(session, c, message);
    give_back_one(session, c, at_data(message));
}

/* ---- denials and blocks ---- */

/* Refusals that count as denials: somebody tried what is forbidden. Not those by limits (retries are no attack),
 * blocks, too many recipients, or failures of ours. */
static bool is_denial(const struct verdict *v)
{
    if (v->action != ACTION_REJECT)
        return false;
    switch (v->reason) {
    case REASON_BLOCKED:
    case REASON_LIMIT_REJECT:
    case REASON_LIMIT_NEVER:
    case REASON_LIMIT_BLOCK:
    case REASON_EXCESS_RECIPIENT:
    case REASON_TOO_MANY_RECIPIENTS:
        return false;
    default:
        return true;
    }
}

/* Deferrals by a limit: an honest client retries a few messages now and then; one that keeps retrying is not honest. */
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

static void count_refusal(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                          enum limit_count count)
{
    const struct limit_config *limit =
        limits_count_refusal(state_counters(session->engine->state), c, s, &session->verdict, count);

    if (limit != NULL)
        engine_block(session, c, s, limit);
}

/* Remembers a message that a limit deferred, so that it is known when it comes again. True when it is new. */
static bool is_newly_deferred(struct engine_session *session, const struct decide_context *c,
                              const struct submission *s, const struct recipients *r)
{
    const struct verdict *v = &session->verdict;

    if (key_of_habit(c, &v->identity) == 0 ||
        !habit_note_deferred(state_habits(session->engine->state), state_counters(session->engine->state), c, s, r,
                             &v->identity))
        return false;
    if (v->limit_row != NULL && v->limit_row->beyond_habit)
        engine_alert_unusual(session, c, s);
    return true;
}

static void count_refusals(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                           const struct recipients *r)
{
    const struct verdict *v = &session->verdict;
    bool deferral = is_deferral(v), denial = is_denial(v);
    bool new_message = deferral && is_newly_deferred(session, c, s, r);

    if ((!deferral && !denial) || !is_first_refusal(state_counters(session->engine->state), c, s, &v->identity))
        return;
    count_refusal(session, c, s, denial ? COUNT_DENIALS : COUNT_DEFERRALS);
    if (new_message)
        count_refusal(session, c, s, COUNT_DEFERRED);
}

static bool verdict_passes(const struct verdict *v)
{
    return v->action == ACTION_PASS || v->action == ACTION_HOLD;
}

/* Carries out the verdict: notes recipients, charges limits or gives back, blocks, counts denials. True when it is to
 * be logged; *charged when the message was charged by this verdict. */
static bool follow_up(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                      struct recipients *r, uint64_t message, bool *charged)
{
    const struct verdict *v = &session->verdict;
    bool passed = verdict_passes(v);

    if (s->stage == STAGE_RCPT && passed)
        recipients_note(r, c, s, v);
    if (passed && c->charging) {
        charge(session, c, s, r, message);
        *charged = c->charged == CHARGED_NOTHING;
        engine_log_learning(session, c, s);
        engine_note_grown(session, c, s);
    }
    if (c->charged != CHARGED_NOTHING && !verdict_passes(v))
        give_back_charge(session, c, message);
    if (v->reason == REASON_LIMIT_BLOCK)
        engine_block(session, c, s, v->limit_row);
    count_refusals(session, c, s, r);
    return *charged || v->monitored || !passed;
}

struct slice engine_mailbox_of(const struct decide_context *c, const struct identity *id, struct address *primary)
{
    if (id->n_claims == 0)
        return (struct slice){NULL, 0};
    if ((id->claims[0].identity & IDENTITY_PRIMARY) != 0 && !id->mapped && !id->completed)
        return address_slice(&id->address);
    if (directory_primary(c->view, id->claims[0].tenant, &id->claims[0].id, primary) != DIRECTORY_FOUND)
        return (struct slice){NULL, 0};
    return address_slice(primary);
}

static void tell_verdict(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                         const struct recipients *r, bool charged)
{
    struct address primary;
    struct slice mailbox = engine_mailbox_of(c, &session->verdict.identity, &primary);

    engine_note_verdict(session, s, r, mailbox, charged);
    engine_log_verdict(session, c, s, r, mailbox);
}

struct decide_context engine_context(struct engine_session *session)
{
    struct engine *engine = session->engine;

    return (struct decide_context){.config = session->config->config,
                                   .view = session->view,
                                   .counters = state_counters(engine->state),
                                   .blocks = state_blocks(engine->state),
                                   .habits = state_habits(engine->state),
                                   .secret = state_secret(engine->state),
                                   .now_ns = state_now(engine->state, clock_boot_ns()),
                                   .wall_s = clock_wall_s()};
}

const struct verdict *engine_decide(struct engine_session *session, const struct submission *s, struct recipients *r)
{
    struct decide_context c;
    bool charged = false;
    uint64_t message;

    engine_session_renew(session);
    c = engine_context(session);
    message = message_key(&c, s);
    c.charged = charged_before(&c, s, message);
    c.charging = c.charged != CHARGED_ALL && charges_here(&c, s);
    decide(&c, s, r, &session->verdict, NULL);
    if (session->verdict.reason != REASON_NOT_OURS && follow_up(session, &c, s, r, message, &charged))
        tell_verdict(session, &c, s, r, charged);
    return &session->verdict;
}

void engine_count_denial(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    if (is_denial(&session->verdict))
        count_refusal(session, c, s, COUNT_DENIALS);
}
