#include "core/report/explain.h"

#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/decide/habit.h"
#include "core/report/text.h"

#define ASKED_SHOWN 10  /* recipients */
#define ASKED_WIDTH 10  /* of a label, in what was asked and in the steps */
#define VERDICT_WIDTH 9 /* in the verdict */
#define HANG 12

/* ---- asking ---- */

int explain_move_time(struct decide_context *c, int64_t wall_s, struct error *e)
{
    int64_t now = c->wall_s;

    if (wall_s < now - (int64_t)DURATION_MAX_S || wall_s > now + (int64_t)DURATION_MAX_S)
        return error_set(e, "the time is more than 400 days away");
    c->now_ns += (uint64_t)((wall_s - now) * (int64_t)NS_PER_S);
    c->wall_s = wall_s;
    return 0;
}

static void explain_stage(struct explained *x, enum stage stage)
{
    struct trace trace = {.out = &x->trace, .levels = &x->levels};

    x->trace.n = 0;
    x->levels.n = 0;
    x->trace.full = false;
    x->text[0] = '\0';
    x->submission.stage = stage;
    decide(&x->context, &x->submission, &x->recipients, &x->verdict, &trace);
}

static bool stage_passes(const struct explained *x)
{
    return x->verdict.action == ACTION_PASS || x->verdict.action == ACTION_HOLD;
}

/* As Postfix would ask: at MAIL, at each RCPT, at the end; the first refusal stands. */
static void ask_all(struct explained *x, const struct question *q)
{
    uint32_t count = x->submission.recipient_count;

    x->submission.recipient_count = 0;
    explain_stage(x, STAGE_MAIL);
    for (size_t i = 0; i < q->n_recipients && stage_passes(x); i++) {
        question_recipient(q, i, &x->submission);
        explain_stage(x, STAGE_RCPT);
        if (stage_passes(x))
            recipients_note(&x->recipients, &x->context, &x->submission, &x->verdict);
    }
    if (!stage_passes(x))
        return;
    x->submission.has_recipient = false;
    x->submission.recipient_count = count != 0 ? count : (uint32_t)q->n_recipients;
    explain_stage(x, STAGE_END);
}

/* One stage alone: recipients before it are taken as let through. */
static void ask_one(struct explained *x, const struct question *q, enum stage stage)
{
    size_t before = stage == STAGE_RCPT && q->n_recipients > 0 ? q->n_recipients - 1 : 0;

    for (size_t i = 0; i < (stage > STAGE_RCPT ? q->n_recipients : before); i++) {
        question_recipient(q, i, &x->submission);
        explain_stage(x, STAGE_RCPT);
        recipients_note(&x->recipients, &x->context, &x->submission, &x->verdict);
    }
    x->submission.has_recipient = false;
    if (stage == STAGE_RCPT && q->n_recipients > 0)
        question_recipient(q, q->n_recipients - 1, &x->submission);
    explain_stage(x, stage);
}

void explain_ask(struct explained *x, const struct question *q, enum stage stage, bool all)
{
    x->trace = BUF_OVER(x->text);
    if (all)
        ask_all(x, q);
    else
        ask_one(x, q, stage);
}

void explained_clear(struct explained *x)
{
    recipients_clear(&x->recipients);
    headers_clear(&x->headers);
}

/* ---- for people ---- */

static void show_asked(const char *label, struct slice text, struct printer *out)
{
    char shown[4 * TEXT_SHOWN_MAX + 8];

    if (text.n > 0)
        printer_field(out, label, ASKED_WIDTH, "%s", text_plain(shown, sizeof shown, text));
}

