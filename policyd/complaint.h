/* What the policy server complains about in the log, of each kind at most once a minute. */
#ifndef POSTERN_POLICYD_COMPLAINT_H
#define POSTERN_POLICYD_COMPLAINT_H

#include "core/base/complaint.h"
#include "policyd/request.h"

/* Kinds: the problems of requests, followed by ours. */
enum complaint_kind {
    COMPLAINT_ACCEPT = REQUEST_PROBLEM_COUNT, /* accept() failed */
    COMPLAINT_FULL,                           /* max_connections reached */
    COMPLAINT_MEMORY,
    COMPLAINT_FORGOTTEN, /* recipients of messages, for want of room */
    COMPLAINT_KINDS
};

struct complaints {
    struct complaint_timer kind[COMPLAINT_KINDS];
};

#endif
