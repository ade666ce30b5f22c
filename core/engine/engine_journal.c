/* What a verdict leaves in the journal. */
#include "core/base/clock.h"
#include "core/engine/engine_parts.h"

/* The first address in that field. */
static struct slice address_in(const struct submission *s, enum header_field field)
{
    if (s->headers != NULL)
        for (size_t i = 0; i < s->headers->n; i++)
            if (s->headers->list[i].field == field)
                return address_slice(&s->headers->list[i].address);
    return (struct slice){NULL, 0};
}

/* What all spellings of a login without a mailbox have in common (core/report/spellings.h looks for it). */
static struct slice account_of(const struct engine_session *session, const struct submission *s, struct address *mapped)
{
    const struct address *address = &session->verdict.identity.address;

    if (address->n == 0 && list_pair(session->config->config->smtp_auth.logins, &s->login, mapped, NULL))
        address = mapped;
    else if (address->n == 0 && s->login.kind == LOGIN_ADDRESS)
        address = &s->login.address;
    if (address->n > 0)
        return address_local(address);
    return s->login.kind == LOGIN_ACCOUNT || s->login.kind == LOGIN_NETBIOS ? login_account(&s->login) : SLICE("");
}

/* Anybody can fail to sign in under any name: only names of mailboxes may leave something in the usage. */
static bool counts_as_refusal(const struct submission *s, const struct identity *id)
{
    return s->stage != STAGE_AUTH || id->authenticated || id->n_claims > 0;
}

void engine_note_verdict(struct engine_session *session, const struct submission *s, const struct recipients *r,
                         struct slice mailbox, bool charged)
{
    const struct verdict *v = &session->verdict;
    const struct identity *id = &v->identity;
    bool passes = v->action == ACTION_PASS || v->action == ACTION_HOLD;
    struct slice sender =
        s->stage < STAGE_MAIL ? SLICE("") : address_shown(s->sender_result, &s->sender, s->sender_text);
    struct slice from = address_in(s, HEADER_FROM);
    struct address mapped;

    if (session->engine->journal == NULL)
        return;
    journal_note(session->engine->journal,
                 &(struct journal_event){
                     .at_ns = clock_wall_ns(),
                     .action = v->action,
                     .reason = v->reason,
                     .monitored = v->monitored ? v->monitored_reason : REASON_NOT_OURS,
                     .stage = s->stage,
                     .tls = s->tls,
                     .milter = strcmp(s->front_end, "milter") == 0,
                     .counts = charged || (!passes && counts_as_refusal(s, id)),
                     .has_client = s->has_client,
                     .client = s->client,
                     .recipients = s->recipient_count != 0 ? s->recipient_count : r->n,
                     .size = s->stage == STAGE_END && !s->size_is_part ? s->size : 0,
                     .took_ns = clock_boot_ns() - session->asked_ns,
                     .retry_s = (v->retry_ns + NS_PER_S - 1) / NS_PER_S,
                     .tenant = slice_of(id->tenant != NULL ? id->tenant->name : NULL),
                     .connector = slice_of(id->connector != NULL ? id->connector->name : NULL),
                     .login = s->login_text,
                     .mailbox = mailbox,
                     .account = mailbox.n == 0 ? account_of(session, s, &mapped) : SLICE(""),
                     .method = s->mechanism,
                     .limit = slice_of(v->limit != NULL ? v->limit : v->monitored_limit),
                     .sender = sender,
                     .recipient = s->has_recipient
                                      ? address_shown(s->recipient_result, &s->recipient, s->recipient_text)
                                      : slice_of(r->first),
                     .queue_id = s->queue_id,
                     .instance = s->instance,
                     .from = slice_eq(from, sender) ? SLICE("") : from, /* as it is mostly */
                     .header_sender = address_in(s, HEADER_SENDER),
                     .fault_field = v->fault_field,
                     .fault = slice_of(v->fault),
                     .fault_text = v->fault_address,
                 });
}
