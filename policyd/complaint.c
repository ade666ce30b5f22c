#include "policyd/complaint.h"

void complaint_hold(struct complaints *complaints, unsigned kind, uint64_t n)
{
    atomic_fetch_add_explicit(&complaints->kind[kind].held, n, memory_order_relaxed);
}

bool complaint_due(struct complaints *complaints, unsigned kind, uint64_t now_s, uint64_t *held)
{
    uint64_t next = atomic_load_explicit(&complaints->kind[kind].next_s, memory_order_relaxed);

    if (now_s < next ||
        !atomic_compare_exchange_strong(&complaints->kind[kind].next_s, &next, now_s + COMPLAINT_INTERVAL_S)) {
        complaint_hold(complaints, kind, 1);
        return false;
    }
    *held = atomic_exchange_explicit(&complaints->kind[kind].held, 0, memory_order_relaxed);
    return true;
}
