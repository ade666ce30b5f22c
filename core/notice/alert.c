#include "core/notice/alert.h"

#include "core/base/json_text.h"

#include <stdio.h>

enum alert_kind alert_kind(const struct alert *alert)
{
    struct slice kind;

    if (alert->digest)
        return ALERT_DIGEST;
    if (alert->event == ALERT_GUESSED)
        return ALERT_OF_LOGIN;
    if (alert->event == ALERT_FAILING) /* strangers can bring about any number of them */
        return ALERT_OF_CLIENT;
    if (alert->event != ALERT_BLOCK && alert->event != ALERT_DISABLED && alert->event != ALERT_UNUSUAL)
        return ALERT_OF_SERVICE;
    (void)slice_cut(slice_of(alert->subject), ' ', &kind, NULL);
    return slice_eq(kind, SLICE("client")) || slice_eq(kind, SLICE("network")) ? ALERT_OF_CLIENT : ALERT_OF_LOGIN;
}

struct alert_quota alert_quota(enum alert_kind kind)
{
    static const struct alert_quota quotas[ALERT_KINDS] = {[ALERT_OF_LOGIN] = {1000, 200},
                                                           [ALERT_OF_SERVICE] = {200, 100},
                                                           [ALERT_DIGEST] = {100, 100},
                                                           [ALERT_OF_CLIENT] = {200, 30}};

    return quotas[kind];
}

struct alert alert_of(enum alert_event event, int64_t at_s, struct slice subject)
{
    struct alert alert = {.event = event, .at_s = at_s};
    struct buf b = BUF_OVER(alert.subject);

    buf_add(&b, subject);
    return alert;
}

/* Of what did not fit the end is gone, and seen to be. */
static void mark_cut(char *text, size_t cap)
{
    static const char mark[] = "...";

    memcpy(text + cap - sizeof mark, mark, sizeof mark);
}

void alert_fact(struct alert *alert, const char *key, struct slice value)
{
    struct alert_fact *fact;
    struct buf k, v;

    if (value.n == 0 || alert->n_facts == ALERT_FACTS_MAX)
        return;
    fact = &alert->facts[alert->n_facts++];
    k = BUF_OVER(fact->key);
    v = BUF_OVER(fact->value);
    buf_add(&k, slice_of(key));
    buf_add(&v, value);
    if (v.full)
        mark_cut(fact->value, sizeof fact->value);
}

void alert_fact_number(struct alert *alert, const char *key, uint64_t value)
{
    char text[24];
    struct buf b = BUF_OVER(text);

    buf_add_u64(&b, value);
    alert_fact(alert, key, buf_slice(&b));
}

__attribute__((format(printf, 3, 0))) static void write_sentence(char *text, size_t cap, const char *format,
                                                                 va_list args)
{
    int n = vsnprintf(text, cap, format, args);

    if (n >= 0 && (size_t)n >= cap)
        mark_cut(text, cap);
}

void alert_summary(struct alert *alert, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_sentence(alert->summary, sizeof alert->summary, format, args);
    va_end(args);
}

void alert_advice(struct alert *alert, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_sentence(alert->advice, sizeof alert->advice, format, args);
    va_end(args);
}

/* ---- as JSON ---- */

/* What is not printable ASCII becomes a visible \xHH, since it came from outside and goes to people. */
static void add_string(struct buf *b, struct slice text)
{
    char shown[4 * sizeof((struct alert *)0)->advice];
    struct buf printable = BUF_OVER(shown);

    buf_add_printable(&printable, text);
    json_add_string(b, buf_slice(&printable));
}

static void add_member(struct buf *b, const char *key, const char *value)
{
    buf_add(b, SLICE(", "));
    add_string(b, slice_of(key));
    buf_add(b, SLICE(": "));
    add_string(b, slice_of(value));
}

void alert_write(const struct alert *alert, const char *id, struct buf *out)
{
    buf_add(out, SLICE("{\"version\": 1"));
    add_member(out, "id", id);
    add_member(out, "event", alert_event_name(alert->event));
    buf_addf(out, ", \"at\": %lld", (long long)alert->at_s);
    add_member(out, "subject", alert->subject);
    add_member(out, "summary", alert->summary);
    add_member(out, "advice", alert->advice);
    buf_add(out, SLICE(", \"facts\": {"));
    for (unsigned i = 0; i < alert->n_facts; i++) {
        buf_add(out, i > 0 ? SLICE(", ") : SLICE(""));
        add_string(out, slice_of(alert->facts[i].key));
        buf_add(out, SLICE(": "));
        add_string(out, slice_of(alert->facts[i].value));
    }
    buf_add(out, SLICE("}}\n"));
}
