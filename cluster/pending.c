#include "cluster/pending.h"

#include <stdlib.h>

#define CHAINS PENDING_ENTRIES_MAX

/* By hash tag, each from the oldest to the youngest. Tags and places are numbered from 1; 0: none. */
struct order {
    uint32_t oldest[KEY_TAGS + 1], youngest[KEY_TAGS + 1];
    unsigned done; /* of tags whose turn it was */
};

struct place {
    struct pending_entry entry;
    uint32_t in_chain; /* the next with the same hash, or the next free place */
    uint32_t in_order; /* the next younger one */
};

/* Entries by key, in the order in which they came. Zeroed memory is an empty table. */
struct table {
    struct place places[PENDING_ENTRIES_MAX];
    uint32_t chains[CHAINS];
    struct order order;
    uint32_t used, free, n;
};

struct member_place {
    struct pending_member member;
    uint32_t in_order; /* the next younger one, or the next free place */
};

struct members {
    struct member_place places[PENDING_MEMBERS_MAX];
    struct order order;
    uint32_t used, free, n;
};

/* What is told in this round, and what was counted since it began. */
struct half {
    struct table table;
    struct members members;
};

struct pending {
    struct half halves[2];
    unsigned round; /* which of them */
    struct table floors;
    uint64_t lost;
};

struct pending *pending_new(void)
{
    return calloc(1, sizeof(struct pending));
}

void pending_free(struct pending *p)
{
    free(p);
}

static struct half *round_of(struct pending *p)
{
    return p->halves + p->round;
}

static struct half *next_of(struct pending *p)
{
    return p->halves + !p->round;
}

/* ---- the order ---- */

/* The tag to take from: this one, or the one whose turn it is; 0: there is nothing. */
static unsigned order_turn(struct order *o, unsigned tag)
{
    if (tag != 0)
        return o->oldest[tag] != 0 ? tag : 0;
    for (unsigned tried = 0; tried < KEY_TAGS; tried++, o->done = (o->done + 1) % KEY_TAGS)
        if (o->oldest[o->done + 1] != 0)
            return o->done + 1;
    return 0;
}

/* The place becomes the youngest; the one that was so before, 0: none, is to point to it. */
static uint32_t order_add(struct order *o, unsigned tag, uint32_t at)
{
    uint32_t before = o->oldest[tag] != 0 ? o->youngest[tag] : 0;

    if (before == 0)
        o->oldest[tag] = at;
    o->youngest[tag] = at;
    return before;
}

/* ---- a table ---- */

/* Keys are keyed hashes: their lowest bits are as good as any. */
static uint32_t chain_of(uint64_t key)
{
    return (uint32_t)key & (CHAINS - 1);
}

/* The number of the key's place. */
static uint32_t table_place(const struct table *t, uint64_t key)
{
    uint32_t at = t->chains[chain_of(key)];

    while (at != 0 && t->places[at - 1].entry.key != key)
        at = t->places[at - 1].in_chain;
    return at;
}

static struct pending_entry *table_find(struct table *t, uint64_t key)
{
    uint32_t at = table_place(t, key);

    return at != 0 ? &t->places[at - 1].entry : NULL;
}

/* The key's entry, new if there was none; NULL: there is no room. */
static struct pending_entry *table_entry(struct table *t, uint64_t key, enum outbox_table table)
{
    struct pending_entry *found = table_find(t, key);
    uint32_t at = t->free, *chain = t->chains + chain_of(key), before;

    if (found != NULL)
        return found;
    if (at != 0)
        t->free = t->places[at - 1].in_chain;
    else if (t->used < PENDING_ENTRIES_MAX)
        at = ++t->used;
    else
        return NULL;
    t->places[at - 1] = (struct place){.entry = {.key = key, .table = table}, .in_chain = *chain};
    *chain = at;
    if ((before = order_add(&t->order, tag_of_key(key), at)) != 0)
        t->places[before - 1].in_order = at;
    t->n++;
    return &t->places[at - 1].entry;
}

static bool table_next(struct table *t, unsigned tag, struct pending_entry *out)
{
    uint32_t at, *link;
    struct place *place;

    if ((tag = order_turn(&t->order, tag)) == 0)
        return false;
    at = t->order.oldest[tag];
    place = t->places + at - 1;
    *out = place->entry;
    t->order.oldest[tag] = place->in_order;
    for (link = t->chains + chain_of(out->key); *link != at; link = &t->places[*link - 1].in_chain)
        continue;
    *link = place->in_chain;
    place->in_chain = t->free;
    t->free = at;
    t->n--;
    return true;
}

/* ---- taking ---- */

/* False: there is no room. */
static bool add_member(struct members *m, const struct pending_member *member)
{
    unsigned tag = tag_of_key(member->key);
    uint32_t at = m->free, before;

    if (at != 0)
        m->free = m->places[at - 1].in_order;
    else if (m->used < PENDING_MEMBERS_MAX)
        at = ++m->used;
    else
        return false;
    m->places[at - 1] = (struct member_place){.member = *member};
    if ((before = order_add(&m->order, tag, at)) != 0)
        m->places[before - 1].in_order = at;
    m->n++;
    return true;
}

static void take_member(struct pending *p, const struct outbox_record *r)
{
    const struct pending_member member = {.key = r->key,
                                          .member = r->member,
                                          .table = r->table,
                                          .ns = r->ns,
                                          .burst_ns = r->burst_ns,
                                          .keep_ns = r->keep_ns};

    p->lost += !add_member(&next_of(p)->members, &member);
}

