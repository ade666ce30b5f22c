/*
 * One attempt at one message: its first recipient, then its end, as Postfix asks the policy server. The other
 * recipients are only counted, since none of the policies tells recipients apart.
 */
#include "bench/blunting/blunting.h"

#include "core/base/clock.h"

int relay_open(struct relay *r, const char *config, struct error *e)
{
    if (engine_open(config, "postern-blunting", &r->engine, e) != 0)
        return -1;
    if ((r->session = engine_session_new(r->engine)) == NULL)
        return error_set(e, "out of memory");
    return 0;
}

void relay_close(struct relay *r)
{
    engine_session_free(r->session);
    engine_close(r->engine);
    recipients_clear(&r->recipients);
}

static struct ip ip_of(client_t client)
{
    struct ip ip = {.b = {[10] = 0xff, [11] = 0xff}};

    if (client >> 32 == 0) {
        for (unsigned i = 0; i < 4; i++)
            ip.b[12 + i] = (uint8_t)(client >> (24 - 8 * i));
        return ip;
    }
    ip = (struct ip){.b = {[15] = 1}};
    for (unsigned i = 0; i < 8; i++)
        ip.b[i] = (uint8_t)(client >> (56 - 8 * i));
    return ip;
}

static enum outcome outcome_of(struct relay *r, const struct verdict *v, enum reason *reason)
{
    *reason = v->reason;
    r->limit = v->limit;
    r->blocked_ms = v->reason == REASON_BLOCKED || v->reason == REASON_HELD_BACK ? v->retry_ns / NS_PER_MS : 0;
    if (v->action == ACTION_PASS || v->action == ACTION_HOLD)
        return PASSED;
    return v->reason == REASON_LIMIT_BLOCK || v->reason == REASON_BLOCKED || v->reason == REASON_HELD_BACK ? BLOCKED
           : v->action == ACTION_DEFER                                                                     ? DEFERRED
                                                                                                           : REFUSED;
}

/* A stolen login's sender: a sub-address of its own, each time another. */
static void spread_sender(struct submission *s, const struct mail *m)
{
    char text[ADDRESS_MAX];
    struct slice local = address_local(&s->sender);

    (void)snprintf(text, sizeof text, "%.*s+%llx@%.*s", SLICE_ARG(local), (unsigned long long)m->seed,
                   SLICE_ARG(address_domain(&s->sender)));
    s->sender_result = address_parse_internal(slice_of(text), &s->sender);
}

enum outcome relay_submit(struct relay *r, const struct organization *o, const struct mail *m, bool spread,
                          enum reason *reason)
{
    const struct actor *a = &o->actors[m->actor];
    struct submission s = {.stage = STAGE_RCPT,
                           .login_text = slice_of(a->name),
                           .login = a->login,
                           .mechanism = SLICE("PLAIN"),
                           .has_client = true,
                           .client = ip_of(m->client),
                           .tls = TLS_V1_3,
                           .sender_result = ADDRESS_OK,
                           .sender = a->address,
                           .has_recipient = true,
                           .size = m->kind == KIND_ATTACK ? 20000 : 2000 + m->seed % 100000,
                           .front_end = "policyd"};
    enum outcome outcome;
    char instance[24], text[64];

    clock_turn_to(m->at);
    (void)snprintf(instance, sizeof instance, "%llx",
                   (unsigned long long)dice_hash(dice_hash(m->seed, m->at), m->actor));
    s.instance = slice_of(instance);
    if (spread)
        spread_sender(&s, m);
    s.sender_text = address_slice(&s.sender);
    recipient_text(o, m, 0, text, sizeof text);
    s.recipient_text = slice_of(text);
    s.recipient_result = address_parse_internal(s.recipient_text, &s.recipient);
    outcome = outcome_of(r, engine_decide(r->session, &s, &r->recipients), reason);
    if (outcome == PASSED) {
        s.stage = STAGE_END;
        s.has_recipient = false;
        s.recipient_count = m->n;
        s.queue_id = s.instance;
        outcome = outcome_of(r, engine_decide(r->session, &s, &r->recipients), reason);
    }
    recipients_clear(&r->recipients);
    return outcome;
}
