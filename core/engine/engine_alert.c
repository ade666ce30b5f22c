/*
 * Notices. A decision puts a notice only into memory; housekeeping writes it to the spool, and postern-alert sends it.
 */
#include "core/base/clock.h"
#include "core/decide/familiar.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/engine/engine_parts.h"
#include "core/notice/alert.h"

/* One notice an episode: for how long the same event is not reported again for the same subject. */
#define BLOCK_EPISODE_S 60u /* two processes may make the same block at once; a later block is another episode */
#define DISABLE_EPISODE_S 600u
#define STALE_EPISODE_S 43200u
#define STATE_EPISODE_S 21600u
#define LOST_EPISODE_S 3600u
#define UNUSUAL_EPISODE_S 43200u

/* At the start, blocks no older than this are reported if they were not: the process that made them may have been
 * killed before. */
#define CATCH_UP_S 600

#define ALERT_AGAIN_NS (UINT64_C(600) * NS_PER_S) /* how often lasting trouble is posted again; its episode decides */

static void name_block(struct alert *alert, const struct block *block, uint64_t seconds)
{
    struct slice subject = slice_of(block->subject), kind, who;
    const char *accept = block->defers ? "--accept " : "";

    (void)slice_cut(subject, ' ', &kind, &who);
    alert_summary(alert, "%.*s is %s by limit %s", SLICE_ARG(subject), block->defers ? "held back" : "blocked",
                  block->limit);
    if (alert_kind(alert) == ALERT_OF_CLIENT)
        alert_advice(alert, "See what came from there: postern log --client %.*s. If all is well: postern unblock %.*s",
                     SLICE_ARG(who), SLICE_ARG(who));
    else
        alert_advice(alert,
                     "See what it sent: postern explain, postern log. If its password was stolen, change it and revoke "
                     "its sessions, then look at the queue: postern hold %.*s. If all is well: postern unblock %s%.*s",
                     SLICE_ARG(who), accept, SLICE_ARG(who));
    alert_fact(alert, "limit", slice_of(block->limit));
    alert_fact(alert, "reason", slice_of(block->reason));
    if (seconds > 0)
        alert_fact_number(alert, "seconds", seconds);
}

void engine_alert_block(struct engine_session *session, const struct submission *s, const struct block *block,
                        uint64_t seconds)
{
    struct alert alert;
    char text[IP_TEXT_MAX];

    if (session->config->config->n_alerts == 0)
        return;
    alert = alert_of(ALERT_BLOCK, block->from_wall_s, slice_of(block->subject));
    name_block(&alert, block, seconds);
    alert_fact(&alert, "login", s->login_text);
    if (s->has_client)
        alert_fact(&alert, "client", ip_text(&s->client, text));
    alert_fact(&alert, "method", s->mechanism);
    alert_fact(&alert, "sender", address_shown(s->sender_result, &s->sender, s->sender_text));
    if (s->has_recipient)
        alert_fact(&alert, "recipient", address_shown(s->recipient_result, &s->recipient, s->recipient_text));
    alert_fact(&alert, "queue_id", s->queue_id);
    alert_fact(&alert, "program", slice_of(s->front_end));
    alert_queue_put(session->engine->alerts, &alert, BLOCK_EPISODE_S);
}

static void begin_unusual(struct alert *alert, const struct submission *s, const struct verdict *v)
{
    char text[IP_TEXT_MAX];

    if (v->identity.authenticated)
        alert_fact(alert, "login", s->login_text);
    if (s->has_client)
        alert_fact(alert, "client", ip_text(&s->client, text));
    alert_fact(alert, "limit", slice_of(v->limit));
    alert_fact_number(alert, "messages_in_an_hour", v->habit.now.of[HABIT_MESSAGES][HABIT_HOUR]);
    alert_fact_number(alert, "messages_in_a_day", v->habit.now.of[HABIT_MESSAGES][HABIT_DAY]);
}

/* Before there is a habit, somebody has to look whether this is the owner. */
static void tell_new_login(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    struct alert alert = alert_of(ALERT_UNUSUAL, c->wall_s, s->login_text);

    alert_summary(&alert,
                  "%.*s, whose habit is still being learnt, sends more from an unknown network than a new login may",
                  SLICE_ARG(s->login_text));
    alert_advice(&alert,
                 "If it is an application of yours, put its network in known_networks. If its password was stolen, "
                 "change it, and look at the queue: postern hold. The rest of its mail is deferred meanwhile");
    begin_unusual(&alert, s, &session->verdict);
    alert_queue_put(session->engine->alerts, &alert, UNUSUAL_EPISODE_S);
}

