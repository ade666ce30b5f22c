/*
 * Replies of Redis (RESP2), read by hiredis into memory of our own. Redis is not trusted: a reply is bounded in depth
 * (hiredis: 7), elements and bytes, and each look at it names the type that it expects.
 */
#ifndef POSTERN_CLUSTER_REPLY_H
#define POSTERN_CLUSTER_REPLY_H

#include "core/base/error.h"
#include "core/base/quote.h"

#include <stdint.h>

/* Of one reply, whole. The longest that we ask for are 1,000 keys of a scan, 200 events of the stream, and the slots of
 * a Redis Cluster: some 20 elements for each range with two replicas. */
#define REPLY_BYTES_MAX (4u << 20)
#define REPLY_ELEMENTS_MAX 65536u
#define REPLY_DEPTH_MAX 6u   /* arrays in which an element is; CLUSTER SLOTS has 4 */
#define REPLY_ID_MAX 42u     /* of an entry in a stream: two numbers of 64 bits */
#define REPLY_CURSOR_MAX 42u /* of SCAN; it has up to 20 digits today */

enum reply_type { REPLY_TEXT, REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_NIL, REPLY_ARRAY };

struct reply {
    enum reply_type type;
    int64_t integer;
    struct slice text;       /* of REPLY_TEXT, REPLY_STATUS, REPLY_ERROR */
    struct reply **elements; /* of REPLY_ARRAY: n, none is NULL */
    size_t n;
    unsigned depth; /* the arrays that it is in */
};

struct reply_reader;

struct reply_reader *reply_reader_new(void); /* NULL without memory */
void reply_reader_free(struct reply_reader *r);

/* Takes bytes from the connection. 0; -1 with e: the connection is of no use any more. */
int reply_feed(struct reply_reader *r, const void *bytes, size_t n, struct error *e);

/*
 * The next whole reply in *out, valid until the next call; NULL when more bytes are needed. 0; -1 with e when what came
 * is no reply, or too large.
 */
int reply_next(struct reply_reader *r, const struct reply **out, struct error *e);

/* ---- looking at one ---- */

/* Is it a status or text of exactly that? */
bool reply_is(const struct reply *reply, const char *text);
/* An array of at least n elements, or NULL. */
const struct reply *reply_array(const struct reply *reply, size_t n);
/* The reply to TIME, in microseconds since 1970. False: it is something else. */
bool reply_time(const struct reply *reply, int64_t *us);
/* A page of SCAN or HSCAN: its elements; *cursor is where the next one begins, and valid as long as the reply. NULL
 * when it is something else. */
const struct reply *reply_page(const struct reply *reply, struct slice *cursor);
/* An entry of a stream: its id, and what its first field holds, which is not touched. False: it is none. */
bool reply_stream_entry(const struct reply *entry, unsigned long long id[2], struct slice *value);
/* The entries that XREAD returned of its one stream; NULL when it is something else. */
const struct reply *reply_stream(const struct reply *reply);
/* "1700000000000-0" as two numbers; false: it is none. */
bool reply_parse_id(struct slice text, unsigned long long id[2]);
/* What an error says, shortened and printable, for a sentence; it lives until the end of that full expression. */
struct quote reply_words(const struct reply *reply);
/* Does an error begin with this word? */
bool reply_is_error(const struct reply *reply, const char *word);

#endif
