#include "core/base/event.h"

#include "core/base/buf.h"
#include "core/base/json_text.h"

#include <stdint.h>

/* Every message writes a line of some 16 fields, nearly all of them short: how they are copied is what a line costs. */

#define END_ROOM 2 /* room that is kept for JSON's closing brace and the terminator */

/* Copies of up to 32 bytes are two that overlap: the compiler has them without a call. */
static inline char *put(char *p, struct slice s)
{
    if (s.n >= 16) {
        if (s.n > 32)
            memcpy(p + 16, s.p + 16, s.n - 32);
        memcpy(p, s.p, 16);
        memcpy(p + s.n - 16, s.p + s.n - 16, 16);
    } else if (s.n >= 8) {
        memcpy(p, s.p, 8);
        memcpy(p + s.n - 8, s.p + s.n - 8, 8);
    } else if (s.n >= 4) {
        memcpy(p, s.p, 4);
        memcpy(p + s.n - 4, s.p + s.n - 4, 4);
    } else if (s.n > 0) {
        p[0] = s.p[0];
        p[s.n / 2] = s.p[s.n / 2];
        p[s.n - 1] = s.p[s.n - 1];
    }
    return p + s.n;
}

/* Where the value of a field goes, its key written; NULL when the whole does not fit. bytes: of the value, as shown. */
static inline char *field(struct event *e, struct slice key, size_t bytes)
{
    bool json = e->format == LOG_JSON;
    char *p = e->mem + e->n;

    bytes += key.n + (json ? 4 : 2);
    if (bytes > e->most - e->n) {
        e->most = e->n;
        return NULL;
    }
    e->n += bytes;
    if (!json) {
        *p = ' ';
        p = put(p + 1, key);
        *p = '=';
        return p + 1;
    }
    p[0] = ',';
    p[1] = '"';
    p = put(p + 2, key);
    p[0] = '"';
    p[1] = ':';
    return p + 2;
}

/* A value that stands for itself. */
static inline void add(struct event *e, struct slice key, struct slice value, bool quoted)
{
    char *p = field(e, key, value.n + (quoted ? 2 : 0));

    if (p == NULL)
        return;
    if (quoted)
        *p++ = '"';
    p = put(p, value);
    if (quoted)
        *p = '"';
}

/* ---- text from outside ---- */

/* Printable ASCII that stands for itself: not backslash, quote, equals sign, nor blank. */
static const bool plain[256] = {
    ['!'] = true,
    ['#' ... '<'] = true,
    ['>' ... '['] = true,
    [']' ... '~'] = true,
};

/* The same of 16 bytes at once. Signed, so that what is not ASCII is below the blank. */
typedef signed char block __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

/* All ones where a byte is plain. */
static inline block plain_in(block b)
{
    block bad = (block)((b == 0x7f) | (b == '\\') | (b == '"') | (b == '='));

    return (block)(b > ' ') & ~bad;
}

static inline block block_at(const char *p)
{
    block b;

    memcpy(&b, p, sizeof b);
    return b;
}

static inline uint64_t half_at(const char *p)
{
    uint64_t half;

    memcpy(&half, p, sizeof half);
    return half;
}

static inline bool all_plain(struct slice s)
{
    block found;

    if (s.n < 8) {
        for (size_t i = 0; i < s.n; i++)
            if (!plain[(unsigned char)s.p[i]])
                return false;
        return true;
    }
    if (s.n < 16) {
        found = plain_in((block)(halves){half_at(s.p), half_at(s.p + s.n - 8)});
    } else {
        found = plain_in(block_at(s.p + s.n - 16));
        for (size_t i = 0; i + 16 < s.n; i += 16)
            found &= plain_in(block_at(s.p + i));
    }
    return (((halves)found)[0] & ((halves)found)[1]) == UINT64_MAX;
}

/* The same, but for the equals sign: a value that has one stands in quotes, so that its address is found as it was
 * sent.
 */
static inline bool is_shown(char c)
{
    return plain[(unsigned char)c] || c == '=';
}

