#include "mirror/read/json_value.h"

#include <stdint.h>

struct json_cursor json_cursor_over(struct slice text)
{
    return (struct json_cursor){text.p, text.p, text.p + text.n, NULL};
}

static void fail(struct json_cursor *c, const char *why)
{
    if (c->bad == NULL)
        c->bad = why;
}

static void skip_space(struct json_cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool take_char(struct json_cursor *c, char wanted)
{
    if (c->bad != NULL || c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* ---- strings ---- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
/* The highest bit of each byte that is zero; bits above the first such byte may be wrong. */
static uint64_t zero_bytes(uint64_t v)
{
    return (v - EACH(0x01)) & ~v & EACH(0x80);
}

size_t json_plain_run(const char *p, const char *end)
{
    const char *from = p;

    while (end - p >= 8) {
        uint64_t v, stop;

        memcpy(&v, p, sizeof v);
        /* Below 0x20, ", \: the first that is found is right, which is all that is used (little-endian). */
        stop = ((v - EACH(0x20)) & ~v & EACH(0x80)) | zero_bytes(v ^ EACH(0x22)) | zero_bytes(v ^ EACH(0x5c));
        if (stop != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return (size_t)(p - from) + (size_t)__builtin_ctzll(stop) / 8;
#else
            break;
#endif
        }
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
        p++;
    return (size_t)(p - from);
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch = ascii_lower(ch);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1 when there are none. */
static int32_t hex4(struct json_cursor *c)
{
    int32_t v = 0;

    if (c->end - c->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(c->at[i]);

        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    c->at += 4;
    return v;
}

/* Behind "\u". The character, or -1. */
static int32_t unicode_escape(struct json_cursor *c)
{
    int32_t high = hex4(c), low;

    if (high < 0xd800 || high > 0xdfff)
        return high > 0 ? high : -1; /* no NUL: texts end there */
    if (high > 0xdbff || !take_char(c, '\\') || !take_char(c, 'u'))
        return -1;
    low = hex4(c);
    return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) : -1;
}

static char *put_utf8(char *out, int32_t ch)
{
    if (ch < 0x80) {
        *out++ = (char)ch;
        return out;
    }
    if (ch < 0x800) {
        *out++ = (char)(0xc0 | ch >> 6);
    } else {
        if (ch < 0x10000) {
            *out++ = (char)(0xe0 | ch >> 12);
        } else {
            *out++ = (char)(0xf0 | ch >> 18);
            *out++ = (char)(0x80 | (ch >> 12 & 0x3f));
        }
        *out++ = (char)(0x80 | (ch >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (ch & 0x3f));
    return out;
}

/* Behind a backslash. False when it is no escape. */
static bool escape(struct json_cursor *c, char **out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *found = c->at < c->end && *c->at != '\0' ? strchr(names, *c->at) : NULL;
    int32_t ch;

    if (found != NULL) {
        c->at++;
        *(*out)++ = values[found - names];
        return true;
    }
    if (!take_char(c, 'u') || (ch = unicode_escape(c)) < 0)
        return false;
    *out = put_utf8(*out, ch);
    return true;
}

struct slice json_take_string(struct json_cursor *c, char **room)
{
    const char *from;
    char *out = *room;
    size_t n;

    if (!take_char(c, '"')) {
        fail(c, "expected a text in quotes");
        return (struct slice){NULL, 0};
    }
    from = c->at;
    n = json_plain_run(from, c->end);
    if (c->end - from > (ptrdiff_t)n && from[n] == '"') {
        c->at = from + n + 1;
        return (struct slice){from, n};
    }
    while (c->at < c->end && *c->at != '"') {
        n = json_plain_run(c->at, c->end);
        memcpy(out, c->at, n);
        out += n;
        c->at += n;
        if (c->at < c->end && *c->at == '\\') {
            c->at++;
            if (!escape(c, &out))
                fail(c, "an escape that JSON does not know");
        } else if (c->at < c->end && *c->at != '"') {
            fail(c, "a control character in a text");
        }
        if (c->bad != NULL)
            return (struct slice){NULL, 0};
    }
    if (!take_char(c, '"'))
        fail(c, "a text without its end");
    from = *room;
    *room = out;
    return (struct slice){from, (size_t)(out - from)};
}

static void skip_string(struct json_cursor *c)
{
    char scratch[8], *out;

    c->at++;
    for (;;) {
        c->at += json_plain_run(c->at, c->end);
        if (take_char(c, '"'))
            return;
        out = scratch;
        if (!take_char(c, '\\') || !escape(c, &out)) {
            fail(c, c->at == c->end ? "a text without its end" : "a character or an escape that no text may have");
            return;
        }
    }
}

/* ---- bare values ---- */

static bool digits(struct json_cursor *c)
{
    const char *from = c->at;

    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > from;
}

/* RFC 8259 6. True for an integer. */
static bool number(struct json_cursor *c)
{
    bool integer = true;

    (void)take_char(c, '-');
    if (!take_char(c, '0') && !digits(c)) {
        fail(c, "expected a value");
        return false;
    }
    if (take_char(c, '.')) {
        integer = false;
        if (!digits(c))
            fail(c, "a number without digits behind its point");
    }
    if (take_char(c, 'e') || take_char(c, 'E')) {
        integer = false;
        if (!take_char(c, '+'))
            (void)take_char(c, '-');
        if (!digits(c))
            fail(c, "a number without digits in its exponent");
    }
    return integer;
}

static void word(struct json_cursor *c, const char *wanted, size_t n)
{
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, wanted, n) != 0)
        fail(c, "expected a value");
    else
        c->at += n;
}

enum json_kind json_peek(struct json_cursor *c)
{
    struct json_cursor ahead;

    skip_space(c);
    if (c->at == c->end) {
        fail(c, "expected a value");
        return VALUE_NULL;
    }
    switch (*c->at) {
    case '"':
        return VALUE_STRING;
    case '{':
        return VALUE_OBJECT;
    case '[':
        return VALUE_ARRAY;
    case 't':
        return VALUE_TRUE;
    case 'f':
        return VALUE_FALSE;
    case 'n':
        return VALUE_NULL;
    default:
        ahead = *c;
        return number(&ahead) ? VALUE_INTEGER : VALUE_REAL;
    }
}

struct slice json_take_bare(struct json_cursor *c)
{
    const char *from;

    skip_space(c);
    from = c->at;
    if (c->at == c->end)
        fail(c, "expected a value");
    else if (*c->at == 't')
        word(c, "true", 4);
    else if (*c->at == 'f')
        word(c, "false", 5);
    else if (*c->at == 'n')
        word(c, "null", 4);
    else
        (void)number(c);
    return (struct slice){from, (size_t)(c->at - from)};
}

/* ---- arrays and objects ---- */

void json_enter(struct json_cursor *c)
{
    skip_space(c);
    c->at++;
}

static bool next(struct json_cursor *c, bool *first, char close)
{
    bool was_first = *first;

    *first = false;
    skip_space(c);
    if (take_char(c, close))
        return false;
    if (!was_first && !take_char(c, ','))
        fail(c, "expected a comma, or the end of what was begun");
    if (c->bad == NULL)
        skip_space(c);
    return c->bad == NULL;
}

bool json_next_element(struct json_cursor *c, bool *first)
{
    return next(c, first, ']');
}

bool json_next_member(struct json_cursor *c, bool *first, struct slice *name, char **room)
{
    if (!next(c, first, '}'))
        return false;
    *name = json_take_string(c, room);
    skip_space(c);
    if (!take_char(c, ':'))
        fail(c, "expected \":\"");
    skip_space(c);
    return c->bad == NULL;
}

/* Where json_skip is. */
struct nest {
    uint64_t objects; /* bit d: level d+1 is an object */
    unsigned depth;
    bool first;
};

static void open_level(struct json_cursor *c, struct nest *n)
{
    if (n->depth == VALUE_DEPTH_MAX) {
        fail(c, "nested too deeply");
        return;
    }
    n->objects &= ~(UINT64_C(1) << n->depth);
    n->objects |= (uint64_t)(*c->at == '{') << n->depth;
    n->depth++;
    n->first = true;
    c->at++;
}

static void skip_name(struct json_cursor *c)
{
    if (c->at == c->end || *c->at != '"') {
        fail(c, "expected a member's name");
        return;
    }
    skip_string(c);
    skip_space(c);
    if (!take_char(c, ':'))
        fail(c, "expected \":\"");
}

/* Iterative: the depth is the sender's to choose, the stack is ours. */
void json_skip(struct json_cursor *c)
{
    struct nest n = {0, 0, true};

    do {
        bool in_object = n.depth > 0 && (n.objects >> (n.depth - 1) & 1) != 0;

        if (n.depth > 0 && !next(c, &n.first, in_object ? '}' : ']')) {
            n.depth--;
            n.first = false;
            continue;
        }
        if (in_object)
            skip_name(c);
        skip_space(c);
        if (c->bad != NULL)
            return;
        if (c->at < c->end && (*c->at == '{' || *c->at == '['))
            open_level(c, &n);
        else if (c->at < c->end && *c->at == '"')
            skip_string(c);
        else
            (void)json_take_bare(c);
    } while (n.depth > 0 && c->bad == NULL);
}

void json_end(struct json_cursor *c)
{
    skip_space(c);
    if (c->bad == NULL && c->at != c->end)
        fail(c, "more text behind the end of the JSON value");
}
