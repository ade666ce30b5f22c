#include "core/state/habits_teach.h"

#include "core/base/clock.h"
#include "core/state/habits_table.h"

void habit_measure_add(struct habit_measure *m, const uint32_t units[HABIT_COUNTS], uint64_t at_s,
                       struct habit_figures *sums)
{
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            m->windows[c][w] = window_plus(window_at(m->windows[c][w], habit_bin_of(w, at_s * NS_PER_S)), units[c]);
            sums->of[c][w] = window_sum(m->windows[c][w]);
        }
}

uint32_t habit_faded(uint32_t most, unsigned weeks)
{
    for (; weeks > HABIT_HELD_WEEKS && most > 0; weeks--)
        most -= most / 12 + 1;
    return most;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Of what stands there the larger is kept; what came this week goes on. */
static void teach_count(union pair *at, const uint32_t most[HABIT_WINDOWS], uint64_t now)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);
        struct habit_learnt l = habit_learnt_of(seen);

        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            uint32_t own = l.number != 0 ? l.most[w] : l.week[w];

            l.held[w] = own > most[w] ? l.held[w] : 0;
            l.most[w] = larger(own, most[w]);
        }
        if (l.number == 0)
            l.number = (unsigned)(now / HABIT_WEEK_NS);
        if (pair_swap(at, seen, habit_learnt_pack(&l)))
            return;
    }
}

/* What a habit may grow to is bounded by what it was: that is what was told. */
static void teach_past(union pair *at, const struct habit_figures *most, uint64_t now)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);
        struct habit_past past = habit_past_of(seen);

        for (unsigned c = 0; c < HABIT_COUNTS; c++)
            for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
                past.early.of[c][w] = larger(past.early.of[c][w], most->of[c][w]);
                past.late.of[c][w] = larger(past.late.of[c][w], most->of[c][w]);
            }
        past.number = habit_past_number(now);
        if (pair_swap(at, seen, habit_past_pack(&past)))
            return;
    }
}

/* It is not new any more: as if it had been seen before. */
static void teach_age(union pair *at, uint64_t key, uint64_t now)
{
    uint64_t since_s = (now / NS_PER_S - HABIT_LEARNING_S) & UINT32_MAX;

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair name = pair_read(at);

        if (name.key != key || name.value >> 32 <= since_s ||
            pair_swap(at, name, pair_of(key, since_s << 32 | (name.value & UINT32_MAX))))
            return;
    }
}

bool habits_teach(struct habits *h, uint64_t key, const struct habit_figures *most, uint64_t now_ns)
{
    uint64_t now = now_ns + h->ahead_ns;
    struct habit_record *r;
    bool crowded;

    if (h->records == NULL)
        return false;
    r = habit_find_or_make(h, key, now, &crowded);
    if (crowded)
        return false;
    teach_past(&r->past, most, now);
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        teach_count(habit_of(r, c), most->of[c], now);
    teach_age(&r->name, key, now);
    return true;
}

bool habits_earlier(const struct habits *h, uint64_t key, uint64_t now_ns, struct habit_figures *out)
{
    struct habit_record *r = habit_find(h, key);
    struct habit_learnt learnt[HABIT_COUNTS];
    uint64_t now = now_ns + h->ahead_ns;
    struct habit_past past;

    if (r == NULL)
        return false;
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        learnt[c] = habit_learnt_of(pair_read(habit_of(r, c)));
    past = habit_past_of(pair_read(&r->past));
    if (past.number == 0 || learnt[HABIT_MESSAGES].number == 0)
        return false;
    habit_past_roll(&past, learnt, now);
    *out = past.early;
    return true;
}
