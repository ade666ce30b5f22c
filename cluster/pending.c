#include "cluster/pending.h"

#include <stdlib.h>

#define NONE UINT32_MAX
#define CHAINS PENDING_ENTRIES_MAX

struct place {
    struct pending_entry entry;
    uint32_t in_chain; /* the next with the same hash, or the next free place */
    uint32_t in_order; /* the next younger one */
};

struct pending {
    struct place places[PENDING_ENTRIES_MAX];
    uint32_t chains[CHAINS];
    uint32_t free, oldest, youngest;
    uint32_t n;
    struct pending_member members[PENDING_MEMBERS_MAX]; /* a ring */
    uint32_t first_member, n_members;
    uint64_t lost;
};

struct pending *pending_new(void)
{
    struct pending *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    for (uint32_t i = 0; i < CHAINS; i++)
        p->chains[i] = NONE;
    for (uint32_t i = 0; i < PENDING_ENTRIES_MAX; i++)
        p->places[i].in_chain = i + 1 < PENDING_ENTRIES_MAX ? i + 1 : NONE;
    p->oldest = p->youngest = NONE;
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

    if (found != NULL)
        return &p->places[found - p->places].entry;
    if (at == NONE) {
        p->lost++;
        return NULL;
    }
    p->free = p->places[at].in_chain;
    p->places[at] = (struct place){.entry = {.key = key, .table = table}, .in_chain = *chain, .in_order = NONE};
    *chain = at;
    if (p->youngest != NONE)
        p->places[p->youngest].in_order = at;
    else
        p->oldest = at;
    p->youngest = at;
    p->n++;
    return &p->places[at].entry;
}

bool pending_next(struct pending *p, struct pending_entry *out)
{
    uint32_t at = p->oldest, *link;

    if (at == NONE)
        return false;
    *out = p->places[at].entry;
    p->oldest = p->places[at].in_order;
    if (p->oldest == NONE)
        p->youngest = NONE;
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
    if (p->n_members == PENDING_MEMBERS_MAX) {
        p->lost++;
        return;
    }
    p->members[(p->first_member + p->n_members++) % PENDING_MEMBERS_MAX] = (struct pending_member){
        .key = r->key, .member = r->member, .ns = r->ns, .burst_ns = r->burst_ns, .keep_ns = r->keep_ns};
}

bool pending_next_member(struct pending *p, struct pending_member *out)
{
    if (p->n_members == 0)
        return false;
    *out = p->members[p->first_member];
    p->first_member = (p->first_member + 1) % PENDING_MEMBERS_MAX;
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

    for (uint32_t i = 0; i < p->n_members; i++) {
        const struct pending_member *m = p->members + (p->first_member + i) % PENDING_MEMBERS_MAX;

        own += m->key == key ? m->ns : 0;
    }
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
