/*
 * The log line of a verdict. The order of the fields is documented in doc/postern.7 and does not change; new ones come
 * at the end. A message that passes is logged once, when it is charged; a refusal always, a would-be one of monitor
 * mode too.
 */
#include "core/base/clock.h"
#include "core/base/event.h"
#include "core/decide/decide_steps.h"
#include "core/decide/habit.h"
#include "core/engine/engine_parts.h"

#include <time.h>

static void add_who(struct event *e, const struct submission *s, const struct identity *id, struct slice mailbox)
{
    char text[IP_TEXT_MAX];

    event_text(e, "login", s->login_text);
    if (mailbox.p != id->address.text) /* the login does not say it already */
        event_text(e, "mailbox", mailbox);
    event_word(e, "tenant", id->tenant != NULL ? id->tenant->name : NULL);
    event_word(e, "connector", id->connector != NULL ? id->connector->name : NULL);
    if (s->has_client)
        event_ours(e, "client", ip_text(&s->client, text));
    event_text(e, "method", s->mechanism);
    event_word(e, "tls", tls_version_name(s->tls));
}

static void add_message(struct event *e, const struct submission *s, const struct recipients *r)
{
    if (s->stage < STAGE_MAIL)
        return;
    event_text(e, "sender", address_shown(s->sender_result, &s->sender, s->sender_text));
    if (s->has_recipient)
        event_text(e, "recipient", address_shown(s->recipient_result, &s->recipient, s->recipient_text));
    if (s->stage >= STAGE_DATA) {
        event_number(e, "recipients", s->recipient_count != 0 ? s->recipient_count : r->n);
        if (s->stage == STAGE_END && !s->size_is_part)
            event_number(e, "size", s->size);
    }
}

/* "5.7.139" of "550 5.7.139 ..." */
static void add_status(struct event *e, struct slice reply)
{
    struct slice rest, status;

    if (reply.n == 0)
        return;
    (void)slice_cut(reply, ' ', NULL, &rest);
    (void)slice_cut(rest, ' ', &status, NULL);
    event_text(e, "status", status);
}

static void add_outcome(struct event *e, const struct verdict *v)
{
    event_word(e, "limit", v->limit);
    if (v->retry_ns > 0)
        event_number(e, "retry", (v->retry_ns + NS_PER_S - 1) / NS_PER_S);
    if (v->monitored) {
        event_word(e, "would", reason_row(v->monitored_reason)->name);
        event_word(e, "would_limit", v->monitored_limit);
    }
    add_status(e, v->reply);
}

/* "2026-12-14T07:04:46Z"; nothing where no habit is being learnt. */
static void add_until(struct event *e, const char *key, const struct decide_context *c, const struct habit *habit)
{
    time_t until = (time_t)habit_learning_until(c, habit);
    char text[32];
    struct tm tm;

    if (until != 0 && gmtime_r(&until, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        event_word(e, key, text);
}

/* What the login usually sends at most in that hour or day, and until when that is being learnt. */
static void add_habit(struct event *e, const struct decide_context *c, const struct verdict *v)
{
    const struct limit_config *limit = v->limit_row;
    enum habit_count count;
    enum habit_window window;

    if (!v->habit_known || limit == NULL || !limit->beyond_habit || limit->count == COUNT_DEFERRED)
        return;
    count = habit_count_of(limit);
    window = habit_window_of(limit);
    event_number(e, "usual", v->habit.most.of[count][window]);
    event_number(e, "now", v->habit.now.of[count][window]);
    add_until(e, "learning_until", c, &v->habit);
}

void engine_log_learning(struct engine_session *session, const struct decide_context *c, const struct submission *s)
{
    const struct verdict *v = &session->verdict;
    struct log *log = session->engine->log;
    struct habit habit;
    struct event e;

    if (!v->habit_known || v->habit.since_ns != 0 || v->habit.learnt || v->habit.crowded)
        return;
    e = event_begin(session->line, sizeof session->line, log_format_of(log), "learning");
    event_text(&e, "login", s->login_text);
    event_word(&e, "tenant", v->identity.tenant != NULL ? v->identity.tenant->name : NULL);
    event_word(&e, "connector", v->identity.connector != NULL ? v->identity.connector->name : NULL);
    habits_look(c->habits, v->plan.habit.key, c->now_ns, &habit);
    add_until(&e, "until", c, &habit);
    if (v->identity.tenant_hash != 0) {
        habits_look(c->habits, key_of_tenants_habit(v->identity.tenant_hash), c->now_ns, &habit);
        add_until(&e, "tenant_until", c, &habit);
    }
    log_line(log, LEVEL_INFO, event_end(&e));
}

/* What the milter adds to a message that goes on. */
static void add_added(struct event *e, const struct verdict *v)
{
    if (v->action != ACTION_PASS && v->action != ACTION_HOLD)
        return;
    event_word(e, "added", v->add_from != NULL ? "from" : NULL);
    event_word(e, "would_add", v->would_add_from ? "from" : NULL);
}

/* "a@contoso.example,b@contoso.example": the addresses of one of the header's fields. */
static void add_addresses(struct event *e, const char *key, const struct headers *headers, enum header_field field)
{
    char text[EVENT_VALUE_MAX + 2]; /* of what is longer the event shows that it was cut */
    struct buf b = BUF_OVER(text);

    for (size_t i = 0; i < headers->n; i++) {
        if (headers->list[i].field != field)
            continue;
        if (b.n > 0)
            buf_add_char(&b, ',');
        buf_add(&b, address_slice(&headers->list[i].address));
    }
    event_text(e, key, buf_slice(&b));
}

/* What is wrong with the header comes first: a line that is too long loses its end. */
static void add_header_fields(struct event *e, const struct submission *s, const struct verdict *v)
{
    if (v->fault != NULL) {
        event_word(e, "field", header_field_name(v->fault_field));
        event_sentence(e, "fault", v->fault);
        event_text(e, "header", v->fault_address);
    }
    if (s->headers == NULL || !s->headers->seen)
        return;
    add_addresses(e, "from", s->headers, HEADER_FROM);
    add_addresses(e, "header_sender", s->headers, HEADER_SENDER);
}

void engine_log_verdict(struct engine_session *session, const struct decide_context *c, const struct submission *s,
                        const struct recipients *r, struct slice mailbox)
{
    const struct verdict *v = &session->verdict;
    struct log *log = session->engine->log;
    bool passes = v->action == ACTION_PASS;
    struct event e = event_begin(session->line, sizeof session->line, log_format_of(log), "decision");

    event_word(&e, "action", action_name(v->action));
    event_word(&e, "reason", reason_row(v->reason)->name);
    event_word(&e, "by", s->front_end);
    event_word(&e, "stage", stage_name(s->stage));
    add_who(&e, s, &v->identity, mailbox);
    add_message(&e, s, r);
    add_outcome(&e, v);
    event_text(&e, "queue_id", s->queue_id);
    event_text(&e, "instance", s->instance);
    if (!passes || v->monitored)
        event_sentence(&e, "why", reason_row(passes ? v->monitored_reason : v->reason)->help);
    add_added(&e, v);
    add_header_fields(&e, s, v);
    add_habit(&e, c, v);
    log_line(log, passes ? LEVEL_INFO : LEVEL_NOTICE, event_end(&e));
}
