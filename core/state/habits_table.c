/* Where records stand: finding, making, counting them. */
#include "core/state/habits_table.h"

#define NS_PER_SECOND UINT64_C(1000000000)
/* A record that is being made for so long was left by a process that died. Much longer than one is ever stopped, or its
 * clock behind another's: who is overtaken would empty what is in use. */
#define MAKING_S 30u
/* seen_last is written no more often than that: it only decides who gives way after months. */
#define SEEN_AGAIN_S 86400u

struct habits habits_over(void *memory, uint64_t logins, struct habits_met *met)
{
    struct habits h = {.records = memory, .met = met};

    while ((UINT64_C(2) << h.bits) <= logins)
        h.bits++;
    h.deferred.yielding = (union pair *)(void *)(h.records + ((uint64_t)1 << h.bits) + HABITS_SHARED);
    return h;
}

static uint64_t seconds_of_state(uint64_t now)
{
    return (now / NS_PER_SECOND) & UINT32_MAX;
}

/* Fibonacci hashing, as for the counters. */
static uint64_t home_of_record(const struct habits *h, uint64_t key)
{
    return key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - h->bits);
}

static struct habit_record *place_of(const struct habits *h, uint64_t key, unsigned distance)
{
    return h->records + ((home_of_record(h, key) + distance) & (((uint64_t)1 << h->bits) - 1));
}

struct habit_record *habit_shared(const struct habits *h, uint64_t key)
{
    return h->records + ((uint64_t)1 << h->bits) + (key * UINT64_C(0x9e3779b97f4a7c15) >> 32) % HABITS_SHARED;
}

void habits_prefetch(const struct habits *h, uint64_t key)
{
    const struct habit_record *r;

    if (h == NULL || h->records == NULL)
        return;
    r = place_of(h, key, 0);
    __builtin_prefetch(r, 1);
    __builtin_prefetch((const char *)r + 64, 1);
}

struct habit_record *habit_find(const struct habits *h, uint64_t key)
{
    if (h->records == NULL)
        return NULL;
    for (unsigned i = 0; i < HABIT_PLACES; i++) {
        struct habit_record *r = place_of(h, key, i);

        if (__atomic_load_n(&r->name.key, __ATOMIC_ACQUIRE) == key)
            return r;
    }
    return NULL;
}

/* Nobody's, or left half made. */
static bool is_free_record(union pair name, uint64_t now)
{
    uint64_t since_s = name.value >> 32, now_s = seconds_of_state(now);

    return name.key == 0 && (name.value == 0 || since_s > now_s + MAKING_S || now_s > since_s + MAKING_S);
}

/* How long nobody has used it; 0 for one that is being made, or was seen in the future. */
static uint64_t idle_s(union pair name, uint64_t now)
{
    uint64_t now_s = seconds_of_state(now);

    return name.key != 0 && habit_seen_last(name) < now_s ? now_s - habit_seen_last(name) : 0;
}

/* What stands in place of a name while the key's record is being made. */
static union pair making_of(uint64_t key, uint64_t now)
{
    return pair_of(0, seconds_of_state(now) << 32 | (key & UINT32_MAX) | 1);
}

/*
 * A place for the key: the first that is free, else the one that was idle longest, if that is long enough; NULL: none,
 * or somebody else is making its record: *busy.
 */
static struct habit_record *place_for(const struct habits *h, uint64_t key, uint64_t now, union pair *seen, bool *busy)
{
    struct habit_record *oldest = NULL;
    uint64_t longest = HABIT_KEPT_S;

    *busy = false;
    for (unsigned i = 0; i < HABIT_PLACES; i++) {
        struct habit_record *r = place_of(h, key, i);
        union pair name = pair_read(&r->name);

        if (is_free_record(name, now)) {
            *seen = name;
            return r;
        }
        if (name.key == 0 && (uint32_t)name.value == (uint32_t)making_of(key, now).value) {
            *busy = true;
            return NULL;
        }
        if (idle_s(name, now) > longest) {
            longest = idle_s(name, now);
            oldest = r;
            *seen = name;
        }
    }
    return oldest;
}

