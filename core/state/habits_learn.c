/*
 * What is learnt, and when. A week, and eight weeks, begin at the same time for all logins.
 *
 * The growth that is allowed: a thief who knows the rule raises the habit by sending just below the limit each week.
 * What was held back longest limits him: eight weeks ago he had not begun.
 */
#include "core/state/habits_table.h"

#define HELD_MOST ((1u << HABIT_HELD_BITS) - 1)

static uint32_t bits_at(union pair packed, unsigned at, uint32_t most)
{
    return (uint32_t)((uint64_t)(packed.both >> at) & most);
}

static unsigned __int128 bits_placed(uint32_t value, unsigned at, uint32_t most)
{
    return (unsigned __int128)(value < most ? value : most) << at;
}

struct habit_learnt habit_learnt_of(union pair packed)
{
    struct habit_learnt l = {.number = bits_at(packed, LEARNT_NUMBER_AT, HABIT_NUMBER_MOST)};

    for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
        l.most[w] = bits_at(packed, LEARNT_MOST_AT + w * HABIT_FIGURE_BITS, HABIT_FIGURE_MOST);
        l.week[w] = bits_at(packed, LEARNT_WEEK_AT + w * HABIT_FIGURE_BITS, HABIT_FIGURE_MOST);
        l.held[w] = bits_at(packed, LEARNT_HELD_AT + w * HABIT_HELD_BITS, HELD_MOST);
    }
    return l;
}

union pair habit_learnt_pack(const struct habit_learnt *l)
{
    union pair packed = {.both = bits_placed(l->number, LEARNT_NUMBER_AT, HABIT_NUMBER_MOST)};

    for (unsigned w = 0; w < HABIT_WINDOWS; w++)
        packed.both |= bits_placed(l->most[w], LEARNT_MOST_AT + w * HABIT_FIGURE_BITS, HABIT_FIGURE_MOST) |
                       bits_placed(l->week[w], LEARNT_WEEK_AT + w * HABIT_FIGURE_BITS, HABIT_FIGURE_MOST) |
                       bits_placed(l->held[w], LEARNT_HELD_AT + w * HABIT_HELD_BITS, HELD_MOST);
    return packed;
}

/* ---- the past: eight figures of 14 bits, 10 of them a mantissa; rounded down, which is stricter ---- */

#define ROUGH_BITS 14
#define MANTISSA_BITS 10
#define MANTISSA_MOST ((1u << MANTISSA_BITS) - 1)
#define PAST_NUMBER_AT (8 * ROUGH_BITS)

static uint32_t rounded_down(uint32_t value)
{
    uint32_t exponent = 0;

    for (; value > MANTISSA_MOST; value /= 2)
        exponent++;
    return exponent << MANTISSA_BITS | value;
}

struct habit_past habit_past_of(union pair packed)
{
    struct habit_past p = {.number = (unsigned)(uint64_t)(packed.both >> PAST_NUMBER_AT)};

    for (unsigned i = 0; i < 8; i++) {
        uint32_t bits = bits_at(packed, i * ROUGH_BITS, (1u << ROUGH_BITS) - 1);

        (i < 4 ? &p.early : &p.late)->of[i / 2 % 2][i % 2] = (bits & MANTISSA_MOST) << (bits >> MANTISSA_BITS);
    }
    return p;
}

union pair habit_past_pack(const struct habit_past *p)
{
    union pair packed = {.both = bits_placed(p->number, PAST_NUMBER_AT, HABIT_NUMBER_MOST)};

    for (unsigned i = 0; i < 8; i++)
        packed.both |= (unsigned __int128)rounded_down((i < 4 ? &p->early : &p->late)->of[i / 2 % 2][i % 2])
                       << i * ROUGH_BITS;
    return packed;
}

unsigned habit_past_number(uint64_t now)
{
    return (unsigned)(now / HABIT_WEEK_NS / HABIT_WEEKS_OF_PAST);
}

void habit_past_roll(struct habit_past *p, const struct habit_learnt l[HABIT_COUNTS], uint64_t now)
{
    unsigned number = habit_past_number(now);
    struct habit_figures most;

    if (p->number >= number && p->number != 0)
        return;
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            most.of[c][w] = l[c].number != 0 ? l[c].most[w] : l[c].week[w];
    p->early = p->number == 0 || number - p->number > 1 ? most : p->late;
    p->late = most;
    p->number = number;
}

/* ---- learning ---- */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * One week that has ended; `week` is its largest. A person's day grows slowly, since nothing that is over it passes:
 * who drips just below it must not gain in a week what a mail merge does. An hour may grow at once. What an application
 * sends may double, as at the end of a month.
 */
static void end_week(struct habit_learnt *l, unsigned w, uint32_t week, uint32_t early, bool application)
{
    uint32_t most = l->most[w];
    uint32_t grown = least(week, early + (application ? early : early / 2) + 40);

    if (w == HABIT_DAY && !application)
        grown = least(grown, most + most / 10 + 10);
    /* Whoever reaches it nearly has the habit still. */
    l->held[w] = grown >= most || week >= most - most / 8 ? 0 : least(l->held[w] + 1, HELD_MOST);
    if (grown > most)
        l->most[w] = grown;
    else if (l->held[w] > HABIT_HELD_WEEKS)
        l->most[w] = most > 0 ? most - most / 12 - 1 : 0;
    if (l->most[w] < grown)
        l->most[w] = grown;
}

static unsigned week_of(uint64_t now)
{
    return (unsigned)(now / HABIT_WEEK_NS);
}

/* What came until the learning ended is the habit from then on. */
static void end_learning(struct habit_learnt *l, uint64_t since_ns)
{
    l->number = week_of(since_ns + HABIT_LEARNING_S * UINT64_C(1000000000));
    for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
        l->most[w] = l->week[w];
        l->held[w] = 0;
        l->week[w] = 0;
    }
}

/* After so many weeks without mail nothing is left of any habit. */
#define ALL_GONE 200u

void habit_learnt_roll(struct habit_learnt *l, const uint32_t early[HABIT_WINDOWS], uint64_t since_ns, uint64_t now)
{
    unsigned number = week_of(now), n;

    if (l->number == 0)
        end_learning(l, since_ns);
    if (number <= l->number)
        return;
    n = number - l->number < ALL_GONE ? number - l->number : ALL_GONE;
    for (unsigned i = 0; i < n; i++) {
        bool application = l->most[HABIT_HOUR] > HABIT_PERSONS_HOUR;

        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            end_week(l, w, l->week[w], early[w], application);
            l->week[w] = 0;
        }
    }
    l->number = number;
}
