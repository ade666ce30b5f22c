/* What a verdict leaves in the journal. */
#include "core/clock.h"
#include "core/engine_parts.h"

/* What does not fit is cut. */
static void set_text(char *out, size_t cap, struct slice text)
{
    size_t n = text.n < cap ? text.n : cap - 1;

    if (n > 0)
        memcpy(out, text.p, n);
    out[n] = '\0';
}
#define SET(member, text) set_text(record.member, sizeof record.member, (text))

void engine_note_verdict(struct engine_user *user, const struct submission *s, const struct recipients *r,
                         struct slice mailbox, bool charged)
{
    const struct verdict *v = &user->verdict;
    const struct identity *id = &v->identity;
    bool passes = v->action == ACTION_PASS || v->action == ACTION_HOLD;
    struct journal_record record; /* each member is set below: a kilobyte of zeros would be most of the work */

    if (user->engine->journal == NULL)
        return;
    record.at_ns = clock_wall_ns();
    record.action = v->action;
    record.reason = v->reason;
    record.monitored = v->monitored ? v->monitored_reason : REASON_NOT_OURS;
    record.stage = s->stage;
    record.tls = s->tls;
    record.milter = strcmp(s->front_end, "milter") == 0;
    record.counts = charged || !passes;
    record.has_client = s->has_client;
    record.client = s->client;
    record.recipients = s->recipient_count != 0 ? s->recipient_count : r->n;
    record.size = s->size;
    record.retry_s = (v->retry_ns + NS_PER_S - 1) / NS_PER_S;
    SET(tenant, slice_of(id->tenant != NULL ? id->tenant->name : NULL));
    SET(connector, slice_of(id->connector != NULL ? id->connector->name : NULL));
    SET(login, s->login_text);
    SET(mailbox, mailbox);
    SET(method, s->mechanism);
    SET(limit, slice_of(v->limit != NULL ? v->limit : v->monitored_limit));
    SET(sender, engine_shown(s->sender_result, &s->sender, s->sender_text));
    if (s->has_recipient)
        SET(recipient, engine_shown(s->recipient_result, &s->recipient, s->recipient_text));
    else
        SET(recipient, slice_of(r->first));
    SET(queue_id, s->queue_id);
    SET(instance, s->instance);
    journal_note(user->engine->journal, &record);
}
