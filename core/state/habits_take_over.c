/* Taking over what another table knows, such as one of another size, or one in memory while the file was away. */
#include "core/base/clock.h"
#include "core/state/habits_table.h"

/* The number of a bin, week or eight weeks of another table's time, in ours; rounded up, so that nothing ends early. */
static uint64_t moved_number(uint64_t number, uint64_t ahead, uint64_t step)
{
    bool back = ahead > INT64_MAX;
    uint64_t by = back ? (0 - ahead) / step : (ahead + step - 1) / step;

    if (number == 0)
        return 0;
    return !back ? number + by : by < number ? number - by : 1;
}

/* The same, of a time that has not come yet in this table: the present one. */
static uint64_t moved_until(uint64_t number, uint64_t ahead, uint64_t step, uint64_t now)
{
    uint64_t moved = moved_number(number, ahead, step);

    return moved < now / step ? moved : now / step;
}

/* The larger of both in each bin. */
static union pair merge_window(union pair to, union pair from, unsigned window, uint64_t ahead, uint64_t now)
{
    uint64_t theirs = window_newest(from), ours = moved_until(theirs, ahead, habit_bin_ns(window), now);

    if (window_newest(to) < ours)
        to = window_at(to, ours);
    for (unsigned i = 0; i < HABIT_BINS && i < theirs && i < ours; i++) {
        uint32_t count = window_count(from, theirs - i);

        if (window_has(to, ours - i) && count > window_count(to, ours - i))
            to = window_put(to, ours - i, count);
    }
    return to;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* What was learnt wins over what is being learnt. */
static union pair merge_learnt(union pair to, union pair from, uint64_t ahead, uint64_t now)
{
    struct habit_learnt a = habit_learnt_of(to), b = habit_learnt_of(from);
    bool alike = (a.number == 0) == (b.number == 0);
    struct habit_learnt out = !alike && a.number == 0 ? b : a;

    for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
        out.week[w] = larger(a.week[w], b.week[w]);
        out.most[w] = alike ? larger(a.most[w], b.most[w]) : out.most[w];
    }
    out.number = larger(a.number, (uint32_t)moved_until(b.number, ahead, HABIT_WEEK_NS, now));
    return habit_learnt_pack(&out);
}

static union pair moved_past(union pair from, uint64_t ahead, uint64_t now)
{
    struct habit_past past = habit_past_of(from);

    past.number = (unsigned)moved_until(past.number, ahead, HABIT_WEEKS_OF_PAST * HABIT_WEEK_NS, now);
    return habit_past_pack(&past);
}

static void merge_windows(struct habit_record *to, const struct habit_record *from, unsigned c, uint64_t ahead,
                          uint64_t now)
{
    union pair seen;

    for (unsigned w = 0; w < HABIT_WINDOWS; w++)
        do {
            seen = pair_read(habit_window(to, c, w));
        } while (!pair_swap(habit_window(to, c, w), seen,
                            merge_window(seen, pair_read(habit_window_read(from, c, w)), w, ahead, now)));
}

static void merge_record(struct habit_record *to, const struct habit_record *from, uint64_t ahead, uint64_t now,
                         bool windows)
{
    union pair seen;

    for (unsigned c = 0; c < HABIT_COUNTS; c++) {
        if (windows)
            merge_windows(to, from, c, ahead, now);
        do {
            seen = pair_read(habit_of(to, c));
        } while (!pair_swap(habit_of(to, c), seen, merge_learnt(seen, pair_read(habit_of_read(from, c)), ahead, now)));
    }
    seen = pair_read(&to->past);
    if (seen.both == 0)
        (void)pair_swap(&to->past, seen, moved_past(pair_read(&from->past), ahead, now));
}

/* When it was first and last seen, in the other table's time. */
static void merge_name(struct habit_record *to, union pair from, uint64_t ahead)
{
    uint64_t by_s = ahead > INT64_MAX ? 0 - (0 - ahead) / NS_PER_S : ahead / NS_PER_S;
    uint64_t first = ((from.value >> 32) + by_s) & UINT32_MAX, last = (habit_seen_last(from) + by_s) & UINT32_MAX;
    union pair name = pair_read(&to->name);

    first = name.value >> 32 < first ? name.value >> 32 : first;
    (void)pair_swap(&to->name, name,
                    pair_of(name.key, first << 32 | larger((uint32_t)habit_seen_last(name), (uint32_t)last)));
}

void habit_merge(struct habit_record *to, const struct habit_record *from, uint64_t ahead, uint64_t now,
                 enum habit_merge what)
{
    if (what != HABIT_MERGE_NAME)
        merge_record(to, from, ahead, now, what == HABIT_MERGE_ALL);
    merge_name(to, pair_read(&from->name), ahead);
}

void habits_take_over(struct habits *to, const struct habits *from)
{
    uint64_t ahead = to->ahead_ns - from->ahead_ns;

    if (from->records == NULL || to->records == NULL)
        return;
    for (uint64_t i = 0; i < (uint64_t)1 << from->bits; i++) {
        struct habit_record *r = from->records + i;
        union pair name = pair_read(&r->name);
        struct habit_record *there;
        bool crowded;

        if (name.key == 0)
            continue;
        there = habit_find_or_make(to, name.key, habit_seen_last(name) * NS_PER_S + ahead, &crowded);
        if (crowded)
            continue;
        habit_merge(there, r, ahead, UINT64_MAX, HABIT_MERGE_ALL);
    }
    if (to->met != NULL && from->met != NULL && to->met->heard.whose == 0)
        to->met->heard = from->met->heard;
}