bool habit_has_room(const struct habits *h, uint64_t key, uint64_t now)
{
    union pair seen;
    bool busy;

    return h->records != NULL && (place_for(h, key, now, &seen, &busy) != NULL || busy);
}

static union pair name_of(uint64_t key, uint64_t now)
{
    return pair_of(key, seconds_of_state(now) << 32 | seconds_of_state(now));
}

static void clear_record(struct habit_record *r)
{
    for (union pair *p = &r->name + 1; p <= &r->past; p++)
        pair_write(p, pair_of(0, 0));
}

/* What stands where a record was, which is not empty any more. */
#define LEFT pair_of(0, 1)

/* Takes a place and empties it. Nobody finds the record by its key before it is empty. */
static bool empty_place(struct habits *h, struct habit_record *r, union pair seen, uint64_t key, uint64_t now)
{
    union pair making = making_of(key, now), name = name_of(key, now);

    if (!pair_swap(&r->name, seen, making))
        return false;
    if (seen.key != 0)
        (void)__atomic_fetch_add(&h->met->displaced, 1, __ATOMIC_RELAXED);
    clear_record(r);
    return pair_swap(&r->name, making, name);
}

/*
 * Makes the record of a key at a place where `seen` stands; where nobody was ever, in one step. NULL when somebody else
 * was faster.
 */
static struct habit_record *make_at(struct habits *h, struct habit_record *r, union pair seen, uint64_t key,
                                    uint64_t now)
{
    union pair name = name_of(key, now);
    struct habit_record *first;

    if (seen.both == 0 ? !pair_swap(&r->name, seen, name) : !empty_place(h, r, seen, key, now))
        return NULL;
    /* Two may have made one for the same key in different places: the first is the one that is found. */
    first = habit_find(h, key);
    if (first != NULL && first != r)
        (void)pair_swap(&r->name, name, LEFT);
    return first;
}

static void note_seen(struct habit_record *r, uint64_t now)
{
    union pair name = pair_read(&r->name);
    uint64_t now_s = seconds_of_state(now);

    if (name.key != 0 && habit_seen_last(name) + SEEN_AGAIN_S < now_s)
        (void)pair_swap(&r->name, name, pair_of(name.key, (name.value & ~(uint64_t)UINT32_MAX) | now_s));
}

struct habit_record *habit_find_or_make(struct habits *h, uint64_t key, uint64_t now, bool *crowded)
{
    *crowded = false;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct habit_record *r = habit_find(h, key), *place = NULL;
        union pair seen;
        bool busy = false;

        if (r == NULL && (place = place_for(h, key, now, &seen, &busy)) == NULL && !busy)
            break;
        if (r == NULL && !busy)
            r = make_at(h, place, seen, key, now);
        if (r == NULL)
            continue;
        note_seen(r, now);
        return r;
    }
    *crowded = true;
    (void)__atomic_fetch_add(&h->met->crowded, 1, __ATOMIC_RELAXED);
    return habit_shared(h, key);
}

/* ---- for people ---- */

void habits_stats(const struct habits *h, uint64_t now_ns, struct habits_stats *out)
{
    uint64_t now = now_ns + h->ahead_ns;

    *out = (struct habits_stats){.places = 0};
    if (h->records == NULL)
        return;
    out->places = (uint64_t)1 << h->bits;
    for (uint64_t i = 0; i < out->places; i++) {
        struct habit_record *r = h->records + i;
        union pair name = pair_read(&r->name);

        out->known += name.key != 0;
        out->learning += name.key != 0 && habit_learnt_of(pair_read(&r->of_messages)).number == 0 &&
                         !habit_ends_learning(habit_since_ns(name), now);
    }
    out->crowded = __atomic_load_n(&h->met->crowded, __ATOMIC_RELAXED);
    out->displaced = __atomic_load_n(&h->met->displaced, __ATOMIC_RELAXED);
}
