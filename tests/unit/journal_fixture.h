/* A decision as a test writes it down: a record, noted as the engine notes an event. */
#ifndef POSTERN_JOURNAL_FIXTURE_H
#define POSTERN_JOURNAL_FIXTURE_H

#include "core/journal/journal.h"

/* Its texts lie in r. */
static inline struct journal_event event_of(const struct journal_record *r)
{
    return (struct journal_event){
        .at_ns = r->at_ns,
        .action = r->action,
        .reason = r->reason,
        .monitored = r->monitored,
        .stage = r->stage,
        .tls = r->tls,
        .milter = r->milter,
        .counts = r->counts,
        .has_client = r->has_client,
        .client = r->client,
        .recipients = r->recipients,
        .size = r->size,
        .retry_s = r->retry_s,
        .tenant = slice_of(r->tenant),
        .connector = slice_of(r->connector),
        .login = slice_of(r->login),
        .mailbox = slice_of(r->mailbox),
        .method = slice_of(r->method),
        .limit = slice_of(r->limit),
        .sender = slice_of(r->sender),
        .queue_id = slice_of(r->queue_id),
        .instance = slice_of(r->instance),
        .recipient = slice_of(r->recipient),
        .from = slice_of(r->from),
        .header_sender = slice_of(r->header_sender),
        .fault_field = r->fault_field,
        .fault = slice_of(r->fault),
        .fault_text = slice_of(r->fault_text),
    };
}

static inline void note_record(struct journal *j, const struct journal_record *r)
{
    struct journal_event event = event_of(r);

    journal_note(j, &event);
}

#endif
