/* Rolling windows: counts in bins, all in one pair. */
#include "core/state/habits_table.h"

#define COUNT_BITS 15
#define NEWEST_SHIFT (COUNT_BITS * HABIT_BINS)

_Static_assert(NEWEST_SHIFT + 23 == 128, "counts and the newest bin's number fill a pair");

/*
 * Six parts are an hour: no hour holds more than a limit, for what is sent at full speed comes within one. Seven are a
 * day: what runs every night at the same time must not be counted twice, or its habit would be two nights' mail.
 */
uint64_t habit_bin_ns(unsigned window)
{
    return (window == HABIT_HOUR ? UINT64_C(600) : UINT64_C(86400) / HABIT_BINS) * UINT64_C(1000000000);
}

struct habit_bins habit_bins_of(union pair packed)
{
    struct habit_bins bins = {.newest = (uint32_t)(packed.both >> NEWEST_SHIFT)};

    for (unsigned i = 0; i < HABIT_BINS; i++)
        bins.counts[i] = (uint16_t)((uint64_t)(packed.both >> COUNT_BITS * i) & HABIT_BIN_MOST);
    return bins;
}

union pair habit_bins_pack(const struct habit_bins *bins)
{
    union pair packed = {.both = (unsigned __int128)bins->newest << NEWEST_SHIFT};

    for (unsigned i = 0; i < HABIT_BINS; i++)
        packed.both |= (unsigned __int128)bins->counts[i] << COUNT_BITS * i;
    return packed;
}

void habit_bins_advance(struct habit_bins *bins, unsigned window, uint64_t now)
{
    uint64_t number = now / habit_bin_ns(window);

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
