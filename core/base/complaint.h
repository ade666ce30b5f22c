/*
 * Errors may come a thousand times a second: each kind is logged at most once a minute, with the number of lines held
 * back. Shared by all threads, without a lock.
 */
#ifndef POSTERN_COMPLAINT_H
#define POSTERN_COMPLAINT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define COMPLAINT_INTERVAL_S 60

/* One kind. All zero: nothing was logged yet. */
struct complaint_timer {
    _Atomic uint64_t next_s; /* when the next line may be written; 0: at once */
    _Atomic uint64_t held;
};

/* May this kind be logged now? If so *held is how many were held back since the last time. now_s: boot time. */
bool complaint_due(struct complaint_timer *kind, uint64_t now_s, uint64_t *held);
/* Counts n more that are not logged. */
void complaint_hold(struct complaint_timer *kind, uint64_t n);

#endif
