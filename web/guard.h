/*
 * Stands between a connection and evhttp, which takes what other readers understand differently: bare LF, folded and
 * doubled fields, blanks before the colon, a NUL, no Host. Each head is read by web/request_head.h and written anew, so
 * that evhttp never sees a byte of a head as it came, and each body has the length that was checked.
 */
#ifndef POSTERN_WEB_GUARD_H
#define POSTERN_WEB_GUARD_H

#include "web/request_head.h"

#include <event2/buffer.h>

/* What evhttp reads in place of a refused request: no client can send this method. Its target is the refusal's number.
 */
#define GUARD_REFUSED "PUT"

enum guard_state {
    GUARD_HEAD,  /* a head is being gathered */
    GUARD_BODY,  /* so many bytes of a body are to pass */
    GUARD_CLOSED /* nothing more of this connection is read, since its last request was passed on or refused */
};

/* Made all zero but for site. */
struct guard {
    const struct site *site;
    enum guard_state state;
    bool closes;   /* the request that is being read is the last */
    unsigned body; /* bytes of it that are still to come */
    size_t n;      /* bytes of head */
    char head[HEAD_MAX];
};

/* Takes what the connection brought, and adds to out what evhttp may read. 0, or -1 without memory. */
int guard_take(struct guard *guard, struct slice bytes, struct evbuffer *out);

#endif
