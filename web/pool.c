#include "web/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 8

STAILQ_HEAD(job_list, job);

struct pool {
    struct event *done_event;
    int done_fd; /* eventfd: some are done */
    unsigned most;
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job_list waiting, done;
    unsigned n_waiting;
    bool ending;
    pthread_t threads[THREADS_MAX];
    unsigned n_threads;
};

static struct job *take_first(struct job_list *list)
{
    struct job *job = STAILQ_FIRST(list);

    if (job != NULL)
        STAILQ_REMOVE_HEAD(list, links);
    return job;
}

static void *pool_run(void *arg)
{
    struct pool *pool = arg;
    struct job *job;

    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        if ((job = take_first(&pool->waiting)) == NULL) {
            (void)pthread_cond_wait(&pool->wake, &pool->lock);
            continue;
        }
        pool->n_waiting--;
        (void)pthread_mutex_unlock(&pool->lock);
        job->work(job);
        (void)pthread_mutex_lock(&pool->lock);
        STAILQ_INSERT_TAIL(&pool->done, job, links);
        (void)eventfd_write(pool->done_fd, 1);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void tell(struct pool *pool, struct job_list *list)
{
    struct job *job;

    do {
        (void)pthread_mutex_lock(&pool->lock);
        job = take_first(list);
        (void)pthread_mutex_unlock(&pool->lock);
        if (job != NULL)
            job->done(job);
    } while (job != NULL);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;
    eventfd_t n;

    (void)what;
    (void)eventfd_read((int)fd, &n);
    tell(pool, &pool->done);
}

struct pool *pool_new(struct event_base *base, const char *name, unsigned threads, unsigned most)
{
    struct pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return NULL;
    pool->most = most;
    STAILQ_INIT(&pool->waiting);
    STAILQ_INIT(&pool->done);
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->wake, NULL);
    pool->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->done_event = pool->done_fd >= 0 ? event_new(base, pool->done_fd, EV_READ | EV_PERSIST, on_done, pool) : NULL;
    if (pool->done_event == NULL || event_add(pool->done_event, NULL) != 0) {
        pool_free(pool);
        return NULL;
    }
    for (; pool->n_threads < threads && pool->n_threads < THREADS_MAX; pool->n_threads++) {
        if (pthread_create(&pool->threads[pool->n_threads], NULL, pool_run, pool) != 0) {
            pool_free(pool);
            return NULL;
        }
        (void)pthread_setname_np(pool->threads[pool->n_threads], name);
    }
    return pool;
}

int pool_add(struct pool *pool, struct job *job)
{
    bool room;

    (void)pthread_mutex_lock(&pool->lock);
    if ((room = pool->n_waiting < pool->most)) {
        pool->n_waiting++;
        STAILQ_INSERT_TAIL(&pool->waiting, job, links);
        (void)pthread_cond_signal(&pool->wake);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return room ? 0 : -1;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    (void)pthread_cond_broadcast(&pool->wake);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        (void)pthread_join(pool->threads[i], NULL);
    tell(pool, &pool->done);
    tell(pool, &pool->waiting);
    if (pool->done_event != NULL)
        event_free(pool->done_event);
    if (pool->done_fd >= 0)
        (void)close(pool->done_fd);
    (void)pthread_cond_destroy(&pool->wake);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}
