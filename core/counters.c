#include "core/counters_table.h"
#include "core/state.h"

#include <string.h>

/* How often a change is tried again when others change the same entry; far more than any real contention needs. */
#define TRIES_MAX 1000
/* What a caller is told to wait when all tries met somebody else: refusing is right whenever counting is in doubt. */
#define CONTENTION_RETRY_NS UINT64_C(1000000)
/* The key word of a shared entry; only for people who look at the file. */
#define SHARED_MARK UINT64_C(0x646572616873) /* "shared" */
/* counters_stats walks at most so many buckets: about 2 ms. */
#define STATS_BUCKETS_MAX (UINT64_C(1) << 17)

enum where {
    WHERE_OWN,   /* the key's own entry, live */
    WHERE_FREE,  /* no live entry of its own; this one can be taken */
    WHERE_SHARED /* the bucket's shared entry */
};

/* Where a key is counted at a time. */
struct spot {
    union pair *pair;
    union pair seen;
    uint64_t backlog_ns; /* how far the TAT is ahead of now */
    enum where where;
    bool twins;       /* the key has more than one entry: two processes made one at the same time */
    bool shared_live; /* the shared entry is live */
};

struct counters counters_over(void *memory, uint64_t entries, uint64_t *crowded)
{
    struct counters c = {.pairs = memory, .crowded = crowded};

    while (((uint64_t)BUCKET_PAIRS << (c.bits + 1)) <= entries)
        c.bits++;
    return c;
}

static union pair *bucket_of(const struct counters *c, uint64_t key)
{
    /* Fibonacci hashing (Knuth, TAOCP 6.4): 2^64 divided by the golden ratio. */
    uint64_t product = key * UINT64_C(0x9e3779b97f4a7c15);

    return c->pairs + (product >> (64 - c->bits)) * BUCKET_PAIRS;
}

static void prefetch(const struct counters *c, uint64_t key)
{
    const union pair *bucket = bucket_of(c, key);

    __builtin_prefetch(bucket, 1);
    __builtin_prefetch(bucket + BUCKET_PAIRS / 2, 1);
}

/* 0 marks an empty entry, so no key may be 0. */
static uint64_t safe_key(uint64_t key)
{
    return key != 0 ? key : 1;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* A TAT beyond the longest window cannot have been written by us: it must not shut the gate for longer than that. */
static uint64_t backlog_of(uint64_t tat, uint64_t now)
{
    return tat > now ? min_u64(tat - now, STATE_LONGEST_WINDOW_NS) : 0;
}

static uint64_t burst_ns(const struct charge *k)
{
    return min_u64(multiply(k->burst, k->interval_ns), STATE_LONGEST_WINDOW_NS);
}

static uint64_t cost_ns(const struct charge *k)
{
    return multiply(k->cost, k->interval_ns);
}

static union pair *entry_of(union pair *bucket, uint64_t key)
{
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        if (__atomic_load_n(&bucket[i].key, __ATOMIC_ACQUIRE) == key)
            return bucket + i;
    return NULL;
}

/*
 * All slots are always looked at: an entry may stand behind a slot that has become free since.
 *
 * While the shared entry is live, a key without a live entry of its own stays there, even if a slot has become free: it
 * may have used the shared one, and would get its burst twice.
 */
static struct spot find(const struct counters *c, uint64_t key, uint64_t now)
{
    union pair *bucket = bucket_of(c, key), *own = NULL, *free_pair = NULL;
    union pair own_seen = {.both = 0}, free_seen = {.both = 0}, seen;
    struct spot s = {.pair = NULL};

    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        seen = pair_glance(bucket + i);
        if (seen.key == key)
            seen = pair_read(bucket + i);
        if (seen.key == key) {
            s.backlog_ns += backlog_of(seen.value, now);
            s.twins = own != NULL;
            own_seen = own == NULL ? seen : own_seen;
            own = own == NULL ? bucket + i : own;
        } else if (seen.value <= now && free_pair == NULL) {
            free_seen = seen;
            free_pair = bucket + i;
        }
    }
    seen = pair_read(bucket + BUCKET_SLOTS);
    s.shared_live = seen.value > now;
    if (own != NULL && (s.backlog_ns > 0 || !s.shared_live)) {
        s.where = s.backlog_ns > 0 ? WHERE_OWN : WHERE_FREE;
        s.pair = own;
        s.seen = own_seen;
    } else if (!s.shared_live && free_pair != NULL) {
        s.where = WHERE_FREE;
        s.pair = free_pair;
        s.seen = free_seen;
    } else {
        s.where = WHERE_SHARED;
        s.pair = bucket + BUCKET_SLOTS;
        s.seen = seen;
        s.backlog_ns = backlog_of(seen.value, now);
    }
    return s;
}

