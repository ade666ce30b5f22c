/*
 * A rolling window, in one pair: HABIT_BINS counts of HABIT_COUNT_BITS, of bin n at n % HABIT_BINS, and above them the
 * number of the newest bin since time 0. The sums and the moving on are done on the pair as it is, since each message
 * needs four of them. For core/state only.
 */
#ifndef POSTERN_HABITS_WINDOW_H
#define POSTERN_HABITS_WINDOW_H

#include "core/base/pair.h"
#include "core/state/habits.h"

#define HABIT_COUNT_BITS 15u
/* Stands for that or more. */
#define HABIT_COUNT_FULL 32767u
#define WINDOW_NEWEST_AT (HABIT_COUNT_BITS * HABIT_BINS)

_Static_assert(WINDOW_NEWEST_AT + 23 == 128, "counts and the newest bin's number fill a pair");
_Static_assert(HABIT_COUNT_FULL *HABIT_BINS < HABIT_UNCOUNTED, "what is counted is less than what can't be");

/*
 * How long a bin is. Six are an hour: no hour holds more than a limit, for what is sent at full speed comes within one.
 * Seven are a day: what runs every night at the same time must not be counted twice, or its habit would be the mail of
 * two nights.
 */
static inline uint64_t habit_bin_ns(unsigned window)
{
    return (window == HABIT_HOUR ? UINT64_C(600) : UINT64_C(86400) / HABIT_BINS) * UINT64_C(1000000000);
}

/* The number of the bin of that time. Written so that the compiler divides by constants. */
static inline uint64_t habit_bin_of(unsigned window, uint64_t now)
{
    return window == HABIT_HOUR ? now / habit_bin_ns(HABIT_HOUR) : now / habit_bin_ns(HABIT_DAY);
}

static inline uint64_t window_newest(union pair window)
{
    return (uint64_t)(window.both >> WINDOW_NEWEST_AT);
}

static inline unsigned window_shift(uint64_t number)
{
    return (unsigned)(number % HABIT_BINS) * HABIT_COUNT_BITS;
}

/* What the bin of that number holds, which is one of the window's. */
static inline uint32_t window_count(union pair window, uint64_t number)
{
    return (uint32_t)(uint64_t)(window.both >> window_shift(number)) & HABIT_COUNT_FULL;
}

/* Is the bin of that number one of the window's? */
static inline bool window_has(union pair window, uint64_t number)
{
    return number <= window_newest(window) && window_newest(window) - number < HABIT_BINS;
}

/* The window with that count in place of what its bin of that number holds. */
static inline union pair window_put(union pair window, uint64_t number, uint32_t count)
{
    unsigned shift = window_shift(number);

    window.both &= ~((unsigned __int128)HABIT_COUNT_FULL << shift);
    window.both |= (unsigned __int128)(count < HABIT_COUNT_FULL ? count : HABIT_COUNT_FULL) << shift;
    return window;
}

/* All bins together; HABIT_UNCOUNTED when one is full. */
static inline uint32_t window_sum(union pair window)
{
    /* Every other count, in 30 bits each: 0, 2, 4, 6 and 1, 3, 5. */
    const uint64_t two = (uint64_t)HABIT_COUNT_FULL << 30 | HABIT_COUNT_FULL, ones = UINT64_C(1) << 30 | 1;
    const uint64_t over = ones << HABIT_COUNT_BITS;
    uint64_t a = (uint64_t)window.both & two, b = (uint64_t)(window.both >> 60) & two,
             c = (uint64_t)(window.both >> 15) & two, d = (uint64_t)(window.both >> 75) & HABIT_COUNT_FULL, sum;

    if ((((a + ones) | (b + ones) | (c + ones) | (d + 1)) & over) != 0)
        return HABIT_UNCOUNTED;
    sum = a + b + c + d;
    return (uint32_t)(sum & ((1u << 30) - 1)) + (uint32_t)(sum >> 30);
}

/* An empty window whose newest bin has that number. */
static inline union pair window_empty(uint64_t number)
{
    return (union pair){.both = (unsigned __int128)number << WINDOW_NEWEST_AT};
}

/*
 * The window moved on to the bin of that number: what is older is dropped. A process may come with a time that is past
 * already, for it was stopped meanwhile: then the newest bin counts. What is further ahead was not written by us.
 */
static inline union pair window_at(union pair window, uint64_t number)
{
    uint64_t newest = window_newest(window);

    if (newest >= number && newest - number <= HABIT_BINS)
        return window;
    if (newest > number || number - newest >= HABIT_BINS)
        return window_empty(number);
    while (newest < number)
        window = window_put(window, ++newest, 0);
    window.both = (window.both & (((unsigned __int128)1 << WINDOW_NEWEST_AT) - 1)) | window_empty(number).both;
    return window;
}

/* With so many more in the bin of that number, which is one of the window's. */
static inline union pair window_plus_at(union pair window, uint64_t number, uint32_t units)
{
    uint32_t count = window_count(window, number);

    if (units >= HABIT_COUNT_FULL - count)
        return window_put(window, number, HABIT_COUNT_FULL);
    window.both += (unsigned __int128)units << window_shift(number);
    return window;
}

/* With so many more in the newest bin. */
static inline union pair window_plus(union pair window, uint32_t units)
{
    return window_plus_at(window, window_newest(window), units);
}

/* With so many less in the bin of that number, which is one of the window's. What is full stays so. */
static inline union pair window_minus(union pair window, uint64_t number, uint32_t units)
{
    uint32_t count = window_count(window, number);

    return count == HABIT_COUNT_FULL ? window : window_put(window, number, count > units ? count - units : 0);
}

#endif
