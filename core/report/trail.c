#include "core/report/trail.h"

#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/mail/address.h"
#include "core/report/text.h"

struct trail_search {
    const struct trail *trail;
    struct address sender;
    struct journal_record *out;
    bool found;
};

/* The journal has addresses in their canonical form. */
static bool is_sender(const struct trail_search *s, const struct journal_record *r)
{
    return slice_eq(address_slice(&s->sender), slice_of(r->sender)) || slice_eq(s->trail->sender, slice_of(r->sender));
}

static bool is_of_message(const struct trail_search *s, const struct journal_record *r)
{
    const struct trail *t = s->trail;

    if (t->queue_id.n > 0)
        return slice_eq(t->queue_id, slice_of(r->queue_id));
    if (r->action == ACTION_PASS && r->monitored == REASON_NOT_OURS)
        return false;
    if (t->client != NULL && r->has_client && memcmp(t->client, &r->client, sizeof r->client) != 0)
        return false;
    return slice_ieq(t->login, slice_of(r->login)) && is_sender(s, r);
}

static bool look_at(void *arg, const struct journal_record *r)
{
    struct trail_search *s = arg;

    if (!is_of_message(s, r))
        return true;
    *s->out = *r;
    s->found = true;
    return false;
}

int trail_decision(struct journal *journal, const struct trail *t, struct journal_record *out, struct error *e)
{
    struct trail_search s = {.trail = t, .out = out};

    if (address_parse_path(t->sender, &s.sender) != ADDRESS_OK)
        s.sender.n = 0;
    if (journal_decisions(journal, &(struct journal_query){.since_ns = t->since_ns}, look_at, &s, e) != 0)
        return -1;
    return s.found;
}

/* ---- showing ---- */

static void trail_tree(const struct journal_record *r, struct printer *out)
{
    out->value(out, "verdict", value_word(action_name(r->action)));
    out->value(out, "reason", value_word(reason_row(r->reason)->name));
    out->value(out, "would", value_word(r->monitored != REASON_NOT_OURS ? reason_row(r->monitored)->name : NULL));
    out->value(out, "meaning",
               value_word(reason_row(r->monitored != REASON_NOT_OURS ? r->monitored : r->reason)->help));
    out->value(out, "limit", value_word_or_none(r->limit));
    out->value(out, "retry_s", value_duration(r->retry_s));
    out->value(out, "by", value_word(r->milter ? "milter" : "policyd"));
    out->value(out, "stage", value_word(stage_name(r->stage)));
    out->value(out, "mailbox", value_word_or_none(r->mailbox));
    out->value(out, "tenant", value_word_or_none(r->tenant));
    out->value(out, "connector", value_word_or_none(r->connector));
    out->value(out, "queue_id", value_word_or_none(r->queue_id));
    out->value(out, "instance", value_word_or_none(r->instance));
}

#define WIDTH 9 /* of a label */

void trail_report(const struct journal_record *r, struct printer *out)
{
    enum reason reason = r->monitored != REASON_NOT_OURS ? r->monitored : r->reason;
    char limit[8 * sizeof r->limit], retry[40] = "";
    struct buf b = BUF_OVER(retry);

    if (!out->people) {
        trail_tree(r, out);
        return;
    }
    printer_field(out, "verdict", WIDTH, "%s%s%s (by the %s, at stage %s)", action_name(r->action),
                  r->monitored != REASON_NOT_OURS ? "; would be refused: " : " ", reason_row(reason)->name,
                  r->milter ? "milter" : "policy server", stage_name(r->stage));
    printer_field(out, "meaning", WIDTH, "%s", reason_row(reason)->help);
    if (r->retry_s > 0) {
        buf_add(&b, SLICE("; it may pass again in "));
        duration_add(&b, r->retry_s);
    }
    if (r->limit[0] != '\0')
        printer_field(out, "limit", WIDTH, "%s%s", text_plain(limit, sizeof limit, slice_of(r->limit)), retry);
}
