#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/state/counters_table.h"

#define START (COUNTERS_LONGEST_WINDOW_NS + 12345)
#define ENTRIES 4096

struct table {
    struct counters c;
    union pair *memory, *rest;
    size_t bytes;
    struct counters_met met;
};

static struct table *table_make(uint64_t entries)
{
    struct table *t = calloc(1, sizeof *t);

    assert_non_null(t);
    t->bytes = (size_t)entries * sizeof(union pair);
    t->memory = aligned_alloc(128, t->bytes);
    assert_non_null(t->memory);
    memset(t->memory, 0, t->bytes);
    t->rest = aligned_alloc(128, COUNTERS_REST_PAIRS * sizeof(union pair));
    assert_non_null(t->rest);
    memset(t->rest, 0, COUNTERS_REST_PAIRS * sizeof(union pair));
    t->c = counters_over(t->memory, entries, t->rest, &t->met);
    return t;
}

static void table_free(struct table *t)
{
    free(t->rest);
    free(t->memory);
    free(t);
}

/* xorshift64: the same sequence in every run. */
static uint64_t random_u64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static bool charge1(struct table *t, struct charge k, uint64_t now)
{
    struct charge_answer a;

    return counters_charge(&t->c, &k, 1, now, &a) == 1;
}

/* n keys of the bucket that `like` falls into. */
static void keys_of_one_bucket(const struct table *t, uint64_t like, uint64_t *keys, size_t n)
{
    uint64_t seed = 42;

    for (size_t i = 0; i < n;) {
        uint64_t key = random_u64(&seed);

        if (bucket_of(&t->c, tag_of(key)) == bucket_of(&t->c, tag_of(like)))
            keys[i++] = key;
    }
}

/* ---- one key ---- */

static void a_burst_passes_then_one_unit_an_interval(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 7, .interval_ns = NS_PER_S, .burst = 5, .cost = 1};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(charge1(t, k, START));
    assert_false(charge1(t, k, START));
    assert_false(charge1(t, k, START + NS_PER_S - 1));
    assert_true(charge1(t, k, START + NS_PER_S));
    assert_false(charge1(t, k, START + NS_PER_S));
    /* After a long rest it is the burst again, not more. */
    for (int i = 0; i < 5; i++)
        assert_true(charge1(t, k, START + 1000 * NS_PER_S));
    assert_false(charge1(t, k, START + 1000 * NS_PER_S));
    table_free(t);
}

/* What is asked of a key on which `before` units are taken. */
static const struct {
    const char *what;
    uint64_t interval, burst, before, cost;
    bool allowed, never;
    uint64_t retry, used;
} answers[] = {
    {"empty", 10, 5, 0, 1, true, false, 0, 0},
    {"the whole burst at once", 10, 5, 0, 5, true, false, 0, 0},
    {"more than the burst can never pass", 10, 5, 0, 6, false, true, 0, 0},
    {"more than the burst, with something used", 10, 5, 2, 6, false, true, 0, 2},
    {"exactly what is left", 10, 5, 3, 2, true, false, 0, 3},
    {"one more than is left", 10, 5, 3, 3, false, false, 10, 3},
    {"full", 10, 5, 5, 1, false, false, 10, 5},
    {"full, wants all", 10, 5, 5, 5, false, false, 50, 5},
    {"a look at a full one passes", 10, 5, 5, 0, true, false, 0, 5},
    {"a burst of nothing", 10, 0, 0, 1, false, true, 0, 0},
    {"a look at a burst of nothing", 10, 0, 0, 0, true, false, 0, 0},
    {"cost * interval beyond 64 bits", UINT64_MAX / 2, 5, 0, 3, false, true, 0, 0},
    {"cost beyond 64 bits", UINT64_MAX, UINT64_MAX, 0, UINT64_MAX, false, true, 0, 0},
    {"a window of 400 days", COUNTERS_LONGEST_WINDOW_NS, 1, 0, 1, true, false, 0, 0},
    {"a window of 400 days, full", COUNTERS_LONGEST_WINDOW_NS, 1, 1, 1, false, false, COUNTERS_LONGEST_WINDOW_NS, 1},
    {"a window of 800 days is cut at 400", COUNTERS_LONGEST_WINDOW_NS, 2, 0, 2, false, true, 0, 0},
    {"the finest interval", 1, 1000000000, 999999999, 2, false, false, 1, 999999999},
};

