#include "core/base/clock.h"
#include "core/decide/blocked.h"
#include "core/decide/decide_steps.h"
#include "core/decide/failures.h"
#include "core/decide/keys.h"
#include "core/mail/reply_text.h"

/* The limit's own text stands for refusals of its class alone: one that defers for another cause still does. */
static bool is_limits_own(const struct verdict *v, enum reason reason)
{
    return v->limit != NULL && v->limit_row != NULL && v->limit_row->reply != NULL && reason >= REASON_LIMIT &&
           reason <= REASON_LIMIT_BLOCK && reason_row(reason)->reply != NULL &&
           reason_row(reason)->reply[0] == v->limit_row->reply[0];
}

static struct slice reply_for(const struct config *config, const struct verdict *v, enum reason reason)
{
    const struct reason_row *row = reason_row(reason);

    if (is_limits_own(v, reason))
        return slice_of(v->limit_row->reply);

    for (size_t i = 0; i < config->n_replies; i++)
        if (strcmp(config->replies[i].reason, row->name) == 0)
            return slice_of(config->replies[i].text);
    return slice_of(row->reply);
}

void verdict_refuse(const struct config *config, const struct submission *s, struct verdict *v, enum reason reason)
{
    const struct reply_facts facts = {.limit = v->limit,
                                      .retry_s = (v->retry_ns + NS_PER_S - 1) / NS_PER_S,
                                      .client = s->has_client ? &s->client : NULL,
                                      .login = s->login_text};

    v->reason = reason;
    v->reply = reply_text_fill(reply_for(config, v, reason), &facts, v->reply_text);
    v->action = v->reply.n > 0 && v->reply.p[0] == '5' ? ACTION_REJECT : ACTION_DEFER;
}

bool in_monitor_mode(const struct deciding *d, enum mode rule_mode)
{
    const struct identity *id = &d->v->identity;

    return rule_mode == MODE_MONITOR || d->c->config->mode == MODE_MONITOR ||
           (id->tenant_config != NULL && id->tenant_config->mode == MODE_MONITOR) ||
           (id->connector != NULL && id->connector->mode == MODE_MONITOR);
}

bool refuse(struct deciding *d, enum reason reason, enum mode rule_mode)
{
    struct verdict *v = d->v;

    if (in_monitor_mode(d, rule_mode)) {
        trace_add(d->trace, "would refuse: %s (monitor mode)", reason_row(reason)->name);
        if (!v->monitored) {
            v->monitored = true;
            v->monitored_reason = reason;
            v->monitored_limit = v->limit;
        }
        v->limit = NULL;
        return false;
    }
    verdict_refuse(d->c->config, d->s, v, reason);
    trace_add(d->trace, "refuse: %s (%.*s)", reason_row(reason)->name, SLICE_ARG(v->reply));
    return true;
}

static void verdict_begin(struct verdict *v)
{
    v->action = ACTION_PASS;
    v->reason = REASON_NOT_OURS;
    v->reply = (struct slice){NULL, 0};
    v->limit = NULL;
    v->limit_row = NULL;
    v->limit_key = 0;
    v->retry_ns = 0;
    v->monitored = false;
    v->monitored_reason = REASON_NOT_OURS;
    v->monitored_limit = NULL;
    v->fault = NULL;
    v->fault_field = HEADER_FROM;
    v->fault_address = (struct slice){NULL, 0};
    v->add_from = NULL;
    v->would_add_from = false;
    v->recipient_internal = false;
    v->identity = (struct identity){0};
    v->plan.n = 0;
    v->plan.marks = false;
    v->plan.habit.key = 0;
    v->habit_known = false;
    v->repetition = false;
}

static bool (*const steps[])(struct deciding *) = {
    step_blocked, step_restricted, step_tls, step_allowed, step_logins_from, step_sender, step_recipients, step_limits,
};

/* As before the password was checked: an attempt may have been under way when the block was made. */
static bool step_client_blocked(struct deciding *d)
{
    uint64_t until_ns;

    if (!client_blocked(d->c, d->s, &until_ns))
        return false;
    trace_add(d->trace, "blocked: the client or its network, so that no password is checked");
    d->v->retry_ns = until_ns == BLOCK_FOREVER ? 0 : until_ns - d->c->now_ns;
    return refuse(d, REASON_BLOCKED, MODE_ENFORCE);
}

