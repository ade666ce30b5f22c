/* Rolling windows: counts in bins, all in one pair. */
#include "core/state/habits_table.h"

#define NEWEST_SHIFT (HABIT_COUNT_BITS * HABIT_BINS)

_Static_assert(NEWEST_SHIFT + 23 == 128, "counts and the newest bin's number fill a pair");

struct habit_bins habit_bins_of(union pair packed)
{
    struct habit_bins bins = {.newest = (uint32_t)(packed.both >> NEWEST_SHIFT)};

    for (unsigned i = 0; i < HABIT_BINS; i++)
        bins.counts[i] = (uint16_t)((uint64_t)(packed.both >> HABIT_COUNT_BITS * i) & HABIT_BIN_MOST);
    return bins;
}

union pair habit_bins_pack(const struct habit_bins *bins)
{
    union pair packed = {.both = (unsigned __int128)bins->newest << NEWEST_SHIFT};

    for (unsigned i = 0; i < HABIT_BINS; i++)
        packed.both |= (unsigned __int128)bins->counts[i] << HABIT_COUNT_BITS * i;
    return packed;
}

void habit_bins_advance(struct habit_bins *bins, uint64_t number)
{
    /* Two processes read the clock at slightly different times; what is further ahead was not written by us. */
    if (bins->newest == number || bins->newest == number + 1)
        return;
    if (bins->newest > number || number - bins->newest >= HABIT_BINS) {
        *bins = (struct habit_bins){.newest = (uint32_t)number};
        return;
    }
    while (bins->newest < number)
        bins->counts[++bins->newest % HABIT_BINS] = 0;
}

uint32_t habit_bins_sum(const struct habit_bins *bins)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < HABIT_BINS; i++)
        sum += bins->counts[i];
    return sum;
}

union pair habit_bins_plus(struct habit_bins *bins, union pair packed, uint32_t units)
{
    unsigned at = bins->newest % HABIT_BINS;
    bool fits = units < HABIT_BIN_MOST - bins->counts[at];

    /* Nearly always: the same bin, and room in it. */
    if (fits && bins->newest == (uint32_t)(packed.both >> NEWEST_SHIFT)) {
        packed.both += (unsigned __int128)units << HABIT_COUNT_BITS * at;
        return packed;
    }
    bins->counts[at] = (uint16_t)(fits ? bins->counts[at] + units : HABIT_BIN_MOST);
    return habit_bins_pack(bins);
}