static void each_charge_is_answered_as_the_algorithm_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct table *t = table_make(64);
        struct charge k = {.key = 7, .interval_ns = answers[i].interval, .burst = answers[i].burst};
        struct charge_answer look, charged;

        k.cost = answers[i].before;
        assert_true(charge1(t, k, START));
        k.cost = answers[i].cost;
        look = counters_look(&t->c, &k, START);
        (void)counters_charge(&t->c, &k, 1, START, &charged);
        if (look.allowed != answers[i].allowed || look.never != answers[i].never || look.retry_ns != answers[i].retry ||
            look.used != answers[i].used)
            fail_msg("%s: allowed %d, never %d, retry %llu, used %llu", answers[i].what, look.allowed, look.never,
                     (unsigned long long)look.retry_ns, (unsigned long long)look.used);
        assert_true(look.allowed == charged.allowed && look.never == charged.never && look.used == charged.used &&
                    look.retry_ns == charged.retry_ns && !charged.crowded);
        table_free(t);
    }
}

static void after_the_wait_that_was_told_it_passes_and_not_before(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 9, .interval_ns = 1234567, .burst = 50, .cost = 50};
    struct charge_answer a;

    (void)state;
    assert_true(charge1(t, k, START));
    k.cost = 17;
    a = counters_look(&t->c, &k, START + 99);
    assert_false(a.allowed);
    assert_false(counters_look(&t->c, &k, START + 99 + a.retry_ns - 1).allowed);
    assert_true(counters_look(&t->c, &k, START + 99 + a.retry_ns).allowed);
    table_free(t);
}

static void used_is_rounded_up(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 9, .interval_ns = 1000, .burst = 50, .cost = 3};

    (void)state;
    assert_true(charge1(t, k, START));
    assert_int_equal(counters_look(&t->c, &k, START + 1).used, 3);
    assert_int_equal(counters_look(&t->c, &k, START + 1000).used, 2);
    assert_int_equal(counters_look(&t->c, &k, START + 3000).used, 0);
    table_free(t);
}

static void key_0_is_counted_like_any_other(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 0, .interval_ns = NS_PER_S, .burst = 1, .cost = 1};

    (void)state;
    assert_true(charge1(t, k, START));
    assert_false(charge1(t, k, START));
    assert_int_equal(counters_key(0), 1);
    table_free(t);
}

static void an_impossible_time_shuts_the_gate_for_no_longer_than_the_longest_window(void **state)
{
    static const uint64_t tats[] = {UINT64_MAX, UINT64_MAX / 2, START + COUNTERS_LONGEST_WINDOW_NS + 1};
    struct charge k = {.key = 7, .interval_ns = NS_PER_S, .burst = 5, .cost = 5};

    (void)state;
    for (size_t i = 0; i < sizeof tats / sizeof *tats; i++) {
        struct table *t = table_make(ENTRIES);
        struct charge_answer a;

        pair_write(bucket_of(&t->c, tag_of(k.key)) + 3, pair_of(tag_of(k.key), tats[i]));
        a = counters_look(&t->c, &k, START);
        assert_false(a.allowed);
        assert_true(a.retry_ns <= COUNTERS_LONGEST_WINDOW_NS);
        counters_force(&t->c, &k, START, &a);
        assert_false(a.allowed);
        table_free(t);
    }
}

static void forcing_counts_up_to_the_burst_and_no_further(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 9, .interval_ns = NS_PER_S, .burst = 10, .cost = 4};
    struct charge_answer a;

    (void)state;
    for (int i = 0; i < 100; i++) {
        counters_force(&t->c, &k, START, &a);
        assert_int_equal(a.allowed, i < 2);
    }
    a = counters_look(&t->c, &k, START);
    assert_int_equal(a.used, 10);
    assert_int_equal(a.retry_ns, 4 * NS_PER_S);
    k.cost = 11;
    counters_force(&t->c, &k, START + 5 * NS_PER_S, &a);
    assert_true(a.never);
    assert_int_equal(counters_look(&t->c, &k, START + 5 * NS_PER_S).used, 10);
    table_free(t);
}

/* ---- several charges ---- */

static void a_refusal_changes_nothing(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k[3] = {{1, NS_PER_S, 10, 1}, {2, NS_PER_S, 10, 1}, {3, NS_PER_S, 2, 2}};
    struct charge_answer a[3];
    unsigned char *before = malloc(t->bytes);

    (void)state;
    assert_non_null(before);
    assert_int_equal(counters_charge(&t->c, k, 3, START, a), 3);
    memcpy(before, t->memory, t->bytes);
    assert_int_equal(counters_charge(&t->c, k, 3, START + 1, a), 2);
    assert_true(a[0].allowed && a[1].allowed && !a[2].allowed);
    assert_int_equal(a[0].used, 1);
    assert_memory_equal(before, t->memory, t->bytes);
    free(before);
    table_free(t);
}

/*
 * A key twice in one call is what another process that charges between our look and our charge looks like: both looks
 * pass, the second charge refuses.
 */