/* A sum that would not fit stays where it is: it is far above every cap. */
static void add_amount(struct pending_entry *entry, int64_t ns)
{
    int64_t sum;

    if (!__builtin_add_overflow(entry->add_ns, ns, &sum))
        entry->add_ns = sum;
}

bool pending_take(struct pending *p, const struct outbox_record *r)
{
    struct pending_entry *entry;
    int64_t ns = r->ns < COUNTERS_LONGEST_WINDOW_NS ? (int64_t)r->ns : (int64_t)COUNTERS_LONGEST_WINDOW_NS;

    if (r->kind == OUTBOX_DISTINCT) {
        take_member(p, r);
        return true;
    }
    if (r->kind != OUTBOX_ADD && r->kind != OUTBOX_RETURN && r->kind != OUTBOX_RESET)
        return false;
    if ((entry = table_entry(&next_of(p)->table, r->key, r->table)) == NULL) {
        p->lost++;
        return true;
    }
    if (r->kind == OUTBOX_RESET) {
        entry->reset = true;
        entry->floor = false;
        entry->add_ns = 0;
        return true;
    }
    add_amount(entry, r->kind == OUTBOX_ADD ? ns : -ns);
    if (r->burst_ns != 0)
        entry->burst_ns = r->burst_ns;
    return true;
}

/* The key's entry among what is told or will be; NULL: it is not. */
static struct pending_entry *entry_waiting(struct pending *p, uint64_t key)
{
    struct pending_entry *entry = table_find(&round_of(p)->table, key);

    return entry != NULL ? entry : table_find(&next_of(p)->table, key);
}

void pending_floor(struct pending *p, uint64_t key, enum outbox_table table, uint64_t burst_ns)
{
    struct pending_entry *entry = entry_waiting(p, key);

    if (entry == NULL && (entry = table_entry(&p->floors, key, table)) == NULL) {
        p->lost++;
        return;
    }
    entry->floor = true;
    if (burst_ns != 0)
        entry->burst_ns = burst_ns;
}

static void forget_in(struct table *t, uint64_t key)
{
    struct pending_entry *entry = table_find(t, key);

    if (entry == NULL)
        return;
    entry->add_ns = 0;
    entry->floor = false;
}

void pending_forget(struct pending *p, uint64_t key)
{
    forget_in(&p->halves[0].table, key);
    forget_in(&p->halves[1].table, key);
    forget_in(&p->floors, key);
}

/* ---- telling ---- */

bool pending_begin_round(struct pending *p)
{
    if (pending_in_round(p) > 0)
        return false;
    p->round = !p->round;
    /* The same order each time. */
    round_of(p)->table.order.done = round_of(p)->members.order.done = 0;
    return true;
}

size_t pending_in_round(const struct pending *p)
{
    const struct half *half = p->halves + p->round;

    return (size_t)half->table.n + half->members.n;
}

bool pending_has(const struct pending *p, unsigned tag)
{
    const struct half *half = p->halves + p->round;

    return tag == 0 ? pending_in_round(p) > 0
                    : half->table.order.oldest[tag] != 0 || half->members.order.oldest[tag] != 0;
}

bool pending_next(struct pending *p, unsigned tag, struct pending_entry *out)
{
    return table_next(&round_of(p)->table, tag, out);
}

bool pending_next_floor(struct pending *p, unsigned tag, struct pending_entry *out)
{
    return table_next(&p->floors, tag, out);
}

bool pending_next_member(struct pending *p, unsigned tag, struct pending_member *out)
{
    struct members *m = &round_of(p)->members;
    uint32_t at;

    if ((tag = order_turn(&m->order, tag)) == 0)
        return false;
    at = m->order.oldest[tag];
    *out = m->places[at - 1].member;
    m->order.oldest[tag] = m->places[at - 1].in_order;
    m->places[at - 1].in_order = m->free;
    m->free = at;
    m->n--;
    return true;
}

/* What came later and forgets the key makes this old. */
static void carry_entry(struct pending *p, const struct pending_entry *from)
{
    struct pending_entry *to = table_entry(&next_of(p)->table, from->key, from->table);

    if (to == NULL) {
        p->lost++;
        return;
    }
    if (to->reset)
        return;
    to->reset = from->reset;
    to->floor = to->floor || from->floor;
    add_amount(to, from->add_ns);
    if (to->burst_ns == 0)
        to->burst_ns = from->burst_ns;
}

void pending_carry(struct pending *p)
{
    struct pending_entry entry;
    struct pending_member member;

    while (pending_next(p, 0, &entry))
        carry_entry(p, &entry);
    while (pending_next_member(p, 0, &member))
        p->lost += !add_member(&next_of(p)->members, &member);
}

/* ---- how much ---- */

static uint64_t own_in(const struct half *half, uint64_t key)
{
    uint32_t at = table_place(&half->table, key);
    uint64_t own =
        at != 0 && half->table.places[at - 1].entry.add_ns > 0 ? (uint64_t)half->table.places[at - 1].entry.add_ns : 0;

    for (at = half->members.order.oldest[tag_of_key(key)]; at != 0; at = half->members.places[at - 1].in_order)
        own += half->members.places[at - 1].member.key == key ? half->members.places[at - 1].member.ns : 0;
    return own;
}

uint64_t pending_own(const struct pending *p, uint64_t key)
{
    return own_in(p->halves, key) + own_in(p->halves + 1, key);
}

size_t pending_count(const struct pending *p)
{
    return (size_t)p->halves[0].table.n + p->halves[0].members.n + p->halves[1].table.n + p->halves[1].members.n +
           p->floors.n;
}

size_t pending_floors(const struct pending *p)
{
    return p->floors.n;
}

uint64_t pending_lost(const struct pending *p)
{
    return p->lost;
}
