/*
 * Takes pictures of postern for requests: in a thread of its own, since that reads files and asks listeners. All who
 * ask meanwhile get the same one, and it is kept for a few seconds, so that many readers cost no more than one.
 */
#ifndef POSTERN_WEB_LOOK_H
#define POSTERN_WEB_LOOK_H

#include "core/base/log.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long a picture holds. */
#define LOOK_HOLDS_S 5

struct look;

/* What was seen; texts in memory of its own. */
struct sight {
    bool ready; /* listeners answer, directory and state can be used, no tenant's mail is deferred for its age */
    char *metrics, *open_metrics; /* in the two formats; NULL when there was no picture */
    size_t n_metrics, n_open_metrics;
    uint64_t taken_ns; /* boot time */
};

/* In the loop's thread. The sight is valid during the call. */
typedef void look_told(void *arg, const struct sight *sight);

/* For the loop of base, which must outlive it, as config_path must. NULL without memory, threads or descriptors. */
struct look *look_new(struct event_base *base, const char *config_path, struct log *log);
/* Has told called, at once where there is a picture that holds. 0; -1 without memory. */
int look_ask(struct look *look, look_told *told, void *arg);
/* Who waits is told nothing any more. Waits for a picture that is being taken. NULL is fine. */
void look_free(struct look *look);

#endif
