#include "core/counters_table.h"

bool counters_mark(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns, bool renew, bool *crowded)
{
    uint64_t now = now_ns + c->ahead_ns, until = now + min_u64(keep_ns, STATE_LONGEST_WINDOW_NS);
    union pair *entry, *lower, seen;

    key = tag_of(key);
    if (crowded != NULL)
        *crowded = false;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        entry = live_entry(c, key, now, &seen);
        if (entry != NULL) {
            if (!renew || seen.value >= until || pair_swap(entry, seen, pair_of(key, until)))
                return false;
            continue;
        }
        entry = free_entry(c, key, now, &seen);
        if (entry == NULL)
            break;
        if (!pair_swap(entry, seen, pair_of(key, until)))
            continue;
        /* Two at once: the lower entry is the mark, the other one finds it and takes its own away. */
        lower = live_entry(c, key, now, &seen);
        if (lower == NULL || lower >= entry)
            return true;
        (void)pair_swap(entry, pair_of(key, until), pair_of(0, 0));
        return false;
    }
    (void)__atomic_fetch_add(c->crowded, 1, __ATOMIC_RELAXED);
    if (crowded != NULL)
        *crowded = true;
    return true;
}

bool counters_marked(const struct counters *c, uint64_t key, uint64_t now_ns)
{
    union pair seen;

    return live_entry(c, tag_of(key), now_ns + c->ahead_ns, &seen) != NULL;
}

bool counters_reset(struct counters *c, uint64_t key, uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    bool live = false;
    union pair *pair;

    key = tag_of(key);
    while ((pair = entry_of(bucket_of(c, key), key)) != NULL) {
        union pair seen = pair_read(pair);

        if (has_tag(seen, key) && pair_swap(pair, seen, pair_of(0, 0)))
            live = live || seen.value > now;
    }
    return live;
}
