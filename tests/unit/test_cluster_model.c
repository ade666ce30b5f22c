/*
 * Relays that count as one, against one exact count: see tests/unit/cluster_model.h. MODEL_SCHEDULES=100000 of them,
 * SEED=1; "make cluster-model" runs a million.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/cluster_model.h"

#define SCHEDULES 100000
/* So many find each mistake. */
#define SCHEDULES_WITH_A_MISTAKE 5000

static const struct model_rules right = {.merge = model_sum, .cap_halves = 4};

static uint64_t number_of(const char *name, uint64_t standard)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : standard;
}

/* The first schedule that does not hold, or n; *m says why. */
static uint64_t first_failure(struct model *m, struct model_rules rules, uint64_t seed, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (!model_run(m, rules, seed * 1000000007 + i))
            return i;
    return n;
}

static void check(struct model_rules rules, uint64_t n)
{
    struct model *m = model_new();
    uint64_t at;

    assert_non_null(m);
    at = first_failure(m, rules, number_of("SEED", 1), n);
    print_message("%llu schedules, %llu events\n", (unsigned long long)at, (unsigned long long)m->events);
    if (at < n)
        fail_msg("schedule %llu (%zu nodes, burst %llu of %llu ms%s): %s", (unsigned long long)at, m->n_nodes,
                 (unsigned long long)m->charge.burst, (unsigned long long)(m->charge.interval_ns / NS_PER_MS),
                 m->distinct ? ", distinct members" : "", m->why.text);
    model_free(m);
}

static void late_lost_doubled_and_reordered_messages_keep_all_within_the_bounds(void **state)
{
    (void)state;
    check(right, number_of("MODEL_SCHEDULES", SCHEDULES) / 2);
}

static void faults_lose_no_more_than_they_must_and_heal(void **state)
{
    struct model_rules rules = right;

    (void)state;
    rules.faults = true;
    check(rules, number_of("MODEL_SCHEDULES", SCHEDULES) / 2);
}

/* ---- what would be wrong is found ---- */

static void assert_found(struct model_rules rules, const char *says)
{
    struct model *m = model_new();

    assert_non_null(m);
    if (first_failure(m, rules, 1, SCHEDULES_WITH_A_MISTAKE) == SCHEDULES_WITH_A_MISTAKE)
        fail_msg("not found: %s", says);
    if (strstr(m->why.text, says) == NULL)
        fail_msg("found: %s; not: %s", m->why.text, says);
    model_free(m);
}

static uint64_t larger(uint64_t left, uint64_t amount, uint64_t cap, uint64_t local)
{
    (void)amount;
    local = local < cap ? local : cap;
    return left > local ? left : local;
}

static void the_larger_of_two_instead_of_their_sum_is_found(void **state)
{
    struct model_rules rules = right;

    (void)state;
    rules.merge = larger;
    assert_found(rules, "forgotten: ");
    rules.outside = true;
    assert_found(rules, "too much was let through: ");
}

static void a_count_that_is_capped_at_the_burst_is_found(void **state)
{
    struct model_rules rules = right;

    (void)state;
    rules.cap_halves = 2;
    assert_found(rules, "forgotten: ");
    rules.outside = true;
    assert_found(rules, "too much was let through: ");
}

static void relays_that_do_not_listen_are_found(void **state)
{
    struct model_rules rules = right;

    (void)state;
    rules.deaf = rules.outside = true;
    assert_found(rules, "too much was let through: ");
}

static void a_doubled_batch_that_counts_twice_is_found(void **state)
{
    struct model_rules rules = right;

    (void)state;
    rules.counts_doubles = true;
    assert_found(rules, "too strict: ");
}

static void a_killed_program_that_numbers_its_batches_anew_is_found(void **state)
{
    struct model_rules rules = right;

    (void)state;
    rules.faults = rules.numbers_anew = true;
    assert_found(rules, "counted twice: ");
}

static void a_member_that_counts_on_each_relay_is_found(void **state)
{
    struct model_rules rules = right;

    (void)state;
    rules.counts_known = true;
    assert_found(rules, "too strict: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_lost_doubled_and_reordered_messages_keep_all_within_the_bounds),
        cmocka_unit_test(faults_lose_no_more_than_they_must_and_heal),
        cmocka_unit_test(the_larger_of_two_instead_of_their_sum_is_found),
        cmocka_unit_test(a_count_that_is_capped_at_the_burst_is_found),
        cmocka_unit_test(relays_that_do_not_listen_are_found),
        cmocka_unit_test(a_doubled_batch_that_counts_twice_is_found),
        cmocka_unit_test(a_killed_program_that_numbers_its_batches_anew_is_found),
        cmocka_unit_test(a_member_that_counts_on_each_relay_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