/* The fourth login within TOGETHER_NS, each of which counts once an hour. */
#define TOGETHER_LOGINS 3
#define TOGETHER_NS (UINT64_C(1200) * NS_PER_S)
#define TOGETHER_ONCE_NS (UINT64_C(3600) * NS_PER_S)
#define SALT_TOGETHER UINT64_C(0x746f676574686572) /* "together" */

#define UNUSUAL_ONCE_NS (UINT64_C(3600) * NS_PER_S)
#define SALT_UNUSUAL UINT64_C(0x756e7573756c6c79) /* "unusully" */

static void tell_together(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    struct counters *counters = state_counters(session->engine->state);
    const struct identity *id = &session->verdict.identity;
    struct charge charge = {.key = key_within(id->tenant_hash, SALT_TOGETHER),
                            .interval_ns = TOGETHER_NS,
                            .burst = TOGETHER_LOGINS,
                            .cost = 1};
    struct charge_answer answer;
    struct alert alert;

    if (!counters_mark(counters, key_within(charge.key, id->user), c->now_ns, TOGETHER_ONCE_NS, false, NULL) ||
        counters_charge(counters, &charge, 1, c->now_ns, &answer) == 1)
        return;
    alert =
        alert_of(ALERT_UNUSUAL, c->wall_s, slice_of(id->tenant != NULL ? id->tenant->name : "logins without a tenant"));
    alert_summary(&alert, "Several logins of %s send far more than usual at the same time",
                  id->tenant != NULL ? id->tenant->name : "no tenant");
    alert_advice(&alert, "See who: postern log --refused, postern status. Each is deferred beyond its own habit");
    begin_unusual(&alert, s, &session->verdict);
    alert_queue_put(session->engine->alerts, &alert, UNUSUAL_EPISODE_S);
}

/* Many devices give up what is deferred: somebody has to know at once. */
static void tell_connector(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    const struct verdict *v = &session->verdict;
    char subject[200];
    struct buf b = BUF_OVER(subject);
    struct alert alert;

    buf_addf(&b, "connector %s", v->identity.connector->name);
    alert = alert_of(ALERT_UNUSUAL, c->wall_s, buf_slice(&b));
    alert_summary(&alert, "%s sends far more than usual, and what is too much is deferred", subject);
    alert_advice(&alert,
                 "See what it sends: postern log --user %s. Devices may not try again. If all is well: "
                 "postern unblock --accept connector %s",
                 v->identity.connector->name, v->identity.connector->name);
    begin_unusual(&alert, s, v);
    alert_queue_put(session->engine->alerts, &alert, UNUSUAL_EPISODE_S);
}

/* Each message of a flood would be one more event of too many to be told one by one. */
static bool is_noted_first(struct engine_session *session, const struct decide_context *c)
{
    uint64_t key = key_within(key_of_habit(c, &session->verdict.identity), SALT_UNUSUAL);

    return counters_mark(state_counters(session->engine->state), key, c->now_ns, UNUSUAL_ONCE_NS, false, NULL);
}

void engine_alert_unusual(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    const struct verdict *v = &session->verdict;

    if (c->config->n_alerts == 0)
        return;
    if (v->identity.authenticated && v->habit.learnt)
        tell_together(session, c, s);
    else if (!network_known(c, s, &v->identity) || !v->identity.authenticated) {
        if (!is_noted_first(session, c))
            return;
        (v->identity.authenticated ? tell_new_login : tell_connector)(session, c, s);
    }
}

/* The primary address of the login's mailbox, if it is one alone. */
static bool find_mailbox(const struct decide_context *c, const struct identity *id, struct address *out)
{
    return c->view != NULL && id->n_claims == 1 &&
           directory_primary(c->view, id->claims[0].tenant, &id->claims[0].id, out) == DIRECTORY_FOUND;
}

void engine_request_disable(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                            const struct limit_config *limit)
{
    const struct identity *id = &session->verdict.identity;
    struct address mailbox;
    struct alert request;

    if (id->tenant_config == NULL || !id->tenant_config->exchange.writeback) {
        log_say(session->engine->log, LEVEL_WARNING,
                "limit %s asks to disable SMTP AUTH at the source, but the tenant has no exchange.writeback = true",
                limit->name);
        return;
    }
    if (id->on_premises || !find_mailbox(c, id, &mailbox)) {
        log_say(session->engine->log, LEVEL_WARNING,
                "limit %s asks to disable SMTP AUTH at the source, but the login is not one mailbox of the tenant",
                limit->name);
        return;
    }
    request = alert_of(ALERT_DISABLED, c->wall_s, address_slice(&mailbox));
    alert_summary(&request, "SMTP AUTH is to be disabled");
    alert_fact(&request, "tenant", slice_of(id->tenant_config->name));
    alert_fact(&request, "mailbox", address_slice(&mailbox));
    alert_fact(&request, "limit", slice_of(limit->name));
    alert_fact(&request, "login", s->login_text);
    alert_queue_put(session->engine->requests, &request, DISABLE_EPISODE_S);
}

