#include "milter/users.h"

#include <sched.h>
#include <stdlib.h>

#define FREE_AFTER_TICKS 60

static _Atomic(struct lent_user *) *place_here(struct users *users)
{
    return &users->place[(unsigned)sched_getcpu() % USERS_PLACES].last;
}

/* ---- with the lock held ---- */

static void push(struct users *users, struct lent_user *lent)
{
    lent->next = users->idle;
    users->idle = lent;
}

/* What lies at the processors' places comes to the others. */
static void gather(struct users *users)
{
    for (size_t i = 0; i < USERS_PLACES; i++) {
        struct lent_user *lent = atomic_exchange(&users->place[i].last, NULL);

        if (lent != NULL)
            push(users, lent);
    }
}

/* Cuts off the users of the list that were not used since the tick `since`. */
static struct lent_user *cut_older(struct lent_user **list, unsigned long since)
{
    struct lent_user *older = NULL;

    while (*list != NULL) {
        struct lent_user *one = *list;

        if (one->given >= since) {
            list = &one->next;
            continue;
        }
        *list = one->next;
        one->next = older;
        older = one;
    }
    return older;
}

static void append(struct lent_user **list, struct lent_user *tail)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = tail;
}

static size_t count_idle(struct users *users)
{
    size_t n = 0;

    gather(users);
    for (const struct lent_user *u = users->idle; u != NULL; u = u->next)
        n++;
    return n;
}

/* ---- the pool ---- */

static void count_gone(struct users *users, size_t n)
{
    (void)pthread_mutex_lock(&users->lock);
    users->made -= n;
    (void)pthread_mutex_unlock(&users->lock);
}

static void free_list(struct users *users, struct lent_user *list)
{
    size_t n = 0;

    for (; list != NULL; n++) {
        struct lent_user *next = list->next;

        engine_user_free(list->user);
        free(list);
        list = next;
    }
    count_gone(users, n);
}

int users_init(struct users *users, struct engine *engine)
{
    memset(users, 0, sizeof *users);
    users->engine = engine;
    return pthread_mutex_init(&users->lock, NULL) == 0 ? 0 : -1;
}

/* The lock stays: who comes too late still takes it. */
void users_destroy(struct users *users)
{
    struct lent_user *all;

    users_close(users);
    (void)pthread_mutex_lock(&users->lock);
    gather(users);
    all = users->idle;
    users->idle = NULL;
    (void)pthread_mutex_unlock(&users->lock);
    free_list(users, all);
}

/* Already counted as made. */
static struct lent_user *make(struct users *users)
{
    struct lent_user *lent = calloc(1, sizeof *lent);

    if (lent != NULL && (lent->user = engine_user_new(users->engine)) != NULL)
        return lent;
    free(lent);
    count_gone(users, 1);
    return NULL;
}

static struct lent_user *take_any(struct users *users)
{
    struct lent_user *lent;

    (void)pthread_mutex_lock(&users->lock);
    if (atomic_load(&users->closed)) {
        (void)pthread_mutex_unlock(&users->lock);
        return NULL;
    }
    if (users->idle == NULL)
        gather(users);
    lent = users->idle;
    if (lent != NULL)
        users->idle = lent->next;
    else
        users->made++;
    (void)pthread_mutex_unlock(&users->lock);
    return lent != NULL ? lent : make(users);
}

struct lent_user *users_take(struct users *users)
{
    struct lent_user *lent = atomic_exchange(place_here(users), NULL);

    if (lent == NULL)
        return take_any(users);
    /* Take first, look then; who closes does it the other way round, so that one of the two sees the other. */
    if (!atomic_load(&users->closed))
        return lent;
    users_give(users, lent);
    return NULL;
}

void users_give(struct users *users, struct lent_user *lent)
{
    struct lent_user *before;

    lent->given = atomic_load_explicit(&users->tick, memory_order_relaxed);
    before = atomic_exchange(place_here(users), lent);
    if (before == NULL)
        return;
    (void)pthread_mutex_lock(&users->lock);
    push(users, before);
    (void)pthread_mutex_unlock(&users->lock);
}

void users_close(struct users *users)
{
    atomic_store(&users->closed, true);
}

void users_tick(struct users *users)
{
    unsigned long tick = atomic_fetch_add(&users->tick, 1) + 1;
    struct lent_user *older, *oldest = NULL;

    (void)pthread_mutex_lock(&users->lock);
    gather(users);
    older = cut_older(&users->idle, tick - 1);
    (void)pthread_mutex_unlock(&users->lock);

    /* Outside the lock: the last one to let go of a configuration frees it, which may take a while. */
    if (tick > FREE_AFTER_TICKS)
        oldest = cut_older(&older, tick - FREE_AFTER_TICKS);
    free_list(users, oldest);
    for (struct lent_user *u = older; u != NULL; u = u->next)
        engine_user_rest(u->user);

    (void)pthread_mutex_lock(&users->lock);
    append(&users->idle, older);
    (void)pthread_mutex_unlock(&users->lock);
}

size_t users_lent(struct users *users)
{
    size_t n;

    (void)pthread_mutex_lock(&users->lock);
    n = users->made - count_idle(users);
    (void)pthread_mutex_unlock(&users->lock);
    return n;
}

size_t users_idle(struct users *users)
{
    size_t n;

    (void)pthread_mutex_lock(&users->lock);
    n = count_idle(users);
    (void)pthread_mutex_unlock(&users->lock);
    return n;
}
