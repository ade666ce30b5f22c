/* What failures to sign in tell people: a password that may have been guessed, a login that fails again and again. */
#include "core/base/clock.h"
#include "core/base/event.h"
#include "core/decide/failures.h"
#include "core/decide/familiar.h"
#include "core/engine/engine_parts.h"

#define GUESSED_EPISODE_S 43200u
/* Whether it is told again is decided before (core/decide/failures.h). */
#define FAILING_EPISODE_S 60u

/* The subject of both: the login's mailbox, however the login was spelt, else the login. */
static struct slice failing_subject(const struct engine_session *session, const struct decide_context *c,
                                    const struct submission *s, struct address *primary)
{
    struct slice mailbox = engine_mailbox_of(c, &session->verdict.identity, primary);

    return mailbox.n > 0 ? mailbox : s->login_text.n > 0 ? s->login_text : SLICE("logins without a name");
}

static void log_failures(struct engine_session *session, const struct submission *s, const char *name,
                         const struct limit_config *limit, uint64_t failures, const char *why)
{
    struct event e = event_begin(session->line, sizeof session->line, log_format_of(session->engine->log), name);
    char text[IP_TEXT_MAX];

    event_text(&e, "login", s->login_text);
    if (s->has_client)
        event_ours(&e, "client", ip_text(&s->client, text));
    event_text(&e, "method", s->mechanism);
    event_word(&e, "limit", limit->name);
    if (failures > 0)
        event_number(&e, "failures", failures);
    event_sentence(&e, "why", why);
    log_line(session->engine->log, LEVEL_WARNING, event_end(&e));
}

static void add_failure_facts(struct alert *alert, const struct submission *s, const struct limit_config *limit,
                              uint64_t failures)
{
    char text[IP_TEXT_MAX];

    alert_fact(alert, "login", s->login_text);
    if (s->has_client)
        alert_fact(alert, "client", ip_text(&s->client, text));
    alert_fact(alert, "method", s->mechanism);
    alert_fact(alert, "limit", slice_of(limit->name));
    if (failures > 0)
        alert_fact_number(alert, "failures", failures);
    alert_fact(alert, "program", slice_of(s->front_end));
}

/* "37 failures", "12 logins", "21 networks" */
static const char *counted_words(const struct limit_config *limit)
{
    return limit->count == COUNT_FAILED_LOGINS  ? "logins failed"
           : limit->count == COUNT_FAILING_NETS ? "networks failed"
                                                : "attempts failed";
}

static void tell_guessed(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                         const struct limit_config *limit)
{
    uint64_t failures = failures_counted(c, s, &session->verdict.identity, limit);
    struct address primary;
    struct slice who = failing_subject(session, c, s, &primary);
    struct alert alert = alert_of(ALERT_GUESSED, c->wall_s, who);
    char text[IP_TEXT_MAX];

    log_failures(session, s, "guessed", limit, failures, "signed in after many failures, from an unfamiliar network");
    if (c->config->n_alerts == 0)
        return;
    alert_summary(&alert, "%.*s signed in from %.*s, an unfamiliar network, after %llu %s: the password may be guessed",
                  SLICE_ARG(who), SLICE_ARG(ip_text(&s->client, text)), (unsigned long long)failures,
                  counted_words(limit));
    alert_advice(&alert,
                 "Ask its owner. If it was somebody else, change the password and revoke its sessions, block it "
                 "meanwhile: postern block %.*s, and look at what it sent: postern log %.*s",
                 SLICE_ARG(who), SLICE_ARG(who));
    add_failure_facts(&alert, s, limit, failures);
    alert_queue_put(session->engine->alerts, &alert, GUESSED_EPISODE_S);
}

void engine_auth_look_back(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    const struct limit_config *limit = failures_many(c, s, &session->verdict.identity);

    if (limit != NULL && client_unfamiliar(c, s))
        tell_guessed(session, c, s, limit);
}

/* Over a limit that only tells of it. */
static void say_over_limit(struct alert *alert, const struct limit_config *limit, uint64_t failures, struct slice who)
{
    alert_summary(alert, "%.*s is over limit %s: %llu %s", SLICE_ARG(who), limit->name, (unsigned long long)failures,
                  counted_words(limit));
    alert_advice(alert,
                 "Somebody may be guessing passwords. Nothing is held back by that limit: see whether the password of "
                 "who is tried is a good one. postern log --reason auth-failed");
}

static void say_keeps_failing(struct alert *alert, struct slice who, struct slice client)
{
    alert_summary(alert, "%.*s fails to sign in again and again from %.*s", SLICE_ARG(who), SLICE_ARG(client));
    alert_advice(alert,
                 "A printer or application there may have an old password: correct it. Nothing is blocked, since that "
                 "network is familiar, known or protected. This is told once, as long as it goes on");
}

void engine_alert_failing(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                          const struct limit_config *limit, bool spared)
{
    bool of_client = (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0 && !spared;
    uint64_t failures = spared ? 0 : failures_counted(c, s, &session->verdict.identity, limit);
    char text[IP_TEXT_MAX];
    struct slice client = s->has_client ? ip_text(&s->client, text) : SLICE("an unknown client");
    struct address primary;
    struct slice who = of_client ? client : failing_subject(session, c, s, &primary);
    struct alert alert = alert_of(ALERT_FAILING, c->wall_s, who);

    log_failures(session, s, "failing", limit, failures,
                 spared ? "fails again and again, in a network that is spared"
                        : "over a limit on failures that only tells of them");
    if (c->config->n_alerts == 0)
        return;
    if (spared)
        say_keeps_failing(&alert, who, client);
    else
        say_over_limit(&alert, limit, failures, who);
    add_failure_facts(&alert, s, limit, failures);
    alert_queue_put(session->engine->alerts, &alert, FAILING_EPISODE_S);
}
