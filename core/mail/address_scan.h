/*
 * The words of RFC 5322 that a path and a header field share: blanks and comments, quoted strings, addr-spec. For the
 * parsers inside core; everybody else uses core/mail/address.h and core/mail/header_from.h.
 *
 * A scanner moves over bytes that somebody else owns. Every function leaves it behind what it took; after a failure its
 * place is unspecified. Nothing allocates, and nothing recurses: comments nest at most SCAN_COMMENT_DEPTH deep.
 */
#ifndef POSTERN_ADDRESS_SCAN_H
#define POSTERN_ADDRESS_SCAN_H

#include "core/base/buf.h"
#include "core/mail/address.h"

#define SCAN_COMMENT_DEPTH 32

struct scan {
    const char *p;
    const char *end;
};

static inline struct scan scan_over(struct slice s)
{
    const char *p = s.n > 0 ? s.p : ""; /* a NULL pointer can't be stepped over */

    return (struct scan){p, p + s.n};
}

static inline bool scan_at_end(const struct scan *s)
{
    return s->p == s->end;
}

static inline bool scan_sees(const struct scan *s, char c)
{
    return s->p < s->end && *s->p == c;
}

/* Steps over c if that is what comes next. */
bool scan_take(struct scan *s, char c);

/* Skips blanks, line breaks and comments. False for a comment without end, or nested too deep. */
bool scan_cfws(struct scan *s);

/*
 * Takes a quoted string and appends what it says to *text (may be NULL), which notes when it doesn't fit. False when
 * the closing quote is missing. s is at the opening quote.
 */
bool scan_quoted(struct scan *s, struct buf *text);

enum scan_escapes {
    SCAN_NO_ESCAPES,
    /* A backslash outside of quotes makes the next character an ordinary one (RFC 821 4.1.2; Postfix's tok822_scan). */
    SCAN_ESCAPES
};

/*
 * Takes an addr-spec with blanks and comments before, between and after its parts (RFC 5322 3.4.1, 4.4), or a local
 * part alone (ADDRESS_NO_DOMAIN). *out as from address_parse_path.
 */
enum address_result scan_addr_spec(struct scan *s, enum scan_escapes escapes, struct address *out);

/* No address, for the reason why. */
static inline enum address_result address_none(enum address_result why, struct address *out)
{
    out->n = out->local_n = 0;
    out->text[0] = '\0';
    return why;
}

/* Whose local part: core/mail/local_part.h. */
enum address_use { ADDRESS_OF_NAME, ADDRESS_OF_MAIL };

/* Puts unquoted parts into canonical form. domain.p is NULL for a local part alone (ADDRESS_NO_DOMAIN). */
enum address_result address_join(enum address_use use, struct slice local, struct slice domain, struct address *out);

#endif
