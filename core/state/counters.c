#include "core/state/counters_table.h"

#include <string.h>

/* The wait returned when all tries collided with other processes. When in doubt, refuse. */
#define CONTENTION_RETRY_NS UINT64_C(1000000)

enum where {
    WHERE_OWN,   /* the key's own live entry */
    WHERE_FREE,  /* the key has no live entry; this one is free */
    WHERE_SHARED /* the bucket's shared entry of its class */
};

/* Where a key is counted at the moment. */
struct spot {
    union pair *pair;
    union pair *gate; /* the bucket's */
    union pair seen;
    uint64_t backlog_ns; /* TAT minus now */
    enum where where;
    bool twins;       /* two processes began counting the key at the same time, in two places */
    bool shared_live; /* the class's shared entry is live */
};

/* A key to look for. */
struct wanted {
    uint64_t tag;
    unsigned class; /* of its interval */
};

static inline struct wanted wanted_of(const struct charge *k)
{
    return (struct wanted){tag_of(k->key), interval_class(k->interval_ns)};
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t burst_ns(const struct charge *k)
{
    return min_u64(multiply(k->burst, k->interval_ns), COUNTERS_LONGEST_WINDOW_NS);
}

uint64_t cost_ns(const struct charge *k)
{
    return multiply(k->cost, k->interval_ns);
}

/* The bucket's slots that have the key, live or not, as bits. */
static inline unsigned slots_with(const union pair *bucket, uint64_t tag)
{
    unsigned found = 0;

#pragma GCC unroll 7
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        found |= (unsigned)((__atomic_load_n(&bucket[i].key, __ATOMIC_ACQUIRE) & ~ENTRY_NEW) == tag) << i;
    return found;
}

/* A shared entry counts for a bucket only while its gate is open, since other buckets may use the entry. */
static bool is_shared_live(const union pair *gate, const union pair *shared, unsigned class, uint64_t now)
{
    return gate_is_open(gate, class, now) && pair_read(shared).value > now;
}

/*
 * For a key without a live slot: the shared entry while that is live, else `own` (seen as own_seen), its expired entry,
 * or the first free one.
 */
static struct spot counter_find_place(union pair *bucket, union pair *own, union pair own_seen, union pair *shared,
                                      bool live, uint64_t now)
{
    struct spot s = {.gate = gate_of(bucket), .shared_live = live};

    if (s.shared_live)
        own = NULL;
    for (unsigned i = 0; i < BUCKET_SLOTS && own == NULL && !s.shared_live; i++) {
        own_seen = pair_glance(bucket + i);
        if (own_seen.value <= now)
            own = bucket + i;
    }
    s.where = own != NULL ? WHERE_FREE : WHERE_SHARED;
    s.pair = own != NULL ? own : shared;
    s.seen = own != NULL ? own_seen : pair_read(shared);
    s.backlog_ns = own != NULL ? 0 : backlog_of(s.seen.value, now);
    return s;
}

/*
 * Always looks at all slots: an entry may come after a slot that has become free since.
 *
 * While the shared entry is live, a key without a live entry stays there even if a slot has become free: it may have
 * been counted there, and would get its burst twice.
 */
static struct spot spot_find(const struct counters *c, struct wanted w, uint64_t now)
{
    union pair *bucket = bucket_of(c, w.tag), *own = NULL;
    union pair *shared = shared_of(c, bucket, w.class);
    union pair own_seen = {.both = 0}, seen;
    uint64_t backlog = 0;
    bool twins = false, shared_live;

    for (unsigned slots = slots_with(bucket, w.tag); slots != 0; slots &= slots - 1) {
        union pair *pair = bucket + __builtin_ctz(slots);

        seen = pair_read(pair);
        if (!has_tag(seen, w.tag))
            continue;
        backlog += backlog_of(seen.value, now);
        twins = own != NULL;
        own_seen = own == NULL ? seen : own_seen;
        own = own == NULL ? pair : own;
    }
    shared_live = is_shared_live(gate_of(bucket), shared, w.class, now);
    if (backlog == 0) {
        struct spot s = counter_find_place(bucket, own, own_seen, shared, shared_live, now);

        s.twins = twins;
        return s;
    }
    return (struct spot){.pair = own,
                         .gate = gate_of(bucket),
                         .seen = own_seen,
                         .backlog_ns = backlog,
                         .where = WHERE_OWN,
                         .twins = twins || (shared_live && (own_seen.key & ENTRY_NEW) != 0),
                         .shared_live = shared_live};
}

struct charge_answer charge_judge(const struct charge *k, uint64_t backlog_ns)
{
    uint64_t burst = burst_ns(k), cost = cost_ns(k);
    struct charge_answer a = {.allowed = false};

    if (backlog_ns > 0) { /* the division is most of the cost */
        uint64_t interval = k->interval_ns != 0 ? k->interval_ns : 1;

        a.used = backlog_ns / interval + (backlog_ns % interval != 0);
    }
    if (k->cost > k->burst || cost > burst) {
        a.never = true;
        return a;
    }
    a.allowed = backlog_ns <= burst - cost;
    a.retry_ns = a.allowed ? 0 : backlog_ns - (burst - cost);
    return a;
}

static struct charge_answer judge_spot(const struct charge *k, const struct spot *s)
{
    struct charge_answer a = charge_judge(k, s->backlog_ns);

    a.crowded = s->where == WHERE_SHARED;
    return a;
}

/* The key word that a spot's entry gets when it is charged. */
static uint64_t word_for(const struct spot *s, uint64_t tag)
{
    if (s->where == WHERE_SHARED)
        return SHARED_MARK;
    return s->where == WHERE_OWN ? s->seen.key : tag | ENTRY_NEW;
}

/* Sets the entry to now + `backlog`; false when it has changed since it was seen. */
static bool set_backlog(const struct spot *s, struct wanted w, uint64_t now, uint64_t backlog)
{
    if (s->where == WHERE_SHARED)
        gate_open(s->gate, w.class, now, now + backlog);
    return pair_swap(s->pair, s->seen, pair_of(word_for(s, w.tag), now + backlog));
}

/*
 * Subtracts ns again, from the entry into which this one was merged meanwhile, if it was. Not from a shared entry,
 * where counting too much is safe.
 *
 * If this thread was delayed between charge and roll-back until the charge had expired, it subtracts from later charges
 * of others: at most its own cost, once. Without a clock here that can't be told apart.
 */
static void counter_give_back(const struct counters *c, const struct spot *s, uint64_t tag, uint64_t ns)
{
    union pair *pair = s->pair, seen;

    while (pair != NULL) {
        seen = pair_read(pair);
        if (s->where != WHERE_SHARED && !has_tag(seen, tag))
            pair = entry_of(bucket_of(c, tag), tag);
        else if (pair_swap(pair, seen, pair_of(seen.key, seen.value > ns ? seen.value - ns : 0)))
            return;
    }
}

/*
 * Moves the count of `from` to `to`, a shared one if it has a gate. Adds first and clears then: a process killed in
 * between leaves too much counted, never too little. False when another process changed one of them.
 */
static bool move_count(union pair *from, union pair *to, union pair *gate, struct wanted w, uint64_t now)
{
    union pair source = pair_read(from), target = pair_read(to), sum;
    uint64_t backlog = backlog_of(source.value, now);

    if (!has_tag(source, w.tag))
        return false;
    sum = pair_of(target.key != 0 ? target.key : SHARED_MARK, now + backlog_of(target.value, now) + backlog);
    if (gate != NULL)
        gate_open(gate, w.class, now, sum.value);
    if (backlog > 0 && !pair_swap(to, target, sum))
        return false;
    if (pair_swap(from, source, pair_of(0, 0)))
        return true;
    /* Another process charged it meanwhile, or moved it as well. */
    while (backlog > 0) {
        target = pair_read(to);
        sum = pair_of(target.key, target.value > backlog ? target.value - backlog : 0);
        if (pair_swap(to, target, sum))
            break;
    }
    return false;
}

/*
 * Merges all entries of a key into its lowest one, and that into the shared one if it is new and the shared one is
 * live.
 */
static void merge_twins(const struct counters *c, struct wanted w, uint64_t now)
{
    union pair *bucket = bucket_of(c, w.tag), *low = entry_of(bucket, w.tag), *gate = gate_of(bucket);
    union pair *shared = shared_of(c, bucket, w.class);

    if (low == NULL)
        return;
    for (union pair *twin = gate - 1; twin > low; twin--)
        if (has_tag(pair_glance(twin), w.tag) &&
            (!has_tag(pair_glance(low), w.tag) || !move_count(twin, low, NULL, w, now)))
            return;
    if (pair_read(low).key == (w.tag | ENTRY_NEW) && is_shared_live(gate, shared, w.class, now))
        (void)move_count(low, shared, gate, w, now);
}

/*
 * Did another process count the same key in another place while this one began at s, or move other counts to s? Each
 * looks again after its own change, so at least the later one sees both.
 */
static bool somebody_elsewhere(const struct counters *c, const struct spot *s, const struct charge *k, uint64_t now)
{
    struct spot again = spot_find(c, wanted_of(k), now);

    if (again.backlog_ns > burst_ns(k))
        return true;
    if (s->where == WHERE_SHARED)
        return again.where == WHERE_OWN;
    return again.twins || again.pair != s->pair || again.shared_live;
}

/* The entry is no longer new; charging it needs no second look. */
static bool is_settled(const struct spot *s)
{
    return s->where == WHERE_OWN && !s->twins && (s->seen.key & ENTRY_NEW) == 0;
}

/*
 * Marks the entry: the key is counted nowhere else. It does no harm if this fails because the entry is charged at this
 * moment.
 */
static void settle(const struct spot *s, uint64_t tag)
{
    union pair seen;

    if (s->where == WHERE_SHARED)
        return;
    seen = pair_read(s->pair);
    if (seen.key == (tag | ENTRY_NEW))
        (void)pair_swap(s->pair, seen, pair_of(tag, seen.value));
}

/*
 * Charges one key at *s, found before, or wherever it is now, which is then in *s. `force`: even over the limit, up to
 * the burst.
 */
static struct charge_answer charge_one(const struct counters *c, const struct charge *k, uint64_t now, bool force,
                                       struct spot *s)
{
    struct wanted w = wanted_of(k);
    uint64_t after;
    struct charge_answer a = {.allowed = false};

    for (unsigned i = 0; i < TRIES_MAX; i++, *s = spot_find(c, w, now)) {
        if (s->twins) {
            merge_twins(c, w, now);
            continue;
        }
        a = judge_spot(k, s);
        if ((!a.allowed && !force) || k->cost == 0)
            return a;
        after = a.allowed ? s->backlog_ns + cost_ns(k) : burst_ns(k);
        if (after <= s->backlog_ns)
            return a;
        if (!set_backlog(s, w, now, after))
            continue;
        if (is_settled(s))
            return a;
        if (!somebody_elsewhere(c, s, k, now)) {
            settle(s, w.tag);
            if (a.crowded)
                (void)__atomic_fetch_add(&c->met->crowded, 1, __ATOMIC_RELAXED);
            return a;
        }
        counter_give_back(c, s, w.tag, after - s->backlog_ns);
    }
    a.allowed = false;
    a.retry_ns = CONTENTION_RETRY_NS;
    return a;
}

void counters_prefetch(const struct counters *c, uint64_t key)
{
    const union pair *bucket = bucket_of(c, tag_of(key)); /* two cache lines */

    __builtin_prefetch(bucket, 1);
    __builtin_prefetch(bucket + BUCKET_PAIRS / 2, 1);
}

struct charge_answer counters_look(const struct counters *c, const struct charge *charge, uint64_t now_ns)
{
    struct spot s = spot_find(c, wanted_of(charge), now_ns + c->ahead_ns);

    return judge_spot(charge, &s);
}

/* Checks all charges. Returns the index of the first that is refused, or n. */
static size_t look_at_all(const struct counters *c, const struct charge *charges, size_t n, uint64_t now,
                          struct spot *spots, struct charge_answer *answers)
{
    size_t refuses = n;

    for (size_t i = 0; i < n; i++) {
        spots[i] = spot_find(c, wanted_of(charges + i), now);
        answers[i] = judge_spot(charges + i, spots + i);
        if (!answers[i].allowed && refuses == n)
            refuses = i;
    }
    return refuses;
}

size_t counters_charge(struct counters *c, const struct charge *charges, size_t n, uint64_t now_ns,
                       struct charge_answer *answers)
{
    struct spot spots[COUNTERS_CHARGES_MAX];
    uint64_t now = now_ns + c->ahead_ns;
    size_t refuses;

    if (n > COUNTERS_CHARGES_MAX) {
        memset(answers, 0, n * sizeof *answers);
        return 0;
    }
    refuses = look_at_all(c, charges, n, now, spots, answers);
    if (refuses < n)
        return refuses;
    for (size_t i = 0; i < n; i++) {
        const struct charge *k = charges + i;

        if (k->cost == 0)
            continue;
        /* Nearly always the entry exists and is unchanged. */
        if (is_settled(spots + i)) {
            if (set_backlog(spots + i, wanted_of(k), now, spots[i].backlog_ns + cost_ns(k)))
                continue;
            spots[i] = spot_find(c, wanted_of(k), now);
        }
        answers[i] = charge_one(c, k, now, false, spots + i);
        if (answers[i].allowed)
            continue;
        for (size_t j = 0; j < i; j++)
            counter_give_back(c, spots + j, tag_of(charges[j].key), cost_ns(charges + j));
        return i;
    }
    return n;
}

void counters_force(struct counters *c, const struct charge *charge, uint64_t now_ns, struct charge_answer *answer)
{
    struct spot s = spot_find(c, wanted_of(charge), now_ns + c->ahead_ns);

    *answer = charge_one(c, charge, now_ns + c->ahead_ns, true, &s);
}
