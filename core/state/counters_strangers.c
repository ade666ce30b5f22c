/*
 * Counters of strangers: GCRA in tables where, in a full bucket, the entry that ends first is replaced. Two processes
 * that begin counting a key at the same moment may each make an entry, of which one then counts.
 */
#include "core/state/counters_table.h"

static enum yielding table_of(enum strangers_count what)
{
    return what == STRANGERS_BLOCKS ? YIELDING_BLOCKS : YIELDING_STRANGERS;
}

struct charge_answer strangers_look(const struct counters *c, enum strangers_count what, const struct charge *charge,
                                    uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    union pair seen;

    return charge_judge(
        charge, yielding_find(c, table_of(what), charge->key, now, &seen) != NULL ? backlog_of(seen.value, now) : 0);
}

struct charge_answer strangers_charge(struct counters *c, enum strangers_count what, const struct charge *charge,
                                      uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    struct charge_answer a = {.allowed = false};

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen, *entry = yielding_find(c, table_of(what), charge->key, now, &seen);
        uint64_t backlog = entry != NULL ? backlog_of(seen.value, now) : 0;

        a = charge_judge(charge, backlog);
        if (!a.allowed || charge->cost == 0)
            return a;
        if (entry == NULL) {
            yielding_put(c, table_of(what), charge->key, now, now + cost_ns(charge));
            return a;
        }
        if (pair_swap(entry, seen, pair_of(charge->key, now + backlog + cost_ns(charge))))
            return a;
    }
    return a;
}

void strangers_raise(struct counters *c, enum strangers_count what, uint64_t key, uint64_t backlog_ns, uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns, backlog = min_u64(backlog_ns, COUNTERS_LONGEST_WINDOW_NS);

    for (unsigned i = 0; i < TRIES_MAX && backlog > 0; i++) {
        union pair seen, *entry = yielding_find(c, table_of(what), key, now, &seen);

        if (entry == NULL)
            yielding_put(c, table_of(what), key, now, now + backlog);
        if (entry == NULL || backlog_of(seen.value, now) >= backlog ||
            pair_swap(entry, seen, pair_of(key, now + backlog)))
            return;
    }
}
