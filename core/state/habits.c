/* Looking at a habit, and counting a message. */
#include "core/state/habits_table.h"

/* Reads what was learnt of both counts. True when a week, or the learning, has ended since it was written. */
static bool is_due(struct habit_record *r, uint64_t since_ns, uint64_t now, union pair seen[HABIT_COUNTS])
{
    uint64_t week = now / HABIT_WEEK_NS;
    bool current = true;

    for (unsigned c = 0; c < HABIT_COUNTS; c++) {
        seen[c] = pair_read(habit_of(r, c));
        current = current && habit_number_of(seen[c]) != 0 && habit_number_of(seen[c]) >= week;
    }
    return !current && habit_ends_learning(since_ns, now);
}

/* Brings what was learnt up to now. The past comes first: the bound of the growth is in it. */
static void roll(struct habit_past *past, struct habit_learnt learnt[HABIT_COUNTS], uint64_t since_ns, uint64_t now)
{
    habit_past_roll(past, learnt, now);
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        habit_learnt_roll(&learnt[c], past->early.of[c], since_ns, now);
}

static void look_at_learnt(struct habit_record *r, uint64_t since_ns, uint64_t now, bool shared, struct habit *out)
{
    union pair seen[HABIT_COUNTS];
    struct habit_learnt learnt[HABIT_COUNTS];
    bool due = is_due(r, since_ns, now, seen);
    struct habit_past past;

    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        learnt[c] = habit_learnt_of(seen[c]);
    if (due && !shared) {
        past = habit_past_of(pair_read(&r->past));
        roll(&past, learnt, since_ns, now);
    }
    out->learnt = learnt[HABIT_MESSAGES].number != 0;
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            out->most.of[c][w] = out->learnt ? learnt[c].most[w] : learnt[c].week[w];
}

void habits_look(const struct habits *h, uint64_t key, uint64_t now_ns, struct habit *out)
{
    struct habit_record *r = habit_find(h, key);
    uint64_t now = now_ns + h->ahead_ns, since_ns;

    *out = (struct habit){.crowded = r == NULL && !habit_has_room(h, key, now)};
    if (h->records == NULL || (r == NULL && !out->crowded))
        return;
    r = r != NULL ? r : habit_shared(h, key);
    since_ns = habit_since_ns(pair_read(&r->name));
    look_at_learnt(r, since_ns, now, out->crowded, out);
    out->since_ns = out->crowded ? 0 : since_ns - h->ahead_ns;
    for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
        uint64_t number = habit_bin_of(w, now);

        for (unsigned c = 0; c < HABIT_COUNTS; c++)
            out->now.of[c][w] = window_sum(window_at(pair_read(habit_window(r, c, w)), number));
    }
}

uint64_t habits_wait(const struct habits *h, uint64_t key, uint64_t now_ns, enum habit_count count,
                     enum habit_window window, uint32_t units, uint32_t limit)
{
    struct habit_record *r = habit_find(h, key);
    uint64_t now = now_ns + h->ahead_ns, newest, end;
    union pair left;

    if (units > limit)
        return UINT64_MAX;
    if (h->records == NULL)
        return 0;
    left = window_at(pair_read(habit_window(r != NULL ? r : habit_shared(h, key), count, window)),
                     habit_bin_of(window, now));
    newest = window_newest(left);
    if (window_sum(left) <= limit - units)
        return 0;
    /* The oldest bin goes first. */
    for (unsigned i = 1; i <= HABIT_BINS; i++) {
        left = window_put(left, newest + i, 0);
        end = (newest + i) * habit_bin_ns(window);
        if (window_sum(left) <= limit - units)
            break;
    }
    return end > now ? end - now : 0;
}

/* ---- counting ---- */

/* What one window got: enough to take it out again. */
struct added {
    uint32_t sum; /* with it */
    uint64_t bin;
};

/* Adds to the newest bin, if the window then holds no more than the limit. */
static bool add_units(union pair *at, uint64_t number, uint32_t units, uint32_t limit, struct added *out)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at), window = window_at(seen, number);

        out->sum = window_sum(window) + units;
        out->bin = window_newest(window);
        if (limit != HABIT_UNLIMITED && out->sum > limit)
            return false;
        if (units == 0 || pair_swap(at, seen, window_plus(window, units)))
            return true;
    }
    return false;
}

/* Takes units out of the bin of that number, as far as it is still there and holds them. */
static void take_units(union pair *at, uint64_t number, uint32_t units)
{
    for (unsigned i = 0; units > 0 && i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);

        if (!window_has(seen, number) || pair_swap(at, seen, window_minus(seen, number, units)))
            return;
    }
}

/* Adds to all windows or to none. */
static bool add_to_all(struct habit_record *r, const struct habit_charge *charge, uint64_t now,
                       struct added added[HABIT_COUNTS][HABIT_WINDOWS])
{
    const uint64_t number[HABIT_WINDOWS] = {habit_bin_of(HABIT_HOUR, now), habit_bin_of(HABIT_DAY, now)};
    unsigned c = 0, w = 0, done;

