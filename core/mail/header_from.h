/*
 * The addresses in a From, Sender or Resent-* header field (RFC 5322 3.4, 3.6.2; RFC 6854 for groups): all that any
 * mail program could take for one. Anything ambiguous is FROM_BAD, and the decision refuses it.
 *
 * The rules (tests/unit/test_header_from.c is the table):
 *  - only the addr-spec counts; quoted strings, comments and encoded words in names are text for display, and skipped;
 *  - a field that is a list of mailboxes and groups as RFC 5322 has it gives the addresses of that list, and no others;
 *    empty groups and empty places between commas give nothing;
 *  - in any other field ("Berg, Anna <...>", "anna@d.example <...>", "Backup: nightly <...>") each "@" outside of the
 *    text for display is looked at. With a dotted domain it is an address, which must stand apart from other words:
 *    next to it may be commas, semicolons, colons, angle brackets and the field's ends. Without one ("Anna @ Contoso"),
 *    however its words are joined, it is nobody's, and so is a name without an "@". A field without any address is
 *    FROM_BAD, and so are angle brackets around anything else than a plain address;
 *  - where readers may disagree on what is quoted (quotes and comments without end, a backslash in front of a special
 *    character, bytes that are no UTF-8, or that are a backslash or none as the charset goes), nothing is text for
 *    display, and the rule above holds for the whole field: "J\xfcrgen <anna@d.example>" has one reading,
 *    "\"\x81\" <boss@d.example>, \" <anna@d.example>" has not; behind a plain address may be one comment that ends
 *    the field and has no special character in it, "anna@d.example (J\xfcrgen)";
 *  - where a place of the list has no address, a comment or a quoted string with an "@" is FROM_BAD: for want of one,
 *    some readers take these ("(boss@d.example), anna@d.example"). So is such a string in front of angle brackets in a
 *    group that doesn't end, and such a comment within angle brackets;
 *  - a route ("<@a,@b:user@d>", RFC 5322 4.4) is FROM_BAD: some readers see addresses in it;
 *  - an address is canonical as address_parse_path has it; one that is ADDRESS_BAD, empty or without a domain is
 *    FROM_BAD, and so is one with an encoded word inside;
 *  - folded lines (LF or CRLF followed by a blank) are blanks; a bare CR, a bare LF that does not fold, a folded line
 *    with nothing on it (a reader may take it for the end of the header), NUL or another control character is FROM_BAD;
 *  - more than FROM_MAX_ADDRESSES addresses or more than FROM_MAX_BYTES bytes: FROM_BAD.
 */
#ifndef POSTERN_HEADER_FROM_H
#define POSTERN_HEADER_FROM_H

#include "core/mail/address.h"

#define FROM_MAX_ADDRESSES 100
#define FROM_MAX_BYTES 8192

enum from_result {
    FROM_ADDRESS, /* *out is the next address */
    FROM_END,     /* no more */
    FROM_BAD      /* ambiguous or invalid; *why says what is wrong, in a few words */
};

enum header_reading {
    READING_STRICT, /* as RFC 5322 has it */
    READING_LOOSE,  /* all that could be an address outside of the text for display */
    READING_RAW     /* the same, and nothing counts as text for display */
};

struct header_from {
    struct slice rest;
    enum header_reading reading;
    unsigned count;
    bool in_group;   /* after a colon, and no semicolon since */
    bool angle;      /* otherwise: angle brackets were seen since the last comma or semicolon */
    unsigned open;   /* otherwise: how many of them are not closed yet */
    bool nobody;     /* FROM_BAD only because it has no address: "root", "www-data@web1" */
    const char *why; /* once FROM_BAD was found: what is wrong; else NULL */
};

/* value is the field's body without its name; it must outlive the walk. Reads all of it once. */
void header_from_start(struct header_from *walk, struct slice value);

/*
 * The next address; out->n is 0 when there is none. why is never NULL; *why is set, to a constant text, for FROM_BAD
 * only. After FROM_BAD or FROM_END it stays so. Addresses before what is bad are returned before FROM_BAD is: a caller
 * that allows a message has walked to FROM_END.
 */
enum from_result header_from_next(struct header_from *walk, struct address *out, const char **why);

#endif
