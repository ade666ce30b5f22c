#include "policyd/complaint.h"

bool complaint_due(struct complaints *complaints, unsigned kind, uint64_t now_s, uint64_t *held)
{
    uint64_t next = atomic_load_explicit(&complaints->kind[kind].next_s, memory_order_relaxed);

    if (now_s < next ||
        !atomic_compare_exchange_strong(&complaints->kind[kind].next_s, &next, now_s + COMPLAINT_INTERVAL_S)) {
        atomic_fetch_add_explicit(&complaints->kind[kind].held, 1, memory_order_relaxed);
        return false;
    }
    *held = atomic_exchange_explicit(&complaints->kind[kind].held, 0, memory_order_relaxed);
    return true;
}