    for (done = 0; done < HABIT_COUNTS * HABIT_WINDOWS; done++) {
        c = done / HABIT_WINDOWS, w = done % HABIT_WINDOWS;
        if (!add_units(habit_window(r, c, w), number[w], charge->units[c], charge->limit.of[c][w], &added[c][w]))
            break;
    }
    if (done == HABIT_COUNTS * HABIT_WINDOWS)
        return true;
    while (done-- > 0) {
        c = done / HABIT_WINDOWS, w = done % HABIT_WINDOWS;
        take_units(habit_window(r, c, w), added[c][w].bin, charge->units[c]);
    }
    return false;
}

void habit_roll_if_due(struct habit_record *r, uint64_t now)
{
    uint64_t since_ns = habit_since_ns(pair_read(&r->name));
    struct habit_learnt learnt[HABIT_COUNTS];
    union pair seen[HABIT_COUNTS], seen_past;
    struct habit_past past;

    if (!is_due(r, since_ns, now, seen))
        return;
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        learnt[c] = habit_learnt_of(seen[c]);
    seen_past = pair_read(&r->past);
    past = habit_past_of(seen_past);
    roll(&past, learnt, since_ns, now);
    /* If somebody else changes it meanwhile, he does the same. */
    if (habit_past_pack(&past).both != seen_past.both)
        (void)pair_swap(&r->past, seen_past, habit_past_pack(&past));
    for (unsigned c = 0; c < HABIT_COUNTS; c++)
        (void)pair_swap(habit_of(r, c), seen[c], habit_learnt_pack(&learnt[c]));
}

void habit_note_largest(union pair *at, const uint32_t sums[HABIT_WINDOWS])
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);
        struct habit_learnt l;

        if (sums[HABIT_HOUR] <= habit_week_of(seen, HABIT_HOUR) && sums[HABIT_DAY] <= habit_week_of(seen, HABIT_DAY))
            return;
        l = habit_learnt_of(seen);
        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            l.week[w] = sums[w] > l.week[w] ? sums[w] : l.week[w];
        if (pair_swap(at, seen, habit_learnt_pack(&l)))
            return;
    }
}

bool habits_charge(struct habits *h, const struct habit_charge *charge, uint64_t now_ns)
{
    uint64_t now = now_ns + h->ahead_ns;
    struct added added[HABIT_COUNTS][HABIT_WINDOWS];
    struct habit_record *r;
    bool crowded;

    if (h->records == NULL)
        return true;
    r = habit_find_or_make(h, charge->key, now, &crowded);
    if (!crowded)
        habit_roll_if_due(r, now);
    if (!add_to_all(r, charge, now, added))
        return false;
    for (unsigned c = 0; !crowded && c < HABIT_COUNTS; c++) {
        const uint32_t sums[HABIT_WINDOWS] = {added[c][HABIT_HOUR].sum, added[c][HABIT_DAY].sum};

        habit_note_largest(habit_of(r, c), sums);
    }
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
            take_units(habit_window(r, c, w), habit_bin_of(w, charged_ns + h->ahead_ns), units[c]);
}

void habits_forget_week(struct habits *h, uint64_t key, uint64_t now_ns)
{
    struct habit_record *r = habit_find(h, key);
    uint64_t now_s = (now_ns + h->ahead_ns) / UINT64_C(1000000000) & UINT32_MAX;

    if (r == NULL)
        return;
    habit_roll_if_due(r, now_ns + h->ahead_ns);
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

/* ---- what an operator says ---- */

/* Empties a window. Returns what it held. */
static uint32_t take_all(union pair *at, uint64_t number)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at), window = window_at(seen, number);

        if (pair_swap(at, seen, window_empty(window_newest(window))))
            return window_sum(window);
    }
    return 0;
}

/* Takes what was sent for usual. */
static void raise_habit(union pair *at, const uint32_t sent[HABIT_WINDOWS])
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at);
        struct habit_learnt l = habit_learnt_of(seen);

        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            l.week[w] = sent[w] > l.week[w] ? sent[w] : l.week[w];
            if (l.number == 0 || sent[w] < l.most[w])
                continue;
            l.most[w] = sent[w];
            l.held[w] = 0;
        }
        if (pair_swap(at, seen, habit_learnt_pack(&l)))
            return;
    }
}

void habits_lift(struct habits *h, uint64_t key, uint64_t now_ns, bool accept)
{
    struct habit_record *r = habit_find(h, key);
    uint64_t now = now_ns + h->ahead_ns;

    if (r == NULL)
        return;
    habit_roll_if_due(r, now);
    for (unsigned c = 0; c < HABIT_COUNTS; c++) {
        uint32_t sent[HABIT_WINDOWS];

        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            sent[w] = take_all(habit_window(r, c, w), habit_bin_of(w, now));
        if (accept)
            raise_habit(habit_of(r, c), sent);
    }
}

/* ---- deferred messages ---- */

bool habits_deferred_note(struct habits *h, uint64_t key, uint64_t now_ns)
{
    return h->records == NULL || counters_once(&h->deferred, key, now_ns + h->ahead_ns, HABIT_DEFERRED_NS);
}

bool habits_deferred(const struct habits *h, uint64_t key, uint64_t now_ns)
{
    return h->records != NULL && counters_seen(&h->deferred, key, now_ns + h->ahead_ns, HABIT_DEFERRED_NS);
}
