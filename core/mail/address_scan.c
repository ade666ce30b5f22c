#include "core/mail/address_scan.h"

#include "core/mail/local_part.h"

/* UTF-8, before libidn2 makes A-labels; see domain.c */
#define DOMAIN_TEXT_MAX 1024

bool scan_take(struct scan *s, char c)
{
    if (!scan_sees(s, c))
        return false;
    s->p++;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* s is at the opening parenthesis. */
static bool skip_comment(struct scan *s)
{
    unsigned depth = 0;

    while (s->p < s->end) {
        char c = *s->p++;

        if (c == '(' && ++depth > SCAN_COMMENT_DEPTH)
            return false;
        if (c == ')' && --depth == 0)
            return true;
        if (c == '\\') {
            if (scan_at_end(s))
                return false;
            s->p++;
        }
    }
    return false;
}

bool scan_cfws(struct scan *s)
{
    while (s->p < s->end) {
        if (is_blank(*s->p))
            s->p++;
        else if (*s->p != '(')
            return true;
        else if (!skip_comment(s))
            return false;
    }
    return true;
}

bool scan_quoted(struct scan *s, struct buf *text)
{
    s->p++;
    while (s->p < s->end) {
        char c = *s->p++;

        if (c == '"')
            return true;
        if (c == '\\') {
            if (scan_at_end(s))
                return false;
            c = *s->p++;
        }
        if (text != NULL)
            buf_add_char(text, c);
    }
    return false;
}

/* At least one character of an atom. */
static bool scan_atom(struct scan *s, enum scan_escapes escapes, struct buf *text)
{
    const char *first = s->p, *run = s->p;

    for (;;) {
        while (s->p < s->end && is_atext(*s->p))
            s->p++;
        buf_add(text, (struct slice){run, (size_t)(s->p - run)});
        if (escapes == SCAN_NO_ESCAPES || !scan_sees(s, '\\') || s->end - s->p < 2)
            return s->p > first;
        run = s->p + 1;
        s->p += 2;
    }
}

/*
 * Words, each an atom or a quoted string, with dots between them (RFC 5322 4.4 obs-local-part) or anywhere else. The
 * result is checked afterwards.
 */
static bool scan_local_part(struct scan *s, enum scan_escapes escapes, struct buf *text)
{
    bool dot = true, any = false;

    for (;; any = true) {
        if (!scan_cfws(s))
            return false;
        if (scan_take(s, '.')) {
            buf_add_char(text, '.');
            dot = true;
        } else if (dot && scan_sees(s, '"')) {
            if (!scan_quoted(s, text))
                return false;
            dot = false;
        } else if (dot && scan_atom(s, escapes, text)) {
            dot = false;
        } else {
            return any && !text->full;
        }
    }
}

/* Atoms with dots between them, perhaps with a trailing dot. A domain literal is no atom. */
static bool scan_domain(struct scan *s, struct buf *text)
{
    bool any = false;

    for (;;) {
        if (!scan_cfws(s))
            return false;
        if (!scan_atom(s, SCAN_NO_ESCAPES, text))
            return any && !text->full;
        any = true;
        if (!scan_cfws(s))
            return false;
        if (!scan_take(s, '.'))
            return !text->full;
        buf_add_char(text, '.');
    }
}

static bool scan_route_domain(struct scan *s)
{
    char text_mem[DOMAIN_TEXT_MAX + 1], domain[ADDRESS_MAX];
    struct buf text = BUF_OVER(text_mem);
    size_t n;

    return scan_domain(s, &text) && domain_canonical(buf_slice(&text), domain, sizeof domain, &n);
}

/*
 * Skips a source route "@a,@b:" (RFC 5321 4.1.2 A-d-l) if there is one. False if it begins with "@" but is malformed.
 */
static bool scan_route(struct scan *s)
{
    if (!scan_sees(s, '@'))
        return true;
    do {
        if (!scan_cfws(s) || !scan_take(s, '@') || !scan_route_domain(s))
            return false;
    } while (scan_take(s, ','));
    return scan_take(s, ':');
}

enum address_result scan_addr_spec(struct scan *s, enum scan_escapes escapes, struct address *out)
{
    char local_mem[LOCAL_PART_MAX + 1], domain_mem[DOMAIN_TEXT_MAX + 1];
    struct buf local = BUF_OVER(local_mem), domain = BUF_OVER(domain_mem);
    bool has_domain = false;

    if (!scan_local_part(s, escapes, &local))
        return address_none(ADDRESS_BAD, out);
    if (scan_take(s, '@')) {
        has_domain = true;
        if (!scan_domain(s, &domain))
            return address_none(ADDRESS_BAD, out);
    }
    return address_join(ADDRESS_OF_MAIL, buf_slice(&local), has_domain ? buf_slice(&domain) : (struct slice){NULL, 0},
                        out);
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

/* Reads what is inside angle brackets, and the closing one. */
static enum address_result scan_angle(struct scan *s, struct address *out)
{
    enum address_result result;

    if (!scan_cfws(s))
        return ADDRESS_BAD;
    if (scan_take(s, '>'))
        return ADDRESS_NULL;
    if (!scan_route(s))
        return ADDRESS_BAD;
    result = scan_addr_spec(s, SCAN_ESCAPES, out);
    return result != ADDRESS_BAD && scan_take(s, '>') ? result : ADDRESS_BAD;
}

enum address_result address_parse_path(struct slice raw, struct address *out)
{
    struct scan s = scan_over(raw);
    enum address_result result = ADDRESS_BAD;

    if (!has_control(raw) && scan_cfws(&s)) {
        if (scan_at_end(&s))
            result = ADDRESS_NULL;
        else if (scan_take(&s, '<'))
            result = scan_angle(&s, out);
        else if (scan_route(&s))
            result = scan_addr_spec(&s, SCAN_ESCAPES, out);
        if (!scan_cfws(&s) || !scan_at_end(&s))
            result = ADDRESS_BAD;
    }
    return result == ADDRESS_OK ? ADDRESS_OK : address_none(result, out);
}
