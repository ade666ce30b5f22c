#include "cluster/pending.h"

#include <stdlib.h>

#define CHAINS PENDING_ENTRIES_MAX

/* Places are numbered from 1; 0: none. */
struct place {
    struct pending_entry entry;
    uint32_t in_chain; /* the next with the same hash, or the next free place */
    uint32_t in_order; /* the next younger one */
};

/* Entries by key, in the order in which they came. Zeroed memory is an empty table. */
struct table {
    struct place places[PENDING_ENTRIES_MAX];
    uint32_t chains[CHAINS];
    uint32_t used, free, oldest, youngest;
    uint32_t n;
};

struct members {
    struct pending_member of[PENDING_MEMBERS_MAX]; /* a ring */
    uint32_t first, n;
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
    uint32_t at = t->free, *chain = t->chains + chain_of(key);

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
    if (t->youngest != 0)
        t->places[t->youngest - 1].in_order = at;
    else
        t->oldest = at;
    t->youngest = at;
    t->n++;
    return &t->places[at - 1].entry;
}

static bool table_next(struct table *t, struct pending_entry *out)
{
    uint32_t at = t->oldest, *link;
    struct place *place = t->places + at - 1;

    if (at == 0)
        return false;
    *out = place->entry;
    t->oldest = place->in_order;
    if (t->oldest == 0)
        t->youngest = 0;
    for (link = t->chains + chain_of(out->key); *link != at; link = &t->places[*link - 1].in_chain)
        continue;
    *link = place->in_chain;
    place->in_chain = t->free;
    t->free = at;
    t->n--;
    return true;
}

/* ---- taking ---- */

static void take_member(struct pending *p, const struct outbox_record *r)
{
    struct members *m = &next_of(p)->members;

    if (m->n == PENDING_MEMBERS_MAX) {
        p->lost++;
        return;
    }
    m->of[(m->first + m->n++) % PENDING_MEMBERS_MAX] = (struct pending_member){.key = r->key,
                                                                               .member = r->member,
                                                                               .table = r->table,
                                                                               .ns = r->ns,
                                                                               .burst_ns = r->burst_ns,
                                                                               .keep_ns = r->keep_ns};
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
    return true;
}

size_t pending_in_round(const struct pending *p)
{
    const struct half *half = p->halves + p->round;

    return (size_t)half->table.n + half->members.n;
}

bool pending_next(struct pending *p, struct pending_entry *out)
{
    return table_next(&round_of(p)->table, out);
}

bool pending_next_floor(struct pending *p, struct pending_entry *out)
{
    return table_next(&p->floors, out);
}

bool pending_next_member(struct pending *p, struct pending_member *out)
{
    struct members *m = &round_of(p)->members;

    if (m->n == 0)
        return false;
    *out = m->of[m->first];
    m->first = (m->first + 1) % PENDING_MEMBERS_MAX;
    m->n--;
    return true;
}

/* ---- how much ---- */

static uint64_t own_in(const struct half *half, uint64_t key)
{
    uint32_t at = table_place(&half->table, key);
    uint64_t own =
        at != 0 && half->table.places[at - 1].entry.add_ns > 0 ? (uint64_t)half->table.places[at - 1].entry.add_ns : 0;

    for (uint32_t i = 0; i < half->members.n; i++) {
        const struct pending_member *m = half->members.of + (half->members.first + i) % PENDING_MEMBERS_MAX;

        own += m->key == key ? m->ns : 0;
    }
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

uint64_t pending_lost(const struct pending *p)
{
    return p->lost;
}
