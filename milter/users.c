#include "milter/users.h"

#include <pthread.h>
#include <stdlib.h>

#define FREE_AFTER_TICKS 60

struct users {
    struct engine *engine;
    pthread_mutex_t lock;
    struct lent_user *idle; /* given back last first */
    unsigned long tick;
};

struct users *users_new(struct engine *engine)
{
    struct users *users = calloc(1, sizeof *users);

    if (users == NULL)
        return NULL;
    users->engine = engine;
    if (pthread_mutex_init(&users->lock, NULL) != 0) {
        free(users);
        return NULL;
    }
    return users;
}

static void free_list(struct lent_user *list)
{
    while (list != NULL) {
        struct lent_user *next = list->next;

        engine_user_free(list->user);
        free(list);
        list = next;
    }
}

void users_free(struct users *users)
{
    if (users == NULL)
        return;
    free_list(users->idle);
    (void)pthread_mutex_destroy(&users->lock);
    free(users);
}

static struct lent_user *make(struct engine *engine)
{
    struct lent_user *lent = calloc(1, sizeof *lent);

    if (lent == NULL)
        return NULL;
    lent->user = engine_user_new(engine);
    if (lent->user == NULL) {
        free(lent);
        return NULL;
    }
    return lent;
}

struct lent_user *users_take(struct users *users)
{
    struct lent_user *lent;

    (void)pthread_mutex_lock(&users->lock);
    lent = users->idle;
    if (lent != NULL)
        users->idle = lent->next;
    (void)pthread_mutex_unlock(&users->lock);
    return lent != NULL ? lent : make(users->engine);
}

void users_give(struct users *users, struct lent_user *lent)
{
    (void)pthread_mutex_lock(&users->lock);
    lent->given = users->tick;
    lent->next = users->idle;
    users->idle = lent;
    (void)pthread_mutex_unlock(&users->lock);
}

/* Cuts off the tail of the list that was not used since the tick `since`. Called with the lock held. */
static struct lent_user *cut_older(struct lent_user **list, unsigned long since)
{
    struct lent_user *older;

    while (*list != NULL && (*list)->given >= since)
        list = &(*list)->next;
    older = *list;
    *list = NULL;
    return older;
}

static void append(struct users *users, struct lent_user *tail)
{
    struct lent_user **end = &users->idle;

    (void)pthread_mutex_lock(&users->lock);
    while (*end != NULL)
        end = &(*end)->next;
    *end = tail;
    (void)pthread_mutex_unlock(&users->lock);
}

void users_tick(struct users *users)
{
    struct lent_user *older;
    unsigned long tick;

    (void)pthread_mutex_lock(&users->lock);
    tick = ++users->tick;
    older = cut_older(&users->idle, tick - 1);
    (void)pthread_mutex_unlock(&users->lock);

    /* Outside the lock: the last one to let go of a configuration frees it, which may take a while. */
    if (tick > FREE_AFTER_TICKS)
        free_list(cut_older(&older, tick - FREE_AFTER_TICKS));
    for (struct lent_user *u = older; u != NULL; u = u->next)
        engine_user_rest(u->user);
    append(users, older);
}

size_t users_idle(struct users *users)
{
    size_t n = 0;

    (void)pthread_mutex_lock(&users->lock);
    for (const struct lent_user *u = users->idle; u != NULL; u = u->next)
        n++;
    (void)pthread_mutex_unlock(&users->lock);
    return n;
}
