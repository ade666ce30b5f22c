/* Notices between the mail path and the housekeeping, and the digests of what was too much. */
#include "core/notice/alert.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define WAITING_MAX 64u /* blocks within a second, and what the housekeeping found itself */
/* Of these, so that the others are left for logins: somebody who gets clients blocked can get many blocked. */
#define CLIENTS_WAITING_MAX 16u

#define HOUR_S 3600
#define DIGEST_AFTER_S 60  /* collects for this long: by then a flood is mostly over, or recognized */
#define DIGEST_AGAIN_S 600 /* and then one digest in this time */
#define DIGEST_NAMES 5u    /* the first of those that are reported together */

struct queued_alert {
    struct alert alert;
    uint64_t period_s;
};

/* What of a kind was too much since the last digest. */
struct beyond {
    unsigned n, named; /* named: those whose names are kept */
    enum alert_event event;
    int64_t since_s;
    char names[DIGEST_NAMES][sizeof((struct alert *)0)->subject];
};

struct told {
    int64_t hour_s, digest_s; /* when the hour began, and when the last digest was written; wall clock */
    unsigned n;               /* told one by one in that hour */
};

struct alert_queue {
    const char *folder;
    bool digests;
    pthread_mutex_t lock; /* held for a copy, never over a disk; guards what follows, but for told */
    struct queued_alert ring[WAITING_MAX];
    unsigned from, n, clients; /* clients: of the n */
    unsigned newly_beyond;
    struct beyond beyond[ALERT_KINDS];
    struct told told[ALERT_KINDS]; /* the housekeeping's own */
};

struct alert_queue *alert_queue_new(const char *folder, bool digests)
{
    struct alert_queue *q = calloc(1, sizeof *q);

    if (q == NULL)
        return NULL;
    q->folder = folder;
    q->digests = digests;
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

/* With the lock held. */
static void add_beyond(struct alert_queue *q, const struct alert *alert)
{
    struct beyond *b = &q->beyond[alert_kind(alert)];

    q->newly_beyond++;
    if (!q->digests)
        return;
    if (b->n == 0)
        b->since_s = alert->at_s;
    if (b->named < DIGEST_NAMES)
        memcpy(b->names[b->named++], alert->subject, sizeof alert->subject);
    b->event = alert->event;
    b->n++;
}

void alert_queue_put(struct alert_queue *q, const struct alert *alert, uint64_t period_s)
{
    bool client = q->digests && alert_kind(alert) == ALERT_OF_CLIENT;

    (void)pthread_mutex_lock(&q->lock);
    if (q->n == WAITING_MAX || (client && q->clients == CLIENTS_WAITING_MAX)) {
        add_beyond(q, alert);
    } else {
        q->ring[(q->from + q->n++) % WAITING_MAX] = (struct queued_alert){*alert, period_s};
        q->clients += client;
    }
    (void)pthread_mutex_unlock(&q->lock);
}

/* The first of the line stays there until it was posted. */
static bool first(struct alert_queue *q, struct queued_alert *out)
{
    bool any;

    (void)pthread_mutex_lock(&q->lock);
    any = q->n > 0;
    if (any)
        *out = q->ring[q->from];
    (void)pthread_mutex_unlock(&q->lock);
    return any;
}

static void drop_first(struct alert_queue *q, bool beyond)
{
    const struct alert *alert = &q->ring[q->from].alert;

    (void)pthread_mutex_lock(&q->lock);
    if (beyond)
        add_beyond(q, alert);
    q->clients -= q->digests && alert_kind(alert) == ALERT_OF_CLIENT;
    q->from = (q->from + 1) % WAITING_MAX;
    q->n--;
    (void)pthread_mutex_unlock(&q->lock);
}

/* ---- the housekeeping ---- */

/* May another one of the kind be told by itself? A clock that went back begins another hour. */
static bool hour_has_room(struct told *told, enum alert_kind kind, int64_t wall_s)
{
    if (wall_s - told->hour_s >= HOUR_S || wall_s < told->hour_s)
        *told = (struct told){.hour_s = wall_s, .digest_s = told->digest_s};
    return told->n < alert_quota(kind).hourly;
}

static int post_first(struct alert_queue *q, const struct queued_alert *next, const char *spool, int64_t wall_s,
                      struct error *e)
{
    enum alert_kind kind = alert_kind(&next->alert);
    int result = ALERT_FULL;

