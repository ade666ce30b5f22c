/* What was charged for a message is kept for whoever refuses it afterwards; and given back, never more than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/state/counters_table.h"
#include "core/state/receipts.h"

#define START (COUNTERS_LONGEST_WINDOW_NS + 12345)
#define KEEP (3600 * NS_PER_S)
#define ENTRIES 4096

struct table {
    struct counters c;
    struct receipts receipts;
    void *rest;
    struct counters_met met;
};

static void *zeroed(size_t bytes)
{
    void *memory = aligned_alloc(128, bytes);

    assert_non_null(memory);
    memset(memory, 0, bytes);
    return memory;
}

static int setup(void **state)
{
    struct table *t = calloc(1, sizeof *t);

    assert_non_null(t);
    t->rest = zeroed(COUNTERS_REST_PAIRS * sizeof(union pair));
    t->c = counters_over(zeroed(ENTRIES * sizeof(union pair)), ENTRIES, t->rest, &t->met);
    t->receipts.slots = zeroed(RECEIPTS_BYTES);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct table *t = *state;

    free(t->c.pairs);
    free(t->rest);
    free(t->receipts.slots);
    free(t);
    return 0;
}

static struct charge of(uint64_t key, uint64_t cost)
{
    return (struct charge){.key = key, .interval_ns = NS_PER_S, .burst = 100, .cost = cost};
}

/* Charges, and keeps the receipt. */
static void charge(struct table *t, uint64_t message, uint64_t key, uint64_t cost, uint64_t now)
{
    struct charge k = of(key, cost);
    struct receipt receipt = {0};
    struct charge_answer a;

    assert_int_equal(counters_charge(&t->c, &k, 1, now, &a), 1);
    assert_false(a.crowded);
    receipt_add(&receipt, &k);
    receipts_keep(&t->receipts, message, &receipt, now);
}

static bool give_back(struct table *t, uint64_t message, uint64_t now)
{
    struct receipt receipt;

    if (!receipts_take(&t->receipts, message, now, KEEP, &receipt))
        return false;
    for (size_t i = 0; i < receipt.n; i++)
        counters_return(&t->c, receipt.charges[i].key, receipt.charges[i].ns, now);
    return true;
}

static uint64_t used(const struct table *t, uint64_t key, uint64_t now)
{
    struct charge k = of(key, 0);

    return counters_look(&t->c, &k, now).used;
}

static void a_message_is_given_back_once_and_leaves_what_others_were_charged(void **state)
{
    struct table *t = *state;

    charge(t, 10, 7, 30, START);
    charge(t, 11, 7, 20, START);
    assert_int_equal(used(t, 7, START), 50);
    assert_true(give_back(t, 10, START));
    assert_int_equal(used(t, 7, START), 20);
    assert_false(give_back(t, 10, START));
    assert_int_equal(used(t, 7, START), 20);
    assert_false(give_back(t, 12, START));
}

/* What has run off since is not given back: others would get it. */
static void the_time_since_is_taken_off(void **state)
{
    struct table *t = *state;

    charge(t, 10, 7, 30, START);
    charge(t, 11, 7, 30, START + 10 * NS_PER_S); /* 50 stand there now */
    assert_true(give_back(t, 10, START + 10 * NS_PER_S));
    assert_int_equal(used(t, 7, START + 10 * NS_PER_S), 30);
    charge(t, 12, 8, 5, START);
    assert_true(give_back(t, 12, START + 60 * NS_PER_S));
    assert_int_equal(used(t, 8, START + 60 * NS_PER_S), 0);
    charge(t, 13, 8, 5, START + 60 * NS_PER_S);
    assert_int_equal(used(t, 8, START + 60 * NS_PER_S), 5);
}

static void nobody_gets_credit(void **state)
{
    struct table *t = *state;

    charge(t, 10, 7, 30, START);
    assert_true(counters_reset(&t->c, 7, START));
    charge(t, 11, 7, 1, START);
    assert_true(give_back(t, 10, START));
    assert_int_equal(used(t, 7, START), 0);
    for (int i = 0; i < 100; i++)
        charge(t, 100, 7, 1, START);
    assert_int_equal(used(t, 7, START), 100);
}

static void receipts_end(void **state)
{
    struct table *t = *state;

    charge(t, 10, 7, 100, START);
    assert_false(give_back(t, 10, START + KEEP + 1));
    charge(t, 11, 8, 100, START + NS_PER_S);
    assert_false(give_back(t, 11, START)); /* from the future: the clock is not what it was */
}