/* At AUTH nothing is known but who signs in, from where and how. */
static bool (*const auth_steps[])(struct deciding *) = {step_client_blocked, step_blocked, step_tls, step_allowed,
                                                        step_logins_from};

/* Postfix makes a permanent refusal of each one at AUTH. At RCPT it can say "later". */
static void pass_deferred(struct deciding *d)
{
    struct verdict *v = d->v;

    if (v->action != ACTION_DEFER)
        return;
    trace_add(d->trace, "let in: what would only be deferred is deferred at RCPT");
    v->action = ACTION_PASS;
    v->reason = REASON_ALLOWED;
    v->reply = (struct slice){NULL, 0};
    v->retry_ns = 0;
}

/* Who signs in without a name is nobody that could be decided on. */
static bool step_who_signs_in(struct deciding *d)
{
    if (d->s->login.kind != LOGIN_NONE)
        return step_who(d);
    trace_add(d->trace, "who: no name");
    return refuse(d, REASON_BAD_LOGIN, d->c->config->smtp_auth.mode);
}

static void decide_auth(struct deciding *d)
{
    bool refused = step_who_signs_in(d);

    failures_trace(d);
    if (!refused)
        d->v->reason = REASON_ALLOWED;
    for (size_t i = 0; i < sizeof auth_steps / sizeof auth_steps[0] && !refused; i++)
        refused = auth_steps[i](d);
    if (!refused)
        trace_add(d->trace, "let in");
    pass_deferred(d);
}

void decide(const struct decide_context *context, const struct submission *submission,
            const struct recipients *recipients, struct verdict *verdict, struct trace *trace)
{
    struct deciding d = {.c = context, .s = submission, .r = recipients, .v = verdict, .trace = trace};
    const struct identity *id = &verdict->identity;

    verdict_begin(verdict);
    if (submission->stage == STAGE_AUTH) {
        decide_auth(&d);
        return;
    }
    if (submission->stage == STAGE_CONNECT || step_who(&d) || (!id->authenticated && id->connector == NULL))
        return;
    verdict->reason = id->authenticated ? REASON_ALLOWED : REASON_CONNECTOR;
    limits_gather(&d);
    d.repeated = submission->stage == STAGE_RCPT && recipient_is_repeated(recipients, context, submission);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i](&d))
            return;
    trace_add(trace, "let through%s", verdict->action == ACTION_HOLD ? " into the hold queue" : "");
}

void decide_smtp_auth(const struct decide_context *context, const struct submission *submission,
                      struct verdict *verdict)
{
    struct deciding d = {.c = context, .s = submission, .v = verdict};

    verdict_begin(verdict);
    verdict->reason = REASON_ALLOWED;
    if (!step_who(&d))
        (void)step_allowed(&d);
}

bool decide_client(const struct decide_context *context, const struct submission *submission, struct verdict *verdict)
{
    struct deciding d = {.c = context, .s = submission, .v = verdict};

    verdict_begin(verdict);
    verdict->reason = REASON_ALLOWED;
    if (submission->has_client)
        verdict->identity.client = key_of_client(context, &submission->client);
    return step_client_blocked(&d);
}

bool decide_too_many(const struct decide_context *context, const struct submission *submission, struct verdict *verdict,
                     const struct limit_config *limit, uint64_t retry_ns)
{
    struct deciding d = {.c = context, .s = submission, .v = verdict};

    verdict->limit = limit->name;
    verdict->limit_row = limit;
    verdict->retry_ns = retry_ns;
    return refuse(&d, REASON_AUTH_WAITS, MODE_ENFORCE);
}

void decide_failed(const struct decide_context *context, const struct submission *submission, struct verdict *verdict)
{
    struct deciding d = {.c = context, .s = submission, .v = verdict};
    bool token = mechanism_proof(submission->mechanism) == PROOF_TOKEN;

    verdict_begin(verdict);
    (void)step_who(&d);
    verdict->monitored = false;
    verdict->monitored_reason = REASON_NOT_OURS;
    verdict->identity.authenticated = false;
    verdict->identity.connector = NULL;
    verdict_refuse(context->config, submission, verdict, token ? REASON_AUTH_TOKEN_FAILED : REASON_AUTH_FAILED);
}
