/*
 * A few threads for what takes longer than a loop may rest. A job is done by one of them, and then its owner is told in
 * the loop's thread.
 */
#ifndef POSTERN_WEB_POOL_H
#define POSTERN_WEB_POOL_H

#include <event2/event.h>
#include <sys/queue.h>

struct pool;

/* The owner's, first in what it keeps besides. */
struct job {
    STAILQ_ENTRY(job) links;
    void (*work)(struct job *job); /* in a thread of the pool */
    void (*done)(struct job *job); /* in the loop's thread; may free the job. Also where pool_free left it undone */
};

/* For the loop of base, which outlives it; at most so many jobs wait. NULL without memory, threads or descriptors. */
struct pool *pool_new(struct event_base *base, const char *name, unsigned threads, unsigned most);
/* 0; -1: so many wait already. In the loop's thread. */
int pool_add(struct pool *pool, struct job *job);
/* Waits for the jobs that are being done, and tells all owners. NULL is fine. */
void pool_free(struct pool *pool);

#endif
