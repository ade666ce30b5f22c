#include "cluster/pending.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define CHAINS PENDING_ENTRIES_MAX

/* By hash tag, each from the oldest to the youngest. Tags are counted from 1. */
struct order {
    uint32_t oldest[KEY_TAGS + 1], youngest[KEY_TAGS + 1];
    unsigned at; /* the tag whose turn it is, where all have theirs */
};

struct place {
    struct pending_entry entry;
    uint32_t in_chain; /* the next with the same hash, or the next free place */
    uint32_t in_order; /* the next younger one */
};

struct member_place {
    struct pending_member member;
    uint32_t in_order; /* the next younger one, or the next free place */
};

struct pending {
    struct place places[PENDING_ENTRIES_MAX];
    uint32_t chains[CHAINS];
    struct order order;
    uint32_t free, n;
    struct member_place members[PENDING_MEMBERS_MAX];
    struct order member_order;
    uint32_t free_member, n_members;
    uint64_t lost;
};

static void order_begin(struct order *o)
{
    for (unsigned tag = 0; tag <= KEY_TAGS; tag++)
        o->oldest[tag] = o->youngest[tag] = NONE;
    o->at = 1;
}

/* The tag to take from: this one, or the one whose turn it is; 0: there is nothing. */
static unsigned order_turn(struct order *o, unsigned tag)
{
    if (tag != 0)
        return o->oldest[tag] != NONE ? tag : 0;
    for (unsigned tried = 0; tried < KEY_TAGS; tried++, o->at = o->at % KEY_TAGS + 1)
        if (o->oldest[o->at] != NONE)
            return o->at;
    return 0;
}

struct pending *pending_new(void)
{
    struct pending *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    for (uint32_t i = 0; i < CHAINS; i++)
        p->chains[i] = NONE;
    for (uint32_t i = 0; i < PENDING_ENTRIES_MAX; i++)
        p->places[i].in_chain = i + 1 < PENDING_ENTRIES_MAX ? i + 1 : NONE;
    for (uint32_t i = 0; i < PENDING_MEMBERS_MAX; i++)
        p->members[i].in_order = i + 1 < PENDING_MEMBERS_MAX ? i + 1 : NONE;
    order_begin(&p->order);
    order_begin(&p->member_order);
    return p;
}

void pending_free(struct pending *p)
{
    free(p);
}

/* Keys are keyed hashes: their lowest bits are as good as any. */
static uint32_t chain_of(uint64_t key)
{
    return (uint32_t)key & (CHAINS - 1);
}

static const struct place *pending_find(const struct pending *p, uint64_t key)
{
    for (uint32_t at = p->chains[chain_of(key)]; at != NONE; at = p->places[at].in_chain)
        if (p->places[at].entry.key == key)
            return p->places + at;
    return NULL;
}

/* The key's entry, new if there was none; NULL and counted: there is no room. */
static struct pending_entry *pending_entry_of(struct pending *p, uint64_t key, enum outbox_table table)
{
    const struct place *found = pending_find(p, key);
    uint32_t at = p->free, *chain = p->chains + chain_of(key);
    unsigned tag = tag_of_key(key);

    if (found != NULL)
        return &p->places[found - p->places].entry;
    if (at == NONE) {
        p->lost++;
        return NULL;
    }
    p->free = p->places[at].in_chain;
    p->places[at] = (struct place){.entry = {.key = key, .table = table}, .in_chain = *chain, .in_order = NONE};
    *chain = at;
    if (p->order.oldest[tag] != NONE)
        p->places[p->order.youngest[tag]].in_order = at;
    else
        p->order.oldest[tag] = at;
    p->order.youngest[tag] = at;
    p->n++;
    return &p->places[at].entry;
}

bool pending_next(struct pending *p, unsigned tag, struct pending_entry *out)
{
    uint32_t at, *link;

    if ((tag = order_turn(&p->order, tag)) == 0)
        return false;
    at = p->order.oldest[tag];
    *out = p->places[at].entry;
    p->order.oldest[tag] = p->places[at].in_order;
    for (link = p->chains + chain_of(out->key); *link != at; link = &p->places[*link].in_chain)
        continue;
    *link = p->places[at].in_chain;
    p->places[at].in_chain = p->free;
    p->free = at;
    p->n--;
    return true;
}

static void take_member(struct pending *p, const struct outbox_record *r)
{
    uint32_t at = p->free_member;
    unsigned tag = tag_of_key(r->key);

    if (at == NONE) {
        p->lost++;
        return;
    }
    p->free_member = p->members[at].in_order;
    p->members[at] = (struct member_place){
        .member = {.key = r->key, .member = r->member, .ns = r->ns, .burst_ns = r->burst_ns, .keep_ns = r->keep_ns},
        .in_order = NONE};
    if (p->member_order.oldest[tag] != NONE)
        p->members[p->member_order.youngest[tag]].in_order = at;
    else
        p->member_order.oldest[tag] = at;
    p->member_order.youngest[tag] = at;
    p->n_members++;
}

bool pending_next_member(struct pending *p, unsigned tag, struct pending_member *out)
{
    uint32_t at;

    if ((tag = order_turn(&p->member_order, tag)) == 0)
        return false;
    at = p->member_order.oldest[tag];
    *out = p->members[at].member;
    p->member_order.oldest[tag] = p->members[at].in_order;
    p->members[at].in_order = p->free_member;
    p->free_member = at;
    p->n_members--;
    return true;
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
    if ((entry = pending_entry_of(p, r->key, r->table)) == NULL)
        return true;
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

void pending_floor(struct pending *p, uint64_t key, enum outbox_table table, uint64_t burst_ns)
{
    struct pending_entry *entry = pending_entry_of(p, key, table);

    if (entry == NULL)
        return;
    entry->floor = true;
    if (burst_ns != 0)
        entry->burst_ns = burst_ns;
}

void pending_forget(struct pending *p, uint64_t key)
{
    const struct place *found = pending_find(p, key);

    if (found == NULL)
        return;
    p->places[found - p->places].entry.add_ns = 0;
    p->places[found - p->places].entry.floor = false;
}

uint64_t pending_own(const struct pending *p, uint64_t key)
{
    const struct place *found = pending_find(p, key);
    uint64_t own = found != NULL && found->entry.add_ns > 0 ? (uint64_t)found->entry.add_ns : 0;

    for (uint32_t at = p->member_order.oldest[tag_of_key(key)]; at != NONE; at = p->members[at].in_order)
        own += p->members[at].member.key == key ? p->members[at].member.ns : 0;
    return own;
}

size_t pending_count(const struct pending *p)
{
    return (size_t)p->n + p->n_members;
}

uint64_t pending_lost(const struct pending *p)
{
    return p->lost;
}
