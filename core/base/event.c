#include "core/base/event.h"

#include "core/base/json_text.h"

/* A field that turns out not to fit is removed again, and the text stays marked as full. */

static bool is_json(const struct event *e)
{
    return e->format == LOG_JSON;
}

/* Writes the key. Returns the offset at which the field begins. */
static size_t begin_field(struct event *e, struct slice key)
{
    size_t start = e->text.n;

    if (is_json(e)) {
        buf_add(&e->text, SLICE(",\""));
        buf_add(&e->text, key);
        buf_add(&e->text, SLICE("\":"));
    } else {
        buf_add_char(&e->text, ' ');
        buf_add(&e->text, key);
        buf_add_char(&e->text, '=');
    }
    return start;
}

static void end_field(struct event *e, size_t start)
{
    if (e->text.full)
        e->text.n = start;
}

static void quote_if(struct event *e, bool quoted)
{
    if (quoted)
        buf_add_char(&e->text, '"');
}

/* ---- text from outside ---- */

/* Characters shown as they are: printable ASCII except backslash, quote and blank. */
static const bool is_shown[256] = {['!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};

/* An equals sign is not escaped, so that an address that contains one is found by grep. */
static void add_escaped(struct buf *b, struct slice s)
{
    while (s.n > 0) {
        size_t n = 0;

        while (n < s.n && is_shown[(unsigned char)s.p[n]])
            n++;
        buf_add(b, (struct slice){s.p, n});
        if (n < s.n) {
            buf_add_escaped(b, (struct slice){s.p + n, 1}, 1);
            n++;
        }
        s = (struct slice){s.p + n, s.n - n};
    }
}

void event_add_text(struct event *e, struct slice key, struct slice value)
{
    const bool cut = value.n > EVENT_VALUE_MAX;
    bool quoted;
    size_t start;

    if (e->text.full)
        return;
    if (cut)
        value.n = EVENT_VALUE_MAX;
    quoted = is_json(e) || memchr(value.p, '=', value.n) != NULL;
    start = begin_field(e, key);
    quote_if(e, quoted);
    if (is_json(e))
        json_add(&e->text, value);
    else
        add_escaped(&e->text, value);
    if (cut)
        buf_add(&e->text, SLICE("..."));
    quote_if(e, quoted);
    end_field(e, start);
}

/* ---- values of our own ---- */

/* Inside quotes a quote becomes an apostrophe, or JSON's escape. */
static void add_in_quotes(struct event *e, struct slice value)
{
    struct slice head;

    buf_add_char(&e->text, '"');
    while (slice_cut(value, '"', &head, &value)) {
        buf_add(&e->text, head);
        buf_add(&e->text, is_json(e) ? SLICE("\\\"") : SLICE("'"));
    }
    buf_add(&e->text, head);
    buf_add_char(&e->text, '"');
}

void event_add_ours(struct event *e, struct slice key, struct slice value, bool quoted)
{
    size_t start;

    if (e->text.full)
        return;
    start = begin_field(e, key);
    if (quoted)
        add_in_quotes(e, value);
    else
        buf_add(&e->text, value);
    end_field(e, start);
}

void event_add_number(struct event *e, struct slice key, unsigned long long value)
{
    size_t start;

    if (e->text.full)
        return;
    start = begin_field(e, key);
    buf_add_u64(&e->text, value);
    end_field(e, start);
}

/* ---- begin and end ---- */

struct event event_begin(char *mem, size_t cap, enum log_format format, const char *name)
{
    struct event e = {.text = buf_over(mem, cap - 1), .format = format}; /* leaves room for JSON's closing brace */

    buf_add(&e.text, is_json(&e) ? SLICE("{\"event\":\"") : SLICE("event="));
    buf_add(&e.text, slice_of(name));
    if (is_json(&e))
        buf_add_char(&e.text, '"');
    return e;
}

struct slice event_end(struct event *e)
{
    struct buf *b = &e->text;

    if (is_json(e))
        b->p[b->n++] = '}';
    b->p[b->n] = '\0';
    return buf_slice(b);
}