    if (!q->digests || hour_has_room(&q->told[kind], kind, wall_s))
        result = alert_post(spool, q->folder, &next->alert, next->period_s, e);
    if (result == -1 || (result == ALERT_FULL && !q->digests))
        return -1;
    drop_first(q, result == ALERT_FULL);
    q->told[kind].n += result == 1;
    return 0;
}

static struct alert digest_of(const struct beyond *b, enum alert_kind kind, int64_t wall_s)
{
    struct alert alert = alert_of(b->event, wall_s, kind == ALERT_OF_CLIENT ? SLICE("clients") : SLICE("others"));
    int64_t minutes = (wall_s - b->since_s) / 60 + 1;
    char key[sizeof alert.facts[0].key];

    alert.digest = true;
    alert_summary(&alert, "%u more %s within %" PRId64 " minutes, too many to tell one by one", b->n,
                  b->event != ALERT_BLOCK   ? "events"
                  : kind == ALERT_OF_CLIENT ? "blocks of clients and networks"
                                            : "blocks of logins and connectors",
                  minutes);
    alert_advice(&alert, "postern blocks shows them all, postern log what was sent meanwhile");
    alert_fact_number(&alert, "events", b->n);
    for (unsigned i = 0; i < b->named; i++) {
        struct buf name = BUF_OVER(key);

        buf_addf(&name, "subject_%u", i + 1);
        alert_fact(&alert, key, slice_of(b->names[i]));
    }
    return alert;
}

/* Takes what is beyond of a kind, when its digest is due; n is 0 when it isn't. */
static struct beyond take_beyond(struct alert_queue *q, enum alert_kind kind, int64_t wall_s)
{
    const struct told *told = &q->told[kind];
    struct beyond *b = &q->beyond[kind], taken = {.n = 0};
    bool again;

    (void)pthread_mutex_lock(&q->lock);
    again = wall_s - told->digest_s >= DIGEST_AGAIN_S || wall_s < told->digest_s;
    if (b->n > 0 && again && (wall_s - b->since_s >= DIGEST_AFTER_S || wall_s < b->since_s)) {
        taken = *b;
        b->n = b->named = 0;
    }
    (void)pthread_mutex_unlock(&q->lock);
    return taken;
}

/* What could not be reported is reported with what came meanwhile. */
static void queue_give_back(struct alert_queue *q, enum alert_kind kind, const struct beyond *taken)
{
    unsigned more;

    (void)pthread_mutex_lock(&q->lock);
    more = q->beyond[kind].n;
    q->beyond[kind] = *taken;
    q->beyond[kind].n += more;
    (void)pthread_mutex_unlock(&q->lock);
}

static int post_digest(struct alert_queue *q, enum alert_kind kind, const char *spool, int64_t wall_s, struct error *e)
{
    struct beyond taken = take_beyond(q, kind, wall_s);
    struct alert alert;

    if (taken.n == 0)
        return 0;
    alert = digest_of(&taken, kind, wall_s);
    if (alert_post(spool, q->folder, &alert, 0, e) < 0) {
        queue_give_back(q, kind, &taken);
        return -1;
    }
    q->told[kind].digest_s = wall_s;
    return 0;
}

int alert_queue_flush(struct alert_queue *q, const char *spool, int64_t wall_s, unsigned *beyond, struct error *e)
{
    struct queued_alert next;
    int result = 0;

    while (result == 0 && first(q, &next))
        result = post_first(q, &next, spool, wall_s, e);
    for (unsigned kind = 0; kind < ALERT_KINDS && result == 0; kind++)
        result = post_digest(q, (enum alert_kind)kind, spool, wall_s, e);
    (void)pthread_mutex_lock(&q->lock);
    if (beyond != NULL)
        *beyond = q->newly_beyond;
    q->newly_beyond = 0;
    (void)pthread_mutex_unlock(&q->lock);
    return result;
}
