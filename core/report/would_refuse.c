#include "core/report/would_refuse.h"

#include "core/base/clock.h"
#include "core/report/decisions.h"
#include "core/report/messages.h"
#include "core/report/ranking.h"
#include "core/report/text.h"

struct refusals_gathered {
    struct ranking ranking; /* "login TAB reason TAB what TAB tenant" */
    struct report_messages messages;
    int64_t oldest_s;
};

/* The printer escapes the text; here only the tabs are replaced, which separate cells. */
static void add_cell(struct buf *b, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_add_char(b, text.p[i] == '\t' ? ' ' : text.p[i]);
}

/* The address, limit or text that the reason is about; nothing if that adds nothing to the reason. */
static void add_what(struct buf *b, const struct journal_record *r)
{
    char fault[400];
    struct buf f = BUF_OVER(fault);

    if (r->fault[0] != '\0') {
        record_add_fault(&f, r);
        add_cell(b, buf_slice(&f));
        return;
    }
    switch (r->monitored) {
    case REASON_SENDER_NOT_OWN:
    case REASON_SENDER_BAD:
    case REASON_CONNECTOR_SENDER:
    case REASON_SENDER_DOMAIN:
        buf_add(b, SLICE("sender "));
        add_cell(b, slice_of(r->sender));
        break;
    case REASON_EXTERNAL_RECIPIENT:
    case REASON_RECIPIENT_DOMAIN:
        buf_add(b, SLICE("recipient "));
        add_cell(b, slice_of(r->recipient));
        break;
    default:
        if (r->stage == STAGE_AUTH)
            buf_addf(b, "signing in%s", r->limit[0] != '\0' ? ", " : "");
        if (r->limit[0] != '\0') {
            buf_add(b, SLICE("limit "));
            add_cell(b, slice_of(r->limit));
        }
    }
}

static bool would_refuse_record(void *arg, const struct journal_record *r)
{
    struct refusals_gathered *g = arg;
    const char *who = r->mailbox[0] != '\0' ? r->mailbox : r->login[0] != '\0' ? r->login : r->connector;
    char name[1600];
    struct buf b = BUF_OVER(name);

    add_cell(&b, slice_of(who));
    buf_addf(&b, "\t%s\t", reason_row(r->monitored)->name);
    add_what(&b, r);
    buf_addf(&b, "\t%s", r->tenant);
    if (messages_first(&g->messages, r, buf_slice(&b)))
        ranking_add(&g->ranking, buf_slice(&b), 0, r->instance[0] != '\0' ? 1 : r->times,
                    (int64_t)(r->at_ns / NS_PER_S));
    return true;
}

static const struct column columns[] = {{"who", VALUE_TEXT},        {"reason", VALUE_TEXT}, {"what", VALUE_TEXT},
                                        {"messages", VALUE_NUMBER}, {"last", VALUE_TIME},   {"meaning", VALUE_TEXT},
                                        {"tenant", VALUE_TEXT}};
#define COLUMNS_OF_PEOPLE 6u

static void would_refuse_show(struct refusals_gathered *g, struct printer *out)
{
    struct table table = {TABLE_COLUMNS(columns), .empty = "monitor mode would have refused nothing"};

    if (out->people)
        table.n = COLUMNS_OF_PEOPLE;
    out->table(out, &table);
    ranking_sort(&g->ranking, 0);
    for (size_t i = 0; i < g->ranking.n; i++) {
        const struct ranking_row *row = &g->ranking.rows[i];
        struct slice who, rest, reason, what, tenant;
        enum reason number = REASON_NOT_OURS;

        (void)slice_cut(slice_of(row->name), '\t', &who, &rest);
        (void)slice_cut(rest, '\t', &reason, &rest);
        (void)slice_cut(rest, '\t', &what, &tenant);
        (void)reason_find(reason, &number);
        out->row(out, (const struct value[]){value_text(who), value_text(reason), value_text(what),
                                             value_number(row->count[0]), value_time(row->last_s),
                                             value_word(reason_row(number)->help),
                                             tenant.n > 0 ? value_text(tenant) : value_none()});
    }
    out->end(out);
}

/* What the table doesn't say: how far back the journal goes. */
static void tell_bounds(const struct refusals_gathered *g, int64_t since_s, struct printer *out)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    if (g->oldest_s > since_s + 3600) {
        text_add_local_time(&b, g->oldest_s);
        printer_remark(out, REMARK_NOTE, "The journal reaches back to %s only.", text);
    }
    if (g->ranking.beyond > 0)
        printer_remark(out, REMARK_NOTE, "%llu more messages, of logins beyond the first %u.",
                       (unsigned long long)g->ranking.beyond, RANKING_MAX);
}

int would_refuse_report(struct journal *journal, int64_t since_s, struct printer *out, struct error *e)
{
    const struct journal_query query = {.since_ns = since_s > 0 ? (uint64_t)since_s * NS_PER_S : 0, .monitored = true};
    struct refusals_gathered g = {.oldest_s = 0};
    uint64_t oldest_ns = 0;
    int rc = journal_decisions(journal, &query, would_refuse_record, &g, e);

    if (rc == 0)
        rc = journal_oldest(journal, &oldest_ns, e);
    g.oldest_s = (int64_t)(oldest_ns / NS_PER_S);
    if (rc == 0) {
        would_refuse_show(&g, out);
        tell_bounds(&g, since_s, out);
        if (journal_has_others(journal))
            printer_remark(out, REMARK_NOTE, DECISIONS_OF_THIS_RELAY);
    }
    ranking_free(&g.ranking);
    messages_free(&g.messages);
    return rc;
}
