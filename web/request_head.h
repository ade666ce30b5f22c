/*
 * The head of an HTTP/1.1 request, read by a narrow grammar: what browsers, curl and proxies send to a page of ours,
 * and nothing that two readers might understand differently (RFC 9112 3, 5, 6.3, 11.2). Nothing is allocated.
 */
#ifndef POSTERN_WEB_REQUEST_HEAD_H
#define POSTERN_WEB_REQUEST_HEAD_H

#include "core/base/buf.h"
#include "core/base/slice.h"

#define TARGET_MAX 2048u
#define HTTP_METHOD_MAX 16u
/* Method, target, "HTTP/1.1", two blanks, CR and LF. */
#define REQUEST_LINE_MAX (HTTP_METHOD_MAX + TARGET_MAX + 12)
/* All lines after the first one, the empty one included. */
#define FIELDS_MAX 8192u
#define FIELD_LINES_MAX 64u
#define HEAD_MAX (REQUEST_LINE_MAX + FIELDS_MAX)
#define BODY_MAX 65536u

/* Why a request is refused; each has a row. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_LINE,
    REFUSAL_VERSION,
    REFUSAL_METHOD,
    REFUSAL_TARGET,
    REFUSAL_TARGET_LONG,
    REFUSAL_FIELDS_LONG,
    REFUSAL_FIELD,
    REFUSAL_FOLDED,
    REFUSAL_TWICE,
    REFUSAL_CODING,
    REFUSAL_LENGTH,
    REFUSAL_NO_LENGTH,
    REFUSAL_BODY_LONG,
    REFUSAL_BODY,
    REFUSAL_EXPECTATION,
    REFUSAL_NO_HOST,
    REFUSAL_FOREIGN_HOST,
    REFUSAL_COUNT
};

struct refusal_row {
    int status; /* RFC 9110 15 */
    const char *phrase;
    const char *text; /* a sentence for who wrote the client */
};
const struct refusal_row *refusal_row(enum refusal refusal);

struct site {
    /*
     * The names by which the page may be called, as in a Host field, without a port; IPv6 addresses in brackets. Any
     * other is a foreign page whose name leads to us (DNS rebinding).
     */
    const char *const *names;
    size_t n;
    /* The fields in which a proxy says who asks, and that one's groups, separated by commas; NULL: there is no proxy.
     */
    const char *user_field, *groups_field;
};

/* The fields that are kept besides; all others are checked and left out. */
enum kept_field {
    KEPT_ACCEPT,
    KEPT_AUTHORIZATION,
    KEPT_CONTENT_TYPE,
    KEPT_COOKIE,
    KEPT_IF_NONE_MATCH,
    KEPT_ORIGIN,
    KEPT_SEC_FETCH_SITE,
    KEPT_PROOF, /* that a change was asked for by a page of ours */
    KEPT_PROXY, /* the secret of the proxy, and what it says */
    KEPT_PROXY_PROTO,
    KEPT_PROXY_USER, /* under whichever name it came */
    KEPT_PROXY_GROUPS,
    KEPT_FIELDS
};
/* The name under which a kept field is written. */
const char *kept_field_name(enum kept_field field);

/* Slices of the head that was read. */
struct request_head {
    struct slice method; /* GET, HEAD or POST */
    struct slice target; /* origin-form (RFC 9112 3.2.1), as it came */
    struct slice host;
    struct slice kept[KEPT_FIELDS]; /* p is NULL: it was not there */
    unsigned body;                  /* bytes that follow */
    bool closes;                    /* the connection ends with the reply */
    bool waits;                     /* for "100 Continue" before it sends its body */
};

/*
 * The length of the head at the beginning of bytes, its empty line included; 0 when that has not come yet. looked: how
 * many bytes were there at the last call, so that they are not searched again.
 */
size_t request_head_length(struct slice bytes, size_t looked);
/* One whole head. REFUSAL_NONE, or why it is refused. */
enum refusal request_head_read(struct slice head, const struct site *site, struct request_head *out);
/* What is to be said of a beginning without an end, once it is longer than a head may be. */
enum refusal request_head_too_long(struct slice bytes);

/* The head in the one form that is left: its kept fields, written anew. Needs HEAD_WRITTEN_MAX bytes. */
#define HEAD_WRITTEN_MAX (HEAD_MAX + 128)
void request_head_write(const struct request_head *head, struct buf *out);

#endif
