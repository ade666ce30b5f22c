#include "cluster/events.h"

#include "cluster/bytes.h"

#include "core/base/clock.h"

#include <stdlib.h>

#define RETOLD_NS (10 * NS_PER_S)
#define RETOLD_FOR_NS (300 * NS_PER_S)
#define MARKS_UP_TO (EVENTS_MAX / 4 * 3)

struct queued {
    uint64_t arrived_ns; /* 0: not yet */
    uint16_t n;
    unsigned char text[EVENT_TEXT_MAX];
};

struct events {
    struct queued queue[EVENTS_MAX]; /* a ring */
    size_t first, n, sent;
    uint64_t arrived_ns; /* the last that did */
    uint64_t arrived, lost;
};

struct events *events_new(void)
{
    return calloc(1, sizeof(struct events));
}

void events_free(struct events *q)
{
    free(q);
}

static struct queued *event_at(struct events *q, size_t i)
{
    return q->queue + (q->first + i) % EVENTS_MAX;
}

bool events_have_room(const struct events *q)
{
    return q->n < EVENTS_MAX;
}

bool events_add(struct events *q, enum event_type type, uint64_t wall_ms, struct slice body)
{
    struct queued *to;

    if (q->n == EVENTS_MAX || body.n > EVENT_TEXT_MAX - EVENT_HEAD_BYTES) {
        q->lost++;
        return false;
    }
    to = event_at(q, q->n++);
    to->arrived_ns = 0;
    to->text[0] = (unsigned char)type;
    bytes_put64(to->text + 1, wall_ms);
    memcpy(to->text + EVENT_HEAD_BYTES, body.p, body.n);
    to->n = (uint16_t)(EVENT_HEAD_BYTES + body.n);
    return true;
}

/* An entry joins the last event if that is a list of the same kind and moment, and not sent yet. */
static bool add_entry(struct events *q, enum event_type type, uint64_t wall_ms, const unsigned char *entry, size_t n)
{
    struct queued *last = q->n > q->sent ? event_at(q, q->n - 1) : NULL;

    if (last == NULL || last->text[0] != (unsigned char)type || bytes_get64(last->text + 1) != wall_ms ||
        last->n + n > EVENT_TEXT_MAX) {
        if (type == EVENT_MARKS && q->n >= MARKS_UP_TO) {
            q->lost++;
            return false;
        }
        return events_add(q, type, wall_ms, (struct slice){(const char *)entry, n});
    }
    memcpy(last->text + last->n, entry, n);
    last->n = (uint16_t)(last->n + n);
    return true;
}

bool events_add_forget(struct events *q, uint64_t wall_ms, uint64_t key, uint64_t until_ms)
{
    unsigned char entry[FORGET_ENTRY_BYTES];

    bytes_put64(entry, key);
    bytes_put64(entry + 8, until_ms);
    return add_entry(q, EVENT_FORGET, wall_ms, entry, sizeof entry);
}

bool events_add_mark(struct events *q, uint64_t wall_ms, enum mark_kind kind, uint64_t key, uint64_t ns)
{
    unsigned char entry[MARK_ENTRY_BYTES];

    entry[0] = (unsigned char)kind;
    bytes_put64(entry + 1, key);
    bytes_put64(entry + 9, ns);
    return add_entry(q, EVENT_MARKS, wall_ms, entry, sizeof entry);
}

struct slice events_send(struct events *q)
{
    struct queued *next;

    if (q->sent == q->n)
        return (struct slice){NULL, 0};
    next = event_at(q, q->sent++);
    return (struct slice){(const char *)next->text, next->n};
}

void events_arrived(struct events *q, uint64_t boot_ns)
{
    if (q->sent == 0)
        return;
    event_at(q, 0)->arrived_ns = q->arrived_ns = boot_ns;
    q->first = (q->first + 1) % EVENTS_MAX;
    q->n--;
    q->sent--;
    q->arrived++;
}

void events_again(struct events *q)
{
    q->sent = 0;
}

void events_retell(struct events *q, uint64_t boot_ns)
{
    struct queued *before;

    q->sent = 0;
    if (q->arrived_ns == 0 || boot_ns - q->arrived_ns > RETOLD_FOR_NS)
        return;
    /* What has arrived stays in its place until another one takes it. */
    while (q->n < EVENTS_MAX && (before = event_at(q, EVENTS_MAX - 1))->arrived_ns != 0 &&
           q->arrived_ns - before->arrived_ns <= RETOLD_NS) {
        before->arrived_ns = 0;
        q->arrived--;
        q->first = (q->first + EVENTS_MAX - 1) % EVENTS_MAX;
        q->n++;
    }
}

size_t events_count(const struct events *q)
{
    return q->n;
}

size_t events_sent(const struct events *q)
{
    return q->sent;
}

uint64_t events_added(const struct events *q)
{
    return q->arrived + q->n;
}

uint64_t events_settled(const struct events *q)
{
    return q->arrived;
}

uint64_t events_lost(const struct events *q)
{
    return q->lost;
}
