#include "core/journal/usage_gaps.h"

#include "core/base/units.h"

/* Whole minutes, hours or days: nobody minds the rest. */
static uint64_t rounded(int64_t seconds)
{
    uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;
    uint64_t unit = s < 2 * 3600 ? 60 : s < UINT64_C(2) * 86400 ? 3600 : 86400;

    return s / unit * unit;
}

void usage_gap_words(const struct usage_gap *gap, struct buf *b)
{
    switch (gap->kind) {
    case USAGE_GAP_ALL:
        buf_addf(b, "the usage of the cluster's other relays is not known (%s)", gap->why);
        return;
    case USAGE_GAP_OTHER:
        buf_add(b, SLICE("the usage of the relay "));
        buf_add_escaped(b, slice_of(gap->relay), 128);
        buf_add(b, SLICE(" is not known here"));
        return;
    case USAGE_GAP_NEVER:
        buf_addf(b, "relay %s has not told its usage", gap->relay);
        return;
    case USAGE_GAP_PART:
        buf_addf(b, "relay %s has told a part of its usage only, and goes on", gap->relay);
        return;
    case USAGE_GAP_LATE:
        buf_addf(b, "relay %s told its usage last ", gap->relay);
        duration_add(b, rounded(gap->now_s - gap->told_s));
        buf_add(b, SLICE(" ago"));
        return;
    }
}
