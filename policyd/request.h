/*
 * A request of the Postfix policy delegation protocol (SMTPD_POLICY_README): lines "name=value", ended by an empty
 * line. Attributes come in any order; those that we don't use are ignored; one that is absent equals an empty one.
 *
 * Stricter than the protocol, since Postfix never sends an attribute twice or cuts one, and such a request would be
 * ambiguous: an attribute of ours that is repeated, a NUL, a line without "=", and anything beyond the bounds below is
 * a problem. A request with a problem is answered with 451 and its connection closed.
 */
#ifndef POSTERN_POLICYD_REQUEST_H
#define POSTERN_POLICYD_REQUEST_H

#include "core/base/slice.h"
#include "core/decide/submission.h"

#include <stdint.h>

/* Postfix bounds a command line to 2,048 octets (line_length_limit) and sends some 35 attributes (3.12). */
#define REQUEST_LINE_MAX 8320 /* bytes of a line: a value of 8,192 and its name */
#define REQUEST_ATTRIBUTES_MAX 64
#define REQUEST_MAX 65536 /* bytes of a request */

/* The attributes that we use. */
enum policy_attribute {
    ATTRIBUTE_REQUEST,
    ATTRIBUTE_PROTOCOL_STATE,
    ATTRIBUTE_CLIENT_ADDRESS,
    ATTRIBUTE_SENDER,
    ATTRIBUTE_RECIPIENT,
    ATTRIBUTE_RECIPIENT_COUNT,
    ATTRIBUTE_SIZE,
    ATTRIBUTE_QUEUE_ID,
    ATTRIBUTE_INSTANCE,
    ATTRIBUTE_SASL_METHOD,
    ATTRIBUTE_SASL_USERNAME, /* sasl_sender, the client's own claim, is none of these: it is never an identity */
    ATTRIBUTE_ENCRYPTION_PROTOCOL,
    ATTRIBUTE_CCERT_SUBJECT, /* of a certificate whose issuer Postfix trusts; in xtext */
    ATTRIBUTE_CCERT_FINGERPRINT,
    ATTRIBUTE_COUNT /* how many there are */
};

enum request_problem {
    REQUEST_FINE,
    REQUEST_NO_EQUALS,
    REQUEST_REPEATED,
    REQUEST_NUL,
    REQUEST_CONTROL,
    REQUEST_NO_TYPE,
    REQUEST_BAD_STATE,
    REQUEST_BAD_NUMBER,
    REQUEST_TOO_MANY_ATTRIBUTES,
    REQUEST_LINE_TOO_LONG,
    REQUEST_TOO_LONG, /* this and the next are found by the connection, not by the parser */
    REQUEST_TOO_SLOW,
    REQUEST_PROBLEM_COUNT
};

struct policy_request {
    struct slice value[ATTRIBUTE_COUNT]; /* into the parsed bytes */
    enum stage stage;
    bool recipient_counts; /* the recipient belongs to a message (VRFY has one that does not) */
    uint32_t recipient_count;
    uint64_t size;
    enum request_problem problem;
    struct slice culprit; /* the line or value that is the problem; may be empty */
};

/*
 * Reads the first request of `in`. Returns its length, the empty line included, and fills *out; 0 while the empty
 * line is not there yet. With out->problem set only problem and culprit are valid.
 */
size_t policy_request_read(struct slice in, struct policy_request *out);

/* For the log: what is wrong, and what was expected. */
const char *request_problem_text(enum request_problem problem);

#endif
