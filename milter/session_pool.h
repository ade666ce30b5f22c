/*
 * A small pool of engine sessions. One takes some 16 KB, and a relay may hold hundreds of idle connections, so a
 * connection has none of its own: a callback that decides borrows one and gives it back. Only who has borrowed one uses
 * the engine, so the pool also knows when nobody does any more.
 *
 * Any number of threads may take and give; one thread calls session_pool_tick.
 */
#ifndef POSTERN_MILTER_SESSION_POOL_H
#define POSTERN_MILTER_SESSION_POOL_H

#include "core/engine/engine.h"

#include <pthread.h>
#include <stdatomic.h>

/* A power of two. With more processors than this, some share a place. */
#define SESSION_POOL_PLACES 64u

struct lent_session {
    struct engine_session *session;
    struct lent_session *next;
    unsigned long given; /* the tick at which it came back */
};

/* Private to session_pool.c. Not in the heap: threads of libmilter may look at it until the very end of the process. */
struct session_pool {
    struct engine *engine;
    atomic_bool closed;
    atomic_ulong tick;
    pthread_mutex_t lock;      /* guards idle and made */
    struct lent_session *idle; /* given back last first */
    size_t made;               /* sessions that exist, lent or not */
    /* The session given back last on each processor: its memory is in that cache, and taking it costs no lock. */
    struct {
        _Atomic(struct lent_session *) last;
        char apart[64 - sizeof(void *)]; /* padding: one cache line a processor */
    } place[SESSION_POOL_PLACES];
};

/* 0, or -1 without memory. The engine stays the caller's. */
int session_pool_init(struct session_pool *pool, struct engine *engine);
/* Closes the pool and frees all its sessions, which must have been given back. */
void session_pool_destroy(struct session_pool *pool);

/* The session used last on this processor (its memory is in the cache), or a new one. NULL without memory or once
 * closed. */
struct lent_session *session_pool_take(struct session_pool *pool);
void session_pool_give(struct session_pool *pool, struct lent_session *lent);

/* From now on session_pool_take returns NULL. */
void session_pool_close(struct session_pool *pool);

/*
 * About once a second: sessions unused for a second drop their references to configuration and directory, so that an
 * old generation can be freed; those unused for a minute are freed.
 */
void session_pool_tick(struct session_pool *pool);

/* How many are lent at this moment. */
size_t session_pool_lent(struct session_pool *pool);
/* How many are idle. For tests, which check that none is lost. */
size_t session_pool_idle(struct session_pool *pool);

#endif