static void show_question(const struct explained *x, const struct question *q, struct printer *out)
{
    char text[64];
    struct buf b = BUF_OVER(text);

    printer_text(out, "Asked:");
    show_asked("user", q->user.n > 0 ? q->user : SLICE("(none: not authenticated)"), out);
    show_asked("client", q->client.n > 0 ? q->client : SLICE("(not said)"), out);
    show_asked("method", q->method, out);
    show_asked("tls", slice_of(tls_version_name(x->submission.tls)), out);
    if (x->submission.stage != STAGE_AUTH)
        show_asked("sender", q->sender.n > 0 ? q->sender : SLICE("<>"), out);
    for (size_t i = 0; i < q->n_recipients && i < ASKED_SHOWN; i++)
        show_asked("recipient", q->recipient[i], out);
    if (q->n_recipients > ASKED_SHOWN)
        printer_field(out, "", ASKED_WIDTH, "and %zu more", q->n_recipients - ASKED_SHOWN);
    show_asked("From", q->from, out);
    show_asked("size", q->size, out);
    show_asked("stage", slice_of(stage_name(x->submission.stage)), out);
    text_add_local_time(&b, x->context.wall_s);
    show_asked("at", buf_slice(&b), out);
}

/* "name: text", or a line without a name. */
static void show_step(struct slice line, struct printer *out)
{
    char label[80], rest[2048];
    struct buf l = BUF_OVER(label), r = BUF_OVER(rest);
    struct slice name, text;

    if (!slice_cut(line, ':', &name, &text)) {
        buf_add(&r, line);
        printer_line(out, &(struct line){.indent = 2, .spans = {{TONE_PLAIN, rest}}, .hang = HANG});
        return;
    }
    buf_add(&l, name);
    if (name.n > ASKED_WIDTH)
        buf_add_char(&l, ':');
    buf_add(&r, slice_trim(text));
    printer_line(
        out, &(struct line){
                 .indent = 2, .label = label, .label_width = ASKED_WIDTH, .spans = {{TONE_PLAIN, rest}}, .hang = HANG});
}

static void show_steps(const struct explained *x, struct printer *out)
{
    struct slice rest = buf_slice(&x->trace), line;

    printer_gap(out);
    printer_text(out, "Steps:");
    while (slice_cut(rest, '\n', &line, &rest))
        show_step(line, out);
    if (x->trace.n == 0)
        printer_text(out, "  nothing is decided at this stage");
}

static void show_monitored(const struct verdict *v, struct printer *out)
{
    const struct reason_row *row = reason_row(v->monitored_reason);
    char text[1024];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "but for monitor mode: %s%s%s: %s", row->name, v->monitored_limit != NULL ? " by limit " : "",
             v->monitored_limit != NULL ? v->monitored_limit : "", row->help);
    printer_line(out, &(struct line){.indent = 2, .spans = {{TONE_PLAIN, text}}, .hang = HANG});
}

/* Until when the habit of who sends is being learnt; 0: it is not. */
static int64_t learning_until(const struct explained *x)
{
    return x->verdict.habit_known && !x->verdict.habit.crowded ? habit_learning_until(&x->context, &x->verdict.habit)
                                                               : 0;
}

static void show_verdict(const struct explained *x, struct printer *out)
{
    const struct verdict *v = &x->verdict;
    const struct reason_row *row = reason_row(v->reason);
    char again[40], reason[80], until[40];
    struct buf b = BUF_OVER(again), r = BUF_OVER(reason), u = BUF_OVER(until);

    buf_addf(&r, " (%s)", row->name);
    printer_gap(out);
    printer_line(out,
                 &(struct line){.spans = {{TONE_PLAIN, "Verdict: "},
                                          {v->action == ACTION_PASS ? TONE_GOOD : TONE_BAD, action_name(v->action)},
                                          {TONE_PLAIN, reason}}});
    if (v->limit != NULL)
        printer_field(out, "limit", VERDICT_WIDTH, "%s", v->limit);
    if (v->retry_ns > 0) {
        duration_add(&b, (v->retry_ns + NS_PER_S - 1) / NS_PER_S);
        printer_field(out, "again in", VERDICT_WIDTH, "%s", again);
    }
    if (v->reply.n > 0)
        printer_field(out, "reply", VERDICT_WIDTH, "%.*s", SLICE_ARG(v->reply));
    if (v->fault != NULL)
        printer_field(out, "header", VERDICT_WIDTH, "%s: %s", header_field_name(v->fault_field), v->fault);
    printer_field(out, "meaning", VERDICT_WIDTH, "%s", row->help);
    if (learning_until(x) != 0) {
        text_add_local_time(&u, learning_until(x));
        printer_field(out, "habit", VERDICT_WIDTH, "learning until %s", until);
    }
    if (v->monitored)
        show_monitored(v, out);
}

