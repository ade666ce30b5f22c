#include "core/state/habits_others.h"

#include "core/base/clock.h"
#include "core/state/habits_table.h"

/* A login that was not seen here for so much longer than elsewhere was another relay's meanwhile; "last seen" is noted
 * once a day. */
#define ELSEWHERE_S (UINT64_C(2) * 86400)

/* ---- amounts ---- */

/* What the window held at the end of the bin of that number, as far as it still knows. */
static uint32_t sum_until(union pair window, uint64_t number)
{
    for (uint64_t newer = window_newest(window); newer > number; newer--)
        window = window_put(window, newer, 0);
    return window_sum(window);
}

/* Adds to the bin of that number, if the window still has it. Returns the largest sum that has it since then. */
static uint32_t add_at(union pair *at, uint64_t number, uint64_t newest, uint32_t units)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        union pair seen = pair_read(at), window = window_at(seen, newest);
        uint32_t largest = 0;

        if (!window_has(window, number))
            return 0;
        window = window_plus_at(window, number, units);
        if (units > 0 && !pair_swap(at, seen, window))
            continue;
        for (uint64_t end = number; end <= window_newest(window); end++) {
            uint32_t sum = sum_until(window, end);

            largest = sum > largest ? sum : largest;
        }
        return largest;
    }
    return 0;
}

void habits_add(struct habits *h, uint64_t key, const uint32_t units[HABIT_COUNTS], uint64_t charged_ns,
                uint64_t now_ns)
{
    uint64_t now = now_ns + h->ahead_ns, charged = charged_ns + h->ahead_ns;
    struct habit_record *r;
    bool crowded;

    if (h->records == NULL || charged_ns > now_ns)
        return;
    r = habit_find_or_make(h, key, now, &crowded);
    if (!crowded)
        habit_roll_if_due(r, now);
    for (unsigned c = 0; c < HABIT_COUNTS; c++) {
        uint32_t sums[HABIT_WINDOWS];

        for (unsigned w = 0; w < HABIT_WINDOWS; w++)
            sums[w] = add_at(habit_window(r, c, w), habit_bin_of(w, charged), habit_bin_of(w, now), units[c]);
        if (!crowded)
            habit_note_largest(habit_of(r, c), sums);
    }
}

/* ---- logins ---- */

_Static_assert(sizeof(struct habit_record) == HABIT_KNOWN_PAIRS * sizeof(union pair), "a record is told whole");

bool habits_tell(const struct habits *h, uint64_t key, uint64_t now_ns, struct habit_known *out)
{
    const struct habit_record *r = habit_find(h, key);

    if (r == NULL)
        return false;
    out->at_ns = now_ns + h->ahead_ns;
    for (unsigned i = 0; i < HABIT_KNOWN_PAIRS; i++)
        out->pairs[i] = pair_read(&r->name + i);
    return out->pairs[0].key == key;
}

static struct habit_record record_of(const struct habit_known *known)
{
    struct habit_record r;

    for (unsigned i = 0; i < HABIT_KNOWN_PAIRS; i++)
        (&r.name)[i] = known->pairs[i];
    return r;
}

/* Seconds of this table for seconds of the other one's. */
static uint64_t seconds_here(uint64_t seconds, uint64_t ahead)
{
    return (seconds * NS_PER_S + ahead) / NS_PER_S;
}

/* Is all of it wanted? */
static bool is_news(struct habit_record *own, const struct habit_record *theirs, uint64_t ahead)
{
    return own == NULL ||
           habit_seen_last(pair_read(&own->name)) + ELSEWHERE_S < seconds_here(habit_seen_last(theirs->name), ahead);
}

bool habits_hear(struct habits *h, const struct habit_known *known, bool taught, uint64_t ago_ns, uint64_t now_ns)
{
    struct habit_record theirs = record_of(known), *own;
    uint64_t now = now_ns + h->ahead_ns, ahead = now - ago_ns - known->at_ns;
    bool crowded, news;

    if (h->records == NULL || theirs.name.key == 0 || ago_ns > now)
        return false;
    own = habit_find(h, theirs.name.key);
    news = is_news(own, &theirs, ahead);
    if (own == NULL)
        own = habit_find_or_make(h, theirs.name.key, now, &crowded);
    if (own->name.key != theirs.name.key) /* no room: it shares a record */
        return false;
    habit_roll_if_due(own, now);
    habit_merge(own, &theirs, ahead, now, news ? HABIT_MERGE_ALL : taught ? HABIT_MERGE_LEARNT : HABIT_MERGE_NAME);
    return news;
}

bool habits_next(const struct habits *h, uint64_t *at, uint64_t *key)
{
    while (h->records != NULL && *at < (uint64_t)1 << h->bits) {
        *key = __atomic_load_n(&h->records[(*at)++].name.key, __ATOMIC_ACQUIRE);
        if (*key != 0)
            return true;
    }
    return false;
}

/* ---- how far ---- */

struct habits_heard habits_heard(const struct habits *h)
{
    return h->met != NULL ? h->met->heard : (struct habits_heard){.whose = 0};
}

void habits_note_heard(struct habits *h, const struct habits_heard *heard)
{
    if (h->met != NULL)
        h->met->heard = *heard;
}
