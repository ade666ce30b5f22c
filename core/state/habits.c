/* Looking at a habit, and counting a message. */
#include "core/state/habits_table.h"

/* One record as it stands, its windows and what was learnt brought up to now. */
struct view {
    struct habit_bins bins[HABIT_COUNTS][HABIT_WINDOWS];
    struct habit_learnt learnt[HABIT_COUNTS];
    uint64_t since_ns;
};

static bool is_current(const struct habit_learnt l[HABIT_COUNTS], uint64_t now)
{
    return habit_is_current(&l[HABIT_MESSAGES], now) && habit_is_current(&l[HABIT_RECIPIENTS], now);
}

static void view_record(struct habit_record *r, bool shared, uint64_t now, struct view *v)
{
    struct habit_past past;

    v->since_ns = habit_since_ns(pair_read(&r->name));
    for (unsigned c = 0; c < HABIT_COUNTS; c++) {
        v->learnt[c] = habit_learnt_of(pair_read(habit_of(r, c)));
        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            v->bins[c][w] = habit_bins_of(pair_read(habit_window(r, c, w)));
            habit_bins_advance(&v->bins[c][w], habit_bin_of(w, now));
        }
    }
    if (shared || is_current(v->learnt, now) || !habit_ends_learning(v->since_ns, now))
        return;
    past = habit_past_of(pair_read(&r->past));
    habit_past_roll(&past, v->learnt, now);
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        habit_learnt_roll(&v->learnt[c], past.early.of[c], v->since_ns, now);
}

void habits_look(const struct habits *h, uint64_t key, uint64_t now_ns, struct habit *out)
{
    struct habit_record *r = habit_find(h, key);
    uint64_t now = now_ns + h->ahead_ns;
    struct view v;

    *out = (struct habit){.crowded = r == NULL && !habit_has_room(h, key, now)};
    if (h->records == NULL || (r == NULL && !out->crowded))
        return;
    view_record(r != NULL ? r : habit_shared(h, key), out->crowded, now, &v);
    out->learnt = v.learnt[HABIT_MESSAGES].number != 0;
    out->since_ns = out->crowded ? 0 : v.since_ns - h->ahead_ns;
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            out->now.of[c][w] = habit_bins_sum(&v.bins[c][w]);
            out->most.of[c][w] = out->learnt ? v.learnt[c].most[w] : v.learnt[c].week[w];
        }
}

uint64_t habits_wait(const struct habits *h, uint64_t key, uint64_t now_ns, enum habit_count count,
                     enum habit_window window, uint32_t units, uint32_t limit)
{
    struct habit_record *r = habit_find(h, key);
    uint64_t now = now_ns + h->ahead_ns;
    struct habit_bins bins;
    uint32_t sum;

    if (units > limit)
        return UINT64_MAX;
    if (h->records == NULL)
        return 0;
    bins = habit_bins_of(pair_read(habit_window(r != NULL ? r : habit_shared(h, key), count, window)));
    habit_bins_advance(&bins, habit_bin_of(window, now));
    sum = habit_bins_sum(&bins);
    /* The oldest bin goes first. */
    for (unsigned i = 0; i < HABIT_BINS; i++) {
        uint64_t end = (uint64_t)(bins.newest + i) * habit_bin_ns(window);

        if (sum <= limit - units)
            return i > 0 && end > now ? end - now : 0;
        sum -= bins.counts[(bins.newest + 1 + i) % HABIT_BINS];
    }
    return (uint64_t)(bins.newest + HABIT_BINS) * habit_bin_ns(window) - now;
}

/* ---- counting ---- */

/* What one window got: enough to take it out again. */
struct added {
    uint32_t sum; /* with it */
    uint32_t bin;
};

/* Adds to the newest bin, if the window then holds no more than the limit. */
static bool add_units(union pair *at, uint64_t number, uint32_t units, uint32_t limit, struct added *out)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);
        struct habit_bins bins = habit_bins_of(seen);

        habit_bins_advance(&bins, number);
        out->sum = habit_bins_sum(&bins) + units;
        out->bin = bins.newest;
        if (limit != HABIT_UNLIMITED && out->sum > limit)
            return false;
        if (units == 0)
            return true;
        if (pair_swap(at, seen, habit_bins_plus(&bins, seen, units)))
            return true;
    }
    return false;
}

/* Takes units out of the bin of that number, as far as it is still there and holds them. */
static void take_units(union pair *at, uint32_t number, uint32_t units)
{
    for (unsigned i = 0; units > 0 && i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);
        struct habit_bins bins = habit_bins_of(seen);
        uint16_t *bin = &bins.counts[number % HABIT_BINS];

        if (number > bins.newest || bins.newest - number >= HABIT_BINS)
            return;
        *bin = (uint16_t)(*bin > units ? *bin - units : 0);
        if (pair_swap(at, seen, habit_bins_pack(&bins)))
            return;
    }
}