static void what_was_charged_before_a_refusal_is_given_back_exactly(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k[4] = {{1, 977, 1000, 13}, {2, NS_PER_S, 10, 10}, {3, 31, 7, 6}, {3, 31, 7, 6}};
    struct charge_answer a[4];
    unsigned char *before = malloc(t->bytes);

    (void)state;
    assert_non_null(before);
    assert_true(charge1(t, (struct charge){1, 977, 1000, 500}, START));
    assert_true(charge1(t, (struct charge){3, 31, 7, 1}, START));
    memcpy(before, t->memory, t->bytes);
    assert_int_equal(counters_charge(&t->c, k, 4, START, a), 3);
    assert_false(a[3].allowed);
    assert_int_equal(a[3].retry_ns, 6 * 31);
    assert_int_equal(counters_look(&t->c, k + 0, START).used, 500);
    assert_int_equal(counters_look(&t->c, k + 1, START).used, 0);
    assert_int_equal(counters_look(&t->c, k + 2, START).used, 1);
    assert_memory_equal(bucket_of(&t->c, tag_of(1)),
                        (char *)before + ((char *)bucket_of(&t->c, tag_of(1)) - (char *)t->memory), 128);
    free(before);
    table_free(t);
}

static void more_charges_than_the_maximum_are_refused(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k[COUNTERS_CHARGES_MAX + 1];
    struct charge_answer a[COUNTERS_CHARGES_MAX + 1];

    (void)state;
    for (size_t i = 0; i <= COUNTERS_CHARGES_MAX; i++)
        k[i] = (struct charge){i + 1, NS_PER_S, 10, 1};
    assert_int_equal(counters_charge(&t->c, k, COUNTERS_CHARGES_MAX + 1, START, a), 0);
    assert_false(a[0].allowed);
    assert_int_equal(counters_charge(&t->c, k, COUNTERS_CHARGES_MAX, START, a), COUNTERS_CHARGES_MAX);
    table_free(t);
}

/* ---- against an exact model ---- */

#define MODEL_KEYS 40

struct model_key {
    struct charge k;
    unsigned __int128 tat;
};

static bool model_allows(const struct model_key *m, uint64_t cost, uint64_t now, unsigned __int128 *after)
{
    unsigned __int128 base = m->tat > now ? m->tat : now;

    *after = base + (unsigned __int128)cost * m->k.interval_ns;
    return cost <= m->k.burst && *after <= now + (unsigned __int128)m->k.burst * m->k.interval_ns;
}

static void model_step(struct table *t, struct model_key *keys, uint64_t now, uint64_t *seed)
{
    struct charge k[6];
    struct charge_answer a[6];
    unsigned __int128 after[6];
    size_t n = 1 + random_u64(seed) % 6, first = random_u64(seed) % MODEL_KEYS, expected = n;

    for (size_t i = 0; i < n; i++) {
        struct model_key *m = keys + (first + i) % MODEL_KEYS;

        k[i] = m->k;
        k[i].cost = random_u64(seed) % 8 == 0 ? random_u64(seed) % (m->k.burst + 2) : random_u64(seed) % 3;
        if (!model_allows(m, k[i].cost, now, after + i) && expected == n)
            expected = i;
    }
    assert_int_equal(counters_charge(&t->c, k, n, now, a), expected);
    for (size_t i = 0; i < n; i++) {
        struct model_key *m = keys + (first + i) % MODEL_KEYS;
        unsigned __int128 backlog = m->tat > now ? m->tat - now : 0, ignored;

        assert_int_equal(a[i].used, (uint64_t)((backlog + m->k.interval_ns - 1) / m->k.interval_ns));
        assert_int_equal(a[i].allowed, model_allows(m, k[i].cost, now, &ignored));
        if (expected == n && k[i].cost > 0)
            m->tat = after[i];
    }
}

static void a_hundred_thousand_random_charges_agree_with_exact_arithmetic(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct model_key keys[MODEL_KEYS];
    uint64_t seed = 0x9e3779b97f4a7c15, now = START;

    (void)state;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        uint64_t burst = 1 + random_u64(&seed) % (i % 4 == 0 ? 3 : 5000);

        keys[i].k = (struct charge){.key = random_u64(&seed), .burst = burst};
        keys[i].k.interval_ns = 1 + random_u64(&seed) % (i % 3 == 0 ? COUNTERS_LONGEST_WINDOW_NS / burst : NS_PER_S);
        keys[i].tat = 0;
    }
    for (int i = 0; i < 100000; i++) {
        model_step(t, keys, now, &seed);
        now += random_u64(&seed) % 16 == 0 ? random_u64(&seed) % (100 * NS_PER_S) : random_u64(&seed) % NS_PER_MS;
    }
    assert_int_equal(t->met.crowded, 0);
    table_free(t);
}

