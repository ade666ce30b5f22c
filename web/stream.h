/*
 * All rows of a table, as they are found: CSV, JSON, or a script, for a file. A thread makes them, and waits for the
 * client to take them: so the memory for it is bounded, however many rows there are.
 */
#ifndef POSTERN_WEB_STREAM_H
#define POSTERN_WEB_STREAM_H

#include "web/routes.h"

#include <event2/event.h>

/* So many are made at a time, and so many more may wait. */
#define STREAMS_MOST 2

struct streams;

/* base and web outlive it. NULL without memory, threads or descriptors. */
struct streams *streams_new(struct event_base *base, struct web *web);
/* Ends all of them. Before the server; NULL is fine. */
void streams_free(struct streams *streams);

/* Is a table wanted whole? By "format=" in the query of the target. */
bool stream_wanted(struct slice target);
/* Replies to the request with all rows of the route's table that somebody may have, while they are who they are. In
 * the loop's thread. */
void stream_serve(struct streams *streams, const struct route *route, const struct who *who,
                  struct evhttp_request *request);

#endif
