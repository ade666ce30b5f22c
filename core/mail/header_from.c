#include "core/mail/header_from.h"

#include "core/mail/header_loose.h"
#include "core/mail/local_part.h"

const char from_route[] = "a route";
const char from_too_many[] = "more than 100 addresses";
const char from_no_address[] = "name without an address";
const char from_two_angles[] = "two angle addresses in one mailbox";

/* What is wrong with the line breaks and bytes of a field, or NULL. */
static const char *wrong_bytes(struct slice value)
{
    bool line_is_blank = false; /* of a folded line: only blanks so far */

    if (value.n > FROM_MAX_BYTES)
        return "field longer than 8192 bytes";
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i], next = i + 1 < value.n ? value.p[i + 1] : '\0';

        if (c == '\0')
            return "NUL in the field";
        if (((unsigned char)c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
            return "control character in the field";
        if (c == '\r' && next != '\n')
            return "bare CR in the field";
        if (c == '\r' || c == '\n') {
            if (line_is_blank)
                return "blank line in the field";
            if (c == '\n' && next != ' ' && next != '\t')
                return "line break that does not fold the field";
            line_is_blank = c == '\n';
        } else if (c != ' ' && c != '\t') {
            line_is_blank = false;
        }
    }
    return line_is_blank ? "blank line in the field" : NULL;
}

static const char bad_comment[] = "comment without end, or nested too deep";
static const char bad_quote[] = "quote without end";
static const char bad_bracket[] = "square bracket in a name that needs quotes";
static const char bad_character[] = "character in a name that needs quotes";
static const char bad_tail[] = "text after an address";

static const char blank_or_dot[] = {'.', ' ', '\t', '\r', '\n'};

/* "[words]" as scripts put it before a name. s is at the opening bracket. */
static bool skip_bracketed(struct scan *s)
{
    s->p++;
    while (s->p < s->end && (is_atext(*s->p) || memchr(blank_or_dot, *s->p, sizeof blank_or_dot) != NULL))
        s->p++;
    return scan_take(s, ']');
}

/* Skips a word, with the dots that names have although RFC 5322 doesn't allow them. False when there is no word. */
static bool skip_word(struct scan *s)
{
    const char *first = s->p;

    while (s->p < s->end && (is_atext(*s->p) || *s->p == '.'))
        s->p++;
    return s->p > first;
}

/*
 * Skips the words of a display name, and stops before anything else: the end, "<", "@", ":", a comma ... Returns what
 * is wrong, or NULL.
 */
static const char *skip_name(struct scan *s)
{
    for (;;) {
        if (!scan_cfws(s))
            return bad_comment;
        if (scan_sees(s, '"')) {
            if (!scan_quoted(s, NULL))
                return bad_quote;
        } else if (scan_sees(s, '[')) {
            if (!skip_bracketed(s))
                return bad_bracket;
        } else if (!skip_word(s)) {
            return NULL;
        }
    }
}

/* RFC 2047 5 forbids encoded words in an addr-spec, but some readers decode them, and then show another address. */
static bool holds_encoded_word(const struct address *a)
{
    const char *begin = memmem(a->text, a->local_n, "=?", 2);

    return begin != NULL && memmem(begin, (size_t)(a->text + a->local_n - begin), "?=", 2) != NULL;
}

const char *header_judge(enum address_result result, const struct address *a)
{
    switch (result) {
    case ADDRESS_OK:
        return holds_encoded_word(a) ? "encoded word inside of an address" : NULL;
    case ADDRESS_NULL:
        return "empty address";
    case ADDRESS_NO_DOMAIN:
        return "address without a domain";
    case ADDRESS_BAD:
        break;
    }
    return "not an address that could name a mailbox";
}

/* Some readers know comments only outside of angle brackets, and show these as part of the address. */
static bool shows_another(struct slice inside)
{
    struct slice behind;

    return slice_cut(inside, '@', NULL, &behind) && memchr(behind.p, '@', behind.n) != NULL &&
           memchr(inside.p, '(', inside.n) != NULL;
}

/* s is after the "<". */
static const char *take_angle_address(struct scan *s, struct address *out)
{
    const char *first = s->p;
    enum address_result result;

    if (!scan_cfws(s))
        return bad_comment;
    if (scan_sees(s, '>'))
        return header_judge(ADDRESS_NULL, out);
    if (scan_sees(s, '@'))
        return from_route;
    result = scan_addr_spec(s, SCAN_NO_ESCAPES, out);
    if (result != ADDRESS_BAD && !scan_take(s, '>'))
        return "no closing > after an address";
    if (result == ADDRESS_OK && shows_another((struct slice){first, (size_t)(s->p - first)}))
        return "@ in a comment within angle brackets";
    if (result == ADDRESS_OK && !scan_cfws(s))
        return bad_comment;
    return result == ADDRESS_OK && scan_sees(s, '<') ? from_two_angles : header_judge(result, out);
}

