#include "core/event.h"

#define JSON_TAIL 1 /* room that is kept for the closing brace */

static void key_text(struct event *e, const char *key)
{
    if (e->format == LOG_JSON) {
        buf_add(&e->out, SLICE(",\""));
        buf_add(&e->out, slice_of(key));
        buf_add(&e->out, SLICE("\":"));
    } else {
        buf_add_char(&e->out, ' ');
        buf_add(&e->out, slice_of(key));
        buf_add_char(&e->out, '=');
    }
}

struct event event_begin(char *mem, size_t cap, enum log_format format, const char *name)
{
    struct event e = {.out = buf_over(mem, cap - JSON_TAIL), .format = format};

    buf_add(&e.out, format == LOG_JSON ? SLICE("{\"event\":\"") : SLICE("event="));
    buf_add(&e.out, slice_of(name));
    if (format == LOG_JSON)
        buf_add_char(&e.out, '"');
    return e;
}

/* Room for a whole field, or none of it: half a field could be taken for another value. */
static bool field_begin(struct event *e, const char *key, size_t value_n, size_t *mark)
{
    *mark = e->out.n;
    if (value_n == 0 || e->out.full)
        return false;
    key_text(e, key);
    return true;
}

static void field_end(struct event *e, size_t mark)
{
    if (!e->out.full)
        return;
    e->out.n = mark;
    e->out.p[mark] = '\0';
}

/* Printable ASCII that stands for itself: not backslash, quote, equals sign, nor blank. */
static const bool plain[256] = {
    ['!'] = true,
    ['#' ... '<'] = true,
    ['>' ... '['] = true,
    [']' ... '~'] = true,
};

/* Runs of plain characters are copied at once: they are nearly everything. */
static void add_escaped(struct buf *b, struct slice value, bool json)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = value.n < EVENT_VALUE_MAX ? value.n : EVENT_VALUE_MAX, from = 0;

    for (size_t i = 0; i <= n; i++) {
        unsigned char c;

        if (i < n && plain[(unsigned char)value.p[i]])
            continue;
        buf_add(b, (struct slice){value.p + from, i - from});
        from = i + 1;
        if (i == n)
            break;
        c = (unsigned char)value.p[i];
        buf_add(b, json ? SLICE("\\\\x") : SLICE("\\x"));
        buf_add(b, (struct slice){(char[]){hex[c >> 4], hex[c & 15]}, 2});
    }
    if (n < value.n)
        buf_add(b, SLICE("..."));
}

void event_text(struct event *e, const char *key, struct slice value)
{
    size_t mark;

    if (!field_begin(e, key, value.n, &mark))
        return;
    if (e->format == LOG_JSON)
        buf_add_char(&e->out, '"');
    add_escaped(&e->out, value, e->format == LOG_JSON);
    if (e->format == LOG_JSON)
        buf_add_char(&e->out, '"');
    field_end(e, mark);
}

static void add_ours(struct event *e, const char *key, const char *value, bool quoted)
{
    struct slice text = slice_of(value);
    size_t mark;

    if (!field_begin(e, key, text.n, &mark))
        return;
    if (quoted)
        buf_add_char(&e->out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (quoted && text.p[i] == '"')
            buf_add(&e->out, e->format == LOG_JSON ? SLICE("\\\"") : SLICE("'"));
        else
            buf_add_char(&e->out, text.p[i]);
    }
    if (quoted)
        buf_add_char(&e->out, '"');
    field_end(e, mark);
}

void event_word(struct event *e, const char *key, const char *value)
{
    add_ours(e, key, value, e->format == LOG_JSON);
}

void event_sentence(struct event *e, const char *key, const char *value)
{
    add_ours(e, key, value, true);
}

void event_number(struct event *e, const char *key, unsigned long long value)
{
    size_t mark;

    if (!field_begin(e, key, 1, &mark))
        return;
    buf_add_u64(&e->out, value);
    field_end(e, mark);
}

struct slice event_end(struct event *e)
{
    if (e->format == LOG_JSON) {
        e->out.cap += JSON_TAIL;
        e->out.full = false;
        buf_add_char(&e->out, '}');
    }
    return buf_slice(&e->out);
}