static void in_any_time_no_more_than_burst_and_rate_passes(void **state)
{
    enum { EVENTS = 3000 };
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 99, .interval_ns = 1000003, .burst = 17};
    uint64_t *at = calloc(EVENTS, sizeof *at), *sum = calloc(EVENTS + 1, sizeof *sum), seed = 5, now = START;
    size_t n = 0;

    (void)state;
    assert_non_null(at);
    assert_non_null(sum);
    while (n < EVENTS) {
        now += random_u64(&seed) % 50 == 0 ? random_u64(&seed) % 60000000 : random_u64(&seed) % 500000;
        k.cost = 1 + random_u64(&seed) % 4;
        if (!charge1(t, k, now))
            continue;
        at[n] = now;
        sum[n + 1] = sum[n] + k.cost;
        n++;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            if (sum[j + 1] - sum[i] > k.burst + (at[j] - at[i]) / k.interval_ns)
                fail_msg("%llu units in %llu ns", (unsigned long long)(sum[j + 1] - sum[i]),
                         (unsigned long long)(at[j] - at[i]));
    free(at);
    free(sum);
    table_free(t);
}

/* ---- full buckets ---- */

static void keys_that_find_their_bucket_full_share_one_burst(void **state)
{
    struct table *t = table_make(ENTRIES);
    uint64_t keys[BUCKET_SLOTS + 5];
    struct charge k = {.interval_ns = NS_PER_S, .burst = 10, .cost = 1};
    unsigned passed = 0;
    struct charge_answer a;

    (void)state;
    keys_of_one_bucket(t, 1, keys, BUCKET_SLOTS + 5);
    for (size_t i = 0; i < BUCKET_SLOTS + 5; i++) {
        k.key = keys[i];
        for (int j = 0; j < 10; j++) {
            bool allowed = counters_charge(&t->c, &k, 1, START, &a) == 1;

            assert_int_equal(a.crowded, i >= BUCKET_SLOTS);
            if (i < BUCKET_SLOTS)
                assert_true(allowed);
            else
                passed += allowed;
        }
    }
    assert_int_equal(passed, 10);
    assert_int_equal(t->met.crowded, 10);
    table_free(t);
}

static void a_key_of_the_shared_entry_stays_there_while_it_is_live(void **state)
{
    struct table *t = table_make(ENTRIES);
    uint64_t keys[BUCKET_SLOTS + 1];
    struct charge k = {.interval_ns = NS_PER_S, .burst = 10, .cost = 1};
    struct charge_answer a;

    (void)state;
    keys_of_one_bucket(t, 1, keys, BUCKET_SLOTS + 1);
    for (size_t i = 0; i < BUCKET_SLOTS; i++) {
        k.key = keys[i];
        assert_true(charge1(t, k, START));
    }
    k.key = keys[BUCKET_SLOTS];
    k.cost = 10;
    assert_true(charge1(t, k, START));
    /* All others have ended, so there is room: but here the burst is used up. */
    k.cost = 9;
    assert_int_equal(counters_charge(&t->c, &k, 1, START + 8 * NS_PER_S, &a), 0);
    assert_true(a.crowded);
    assert_int_equal(a.retry_ns, NS_PER_S);
    /* When the shared entry has ended, the key gets its own. */
    assert_int_equal(counters_charge(&t->c, &k, 1, START + 10 * NS_PER_S, &a), 1);
    assert_false(a.crowded);
    table_free(t);
}

static void an_entry_makes_room_at_the_very_time_it_ends(void **state)
{
    struct table *t = table_make(ENTRIES);
    uint64_t keys[2 * BUCKET_SLOTS];
    struct charge k = {.interval_ns = NS_PER_S, .burst = 1, .cost = 1};

    (void)state;
    keys_of_one_bucket(t, 1, keys, 2 * BUCKET_SLOTS);
    for (size_t i = 0; i < 2 * BUCKET_SLOTS; i++) {
        k.key = keys[i];
        assert_true(charge1(t, k, START + i / BUCKET_SLOTS * NS_PER_S));
    }
    assert_int_equal(t->met.crowded, 0);
    table_free(t);
}

static void ended_entries_make_room_without_loss(void **state)
{
    struct table *t = table_make(64);
    uint64_t seed = 77;

    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        struct charge k = {.key = random_u64(&seed), .interval_ns = 100, .burst = 1, .cost = 1};

        assert_true(charge1(t, k, START + 20 * i));
        assert_false(charge1(t, k, START + 20 * i + 99));
    }
    assert_int_equal(t->met.crowded, 0);
    table_free(t);
}

