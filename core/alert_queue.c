/* Notices between the mail path and the housekeeping. */
#include "core/alert.h"

#include <pthread.h>
#include <stdlib.h>

#define WAITING_MAX 16u /* blocks within a second, and what the housekeeping found itself */

struct waiting {
    struct alert alert;
    uint64_t period_s;
};

struct alert_queue {
    const char *folder;
    pthread_mutex_t lock; /* held for a copy, never over a disk */
    struct waiting ring[WAITING_MAX];
    unsigned from, n, lost;
};

struct alert_queue *alert_queue_new(const char *folder)
{
    struct alert_queue *q = calloc(1, sizeof *q);

    if (q == NULL)
        return NULL;
    q->folder = folder;
    (void)pthread_mutex_init(&q->lock, NULL);
    return q;
}

void alert_queue_free(struct alert_queue *q)
{
    if (q == NULL)
        return;
    (void)pthread_mutex_destroy(&q->lock);
    free(q);
}

void alert_queue_put(struct alert_queue *q, const struct alert *alert, uint64_t period_s)
{
    (void)pthread_mutex_lock(&q->lock);
    if (q->n == WAITING_MAX)
        q->lost++;
    else
        q->ring[(q->from + q->n++) % WAITING_MAX] = (struct waiting){*alert, period_s};
    (void)pthread_mutex_unlock(&q->lock);
}

/* The first of the line stays there until it was posted. */
static bool first(struct alert_queue *q, struct waiting *out)
{
    bool any;

    (void)pthread_mutex_lock(&q->lock);
    any = q->n > 0;
    if (any)
        *out = q->ring[q->from];
    (void)pthread_mutex_unlock(&q->lock);
    return any;
}

static void drop_first(struct alert_queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    q->from = (q->from + 1) % WAITING_MAX;
    q->n--;
    (void)pthread_mutex_unlock(&q->lock);
}

int alert_queue_flush(struct alert_queue *q, const char *spool, unsigned *lost, struct error *e)
{
    struct waiting next;

    (void)pthread_mutex_lock(&q->lock);
    if (lost != NULL)
        *lost = q->lost;
    q->lost = 0;
    (void)pthread_mutex_unlock(&q->lock);
    while (first(q, &next)) {
        if (alert_post(spool, q->folder, &next.alert, next.period_s, e) < 0)
            return -1;
        drop_first(q);
    }
    return 0;
}