static struct charge_answer judge(const struct charge *k, const struct spot *s)
{
    uint64_t interval = k->interval_ns != 0 ? k->interval_ns : 1, burst = burst_ns(k), cost = cost_ns(k);
    struct charge_answer a = {.crowded = s->where == WHERE_SHARED};

    a.used = s->backlog_ns / interval + (s->backlog_ns % interval != 0);
    if (k->cost > k->burst || cost > burst) {
        a.never = true;
        return a;
    }
    a.allowed = s->backlog_ns <= burst - cost;
    a.retry_ns = a.allowed ? 0 : s->backlog_ns - (burst - cost);
    return a;
}

/* Puts `backlog` ahead of now into the entry that was seen; false when it has changed since. */
static bool put(const struct spot *s, uint64_t key, uint64_t now, uint64_t backlog)
{
    return pair_swap(s->pair, s->seen, pair_of(s->where == WHERE_SHARED ? SHARED_MARK : key, now + backlog));
}

/*
 * Takes ns off again. When the entry was merged into another one meanwhile, from there.
 *
 * Should this thread have been held up between charge and roll-back for so long that all of the charge had run off, it
 * takes from what others charged since: at most its own cost, once. Without a clock here that cannot be told apart.
 */
static void give_back(const struct counters *c, const struct spot *s, uint64_t key, uint64_t ns)
{
    union pair *pair = s->pair, seen;

    while (pair != NULL) {
        seen = pair_read(pair);
        if (s->where != WHERE_SHARED && seen.key != key)
            pair = entry_of(bucket_of(c, key), key);
        else if (pair_swap(pair, seen, pair_of(seen.key, seen.value > ns ? seen.value - ns : 0)))
            return;
    }
}

/* Adds ns to an entry of the key; false when it is none any more. */
static bool add(union pair *pair, uint64_t key, uint64_t now, uint64_t ns)
{
    for (;;) {
        union pair seen = pair_read(pair);

        if (seen.key != key)
            return false;
        if (pair_swap(pair, seen, pair_of(key, now + backlog_of(seen.value, now) + ns)))
            return true;
    }
}

/*
 * Moves all entries of a key into its lowest one. What is moved is added first and cleared then: a process killed in
 * between leaves too much counted, never too little.
 */
static void merge_twins(const struct counters *c, uint64_t key, uint64_t now)
{
    union pair *bucket = bucket_of(c, key), *low = entry_of(bucket, key);

    for (union pair *twin = bucket + BUCKET_SLOTS - 1; low != NULL && twin > low; twin--) {
        union pair seen = pair_read(twin);
        uint64_t backlog = backlog_of(seen.value, now);
        struct spot target = {.pair = low, .where = WHERE_OWN};

        if (seen.key != key)
            continue;
        if (backlog > 0 && !add(low, key, now, backlog))
            return;
        if (!pair_swap(twin, seen, pair_of(0, 0)) && backlog > 0)
            give_back(c, &target, key, backlog);
    }
}

/*
 * Whether somebody counted the same key in another place while we began to count it at s. Each looks again after its
 * own change, so at least the later of the two sees both.
 */
static bool somebody_elsewhere(const struct counters *c, const struct spot *s, uint64_t key, uint64_t now)
{
    struct spot again;

    if (s->where == WHERE_OWN)
        return false;
    again = find(c, key, now);
    if (s->where == WHERE_SHARED)
        return again.where == WHERE_OWN;
    return again.twins || again.pair != s->pair || again.shared_live;
}

