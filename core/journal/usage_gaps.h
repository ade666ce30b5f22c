/* What a relay of a cluster does not know of the others' usage: whoever is called unused may be used there. */
#ifndef POSTERN_USAGE_GAPS_H
#define POSTERN_USAGE_GAPS_H

#include "core/base/buf.h"
#include "core/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Relays tell what has changed every minute; whoever has told nothing for so long is named. */
#define USAGE_TOLD_LATE_S 600
/* A relay that gave no sign of life for so long is no relay any more. */
#define USAGE_RELAY_GONE_S (30 * 86400)

enum usage_gap_kind {
    USAGE_GAP_ALL,   /* nothing is known of any other relay: `why` */
    USAGE_GAP_OTHER, /* the configuration names the relay, and nothing is known of it */
    USAGE_GAP_NEVER, /* the relay has never told any */
    USAGE_GAP_PART,  /* it has not told all of it yet */
    USAGE_GAP_LATE   /* it told it last at told_s */
};

struct usage_gap {
    enum usage_gap_kind kind;
    const char *relay; /* printable, but for USAGE_GAP_OTHER; NULL with USAGE_GAP_ALL */
    const char *why;
    int64_t told_s, now_s; /* wall clock */
};

typedef void usage_gap_each(void *arg, const struct usage_gap *gap);

/* "relay b told its usage last 20m ago": without a full stop. */
void usage_gap_words(const struct usage_gap *gap, struct buf *b);

#endif
