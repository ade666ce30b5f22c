/* What was done once already: {key, until} pairs. When a bucket is full, the pair that ends first is replaced. */
#include "core/state/counters_table.h"

static bool seen_in(const struct counters *c, enum yielding table, uint64_t key, uint64_t now_ns, uint64_t keep_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    union pair seen;

    /* An end more than keep_ns away was not written by postern. */
    return yielding_find(c, table, key, now, &seen) != NULL && seen.value - now <= keep_ns;
}

static bool once_in(struct counters *c, enum yielding table, uint64_t key, uint64_t now_ns, uint64_t keep_ns)
{
    uint64_t now = now_ns + c->ahead_ns;

    if (seen_in(c, table, key, now_ns, keep_ns))
        return false;
    (void)yielding_drop(c, table, key, now);
    yielding_put(c, table, key, now, now + keep_ns);
    return true;
}

bool counters_seen(const struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns)
{
    return seen_in(c, YIELDING_ONCE, key, now_ns, keep_ns);
}

bool counters_once(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns)
{
    return once_in(c, YIELDING_ONCE, key, now_ns, keep_ns);
}

bool strangers_once(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns)
{
    return once_in(c, YIELDING_ONCE_STRANGERS, key, now_ns, keep_ns);
}

void counters_once_forget(struct counters *c, uint64_t key, uint64_t now_ns)
{
    (void)yielding_drop(c, YIELDING_ONCE, key, now_ns + c->ahead_ns);
}
