/* Signing in: what a front end before the SASL server asks for. */
#include "core/engine/engine_auth.h"

#include "core/base/clock.h"
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/engine/engine_parts.h"

static const struct recipients no_recipients;

static struct decide_context auth_context(struct engine_session *session)
{
    engine_session_renew(session);
    return engine_context(session);
}

/* What the client reads behind Postfix's own "535 5.7.8 Error: authentication failed: ". */
static struct slice auth_words(struct slice reply)
{
    struct slice rest = {NULL, 0};

    if (reply.n > 4)
        rest = (struct slice){reply.p + 4, reply.n - 4};
    if (rest.n > AUTH_TEXT_MAX)
        rest.n = AUTH_TEXT_MAX;
    return rest;
}

static void auth_tell(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    struct address primary;
    struct slice mailbox = engine_mailbox_of(c, &session->verdict.identity, &primary);

    engine_note_verdict(session, s, &no_recipients, mailbox, false);
    engine_log_verdict(session, c, s, &no_recipients, mailbox);
}

/* ---- before ---- */

static enum auth_answer auth_ask(struct engine_session *session, const struct submission *s, bool asks_again,
                                 struct auth_ticket *ticket, struct slice *text)
{
    struct decide_context c = auth_context(session);
    struct counters *counters = state_counters(session->engine->state);
    struct verdict *v = &session->verdict;
    const struct limit_config *full;
    uint64_t retry_ns;
    bool waits;

    *ticket = (struct auth_ticket){.hold = {.n = 0}, .limited = failures_are_limited(c.config)};
    *text = SLICE("");
    if (decide_client(&c, s, v)) {
        if (v->action == ACTION_REJECT || !asks_again)
            auth_tell(session, &c, s);
        if (v->action != ACTION_REJECT) /* by the operator's own reply */
            return AUTH_WAIT;
        *text = auth_words(v->reply);
        return AUTH_REFUSE;
    }
    full = failures_take(counters, &c, s, &ticket->hold, &retry_ns);
    waits = full != NULL && decide_too_many(&c, s, v, full, retry_ns);
    if ((waits && !asks_again) || v->monitored)
        auth_tell(session, &c, s);
    return waits ? AUTH_WAIT : AUTH_PASS;
}

enum auth_answer engine_auth_begin(struct engine_session *session, const struct submission *s,
                                   struct auth_ticket *ticket, struct slice *text)
{
    return auth_ask(session, s, false, ticket, text);
}

enum auth_answer engine_auth_try(struct engine_session *session, const struct submission *s, struct auth_ticket *ticket,
                                 struct slice *text)
{
    return auth_ask(session, s, true, ticket, text);
}

/* ---- after ---- */

static void ticket_give_back(struct engine_session *session, const struct decide_context *c, struct auth_ticket *ticket)
{
    failures_give_back(state_counters(session->engine->state), &ticket->hold, c->now_ns);
}

enum auth_answer engine_auth_succeeded(struct engine_session *session, const struct submission *s,
                                       struct auth_ticket *ticket, struct slice *text)
{
    struct decide_context c = auth_context(session);
    struct verdict *v = &session->verdict;
    bool refused;

    ticket_give_back(session, &c, ticket);
    decide(&c, s, &no_recipients, v, NULL);
    refused = v->action == ACTION_REJECT;
    engine_auth_look_back(session, &c, s);
    if (refused)
        engine_count_denial(session, &c, s);
    if (refused || v->monitored)
        auth_tell(session, &c, s);
    *text = refused ? auth_words(v->reply) : SLICE("");
    return refused ? AUTH_REFUSE : AUTH_PASS;
}

/* In monitor mode it is only noted that there would be a block. */
static void auth_block(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                       const struct limit_config *limit)
{
    struct verdict *v = &session->verdict;
    const struct deciding d = {.c = c, .s = s, .v = v};

    if (!in_monitor_mode(&d, MODE_ENFORCE)) {
        engine_block(session, c, s, limit);
        return;
    }
    v->monitored = true;
    v->monitored_reason = REASON_LIMIT_BLOCK;
    v->monitored_limit = limit->name;
}

void engine_auth_failed(struct engine_session *session, const struct submission *s, struct auth_ticket *ticket,
                        struct slice *text)
{
    struct decide_context c = auth_context(session);
    struct verdict *v = &session->verdict;
    struct failures_outcome out;

    decide_failed(&c, s, v);
    failures_count(state_counters(session->engine->state), &c, s, &v->identity, &ticket->hold, &out);
    if (out.blocks != NULL)
        auth_block(session, &c, s, out.blocks);
    if (out.monitored != NULL)
        engine_alert_failing(session, &c, s, out.monitored, false);
    if (out.spared != NULL)
        engine_alert_failing(session, &c, s, out.spared, true);
    auth_tell(session, &c, s);
    *text = auth_words(v->reply);
}

void engine_auth_aborted(struct engine_session *session, struct auth_ticket *ticket)
{
    struct decide_context c = auth_context(session);

    ticket_give_back(session, &c, ticket);
}

void engine_auth_unavailable(struct engine_session *session, const struct submission *s, struct auth_ticket *ticket)
{
    struct decide_context c = auth_context(session);

    ticket_give_back(session, &c, ticket);
    decide_failed(&c, s, &session->verdict);
    verdict_refuse(c.config, s, &session->verdict, REASON_AUTH_UNAVAILABLE);
    auth_tell(session, &c, s);
}