void engine_alert_stale(struct engine *engine, const struct config *config, const struct tenant_config *tenant,
                        int64_t age_s)
{
    struct alert alert;

    if (config->n_alerts == 0)
        return;
    alert = alert_of(ALERT_STALE_MIRROR, clock_wall_s(), slice_of(tenant->name));
    alert_summary(&alert, "The mirrored settings of tenant %s are %lld hours old, more than max_age", tenant->name,
                  (long long)(age_s / 3600));
    alert_advice(&alert, "See why postern-mirror fails: journalctl -u postern-mirror%s",
                 tenant->when_stale == STALE_DEFER ? ". Meanwhile the tenant's mail is deferred" : "");
    alert_fact(&alert, "tenant", slice_of(tenant->name));
    alert_fact_number(&alert, "age_seconds", age_s > 0 ? (uint64_t)age_s : 0);
    alert_queue_put(engine->alerts, &alert, STALE_EPISODE_S);
}

static void tell_state(struct engine *engine, const char *problem)
{
    struct alert alert = alert_of(ALERT_STATE, clock_wall_s(), SLICE("state"));

    alert_summary(&alert, "Limits count in the memory of each process only: the state cannot be used");
    alert_advice(&alert, "Check the disk and the folder of state.file; the programs use it again by themselves");
    alert_fact(&alert, "problem", slice_of(problem));
    alert_queue_put(engine->alerts, &alert, STATE_EPISODE_S);
}

static void tell_lost(struct engine *engine, uint64_t lost)
{
    struct alert alert = alert_of(ALERT_LOG_LOST, clock_wall_s(), SLICE("log"));

    alert_summary(&alert, "%llu lines of postern's log were lost, since nothing received them",
                  (unsigned long long)lost);
    alert_advice(&alert, "See whether the system's log daemon runs and its disk has room");
    alert_fact_number(&alert, "lines", lost);
    alert_queue_put(engine->alerts, &alert, LOST_EPISODE_S);
}

/* Reports blocks that were made shortly before this start (those already reported are in their episode). */
static void catch_up(struct engine *engine)
{
    struct blocks *blocks = state_blocks(engine->state);
    uint64_t now_ns = state_now(engine->state, clock_boot_ns());
    int64_t now_s = clock_wall_s();
    struct block block;
    uint32_t at = 0;

    while (blocks_any(blocks) && blocks_next(blocks, &at, now_ns, &block)) {
        struct alert alert = alert_of(ALERT_BLOCK, now_s, slice_of(block.subject));

        if (strcmp(block.limit, "operator") == 0 || block.from_wall_s > now_s || block.from_wall_s < now_s - CATCH_UP_S)
            continue;
        name_block(&alert, &block, 0);
        alert_queue_put(engine->alerts, &alert, BLOCK_EPISODE_S + (uint64_t)(now_s - block.from_wall_s));
    }
}

static void look_around(struct engine *engine)
{
    uint64_t lost = log_dropped(engine->log);
    const char *problem = state_problem(engine->state);

    if (engine->alerts_looked_ns == 0)
        catch_up(engine);
    if (problem != NULL)
        tell_state(engine, problem);
    if (lost > engine->lost_told)
        tell_lost(engine, lost - engine->lost_told);
    engine->lost_told = lost;
}

static void flush_queue(struct engine *engine, const struct config *config, struct alert_queue *q,
                        struct complaint *trouble, const char *too_many)
{
    unsigned beyond = 0;
    struct error e;

    if (alert_queue_flush(q, config->spool, clock_wall_s(), &beyond, &e) != 0)
        engine_complain(engine, trouble, e.text);
    else
        trouble->text[0] = '\0';
    if (beyond > 0)
        engine_complain(engine, &engine->flood_trouble, too_many);
}

void engine_alert_tick(struct engine *engine, const struct config *config)
{
    uint64_t now = clock_boot_ns();

    flush_queue(engine, config, engine->requests, &engine->request_trouble,
                "requests to disable SMTP AUTH at the source were lost: too many at once");
    if (config->n_alerts == 0)
        return;
    if (engine->alerts_looked_ns == 0 || now - engine->alerts_looked_ns >= ALERT_AGAIN_NS) {
        look_around(engine);
        engine_tell_grown(engine);
        engine->alerts_looked_ns = now;
    }
    flush_queue(engine, config, engine->alerts, &engine->alert_trouble,
                "too many events at once to report each: digests summarize the others");
}