/* ---- two entries for one key: what two processes that made one at the same time may leave ---- */

static void twins_count_together_and_become_one(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 5, .interval_ns = NS_PER_S, .burst = 10, .cost = 3};
    union pair *bucket = bucket_of(&t->c, tag_of(k.key));
    struct charge_answer a;

    (void)state;
    pair_write(bucket + 2, pair_of(tag_of(k.key), START + 4 * NS_PER_S));
    pair_write(bucket + 5, pair_of(tag_of(k.key), START + 4 * NS_PER_S));
    a = counters_look(&t->c, &k, START);
    assert_int_equal(a.used, 8);
    assert_false(a.allowed);
    k.cost = 2;
    assert_true(charge1(t, k, START));
    assert_int_equal(pair_read(bucket + 2).value, START + 10 * NS_PER_S);
    assert_true(pair_read(bucket + 5).both == 0);
    assert_false(charge1(t, k, START));
    table_free(t);
}

/* The entry that keys like k share in their bucket, live until then. */
static union pair *share(struct table *t, const struct charge *k, uint64_t until)
{
    union pair *bucket = bucket_of(&t->c, tag_of(k->key));
    unsigned class = interval_class(k->interval_ns);
    union pair *shared = shared_of(&t->c, bucket, class);

    gate_open(gate_of(bucket), class, START, until);
    pair_write(shared, pair_of(SHARED_MARK, until));
    return shared;
}

static void a_new_entry_beside_a_live_shared_one_is_folded_into_it(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 5, .interval_ns = NS_PER_S, .burst = 10, .cost = 1};
    union pair *bucket = bucket_of(&t->c, tag_of(k.key)), *shared = share(t, &k, START + 5 * NS_PER_S);
    struct charge_answer a;

    (void)state;
    pair_write(bucket + 2, pair_of(tag_of(k.key) | ENTRY_NEW, START + 4 * NS_PER_S));
    assert_int_equal(counters_charge(&t->c, &k, 1, START, &a), 1);
    assert_true(a.crowded);
    assert_int_equal(pair_read(shared).value, START + 10 * NS_PER_S);
    assert_true(pair_read(bucket + 2).both == 0);
    table_free(t);
}

static void a_settled_entry_beside_a_live_shared_one_is_the_keys_own(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 5, .interval_ns = NS_PER_S, .burst = 10, .cost = 6};
    union pair *bucket = bucket_of(&t->c, tag_of(k.key));
    struct charge_answer a;

    (void)state;
    pair_write(bucket + 2, pair_of(tag_of(k.key), START + 4 * NS_PER_S));
    (void)share(t, &k, START + 6 * NS_PER_S);
    assert_int_equal(counters_charge(&t->c, &k, 1, START, &a), 1);
    assert_false(a.crowded);
    /* But once it has ended, the key is as any other without an entry. */
    pair_write(bucket + 2, pair_of(tag_of(k.key), START));
    assert_int_equal(counters_charge(&t->c, &k, 1, START, &a), 0);
    assert_true(a.crowded);
    table_free(t);
}

/* ---- marks ---- */

static void a_mark_is_new_once_until_it_ends(void **state)
{
    struct table *t = table_make(ENTRIES);
    bool crowded = true;

    (void)state;
    assert_false(counters_marked(&t->c, 3, START));
    assert_true(counters_mark(&t->c, 3, START, 100, false, &crowded));
    assert_false(crowded);
    assert_true(counters_marked(&t->c, 3, START + 99));
    assert_false(counters_mark(&t->c, 3, START + 99, 100, false, &crowded));
    assert_false(counters_marked(&t->c, 3, START + 100));
    assert_true(counters_mark(&t->c, 3, START + 100, 100, false, NULL));
    table_free(t);
}

static void a_renewed_mark_lasts_longer_and_never_shorter(void **state)
{
    struct table *t = table_make(ENTRIES);

    (void)state;
    assert_true(counters_mark(&t->c, 3, START, 100, true, NULL));
    assert_false(counters_mark(&t->c, 3, START + 50, 100, true, NULL));
    assert_true(counters_marked(&t->c, 3, START + 149));
    assert_false(counters_mark(&t->c, 3, START + 60, 10, true, NULL));
    assert_true(counters_marked(&t->c, 3, START + 149));
    table_free(t);
}

/* Fills the bucket of key 1 with marks; the keys of one bucket, of which the first are marked. */
static void fill_bucket(struct table *t, uint64_t *keys, size_t n, uint64_t keep_ns)
{
    keys_of_one_bucket(t, 1, keys, n);
    for (size_t i = 0; i < BUCKET_SLOTS; i++)
        assert_true(counters_mark(&t->c, keys[i], START, keep_ns, false, NULL));
}

