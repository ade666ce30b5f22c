/*
 * Asking for something to be done: POST /api/v1/actions. Nothing is done here. The request is left in the spool, where
 * "postern act" finds it, checks it again and does it; its log says what became of it.
 */
#ifndef POSTERN_WEB_ACTS_H
#define POSTERN_WEB_ACTS_H

#include "web/access.h"
#include "web/pool.h"
#include "web/shelf.h"

struct acts;

/* Those outlive it. NULL without memory. */
struct acts *acts_new(struct pool *pool, struct shelf *shelf, struct log *log);
/* After the pool; NULL is fine. */
void acts_free(struct acts *acts);

/* In the loop's thread. 202 with {"data": {"id": "...", "state": "waiting"}}, once it is on the disk. */
void acts_serve(struct acts *acts, const struct who *who, struct evhttp_request *request);

#endif
