#include "milter/session_pool.h"

#include <sched.h>
#include <stdlib.h>

#define FREE_AFTER_TICKS 60

static _Atomic(struct lent_session *) *place_here(struct session_pool *pool)
{
    return &pool->place[(unsigned)sched_getcpu() % SESSION_POOL_PLACES].last;
}

/* ---- with the lock held ---- */

static void push(struct session_pool *pool, struct lent_session *lent)
{
    lent->next = pool->idle;
    pool->idle = lent;
}

/* Moves the sessions of all processors to the idle list. */
static void gather_idle(struct session_pool *pool)
{
    for (size_t i = 0; i < SESSION_POOL_PLACES; i++) {
        struct lent_session *lent = atomic_exchange(&pool->place[i].last, NULL);

        if (lent != NULL)
            push(pool, lent);
    }
}

/* Takes from the list the sessions that were not used since the tick `since`. */
static struct lent_session *cut_older(struct lent_session **list, unsigned long since)
{
    struct lent_session *older = NULL;

    while (*list != NULL) {
        struct lent_session *one = *list;

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

static void append(struct lent_session **list, struct lent_session *tail)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = tail;
}

static size_t count_idle(struct session_pool *pool)
{
    size_t n = 0;

    gather_idle(pool);
    for (const struct lent_session *u = pool->idle; u != NULL; u = u->next)
        n++;
    return n;
}

/* ---- the pool ---- */

static void count_gone(struct session_pool *pool, size_t n)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->made -= n;
    (void)pthread_mutex_unlock(&pool->lock);
}

static void free_list(struct session_pool *pool, struct lent_session *list)
{
    size_t n = 0;

    for (; list != NULL; n++) {
        struct lent_session *next = list->next;

        engine_session_free(list->session);
        free(list);
        list = next;
    }
    count_gone(pool, n);
}

int session_pool_init(struct session_pool *pool, struct engine *engine)
{
    memset(pool, 0, sizeof *pool);
    pool->engine = engine;
    return pthread_mutex_init(&pool->lock, NULL) == 0 ? 0 : -1;
}

/* The lock is not destroyed: a callback that comes too late still takes it. */
void session_pool_destroy(struct session_pool *pool)
{
    struct lent_session *all;

    session_pool_close(pool);
    (void)pthread_mutex_lock(&pool->lock);
    gather_idle(pool);
    all = pool->idle;
    pool->idle = NULL;
    (void)pthread_mutex_unlock(&pool->lock);
    free_list(pool, all);
}

/* The caller has counted it as made. */
static struct lent_session *make_session(struct session_pool *pool)
{
    struct lent_session *lent = calloc(1, sizeof *lent);

    if (lent != NULL && (lent->session = engine_session_new(pool->engine)) != NULL)
        return lent;
    free(lent);
    count_gone(pool, 1);
    return NULL;
}

static struct lent_session *take_any(struct session_pool *pool)
{
    struct lent_session *lent;

    (void)pthread_mutex_lock(&pool->lock);
    if (atomic_load(&pool->closed)) {
        (void)pthread_mutex_unlock(&pool->lock);
        return NULL;
    }
    if (pool->idle == NULL)
        gather_idle(pool);
    lent = pool->idle;
    if (lent != NULL)
        pool->idle = lent->next;
    else
        pool->made++;
    (void)pthread_mutex_unlock(&pool->lock);
    return lent != NULL ? lent : make_session(pool);
}

struct lent_session *session_pool_take(struct session_pool *pool)
{
    struct lent_session *lent = atomic_exchange(place_here(pool), NULL);

    if (lent == NULL)
        return take_any(pool);
    /* Take first, then test closed; closing sets closed first, then counts what is lent: one of the two sees the other.
     */
    if (!atomic_load(&pool->closed))
        return lent;
    session_pool_give(pool, lent);
    return NULL;
}

void session_pool_give(struct session_pool *pool, struct lent_session *lent)
{
    struct lent_session *before;

    lent->given = atomic_load_explicit(&pool->tick, memory_order_relaxed);
    before = atomic_exchange(place_here(pool), lent);
    if (before == NULL)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    push(pool, before);
    (void)pthread_mutex_unlock(&pool->lock);
}

void session_pool_close(struct session_pool *pool)
{
    atomic_store(&pool->closed, true);
}

void session_pool_tick(struct session_pool *pool)
{
    unsigned long tick = atomic_fetch_add(&pool->tick, 1) + 1;
    struct lent_session *older, *oldest = NULL;

    (void)pthread_mutex_lock(&pool->lock);
    gather_idle(pool);
    older = cut_older(&pool->idle, tick - 1);
    (void)pthread_mutex_unlock(&pool->lock);

    /* Outside the lock: whoever drops the last reference to a configuration frees it, which may take a while. */
    if (tick > FREE_AFTER_TICKS)
        oldest = cut_older(&older, tick - FREE_AFTER_TICKS);
    free_list(pool, oldest);
    for (struct lent_session *u = older; u != NULL; u = u->next)
        engine_session_rest(u->session);

    (void)pthread_mutex_lock(&pool->lock);
    append(&pool->idle, older);
    (void)pthread_mutex_unlock(&pool->lock);
}

size_t session_pool_lent(struct session_pool *pool)
{
    size_t n;

    (void)pthread_mutex_lock(&pool->lock);
    n = pool->made - count_idle(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return n;
}

size_t session_pool_idle(struct session_pool *pool)
{
    size_t n;

    (void)pthread_mutex_lock(&pool->lock);
    n = count_idle(pool);
    (void)pthread_mutex_unlock(&pool->lock);
    return n;
}