static size_t escaped_bytes(struct slice s)
{
    size_t n = s.n;

    for (size_t i = 0; i < s.n; i++)
        if (!is_shown(s.p[i]))
            n += 3;
    return n;
}

static char *put_escaped(char *p, struct slice s)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_shown(s.p[i])) {
            *p++ = (char)c;
            continue;
        }
        *p++ = '\\';
        *p++ = 'x';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 15];
    }
    return p;
}

static size_t json_bytes(struct slice s)
{
    char shown[JSON_CHARACTER_MAX];
    size_t n = 0, taken;

    for (; s.n > 0; s = (struct slice){s.p + taken, s.n - taken})
        n += json_character(s, shown, &taken);
    return n;
}

static char *put_json(char *p, struct slice s)
{
    char shown[JSON_CHARACTER_MAX];
    size_t taken;

    for (; s.n > 0; s = (struct slice){s.p + taken, s.n - taken}) {
        size_t n = json_character(s, shown, &taken);

        memcpy(p, shown, n);
        p += n;
    }
    return p;
}

static __attribute__((noinline)) void add_escaped(struct event *e, struct slice key, struct slice value)
{
    bool json = e->format == LOG_JSON, quoted;
    struct slice cut = {"...", 0};
    char *p;

    if (value.n > EVENT_VALUE_MAX) {
        value.n = EVENT_VALUE_MAX;
        cut.n = 3;
    }
    quoted = json || memchr(value.p, '=', value.n) != NULL;
    p = field(e, key, (json ? json_bytes(value) : escaped_bytes(value)) + cut.n + (quoted ? 2 : 0));
    if (p == NULL)
        return;
    if (quoted)
        *p++ = '"';
    p = put(json ? put_json(p, value) : put_escaped(p, value), cut);
    if (quoted)
        *p = '"';
}

void event_add_text(struct event *e, struct slice key, struct slice value)
{
    if (value.n <= EVENT_VALUE_MAX && all_plain(value))
        add(e, key, value, e->format == LOG_JSON);
    else
        add_escaped(e, key, value);
}

/* ---- what is ours ---- */

/* A quote cannot stand inside of quotes: an apostrophe does, or JSON's own escape. */
static __attribute__((noinline)) void add_with_quotes(struct event *e, struct slice key, struct slice value)
{
    struct slice quote = e->format == LOG_JSON ? SLICE("\\\"") : SLICE("'");
    size_t bytes = value.n + 2;
    char *p;

    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '"')
            bytes += quote.n - 1;
    p = field(e, key, bytes);
    if (p == NULL)
        return;
    *p++ = '"';
    for (size_t i = 0; i < value.n; i++)
        p = put(p, value.p[i] == '"' ? quote : (struct slice){value.p + i, 1});
    *p = '"';
}

void event_add_ours(struct event *e, struct slice key, struct slice value, bool quoted)
{
    if (quoted && memchr(value.p, '"', value.n) != NULL)
        add_with_quotes(e, key, value);
    else
        add(e, key, value, quoted);
}

void event_add_number(struct event *e, struct slice key, unsigned long long value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    add(e, key, (struct slice){digits + at, sizeof digits - at}, false);
}

/* ---- begin and end ---- */

struct event event_begin(char *mem, size_t cap, enum log_format format, const char *name)
{
    struct buf b = buf_over(mem, cap - 1);

    buf_add(&b, format == LOG_JSON ? SLICE("{\"event\":\"") : SLICE("event="));
    buf_add(&b, slice_of(name));
    if (format == LOG_JSON)
        buf_add_char(&b, '"');
    return (struct event){.mem = mem, .most = b.full ? b.n : cap - END_ROOM, .n = b.n, .format = format};
}

struct event event_begin_again(char *mem, size_t cap, enum log_format format, struct slice begun)
{
    memcpy(mem, begun.p, begun.n);
    return (struct event){.mem = mem, .most = cap - END_ROOM, .n = begun.n, .format = format};
}

struct slice event_end(struct event *e)
{
    if (e->format == LOG_JSON)
        e->mem[e->n++] = '}';
    e->mem[e->n] = '\0';
    return (struct slice){e->mem, e->n};
}