/* ---- for programs ---- */

/* 0: none. */
static int64_t at_after(int64_t now_s, uint64_t ns)
{
    return ns > 0 ? now_s + (int64_t)((ns + NS_PER_S - 1) / NS_PER_S) : 0;
}

/* How far the limits that were looked at are used up. */
static void show_levels(const struct explained *x, struct printer *out)
{
    static const struct column columns[] = {{"limit", VALUE_TEXT},
                                            {"used", VALUE_NUMBER},
                                            {"most", VALUE_NUMBER},
                                            {"free_at", VALUE_TIME},
                                            {"empty_at", VALUE_TIME}};
    int64_t now_s = x->context.wall_s;

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "limits"});
    for (size_t i = 0; i < x->levels.n; i++) {
        const struct limit_level *l = &x->levels.of[i];

        out->row(out, (const struct value[]){value_word(l->limit->name), value_number(l->used),
                                             l->most != UINT64_MAX ? value_number(l->most) : value_none(),
                                             value_time(at_after(now_s, l->free_ns)),
                                             value_time(at_after(now_s, l->empty_ns))});
    }
    out->end(out);
}

static struct value text_or_none(struct slice text)
{
    return text.p != NULL ? value_text(text) : value_none();
}

/* Whose mail it is; NULL: nobody's, or a login that mailboxes of several have. */
static const char *tenant_of(const struct identity *id)
{
    for (unsigned i = 1; i < id->n_claims; i++)
        if (id->claims[i].tenant != id->claims[0].tenant)
            return NULL;
    if (id->connector != NULL)
        return id->connector->tenant;
    return id->tenant != NULL ? id->tenant->name : NULL;
}

static void show_tree(const struct explained *x, const struct question *q, struct printer *out)
{
    out->open(out, NULL, TREE_OBJECT);
    out->value(out, "user", text_or_none(q->user));
    out->value(out, "client", text_or_none(q->client));
    out->value(out, "sender", text_or_none(q->sender));
    out->value(out, "tenant", value_word(tenant_of(&x->verdict.identity)));
    out->value(out, "stage", value_word(stage_name(x->submission.stage)));
    explain_put_verdict(x, out);
    out->close(out);
}

void explain_put_verdict(const struct explained *x, struct printer *out)
{
    const struct verdict *v = &x->verdict;
    struct slice rest = buf_slice(&x->trace), line;

    out->open(out, "steps", TREE_LIST);
    while (slice_cut(rest, '\n', &line, &rest))
        out->value(out, NULL, value_text(line));
    out->close(out);
    out->value(out, "action", value_word(action_name(v->action)));
    out->value(out, "reason", value_word(reason_row(v->reason)->name));
    out->value(out, "limit", value_word(v->limit));
    out->value(out, "would", value_word(v->monitored ? reason_row(v->monitored_reason)->name : NULL));
    out->value(out, "retry_s", value_duration((v->retry_ns + NS_PER_S - 1) / NS_PER_S));
    out->value(out, "reply", text_or_none(v->reply));
    out->value(out, "meaning", value_word(reason_row(v->reason)->help));
    out->value(out, "learning_until", value_time(learning_until(x)));
    show_levels(x, out);
}

void explain_report(const struct explained *x, const struct question *q, struct printer *out)
{
    if (!out->people) {
        show_tree(x, q, out);
        return;
    }
    show_question(x, q, out);
    show_steps(x, out);
    show_verdict(x, out);
}
