/*
 * What goes on: the last hour in steps of 5 seconds, and server-sent events (HTML Standard 9.2) for those who look on.
 * One look a second is made for all of them, in a thread of the pool; none while nobody looks, but for the hour's
 * steps.
 */
#ifndef POSTERN_WEB_LIVE_H
#define POSTERN_WEB_LIVE_H

#include "core/base/error.h"
#include "core/report/printer.h"
#include "web/access.h"
#include "web/pool.h"
#include "web/shelf.h"

#include <event2/http.h>

#define LIVE_CLIENTS_MAX 64
/* A client that has so much before it does not read, and is let go. */
#define LIVE_UNSENT_MAX 65536u

struct live;

/* All of them outlive it. NULL without memory. */
struct live *live_new(struct event_base *base, struct pool *pool, struct shelf *shelf);
/* After the pool and before the server. NULL is fine. */
void live_free(struct live *live);

/* Streams events to the request; 503 when there are LIVE_CLIENTS_MAX already. It ends when they may not look on any
 * more. In the loop's thread. */
void live_serve(struct live *live, struct access *access, const struct who *who, struct evhttp_request *request);

/* The last hour: web/rates.h. In any thread. */
void live_report(struct live *live, struct printer *out);

#endif