/* Charges one key, and says where in *s. `force`: whatever the limit says, up to the burst. */
static struct charge_answer charge_one(const struct counters *c, const struct charge *k, uint64_t now, bool force,
                                       struct spot *s)
{
    uint64_t key = safe_key(k->key), after;
    struct charge_answer a = {.allowed = false};

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        *s = find(c, key, now);
        if (s->twins) {
            merge_twins(c, key, now);
            continue;
        }
        a = judge(k, s);
        if ((!a.allowed && !force) || k->cost == 0)
            return a;
        after = a.allowed ? s->backlog_ns + cost_ns(k) : burst_ns(k);
        if (after <= s->backlog_ns)
            return a;
        if (!put(s, key, now, after))
            continue;
        if (!somebody_elsewhere(c, s, key, now)) {
            if (a.crowded)
                (void)__atomic_fetch_add(c->crowded, 1, __ATOMIC_RELAXED);
            return a;
        }
        give_back(c, s, key, after - s->backlog_ns);
    }
    a.allowed = false;
    a.retry_ns = CONTENTION_RETRY_NS;
    return a;
}

struct charge_answer counters_look(const struct counters *c, const struct charge *charge, uint64_t now_ns)
{
    struct spot s = find(c, safe_key(charge->key), now_ns + c->ahead_ns);

    return judge(charge, &s);
}

/* Looks at all charges; the index of the first that refuses, or n. */
static size_t look_at_all(const struct counters *c, const struct charge *charges, size_t n, uint64_t now,
                          struct spot *spots, struct charge_answer *answers)
{
    size_t refuses = n;

    for (size_t i = 0; i < n; i++)
        prefetch(c, safe_key(charges[i].key));
    for (size_t i = 0; i < n; i++) {
        spots[i] = find(c, safe_key(charges[i].key), now);
        answers[i] = judge(charges + i, spots + i);
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
        /* Nearly always the entry is there and unchanged since the look. */
        if (spots[i].where == WHERE_OWN && !spots[i].twins &&
            put(spots + i, safe_key(k->key), now, spots[i].backlog_ns + cost_ns(k)))
            continue;
        answers[i] = charge_one(c, k, now, false, spots + i);
        if (answers[i].allowed)
            continue;
        for (size_t j = 0; j < i; j++)
            give_back(c, spots + j, safe_key(charges[j].key), cost_ns(charges + j));
        return i;
    }
    return n;
}

void counters_force(struct counters *c, const struct charge *charge, uint64_t now_ns, struct charge_answer *answer)
{
    struct spot s;

    *answer = charge_one(c, charge, now_ns + c->ahead_ns, true, &s);
}

/* The lowest live entry of a key; pair NULL when there is none. */
static struct spot find_mark(const struct counters *c, uint64_t key, uint64_t now)
{
    union pair *bucket = bucket_of(c, key);

    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        struct spot s = {.pair = bucket + i, .seen = pair_read(bucket + i)};

        if (s.seen.key == key && s.seen.value > now)
            return s;
    }
    return (struct spot){.pair = NULL};
}

/* A slot that can be taken; pair NULL when all are live. */
static struct spot find_free(const struct counters *c, uint64_t key, uint64_t now)
{
    union pair *bucket = bucket_of(c, key);

    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        struct spot s = {.pair = bucket + i, .seen = pair_glance(bucket + i)};

        if (s.seen.value <= now)
            return s;
    }
    return (struct spot){.pair = NULL};
}

bool counters_mark(struct counters *c, uint64_t key, uint64_t now_ns, uint64_t keep_ns, bool renew, bool *crowded)
{
    uint64_t now = now_ns + c->ahead_ns, until = now + min_u64(keep_ns, STATE_LONGEST_WINDOW_NS);
    const union pair *lower;

    key = safe_key(key);
    if (crowded != NULL)
        *crowded = false;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct spot s = find_mark(c, key, now);

        if (s.pair != NULL) {
            if (!renew || s.seen.value >= until || pair_swap(s.pair, s.seen, pair_of(key, until)))
                return false;
            continue;
        }
        s = find_free(c, key, now);
        if (s.pair == NULL)
            break;
        if (!pair_swap(s.pair, s.seen, pair_of(key, until)))
            continue;
        /* Two at once: the lower entry is the mark, the other one finds it and takes its own away. */
        lower = find_mark(c, key, now).pair;
        if (lower == NULL || lower >= s.pair)
            return true;
        (void)pair_swap(s.pair, pair_of(key, until), pair_of(0, 0));
        return false;
    }
    (void)__atomic_fetch_add(c->crowded, 1, __ATOMIC_RELAXED);
    if (crowded != NULL)
        *crowded = true;
    return true;
}

