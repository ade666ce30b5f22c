#include "core/report/messages.h"

#include "core/base/clock.h"
#include "core/base/hash.h"

#include <stdlib.h>

/* Without long queue ids, Postfix may reuse one once the message has left. The two front ends see the end of a message
 * within the transfer of its data. */
#define SAME_WITHIN_S 7200

struct number {
    uint64_t name; /* 0: empty */
    uint64_t value;
    int64_t at_s;
};

static struct number *slot_of(const struct numbers *t, uint64_t name)
{
    size_t i = name & (t->capacity - 1);

    while (t->slots[i].name != 0 && t->slots[i].name != name)
        i = (i + 1) & (t->capacity - 1);
    return &t->slots[i];
}

/* Half of the slots stay free. */
static bool numbers_grow(struct numbers *t)
{
    struct numbers larger = {.n = t->n, .capacity = t->capacity == 0 ? 1024 : 2 * t->capacity};

    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < t->capacity; i++)
        if (t->slots[i].name != 0)
            *slot_of(&larger, t->slots[i].name) = t->slots[i];
    free(t->slots);
    *t = larger;
    return true;
}

/* The slot of that name, new (value 0) if there was none; NULL without memory. */
static struct number *number_of(struct numbers *t, uint64_t name)
{
    struct number *slot;

    if (2 * (t->n + 1) > t->capacity && !numbers_grow(t))
        return NULL;
    slot = slot_of(t, name);
    if (slot->name == 0) {
        slot->name = name;
        t->n++;
    }
    return slot;
}

/* A secret of this run, so that nobody can choose names that collide. */
static uint64_t hash_of(const struct report_messages *m, uint64_t seed, struct slice text)
{
    const struct hash_secret secret = {{(uint64_t)(uintptr_t)m, seed}};

    return hash_slice(&secret, text) | 1;
}

/* The message's number by one of its names, 0 where it is not known; it is noted in *slot. */
static uint64_t known_by(struct report_messages *m, const char *name, uint64_t seed, int64_t at_s, struct number **slot)
{
    *slot = NULL;
    if (name[0] == '\0')
        return 0;
    *slot = number_of(&m->names, hash_of(m, seed, slice_of(name)));
    if (*slot == NULL) {
        m->no_memory = true;
        return 0;
    }
    if ((*slot)->value != 0 && (*slot)->at_s - at_s > SAME_WITHIN_S)
        (*slot)->value = 0;
    (*slot)->at_s = at_s;
    return (*slot)->value;
}

/* Instances of the two front ends are names of different kinds. */
static uint64_t message_of(struct report_messages *m, const struct journal_record *r)
{
    int64_t at_s = (int64_t)(r->at_ns / NS_PER_S);
    struct number *slot;
    uint64_t by_id = known_by(m, r->queue_id, 0, at_s, &slot), number;

    number = known_by(m, r->instance, r->milter ? 1 : 2, at_s, &slot);
    number = by_id != 0 ? by_id : number != 0 ? number : ++m->n;
    if (slot != NULL)
        slot->value = number;
    /* The table may have grown meanwhile, so look it up again. */
    (void)known_by(m, r->queue_id, 0, at_s, &slot);
    if (slot != NULL)
        slot->value = number;
    return number;
}

bool messages_first(struct report_messages *m, const struct journal_record *r, struct slice row)
{
    struct number *counted;

    if (m->no_memory || (r->queue_id[0] == '\0' && r->instance[0] == '\0'))
        return true;
    counted = number_of(&m->counted, hash_of(m, message_of(m, r) + 2, row));
    if (counted == NULL) {
        m->no_memory = true;
        return true;
    }
    return counted->value++ == 0;
}

void messages_free(struct report_messages *m)
{
    free(m->names.slots);
    free(m->counted.slots);
    *m = (struct report_messages){.n = 0};
}

void record_add_fault(struct buf *b, const struct journal_record *r)
{
    buf_addf(b, "%s: %s%s(%s)", header_field_name(r->fault_field), r->fault_text, r->fault_text[0] != '\0' ? " " : "",
             r->fault);
}
