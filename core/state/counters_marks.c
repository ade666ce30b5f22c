#include "core/state/counters_table.h"

/* The mark kept in the spare table because its bucket was full, and what was seen there. */
static union pair *spare_mark(const struct counters *c, uint64_t tag, uint64_t now, union pair *seen)
{
    bool any = gate_is_open(gate_of(bucket_of(c, tag)), GATE_OF_MARKS, now);

    return any ? yielding_find(c, YIELDING_MARKS, tag, now, seen) : NULL;
}

static void keep_apart(struct counters *c, uint64_t tag, uint64_t now, uint64_t until)
{
    gate_open(gate_of(bucket_of(c, tag)), GATE_OF_MARKS, now, until);
    yielding_put(c, YIELDING_MARKS, tag, now, until);
    (void)__atomic_fetch_add(&c->met->crowded, 1, __ATOMIC_RELAXED);
}

bool counters_mark(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns, bool renew, bool *crowded)
{
    uint64_t now = now_ns + c->ahead_ns, until = now + min_u64(keep_ns, COUNTERS_LONGEST_WINDOW_NS);
    union pair *entry, *lower, seen;
    bool apart;

    key = tag_of(key);
    if (crowded != NULL)
        *crowded = false;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        entry = live_entry(c, key, now, &seen);
        apart = entry == NULL && (entry = spare_mark(c, key, now, &seen)) != NULL;
        if (entry != NULL) {
            if (!renew || seen.value >= until)
                return false;
            if (apart)
                gate_open(gate_of(bucket_of(c, key)), GATE_OF_MARKS, now, until);
            if (pair_swap(entry, seen, pair_of(key, until)))
                return false;
            continue;
        }
        entry = free_entry(c, key, now, &seen);
        if (entry == NULL)
            break;
        if (!pair_swap(entry, seen, pair_of(key, until)))
            continue;
        /* Two processes at once: the lower entry is the mark; the other process finds it and removes its own. */
        lower = live_entry(c, key, now, &seen);
        if (lower == NULL || lower >= entry)
            return true;
        (void)pair_swap(entry, pair_of(key, until), pair_of(0, 0));
        return false;
    }
    keep_apart(c, key, now, until);
    if (crowded != NULL)
        *crowded = true;
    return true;
}

uint64_t counters_marked_for(const struct counters *c, uint64_t key, uint64_t now_ns)
{
    union pair seen;
    uint64_t now = now_ns + c->ahead_ns;

    key = tag_of(key);
    if (live_entry(c, key, now, &seen) == NULL && spare_mark(c, key, now, &seen) == NULL)
        return 0;
    return backlog_of(seen.value, now);
}

bool counters_marked(const struct counters *c, uint64_t key, uint64_t now_ns)
{
    return counters_marked_for(c, key, now_ns) > 0;
}

bool counters_full_for(const struct counters *c, uint64_t key, uint64_t now_ns)
{
    union pair seen;

    return free_entry(c, tag_of(key), now_ns + c->ahead_ns, &seen) == NULL;
}

bool counters_reset(struct counters *c, uint64_t key, uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    bool live = yielding_drop(c, YIELDING_STRANGERS, key, now);
    union pair *pair;

    live = yielding_drop(c, YIELDING_BLOCKS, key, now) || live;
    key = tag_of(key);
    live = yielding_drop(c, YIELDING_MARKS, key, now) || live;
    while ((pair = entry_of(bucket_of(c, key), key)) != NULL) {
        union pair seen = pair_read(pair);

        if (has_tag(seen, key) && pair_swap(pair, seen, pair_of(0, 0)))
            live = live || seen.value > now;
    }
    return live;
}