bool counters_marked(const struct counters *c, uint64_t key, uint64_t now_ns)
{
    return find_mark(c, safe_key(key), now_ns + c->ahead_ns).pair != NULL;
}

void counters_unmark(struct counters *c, uint64_t key)
{
    (void)counters_reset(c, key, 0);
}

bool counters_reset(struct counters *c, uint64_t key, uint64_t now_ns)
{
    uint64_t now = now_ns + c->ahead_ns;
    bool live = false;
    union pair *pair;

    key = safe_key(key);
    while ((pair = entry_of(bucket_of(c, key), key)) != NULL) {
        union pair seen = pair_read(pair);

        if (seen.key == key && pair_swap(pair, seen, pair_of(0, 0)))
            live = live || seen.value > now;
    }
    return live;
}

void counters_stats(const struct counters *c, uint64_t now_ns, struct counters_stats *out)
{
    uint64_t buckets = UINT64_C(1) << c->bits, now = now_ns + c->ahead_ns, live = 0;
    uint64_t step = buckets > STATS_BUCKETS_MAX ? buckets / STATS_BUCKETS_MAX : 1;

    for (uint64_t i = 0; i < buckets; i += step)
        for (unsigned j = 0; j < BUCKET_SLOTS; j++)
            live += pair_glance(c->pairs + i * BUCKET_PAIRS + j).value > now;
    out->entries = buckets * BUCKET_SLOTS;
    out->live = live * step;
    out->crowded = __atomic_load_n(c->crowded, __ATOMIC_RELAXED);
}

/* Sets a shared entry's backlog up. */
static void raise_shared(union pair *bucket, uint64_t now, uint64_t backlog)
{
    union pair *shared = bucket + BUCKET_SLOTS, seen = pair_read(shared);

    while (backlog_of(seen.value, now) < backlog && !pair_swap(shared, seen, pair_of(SHARED_MARK, now + backlog)))
        seen = pair_read(shared);
}

/* Sets an entry's backlog up, making it if need be. */
static void raise_entry(struct counters *c, uint64_t key, uint64_t now, uint64_t backlog)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct spot s = find_mark(c, key, now);

        if (s.pair == NULL)
            s = find_free(c, key, now);
        if (s.pair == NULL)
            break;
        if (backlog_of(s.seen.key == key ? s.seen.value : 0, now) >= backlog ||
            pair_swap(s.pair, s.seen, pair_of(key, now + backlog)))
            return;
    }
    raise_shared(bucket_of(c, key), now, backlog);
}

/* A shared entry's keys may be in any bucket that has the same first bits. */
static void take_over_shared(struct counters *to, const struct counters *from, uint64_t i, uint64_t now,
                             uint64_t backlog)
{
    uint64_t first = to->bits >= from->bits ? i << (to->bits - from->bits) : i >> (from->bits - to->bits);
    uint64_t n = to->bits >= from->bits ? UINT64_C(1) << (to->bits - from->bits) : 1;

    for (uint64_t j = first; j < first + n; j++)
        raise_shared(to->pairs + j * BUCKET_PAIRS, now, backlog);
}

void counters_take_over(struct counters *to, const struct counters *from, uint64_t now_ns)
{
    uint64_t from_now = now_ns + from->ahead_ns, to_now = now_ns + to->ahead_ns;

    for (uint64_t i = 0; i < (UINT64_C(1) << from->bits); i++) {
        const union pair *bucket = from->pairs + i * BUCKET_PAIRS;

        for (unsigned j = 0; j < BUCKET_PAIRS; j++) {
            union pair seen = pair_read(bucket + j);
            uint64_t backlog = backlog_of(seen.value, from_now);

            if (backlog == 0)
                continue;
            if (j == BUCKET_SLOTS)
                take_over_shared(to, from, i, to_now, backlog);
            else if (seen.key != 0)
                raise_entry(to, seen.key, to_now, backlog);
        }
    }
}
