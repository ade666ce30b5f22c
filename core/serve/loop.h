/* Event loops of libevent. */
#ifndef POSTERN_SERVE_LOOP_H
#define POSTERN_SERVE_LOOP_H

#include <event2/event.h>

/* A base that one thread uses, and therefore has no locks. NULL without memory. */
struct event_base *loop_new(void);

#endif
