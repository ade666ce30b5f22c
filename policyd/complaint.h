/*
 * Errors may come a thousand times a second: each kind is logged at most once a minute, with the number of lines held
 * back. Shared by all threads, without a lock.
 */
#ifndef POSTERN_POLICYD_COMPLAINT_H
#define POSTERN_POLICYD_COMPLAINT_H

#include "policyd/request.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Kinds: the problems of requests, followed by ours. */
enum complaint_kind {
    COMPLAINT_ACCEPT = REQUEST_PROBLEM_COUNT, /* accept() failed */
    COMPLAINT_FULL,                           /* max_connections reached */
    COMPLAINT_MEMORY,
    COMPLAINT_FORGOTTEN, /* recipients of messages, for want of room */
    COMPLAINT_KINDS
};

#define COMPLAINT_INTERVAL_S 60

struct complaints {
    struct {
        _Atomic uint64_t next_s; /* when the next line may be written; 0: at once */
        _Atomic uint64_t held;
    } kind[COMPLAINT_KINDS];
};

/* May this kind be logged now? If so *held is how many were held back since the last time. now_s: boot time. */
bool complaint_due(struct complaints *complaints, unsigned kind, uint64_t now_s, uint64_t *held);
/* Counts n more that are not logged. */
void complaint_hold(struct complaints *complaints, unsigned kind, uint64_t n);

#endif