static void a_mark_without_room_is_kept_apart_and_not_counted_again(void **state)
{
    struct table *t = table_make(ENTRIES);
    uint64_t keys[BUCKET_SLOTS + 2];
    bool crowded;

    (void)state;
    fill_bucket(t, keys, BUCKET_SLOTS + 2, 100);
    assert_true(counters_full_for(&t->c, keys[BUCKET_SLOTS], START));
    assert_false(counters_marked(&t->c, keys[BUCKET_SLOTS], START));
    assert_true(counters_mark(&t->c, keys[BUCKET_SLOTS], START, 200, false, &crowded));
    assert_true(crowded);
    assert_true(counters_marked(&t->c, keys[BUCKET_SLOTS], START));
    assert_false(counters_mark(&t->c, keys[BUCKET_SLOTS], START, 200, false, &crowded));
    assert_false(counters_marked(&t->c, keys[BUCKET_SLOTS + 1], START));
    /* Also when there is room again, until its end, and when it is renewed. */
    assert_false(counters_full_for(&t->c, keys[BUCKET_SLOTS], START + 150));
    assert_false(counters_mark(&t->c, keys[BUCKET_SLOTS], START + 150, 200, true, &crowded));
    assert_true(counters_marked(&t->c, keys[BUCKET_SLOTS], START + 349));
    assert_int_equal(counters_marked_for(&t->c, keys[BUCKET_SLOTS], START + 340), 10);
    assert_false(counters_marked(&t->c, keys[BUCKET_SLOTS], START + 350));
    assert_int_equal(t->met.crowded, 1);
    table_free(t);
}

static void marks_kept_apart_go_along_to_another_table(void **state)
{
    struct table *from = table_make(ENTRIES), *to = table_make(4 * ENTRIES);
    uint64_t keys[BUCKET_SLOTS + 1];

    (void)state;
    fill_bucket(from, keys, BUCKET_SLOTS + 1, 100);
    assert_true(counters_mark(&from->c, keys[BUCKET_SLOTS], START, 200, false, NULL));
    to->c.ahead_ns = 7777;
    counters_take_over(&to->c, &from->c, START);
    for (size_t i = 0; i <= BUCKET_SLOTS; i++)
        assert_true(counters_marked(&to->c, keys[i], START));
    assert_true(counters_marked(&to->c, keys[BUCKET_SLOTS], START + 199));
    assert_false(counters_marked(&to->c, keys[BUCKET_SLOTS], START + 200));
    assert_true(counters_reset(&to->c, keys[BUCKET_SLOTS], START));
    assert_false(counters_marked(&to->c, keys[BUCKET_SLOTS], START));
    table_free(from);
    table_free(to);
}

static void what_one_limit_counts_in_a_full_bucket_says_nothing_about_another(void **state)
{
    struct table *t = table_make(ENTRIES);
    uint64_t keys[BUCKET_SLOTS + 2];
    struct charge days = {.interval_ns = 4 * 3600 * NS_PER_S, .burst = 6, .cost = 6};
    struct charge seconds = {.interval_ns = 2 * NS_PER_S, .burst = 150, .cost = 1};
    struct charge_answer a;

    (void)state;
    fill_bucket(t, keys, BUCKET_SLOTS + 2, 86400 * NS_PER_S);
    days.key = keys[BUCKET_SLOTS];
    seconds.key = keys[BUCKET_SLOTS + 1];
    assert_int_equal(counters_charge(&t->c, &days, 1, START, &a), 1);
    assert_true(a.crowded);
    for (unsigned i = 0; i < 150; i++)
        assert_int_equal(counters_charge(&t->c, &seconds, 1, START, &a), 1);
    assert_int_equal(counters_charge(&t->c, &seconds, 1, START, &a), 0);
    assert_true(a.crowded && a.used == 150);
    /* Within a class they are counted together, and for as long as the shared entry is live. */
    days.key = keys[BUCKET_SLOTS + 1];
    assert_int_equal(counters_charge(&t->c, &days, 1, START, &a), 0);
    assert_int_equal(a.used, 6);
    table_free(t);
}

/* ---- strangers ---- */