/* s is at the first word. */
static const char *take_bare_address(struct scan *s, struct address *out)
{
    enum address_result result = scan_addr_spec(s, SCAN_NO_ESCAPES, out);

    if (result == ADDRESS_NO_DOMAIN)
        return "name before an address without angle brackets";
    return scan_sees(s, '<') ? "@ outside of quotes before an angle address" : header_judge(result, out);
}

/* Reads a member of the list that is no group. Its name, if any, is between first and s. */
static const char *take_mailbox(struct header_from *walk, struct scan *s, const char *first, struct address *out)
{
    const char *wrong;

    if (scan_at_end(s) || scan_sees(s, ',') || scan_sees(s, ';'))
        return from_no_address;
    if (++walk->count > FROM_MAX_ADDRESSES)
        return from_too_many;
    if (scan_take(s, '<')) {
        wrong = take_angle_address(s, out);
    } else if (scan_sees(s, '@')) {
        s->p = first;
        wrong = take_bare_address(s, out);
    } else {
        return bad_character;
    }
    if (wrong != NULL)
        return wrong;
    return scan_at_end(s) || scan_sees(s, ',') || (walk->in_group && scan_sees(s, ';')) ? NULL : bad_tail;
}

/*
 * Skips blanks and comments before a member of the list. If there is nothing else, some readers take a comment for the
 * address. Returns what is wrong, or NULL.
 */
static const char *skip_to_place(struct scan *s)
{
    const char *first = s->p;

    if (!scan_cfws(s))
        return bad_comment;
    if (s->p == first || memchr(first, '@', (size_t)(s->p - first)) == NULL)
        return NULL;
    return scan_at_end(s) || scan_sees(s, ',') || scan_sees(s, ';') ? from_no_address : NULL;
}

/* s is after the ";". */
static const char *close_group(struct header_from *walk, struct scan *s)
{
    const char *wrong;

    if (!walk->in_group)
        return "; outside of a group";
    walk->in_group = false;
    if ((wrong = skip_to_place(s)) != NULL)
        return wrong;
    return scan_at_end(s) || scan_sees(s, ',') ? NULL : "text after a group";
}

/* s is at the ":" after the name that began at first. */
static const char *open_group(struct header_from *walk, struct scan *s, const char *first)
{
    if (walk->in_group)
        return "group inside of a group";
    if (s->p == first)
        return "group without a name";
    if (memchr(first, '@', (size_t)(s->p - first)) != NULL)
        return "@ in the name of a group"; /* in quotes or a comment, but some readers look there */
    walk->in_group = true;
    s->p++;
    return NULL;
}

/* The next address to *out, which stays empty at the end. Returns what is wrong, or NULL. */
static const char *strict_next(struct header_from *walk, struct scan *s, struct address *out)
{
    const char *wrong = NULL;

    while (wrong == NULL) {
        const char *first;

        if ((wrong = skip_to_place(s)) != NULL)
            return wrong;
        if (scan_at_end(s))
            return walk->in_group ? "group without its closing ;" : NULL;
        if (scan_take(s, ','))
            continue;
        if (scan_take(s, ';')) {
            wrong = close_group(walk, s);
            continue;
        }
        first = s->p;
        wrong = skip_name(s);
        if (wrong == NULL && !scan_sees(s, ':'))
            return take_mailbox(walk, s, first, out);
        if (wrong == NULL)
            wrong = open_group(walk, s, first);
    }
    return wrong;
}

/* ---- both readings ---- */

static enum header_reading reading_of(struct slice value)
{
    struct header_from walk = {.reading = READING_STRICT};
    struct scan s = scan_over(value);
    struct address address;
    const char *wrong = NULL;

    if (!header_lexes_one_way(value))
        return READING_RAW;
    do {
        address.n = 0;
        wrong = strict_next(&walk, &s, &address);
    } while (wrong == NULL && address.n > 0);
    return wrong == NULL || wrong == from_too_many ? READING_STRICT : READING_LOOSE;
}

void header_from_start(struct header_from *walk, struct slice value)
{
    *walk = (struct header_from){.rest = value, .why = wrong_bytes(value)};
    if (walk->why == NULL)
        walk->reading = reading_of(value);
}

enum from_result header_from_next(struct header_from *walk, struct address *out, const char **why)
{
    struct scan s = scan_over(walk->rest);

    (void)address_none(ADDRESS_NULL, out);
    if (walk->why == NULL)
        walk->why = walk->reading == READING_STRICT ? strict_next(walk, &s, out) : header_loose_next(walk, &s, out);
    if (walk->why != NULL) {
        (void)address_none(ADDRESS_BAD, out);
        *why = walk->why;
        return FROM_BAD;
    }
    walk->rest = (struct slice){s.p, (size_t)(s.end - s.p)};
    return out->n > 0 ? FROM_ADDRESS : FROM_END;
}
