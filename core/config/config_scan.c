#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <limits.h>

/*
 * libconfig 1.5 reads integers with atoi(): 4294967297 silently becomes 1, 0x1ffffffff becomes -1. It ends a text at a
 * NUL, and continues a text without a closing quote to the next quote, many lines later.
 */
#define NESTING_MAX 16 /* the deepest setting, policyd.listen[].tls.required, needs 5 */

struct config_scan {
    struct slice text;
    size_t at;
    unsigned line;
    unsigned depth;
    const char *path;
    struct error *e;
};

static int scan_error(const struct config_scan *s, const char *what)
{
    return error_set(s->e, "%s:%u: %s", quote(slice_of(s->path)).text, s->line, what);
}

static char peek(const struct config_scan *s, size_t ahead)
{
    return s->at + ahead < s->text.n ? s->text.p[s->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '*';
}

static bool is_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

static int skip_text(struct config_scan *s)
{
    for (s->at++; peek(s, 0) != '"'; s->at++) {
        if (s->at >= s->text.n || peek(s, 0) == '\n' || peek(s, 0) == '\r')
            return scan_error(s, "a text has no closing quote (\") on its line");
        if (peek(s, 0) == '\\' && peek(s, 1) != '\n')
            s->at++;
    }
    s->at++;
    return 0;
}

/* Skips to the end of the line, which is left for the caller. */
static void skip_line(struct config_scan *s)
{
    while (s->at < s->text.n && peek(s, 0) != '\n')
        s->at++;
}

static int skip_comment(struct config_scan *s)
{
    unsigned begin = s->line;

    for (s->at += 2; peek(s, 0) != '*' || peek(s, 1) != '/'; s->at++) {
        if (s->at >= s->text.n) {
            s->line = begin;
            return scan_error(s, "a comment that begins here (/*) has no end (*/)");
        }
        if (peek(s, 0) == '\n')
            s->line++;
    }
    s->at += 2;
    return 0;
}

static int check_number(struct config_scan *s)
{
    size_t from = s->at;
    unsigned long long value;
    struct slice digits;

    if (peek(s, 0) == '0' && ascii_lower(peek(s, 1)) == 'x')
        return scan_error(s, "a number with 0x; write it in decimal digits");
    while (is_digit(peek(s, 0)))
        s->at++;
    digits = (struct slice){s->text.p + from, s->at - from};
    if (!slice_to_u64(digits, peek(s, 0) == 'L' ? LLONG_MAX : INT_MAX, &value))
        return error_set(s->e, "%s:%u: the number %s is too large; numbers go up to %d", quote(slice_of(s->path)).text,
                         s->line, quote(digits).text, INT_MAX);
    while (is_name(peek(s, 0)) || peek(s, 0) == '.')
        s->at++;
    return 0;
}

static int check_nesting(struct config_scan *s)
{
    char c = peek(s, 0);

    if (c == '(' || c == '[' || c == '{')
        s->depth++;
    else if (s->depth > 0)
        s->depth--;
    s->at++;
    return s->depth > NESTING_MAX ? scan_error(s, "too many brackets within each other") : 0;
}

static int step(struct config_scan *s)
{
    char c = peek(s, 0);

    if (c == '"')
        return skip_text(s);
    if (c == '#' || (c == '/' && peek(s, 1) == '/')) {
        skip_line(s);
        return 0;
    }
    if (c == '/' && peek(s, 1) == '*')
        return skip_comment(s);
    if (is_digit(c))
        return check_number(s);
    if (c != '\0' && strchr("()[]{}", c) != NULL)
        return check_nesting(s);
    if (is_letter(c)) {
        while (is_name(peek(s, 0)))
            s->at++;
        return 0;
    }
    s->line += c == '\n' ? 1 : 0;
    s->at++;
    return 0;
}

int config_scan(struct slice text, const char *path, struct error *e)
{
    struct config_scan s = {.text = text, .line = 1, .path = path, .e = e};

    if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
        return error_set(e, "%s: contains a NUL byte; this is not a configuration", quote(slice_of(path)).text);
    while (s.at < text.n)
        if (step(&s) != 0)
            return -1;
    return 0;
}
