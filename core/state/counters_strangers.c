/*
 * Counters of strangers: GCRA in tables where, in a full bucket, the entry that ends first is replaced. Processes that
 * begin counting a key at the same moment may each make an entry; all of them count.
 */
#include "core/state/counters_table.h"

static enum yielding table_of(enum strangers_count what)
{
    return what == STRANGERS_BLOCKS ? YIELDING_BLOCKS : YIELDING_STRANGERS;
}

/* A key's backlog in all of its entries; *entry is the first of them, NULL when there is none. */
static uint64_t strangers_backlog(const struct counters *c, enum yielding table, uint64_t key, uint64_t now,
                                  union pair **entry, union pair *seen)
{
    uint64_t backlog = 0;
    union pair other;

    *entry = yielding_find(c, table, key, now, seen);
    if (*entry == NULL)
        return 0;
    backlog = backlog_of(seen->value, now);
    for (union pair *next = *entry; (next = yielding_find_after(c, table, key, now, next, &other)) != NULL;)
        backlog += backlog_of(other.value, now);
    return min_u64(backlog, COUNTERS_LONGEST_WINDOW_NS);
}

struct charge_answer strangers_look(const struct counters *c, enum strangers_count what, const struct charge *charge,
                                    uint64_t now_ns)
{
    union pair seen, *entry;

    return charge_judge(charge, strangers_backlog(c, table_of(what), charge->key, now_ns + c->ahead_ns, &entry, &seen));
}

/* Makes the key's first entry. False when others did so at the same time, and all together are too many. */
static bool strangers_begin(struct counters *c, enum yielding table, const struct charge *charge, uint64_t now)
{
    union pair seen, *entry;
    const struct charge look = {.interval_ns = charge->interval_ns, .burst = charge->burst};

    yielding_put(c, table, charge->key, now, now + cost_ns(charge));
    return charge_judge(&look, strangers_backlog(c, table, charge->key, now, &entry, &seen)).allowed;
}

/* From one entry after the other, until nothing is left to give back or of them. */
static void strangers_give_back(struct counters *c, enum yielding table, uint64_t key, uint64_t ns, uint64_t now)
{
    for (unsigned i = 0; i < TRIES_MAX && ns > 0; i++) {
        union pair seen, *entry = yielding_find(c, table, key, now, &seen);
        uint64_t here;

        if (entry == NULL)
            return;
        here = min_u64(seen.value - now, ns);
        if (pair_swap(entry, seen, pair_of(key, seen.value - here)))
            ns -= here;
    }
}

struct charge_answer strangers_charge(struct counters *c, enum strangers_count what, const struct charge *charge,
                                      uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    struct charge_answer a = {.allowed = false};

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen, *entry;
        uint64_t backlog = strangers_backlog(c, table_of(what), charge->key, now, &entry, &seen);

        a = charge_judge(charge, backlog);
        if (!a.allowed || charge->cost == 0)
            return a;
        if (entry == NULL) {
            if (strangers_begin(c, table_of(what), charge, now))
                return a;
            strangers_give_back(c, table_of(what), charge->key, cost_ns(charge), now);
            continue;
        }
        if (pair_swap(entry, seen, pair_of(charge->key, now + backlog_of(seen.value, now) + cost_ns(charge))))
            return a;
    }
    a.allowed = false;
    return a;
}

void strangers_return(struct counters *c, enum strangers_count what, uint64_t key, uint64_t ns, uint64_t now_ns)
{
    strangers_give_back(c, table_of(what), key, ns, now_ns + c->ahead_ns);
}

void strangers_raise(struct counters *c, enum strangers_count what, uint64_t key, uint64_t backlog_ns, uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns, wanted = min_u64(backlog_ns, COUNTERS_LONGEST_WINDOW_NS);

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen, *entry;
        uint64_t backlog = strangers_backlog(c, table_of(what), key, now, &entry, &seen);

        if (backlog >= wanted)
            return;
        if (entry == NULL) {
            yielding_put(c, table_of(what), key, now, now + wanted);
            return;
        }
        if (pair_swap(entry, seen, pair_of(key, now + backlog_of(seen.value, now) + wanted - backlog)))
            return;
    }
}
