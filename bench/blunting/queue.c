/* A binary heap by time, then by sender, then by order of arrival. */
#include "bench/blunting/blunting.h"

#include <stdlib.h>

static bool is_before(const struct mail *a, const struct mail *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    return a->actor != b->actor ? a->actor < b->actor : a->order < b->order;
}

void queue_put(struct queue *q, const struct mail *m)
{
    size_t i = q->n;
    struct mail one = *m;

    if (q->n == q->capacity) {
        size_t more = q->capacity == 0 ? 65536 : q->capacity * 2;
        struct mail *grown = realloc(q->mail, more * sizeof *grown);

        if (grown == NULL) {
            perror("blunting");
            exit(1);
        }
        q->mail = grown;
        q->capacity = more;
    }
    one.order = q->order++;
    q->n++;
    for (; i > 0 && is_before(&one, &q->mail[(i - 1) / 2]); i = (i - 1) / 2)
        q->mail[i] = q->mail[(i - 1) / 2];
    q->mail[i] = one;
}

bool queue_take(struct queue *q, struct mail *out)
{
    size_t i = 0, child;
    struct mail last;

    if (q->n == 0)
        return false;
    *out = q->mail[0];
    last = q->mail[--q->n];
    while ((child = 2 * i + 1) < q->n) {
        if (child + 1 < q->n && is_before(&q->mail[child + 1], &q->mail[child]))
            child++;
        if (!is_before(&q->mail[child], &last))
            break;
        q->mail[i] = q->mail[child];
        i = child;
    }
    q->mail[i] = last;
    return true;
}
