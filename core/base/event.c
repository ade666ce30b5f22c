#include "core/base/event.h"

#include "core/base/json_text.h"

/* A field is written first, and taken back when it turns out not to fit: the text stays marked as full. */

static bool is_json(const struct event *e)
{
    return e->format == LOG_JSON;
}

/* Writes the key. Returns where the field begins. */
static size_t begin_field(struct event *e, struct slice key)
{
    size_t start = e->text.n;

    buf_add(&e->text, is_json(e) ? SLICE(",\"") : SLICE(" "));
    buf_add(&e->text, key);
    buf_add(&e->text, is_json(e) ? SLICE("\":") : SLICE("="));
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

/* Stands for itself: printable ASCII, but neither backslash, quote nor blank. */
static bool is_shown(char c)
{
    return c > ' ' && c < 0x7f && c != '\\' && c != '"';
}

/* The first character of s, in the way of the format. Returns how many bytes of s it is. */
static size_t add_escaped(struct event *e, struct slice s)
{
    char json[JSON_CHARACTER_MAX];
    size_t n, taken;

    if (!is_json(e)) {
        buf_add_escaped(&e->text, (struct slice){s.p, 1}, 1);
        return 1;
    }
    n = json_character(s, json, &taken);
    buf_add(&e->text, (struct slice){json, n});
    return taken;
}

static void add_foreign(struct event *e, struct slice s)
{
    while (s.n > 0) {
        size_t n = 0;

        while (n < s.n && is_shown(s.p[n]))
            n++;
        buf_add(&e->text, (struct slice){s.p, n});
        if (n < s.n)
            n += add_escaped(e, (struct slice){s.p + n, s.n - n});
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
    /* An equals sign is shown as it is, so that an address that has one is found as it was sent. */
    quoted = is_json(e) || memchr(value.p, '=', value.n) != NULL;
    start = begin_field(e, key);
    quote_if(e, quoted);
    add_foreign(e, value);
    if (cut)
        buf_add(&e->text, SLICE("..."));
    quote_if(e, quoted);
    end_field(e, start);
}

/* ---- what is ours ---- */

/* A quote cannot stand inside of quotes: an apostrophe does, or JSON's own escape. */
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
    struct event e = {.text = buf_over(mem, cap - 1), .format = format}; /* keeps room for JSON's closing brace */

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
