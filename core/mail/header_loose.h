/*
 * A header field that is not a list of mailboxes by RFC 5322: finds every address that any mail program could find.
 * Only for core/mail/header_from.c, whose header has the rules.
 */
#ifndef POSTERN_HEADER_LOOSE_H
#define POSTERN_HEADER_LOOSE_H

#include "core/mail/address_scan.h"
#include "core/mail/header_from.h"

/* What is wrong: texts that both readings share. */
extern const char from_route[], from_too_many[], from_no_address[], from_two_angles[];

/*
 * Do all readers agree on what of the field is quoted and what a comment? Not where a quote, a comment or a square
 * bracket doesn't end, or a bracket holds one of the others; not where a backslash outside of them stands in front of a
 * special character; and not where a reader that takes the bytes for another charset sees other ones, such as a
 * backslash that is the second half of a letter.
 */
bool header_lexes_one_way(struct slice value);

/*
 * The next address to *out; out->n stays 0 at the end. Returns what is wrong, or NULL. walk->reading is not
 * READING_STRICT; s moves past what was read.
 */
const char *header_loose_next(struct header_from *walk, struct scan *s, struct address *out);

/* What is wrong with an address that a reader may see in a field, or NULL. */
const char *header_judge(enum address_result result, const struct address *a);

#endif
