#include "core/state/counters_table.h"

void counters_return(struct counters *c, uint64_t key, uint64_t ns, uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns;

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen, *entry = live_entry(c, tag_of(key), now, &seen);

        if (entry == NULL || pair_swap(entry, seen, pair_of(seen.key, seen.value - now > ns ? seen.value - ns : now)))
            return;
    }
}
