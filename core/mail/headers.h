/* The header fields that name a sender: From, Sender, Resent-From, Resent-Sender. */
#ifndef POSTERN_HEADERS_H
#define POSTERN_HEADERS_H

#include "core/mail/address.h"

enum header_field { HEADER_FROM, HEADER_SENDER, HEADER_RESENT_FROM, HEADER_RESENT_SENDER };

/* "From", "Resent-Sender". */
const char *header_field_name(enum header_field field);

struct header_address {
    enum header_field field;
    struct address address;
};

#define HEADER_BAD_TEXT_MAX 160 /* bytes of a bad field that are kept for display */

struct headers {
    bool seen;                /* the front end saw the header of the message: the rules about it apply */
    bool from_possible;       /* some mail program could take a field of this message for a From, even a broken one */
    unsigned from_fields;     /* From fields in it */
    uint8_t kinds, raw_kinds; /* which fields were present, a bit each; which of them were READING_RAW */
    const char *bad;          /* why a field is ambiguous or invalid; constant text; NULL: none is */
    enum header_field bad_field; /* with bad: which one that is */
    uint16_t bad_n;              /* with bad: its value as it came, cut, without its leading blanks */
    char bad_text[HEADER_BAD_TEXT_MAX];
    struct header_address *list; /* malloc'ed */
    size_t n, capacity;
};

/*
 * Adds one header field (its name and raw value); fields that don't matter are ignored. Without memory, or with more
 * than FROM_MAX_ADDRESSES addresses in all, `bad` says so: the decision then refuses or defers. The first bad
 * field is the one that is reported.
 */
void headers_add(struct headers *h, struct slice name, struct slice value);
void headers_clear(struct headers *h);

#endif
