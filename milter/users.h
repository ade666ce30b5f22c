/*
 * A small pool of engine users. A user weighs some 16 KB and a relay may hold hundreds of idle sessions, so a session
 * has none of its own: a callback that decides borrows one and gives it back. Who has one uses the engine, so the pool
 * also knows when nobody does any more.
 *
 * Any number of threads may take and give; one thread calls users_tick.
 */
#ifndef POSTERN_MILTER_USERS_H
#define POSTERN_MILTER_USERS_H

#include "core/engine/engine.h"

#include <pthread.h>
#include <stdatomic.h>

/* A power of two. With more processors some share a place. */
#define USERS_PLACES 64u

struct lent_user {
    struct engine_user *user;
    struct lent_user *next;
    unsigned long given; /* the tick at which it came back */
};

/* Private to users.c. Not in the heap: threads of libmilter may look at it until the very end of the process. */
struct users {
    struct engine *engine;
    atomic_bool closed;
    atomic_ulong tick;
    pthread_mutex_t lock;   /* guards idle and made */
    struct lent_user *idle; /* given back last first */
    size_t made;            /* users that there are, lent or not */
    /* What was given back last on each processor: its memory is in that one's caches, and it costs no lock. */
    struct {
        _Atomic(struct lent_user *) last;
        char apart[64 - sizeof(void *)]; /* from the next one's cache line */
    } place[USERS_PLACES];
};

/* 0, or -1 without memory. The engine stays the caller's. */
int users_init(struct users *users, struct engine *engine);
/* Frees all users, which must have been given back. Nobody gets one any more. */
void users_destroy(struct users *users);

/* The one that was used last here, since its memory is warmest, or a new one. NULL without memory or once closed. */
struct lent_user *users_take(struct users *users);
void users_give(struct users *users, struct lent_user *lent);

/* From now on nobody gets a user. */
void users_close(struct users *users);

/*
 * About once a second: those unused for a second let go of configuration and directory, so that an old generation of
 * them can be freed; those unused for a minute are freed.
 */
void users_tick(struct users *users);

/* How many are lent, and how many lie unused, at this moment. */
size_t users_lent(struct users *users);
size_t users_idle(struct users *users);

#endif
