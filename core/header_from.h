/*
 * The addresses in a From, Sender or Resent-* header field (RFC 5322 3.4, 3.6.2; RFC 6854 for groups), found the way
 * that the strictest reader would: what cannot be read without doubt is FROM_BAD, and the decision refuses it.
 *
 * Written rules (tests/unit/test_header_from.c is the table):
 *  - only the addr-spec counts; display names, comments and encoded words are skipped;
 *  - an address is canonical as address_parse_path has it, source routes dropped; one that is ADDRESS_BAD, empty or
 *    without a domain is FROM_BAD, and so is a name with no address ("Doe, John <j@d>": a comma ends a mailbox);
 *  - an encoded word inside an addr-spec, unquoted text that holds an "@" in front of an angle address, two angle
 *    addresses in one mailbox, unbalanced quotes, comments or brackets, a backslash or a control character outside of
 *    quotes: FROM_BAD. "[words]" in a display name is let pass, since scripts do write it and nobody reads it two ways;
 *  - groups are walked ("Team: a@d, b@d;"); an empty group gives nothing, and so do empty places between commas; a
 *    group inside of a group, or without its ";", is FROM_BAD;
 *  - folded lines (LF or CRLF followed by a blank) are blanks; a bare CR, a bare LF that does not fold, a folded line
 *    with nothing on it (a reader may take it for the end of the header) or NUL is FROM_BAD;
 *  - more than FROM_MAX_ADDRESSES addresses or more than FROM_MAX_BYTES bytes: FROM_BAD.
 */
#ifndef POSTERN_HEADER_FROM_H
#define POSTERN_HEADER_FROM_H

#include "core/address.h"

#define FROM_MAX_ADDRESSES 100
#define FROM_MAX_BYTES 8192

enum from_result {
    FROM_ADDRESS, /* *out is the next address */
    FROM_END,     /* no more */
    FROM_BAD      /* cannot be read without doubt; *why says what is wrong, in a few words */
};

struct header_from {
    struct slice rest;
    unsigned count;
    bool in_group;
    const char *why; /* once FROM_BAD was found: what is wrong; else NULL */
};

/* value is the field's body without its name; it must outlive the walk. */
void header_from_start(struct header_from *walk, struct slice value);

/*
 * The next address; out->n is 0 when there is none. why is never NULL; *why is set, to a constant text, for FROM_BAD
 * only. After FROM_BAD or FROM_END it stays so. Addresses in front of what is bad are given before FROM_BAD is: a
 * caller that allows a message has walked to FROM_END.
 */
enum from_result header_from_next(struct header_from *walk, struct address *out, const char **why);

#endif
