/*
 * Replies that are made by a pool of threads: one for all who ask the same meanwhile, and kept for a few seconds, so
 * that many readers cost no more than one.
 */
#ifndef POSTERN_WEB_ANSWERS_H
#define POSTERN_WEB_ANSWERS_H

#include "core/base/buf.h"
#include "web/asked.h"
#include "web/pool.h"

#include <event2/http.h>

struct answers;

/* A reply. The text is malloc'ed. */
struct answer_text {
    int status;
    const char *type; /* Content-Type */
    char *text;
    size_t n;
};

/* Makes the reply to a target, for who sees so much (core/access/role.h), in a thread of the pool. Without memory text
 * stays NULL. */
typedef void answer_make(void *arg, const void *what, struct slice scope, struct slice target, struct answer_text *out);

/* The pool outlives it; arg is for make. NULL without memory. */
struct answers *answers_new(struct pool *pool, answer_make *make, void *arg);
/* After the pool. NULL is fine. */
void answers_free(struct answers *answers);

/*
 * Replies to the request, at once or later. what and scope are for make, and tell answers with the same target apart;
 * holds_ms: how long one is kept for others. In the loop's thread.
 */
void answers_serve(struct answers *answers, struct evhttp_request *request, const void *what, struct slice scope,
                   unsigned holds_ms);

/* A reply of one line, without a body for HEAD. */
void answer_now(struct evhttp_request *request, int status, const char *type, struct slice text);
/* The same, of an error: a sentence, as JSON. */
void answer_error(struct evhttp_request *request, int status, const char *text);
/* The same, of one that may be gone after so long: Retry-After says it. */
void answer_later(struct evhttp_request *request, int status, unsigned wait_s, const char *text);
#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"
/* The phrase of a status (RFC 9110 15). */
const char *answer_phrase(int status);

#endif