static void strangers_are_counted_like_others_and_apart_from_them(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 5, .interval_ns = NS_PER_S, .burst = 3, .cost = 1};
    uint64_t now = START;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(strangers_charge(&t->c, STRANGERS_REFUSALS, &k, now).allowed);
    assert_false(strangers_charge(&t->c, STRANGERS_REFUSALS, &k, now).allowed);
    assert_int_equal(strangers_look(&t->c, STRANGERS_REFUSALS, &k, now).used, 3);
    assert_int_equal(strangers_look(&t->c, STRANGERS_BLOCKS, &k, now).used, 0);
    assert_int_equal(counters_look(&t->c, &k, now).used, 0);
    now += NS_PER_S;
    assert_true(strangers_charge(&t->c, STRANGERS_REFUSALS, &k, now).allowed);
    assert_false(strangers_charge(&t->c, STRANGERS_REFUSALS, &k, now).allowed);
    assert_true(counters_reset(&t->c, 5, now));
    assert_int_equal(strangers_look(&t->c, STRANGERS_REFUSALS, &k, now).used, 0);
    assert_true(strangers_once(&t->c, 9, now, 100));
    assert_false(strangers_once(&t->c, 9, now + 99, 100));
    assert_true(counters_once(&t->c, 9, now, 100));
    table_free(t);
}

static void a_stranger_who_goes_on_is_found_in_a_flood_of_others(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 5, .interval_ns = 17280 * NS_PER_S, .burst = 20, .cost = 1}, other = k;
    uint64_t seed = 23;
    unsigned counted = 0;

    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        for (unsigned j = 0; j < 40000; j++) {
            other.key = random_u64(&seed);
            (void)strangers_charge(&t->c, STRANGERS_REFUSALS, &other, START + i);
        }
        /* Two in a row, as of one who tries again and again. */
        counted += strangers_charge(&t->c, STRANGERS_REFUSALS, &k, START + i).allowed;
        counted += strangers_charge(&t->c, STRANGERS_REFUSALS, &k, START + i).allowed;
    }
    assert_int_equal(counted, 20);
    assert_true(t->met.displaced > 1000000 - YIELDING_ENTRIES); /* and that others gave way is told */
    table_free(t);
}

static void an_operators_reset_forgets_a_key(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct charge k = {.key = 5, .interval_ns = NS_PER_S, .burst = 3, .cost = 3};

    (void)state;
    assert_false(counters_reset(&t->c, 5, START));
    assert_true(charge1(t, k, START));
    assert_true(counters_reset(&t->c, 5, START));
    assert_true(charge1(t, k, START));
    assert_false(counters_reset(&t->c, 5, START + 3 * NS_PER_S));
    table_free(t);
}

/* FLOOD_KEYS=100000000 for as long a flood as anybody may send. */
static void a_busy_key_stays_limited_to_its_rate_in_a_flood_of_other_keys(void **state)
{
    const char *wanted = getenv("FLOOD_KEYS");
    const uint64_t keys = wanted != NULL ? strtoull(wanted, NULL, 10) : 2000000, per_ms = 1000;
    struct table *t = table_make(65536);
    struct charge busy = {.key = 99, .interval_ns = 10 * NS_PER_MS, .burst = 100, .cost = 1};
    uint64_t seed = 11, passed = 0, others = 0, possible, now = START;

    (void)state;
    for (uint64_t i = 0; i < keys; i++) {
        /* Each lives for up to 300 ms, so that many times more would be live than there is room for. */
        struct charge other = {.key = random_u64(&seed), .interval_ns = 100 * NS_PER_MS, .burst = 3, .cost = 1 + i % 3};

        others += charge1(t, other, now);
        if (i % per_ms != 0)
            continue;
        passed += charge1(t, busy, now);
        now += NS_PER_MS;
    }
    possible = busy.burst + (now - START) / busy.interval_ns;
    assert_true(others < keys / 2); /* there was no room, and nobody is let through for that */
    assert_in_range(passed, possible * 95 / 100, possible);
    table_free(t);
}

static void the_live_entries_are_counted(void **state)
{
    struct table *t = table_make(ENTRIES);
    struct counters_stats stats;

    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        assert_true(charge1(t, (struct charge){i, i, 1, 1}, START));
    counters_stats(&t->c, START, &stats);
    assert_int_equal(stats.entries, ENTRIES / BUCKET_PAIRS * BUCKET_SLOTS);
    assert_int_equal(stats.live, 100);
    counters_stats(&t->c, START + 40, &stats);
    assert_int_equal(stats.live, 60);
    table_free(t);
}

/* ---- tables of another size, and of another time ---- */

static void a_table_of_another_size_takes_everything_over(void **state)
{
    static const uint64_t sizes[] = {1024, 4096, 65536};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct table *from = table_make(4096), *to = table_make(sizes[i]);
        uint64_t seed = 11;

        to->c.ahead_ns = 5000 * NS_PER_S;
        for (int j = 0; j < 300; j++)
            assert_true(charge1(from, (struct charge){random_u64(&seed), NS_PER_S, 10, 7}, START));
        counters_take_over(&to->c, &from->c, START + NS_PER_S);
        seed = 11;
        for (int j = 0; j < 300; j++) {
            struct charge k = {random_u64(&seed), NS_PER_S, 10, 5};
            struct charge_answer a = counters_look(&to->c, &k, START + NS_PER_S);

            assert_false(a.allowed);
            if (!a.crowded)
                assert_int_equal(a.used, 6);
        }
        table_free(from);
        table_free(to);
    }
}

