/*
 * Did anybody check the header? The milter marks the messages that it sees, and the policy server looks for the marks
 * when a message ends: if Postfix hides the header from the milter, a rule about From has no effect, and nobody would
 * notice.
 *
 * The marks are in the table of charged messages (core/state/counters_once.c), which keeps them for at least an hour.
 */
#include "core/base/clock.h"
#include "core/decide/keys.h"
#include "core/engine/engine_parts.h"

#define HOUR_NS (UINT64_C(3600) * NS_PER_S)
/* A mark is made in one hour and may be looked for in the next. */
#define MARK_NS (2 * HOUR_NS)

static void leave_mark(struct engine *engine, uint64_t key)
{
    uint64_t now_ns = state_now(engine->state, clock_boot_ns());

    (void)counters_once(state_counters(engine->state), key_within(key, now_ns / HOUR_NS), now_ns, MARK_NS);
}

static bool has_mark(struct engine *engine, uint64_t key)
{
    const struct counters *counters = state_counters(engine->state);
    uint64_t now_ns = state_now(engine->state, clock_boot_ns()), hour = now_ns / HOUR_NS;

    return counters_seen(counters, key_within(key, hour), now_ns, MARK_NS) ||
           (hour > 0 && counters_seen(counters, key_within(key, hour - 1), now_ns, MARK_NS));
}

static uint64_t milter_key(const struct engine *engine)
{
    return hash_slice(state_secret(engine->state), SLICE("the milter runs"));
}

/* The key of a message before it has a queue id: client, login and sender, which both front ends know. */
static uint64_t sender_key(const struct engine *engine, const struct submission *s)
{
    const struct hash_secret *secret = state_secret(engine->state);
    uint64_t key = hash_slice(secret, SLICE("shown to the milter"));

    key = key_within(key, hash_slice(secret, s->login_text));
    key = key_within(key, hash_slice(secret, address_slice(&s->sender)));
    return key_within(key, key_of_ip(secret, &s->client));
}

void engine_milter_runs(struct engine *engine)
{
    leave_mark(engine, milter_key(engine));
}

void engine_milter_sees(struct engine_session *session, const struct submission *s)
{
    leave_mark(session->engine, sender_key(session->engine, s));
}

/* Is there a rule for this message's header? */
static bool has_rule(const struct config *config, const struct identity *id)
{
    return id->authenticated ? config->sender.header_from != SENDER_ANY
                             : id->connector != NULL && id->connector->senders != NULL;
}

/* Every message counts, and a line an hour says how many there were. */
static void tell_of_unseen(struct engine *engine, const struct submission *s)
{
    uint64_t now_ns = clock_boot_ns(), told_ns = atomic_load(&engine->unseen_told_ns);
    uint64_t count = atomic_fetch_add(&engine->unseen, 1) + 1;
    char text[1024];
    struct buf b = BUF_OVER(text);

    if ((told_ns != 0 && now_ns - told_ns < COMPLAIN_AGAIN_NS) ||
        !atomic_compare_exchange_strong(&engine->unseen_told_ns, &told_ns, now_ns))
        return;
    atomic_fetch_sub(&engine->unseen, count);
    buf_addf(&b, "nobody checked the header From of %llu message%s, the latest from login=", (unsigned long long)count,
             count == 1 ? "" : "s");
    buf_add_escaped(&b, s->login_text, 64);
    buf_add(&b, SLICE(" sender="));
    buf_add_escaped(&b, address_slice(&s->sender), 128);
    buf_add(&b, SLICE(" queue_id="));
    buf_add_escaped(&b, s->queue_id, 32);
    buf_add(&b, s->queue_id.n == 0 ? SLICE(": Postfix hands it to an smtpd_proxy_filter and shows postern-milter no "
                                           "header")
                                   : SLICE(": Postfix did not show it to postern-milter (receive_override_options = "
                                           "no_milters, or no smtpd_milters in this service)"));
    buf_add(&b, SLICE("; postern check-postfix names the line to change"));
    log_say(engine->log, LEVEL_WARNING, "%s", text);
}

void engine_header_due(struct engine_session *session, const struct submission *s)
{
    struct engine *engine = session->engine;
    const struct verdict *v = &session->verdict;

    if ((v->action != ACTION_PASS && v->action != ACTION_HOLD) || !has_rule(session->config->config, &v->identity))
        return;
    if (has_mark(engine, milter_key(engine)) && (s->queue_id.n == 0 || !has_mark(engine, sender_key(engine, s))))
        tell_of_unseen(engine, s);
}
