/*
 * A small pool of engine users. A user weighs some 40 KB and a relay may hold hundreds of idle sessions, so a session
 * has none of its own: a callback that decides borrows one and gives it back.
 *
 * Any number of threads may take and give; one thread calls users_tick.
 */
#ifndef POSTERN_MILTER_USERS_H
#define POSTERN_MILTER_USERS_H

#include "core/engine.h"

struct users;

struct lent_user {
    struct engine_user *user;
    struct lent_user *next;
    unsigned long given; /* the tick at which it came back */
};

/* NULL without memory. */
struct users *users_new(struct engine *engine);
/* All users must have been given back. NULL is fine. */
void users_free(struct users *users);

/* The one that was used last, since its memory is warmest, or a new one. NULL without memory. */
struct lent_user *users_take(struct users *users);
void users_give(struct users *users, struct lent_user *lent);

/*
 * About once a second: those unused for a second let go of configuration and directory, so that an old generation of
 * them can be freed; those unused for a minute are freed.
 */
void users_tick(struct users *users);
/* How many lie unused. */
size_t users_idle(struct users *users);

#endif
