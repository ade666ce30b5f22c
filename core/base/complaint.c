#include "core/base/complaint.h"

void complaint_hold(struct complaint_timer *kind, uint64_t n)
{
    atomic_fetch_add_explicit(&kind->held, n, memory_order_relaxed);
}

bool complaint_due(struct complaint_timer *kind, uint64_t now_s, uint64_t *held)
{
    uint64_t next = atomic_load_explicit(&kind->next_s, memory_order_relaxed);

    if (now_s < next || !atomic_compare_exchange_strong(&kind->next_s, &next, now_s + COMPLAINT_INTERVAL_S)) {
        complaint_hold(kind, 1);
        return false;
    }
    *held = atomic_exchange_explicit(&kind->held, 0, memory_order_relaxed);
    return true;
}
