/*
 * Which relay of a cluster asks Exchange Online at the moment, as postern-cluster says in the file that it writes
 * beside cluster.outbox every two seconds. Where it says nothing, this one does: two that ask are better than none.
 */
#ifndef POSTERN_MIRROR_WHOSE_TURN_H
#define POSTERN_MIRROR_WHOSE_TURN_H

#include "core/config/config.h"

#include <stdint.h>

#define WHOSE_NAME_MAX 64

enum whose_turn {
    TURN_UNKNOWN, /* there is no cluster, or nobody that could also pull, or postern-cluster doesn't run */
    TURN_OURS,
    TURN_ANOTHERS
};

/* name: whose, for TURN_ANOTHERS; printable. */
enum whose_turn whose_turn(const struct config *config, int64_t wall_s, char name[WHOSE_NAME_MAX]);

#endif