/* Writes down what the end of a week, or of the learning, changed. */
static void roll_if_due(struct habit_record *r, uint64_t now)
{
    uint64_t since_ns = habit_since_ns(pair_read(&r->name));
    struct habit_learnt learnt[HABIT_COUNTS];
    union pair seen[HABIT_COUNTS], seen_past;
    struct habit_past past;

    for (unsigned c = 0; c < HABIT_COUNTS; c++) {
        seen[c] = pair_read(habit_of(r, c));
        learnt[c] = habit_learnt_of(seen[c]);
    }
    if (is_current(learnt, now) || !habit_ends_learning(since_ns, now))
        return;
    seen_past = pair_read(&r->past);
    past = habit_past_of(seen_past);
    habit_past_roll(&past, learnt, now);
    /* If somebody else changes it meanwhile, he does the same. */
    if (habit_past_pack(&past).both != seen_past.both)
        (void)pair_swap(&r->past, seen_past, habit_past_pack(&past));
    for (unsigned c = 0; c < HABIT_COUNTS; c++) {
        struct habit_learnt before = learnt[c];

        habit_learnt_roll(&learnt[c], past.early.of[c], since_ns, now);
        if (learnt[c].number != before.number)
            (void)pair_swap(habit_of(r, c), seen[c], habit_learnt_pack(&learnt[c]));
    }
}

/* Notes a new largest hour or day of this week. */
static void note_largest(union pair *at, const struct added added[HABIT_WINDOWS])
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);
        struct habit_learnt l = habit_learnt_of(seen);
        bool more = false;

        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            if (added[w].sum > l.week[w]) {
                l.week[w] = added[w].sum;
                more = true;
            }
        if (!more || pair_swap(at, seen, habit_learnt_pack(&l)))
            return;
    }
}

bool habits_charge(struct habits *h, const struct habit_charge *charge, uint64_t now_ns)
{
    uint64_t now = now_ns + h->ahead_ns;
    uint64_t number[HABIT_WINDOWS] = {habit_bin_of(HABIT_HOUR, now), habit_bin_of(HABIT_DAY, now)};
    struct added added[HABIT_COUNTS][HABIT_WINDOWS];
    struct habit_record *r;
    bool crowded;

    if (h->records == NULL)
        return true;
    r = habit_find_or_make(h, charge->key, now, &crowded);
    if (!crowded)
        roll_if_due(r, now);
    for (unsigned i = 0; i < HABIT_COUNTS * HABIT_WINDOWS; i++) {
        unsigned c = i / HABIT_WINDOWS, w = i % HABIT_WINDOWS;

        if (add_units(habit_window(r, c, w), number[w], charge->units[c], charge->limit.of[c][w], &added[c][w]))
            continue;
        while (i-- > 0) {
            c = i / HABIT_WINDOWS, w = i % HABIT_WINDOWS;
            take_units(habit_window(r, c, w), added[c][w].bin, charge->units[c]);
        }
        return false;
    }
    if (!crowded)
        for (unsigned c = 0; c < HABIT_COUNTS; c++)
            note_largest(habit_of(r, c), added[c]);
    return true;
}

void habits_return(struct habits *h, uint64_t key, const uint32_t units[HABIT_COUNTS], uint64_t charged_ns,
                   uint64_t now_ns)
{
    struct habit_record *r = habit_find(h, key);

    /* A shared record was charged by others, too. */
    if (r == NULL || charged_ns > now_ns)
        return;
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            take_units(habit_window(r, c, w), (uint32_t)habit_bin_of(w, charged_ns + h->ahead_ns), units[c]);
}

void habits_forget_week(struct habits *h, uint64_t key, uint64_t now_ns)
{
    struct habit_record *r = habit_find(h, key);
    uint64_t now_s = (now_ns + h->ahead_ns) / UINT64_C(1000000000) & UINT32_MAX;

    if (r == NULL)
        return;
    roll_if_due(r, now_ns + h->ahead_ns);
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned i = 0; i < TRIES_MAX; i++) {
            union pair seen = pair_read(habit_of(r, c)), name = pair_read(&r->name);
            struct habit_learnt l = habit_learnt_of(seen);

            for (unsigned w = 0; w < HABIT_WINDOWS; w++)
                l.week[w] = 0;
            if (!pair_swap(habit_of(r, c), seen, habit_learnt_pack(&l)))
                continue;
            if (l.number != 0 || name.key != key || pair_swap(&r->name, name, pair_of(key, now_s << 32 | now_s)))
                break;
        }
}

/* ---- deferred messages ---- */

bool habits_deferred_note(struct habits *h, uint64_t key, uint64_t now_ns)
{
    return h->records != NULL && counters_once(&h->deferred, key, now_ns + h->ahead_ns, HABIT_DEFERRED_NS);
}

bool habits_deferred(const struct habits *h, uint64_t key, uint64_t now_ns)
{
    return h->records != NULL && counters_seen(&h->deferred, key, now_ns + h->ahead_ns, HABIT_DEFERRED_NS);
}

void habits_deferred_forget(struct habits *h, uint64_t key, uint64_t now_ns)
{
    if (h->records != NULL)
        counters_once_forget(&h->deferred, key, now_ns + h->ahead_ns);
}