static void what_a_shared_entry_holds_stays(void **state)
{
    struct table *t = *state;
    union pair *bucket = t->c.pairs;
    struct charge k = of(3, 10);
    struct charge_answer a;

    /* All slots of the key's bucket are live with others. */
    bucket += (tag_of(3) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - t->c.bits)) * BUCKET_PAIRS;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        bucket[i] = pair_of(1000 + i, START + 1000 * NS_PER_S);
    assert_int_equal(counters_charge(&t->c, &k, 1, START, &a), 1);
    assert_true(a.crowded);
    counters_return(&t->c, 3, 10 * NS_PER_S, START);
    assert_int_equal(used(t, 3, START), 10);
}

static void with_more_messages_than_fit_the_oldest_stay_charged(void **state)
{
    struct table *t = *state;
    unsigned back = 0;

    for (uint64_t i = 1; i <= 4 * RECEIPTS_SLOTS; i++)
        charge(t, i * 2, i % 512 + 1, 1, START + i);
    for (uint64_t i = 3 * RECEIPTS_SLOTS + 1; i <= 4 * RECEIPTS_SLOTS; i++)
        back += give_back(t, i * 2, START + 5 * RECEIPTS_SLOTS);
    assert_in_range(back, RECEIPTS_SLOTS / 4, RECEIPTS_SLOTS);
    for (uint64_t i = 1; i <= RECEIPTS_SLOTS; i++)
        assert_false(give_back(t, i * 2, START + 5 * RECEIPTS_SLOTS) && i < RECEIPTS_SLOTS / 64);
}

static void what_is_half_written_or_mixed_is_no_receipt(void **state)
{
    struct table *t = *state;

    charge(t, 10, 7, 30, START);
    for (unsigned i = 0; i < RECEIPTS_SLOTS; i++)
        if (t->receipts.slots[i].head.key == 10)
            t->receipts.slots[i].charges[0].value++;
    assert_false(give_back(t, 10, START));
    assert_int_equal(used(t, 7, START), 30);
    for (unsigned i = 0; i < RECEIPTS_SLOTS; i++)
        if (t->receipts.slots[i].head.key == 10) /* as who writes it leaves it when killed */
            t->receipts.slots[i].head.key = 0;
    assert_false(give_back(t, 10, START));
    assert_false(give_back(t, 0, START));
}

static void charges_beyond_the_room_are_not_given_back(void **state)
{
    struct table *t = *state;
    struct receipt receipt = {0};

    for (uint64_t i = 1; i <= RECEIPT_CHARGES_MAX + 5; i++) {
        struct charge k = of(i, 2);
        struct charge_answer a;

        assert_int_equal(counters_charge(&t->c, &k, 1, START, &a), 1);
        receipt_add(&receipt, &k);
    }
    receipts_keep(&t->receipts, 10, &receipt, START);
    assert_true(give_back(t, 10, START));
    assert_int_equal(used(t, 1, START), 0);
    assert_int_equal(used(t, RECEIPT_CHARGES_MAX, START), 0);
    assert_int_equal(used(t, RECEIPT_CHARGES_MAX + 1, START), 2);
}

static void a_table_without_room_keeps_nothing(void **state)
{
    struct receipts none = {0};
    struct receipt receipt = {.n = 1, .charges = {{1, 1}}}, out;

    (void)state;
    receipts_keep(&none, 10, &receipt, START);
    assert_false(receipts_take(&none, 10, START, KEEP, &out));
}

/* ---- several at once ---- */

#define ROUNDS 20000u

static void *charge_and_give_back(void *arg)
{
    struct table *t = arg;
    static _Atomic uint64_t numbers = 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t message = numbers++ * 2;

        charge(t, message, 7, 1, START);
        (void)give_back(t, message, START);
    }
    return NULL;
}

static void together_they_give_back_no_more_than_was_charged(void **state)
{
    struct table *t = *state;
    pthread_t threads[4];
    struct charge k = of(7, 50);
    struct charge_answer a;

    assert_int_equal(counters_charge(&t->c, &k, 1, START, &a), 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, charge_and_give_back, t), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    assert_in_range(used(t, 7, START), 50, 100);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_given_back_once_and_leaves_what_others_were_charged),
        TEST(the_time_since_is_taken_off),
        TEST(nobody_gets_credit),
        TEST(receipts_end),
        TEST(what_a_shared_entry_holds_stays),
        TEST(with_more_messages_than_fit_the_oldest_stay_charged),
        TEST(what_is_half_written_or_mixed_is_no_receipt),
        TEST(charges_beyond_the_room_are_not_given_back),
        TEST(a_table_without_room_keeps_nothing),
        TEST(together_they_give_back_no_more_than_was_charged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