static void a_key_that_both_tables_have_keeps_the_later_time(void **state)
{
    struct table *from = table_make(1024), *to = table_make(4096);
    struct charge k = {1, NS_PER_S, 10, 2};

    (void)state;
    assert_true(charge1(from, k, START));
    k.key = 2;
    assert_true(charge1(to, k, START));
    k.cost = 5;
    assert_true(charge1(from, k, START));
    k.key = 1;
    assert_true(charge1(to, k, START));
    counters_take_over(&to->c, &from->c, START);
    for (k.key = 1; k.key <= 2; k.key++)
        assert_int_equal(counters_look(&to->c, &k, START).used, 5);
    table_free(from);
    table_free(to);
}

static void what_a_shared_entry_counted_is_kept_for_all_its_keys(void **state)
{
    static const uint64_t sizes[] = {1024, 4096, 65536};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct table *from = table_make(4096), *to = table_make(sizes[i]);
        uint64_t keys[BUCKET_SLOTS + 3];
        struct charge k = {.interval_ns = NS_PER_S, .burst = 10, .cost = 3};

        keys_of_one_bucket(from, 1, keys, BUCKET_SLOTS + 3);
        for (size_t j = 0; j < BUCKET_SLOTS + 3; j++) {
            k.key = keys[j];
            assert_true(charge1(from, k, START));
        }
        counters_take_over(&to->c, &from->c, START);
        for (size_t j = BUCKET_SLOTS; j < BUCKET_SLOTS + 3; j++) {
            k.key = keys[j];
            assert_int_equal(counters_look(&to->c, &k, START).used, 9);
        }
        table_free(from);
        table_free(to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_then_one_unit_an_interval),
        cmocka_unit_test(each_charge_is_answered_as_the_algorithm_says),
        cmocka_unit_test(after_the_wait_that_was_told_it_passes_and_not_before),
        cmocka_unit_test(used_is_rounded_up),
        cmocka_unit_test(key_0_is_counted_like_any_other),
        cmocka_unit_test(an_impossible_time_shuts_the_gate_for_no_longer_than_the_longest_window),
        cmocka_unit_test(forcing_counts_up_to_the_burst_and_no_further),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(what_was_charged_before_a_refusal_is_given_back_exactly),
        cmocka_unit_test(more_charges_than_the_maximum_are_refused),
        cmocka_unit_test(a_hundred_thousand_random_charges_agree_with_exact_arithmetic),
        cmocka_unit_test(in_any_time_no_more_than_burst_and_rate_passes),
        cmocka_unit_test(keys_that_find_their_bucket_full_share_one_burst),
        cmocka_unit_test(a_key_of_the_shared_entry_stays_there_while_it_is_live),
        cmocka_unit_test(an_entry_makes_room_at_the_very_time_it_ends),
        cmocka_unit_test(ended_entries_make_room_without_loss),
        cmocka_unit_test(twins_count_together_and_become_one),
        cmocka_unit_test(a_new_entry_beside_a_live_shared_one_is_folded_into_it),
        cmocka_unit_test(a_settled_entry_beside_a_live_shared_one_is_the_keys_own),
        cmocka_unit_test(a_mark_is_new_once_until_it_ends),
        cmocka_unit_test(a_renewed_mark_lasts_longer_and_never_shorter),
        cmocka_unit_test(a_mark_without_room_is_kept_apart_and_not_counted_again),
        cmocka_unit_test(marks_kept_apart_go_along_to_another_table),
        cmocka_unit_test(what_one_limit_counts_in_a_full_bucket_says_nothing_about_another),
        cmocka_unit_test(strangers_are_counted_like_others_and_apart_from_them),
        cmocka_unit_test(a_stranger_who_goes_on_is_found_in_a_flood_of_others),
        cmocka_unit_test(an_operators_reset_forgets_a_key),
        cmocka_unit_test(a_busy_key_stays_limited_to_its_rate_in_a_flood_of_other_keys),
        cmocka_unit_test(the_live_entries_are_counted),
        cmocka_unit_test(a_table_of_another_size_takes_everything_over),
        cmocka_unit_test(a_key_that_both_tables_have_keeps_the_later_time),
        cmocka_unit_test(what_a_shared_entry_counted_is_kept_for_all_its_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
