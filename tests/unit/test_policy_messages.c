/* links: policyd */
/* Which recipients belong to which message, over all connections and workers, in bounded memory. threads */
#include "policyd/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#define NOW 100000u

static int setup(void **state)
{
    *state = messages_new();
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    messages_free(*state);
    return 0;
}

/* One more recipient that is told apart, as the engine notes it. */
static void add(struct messages *all, uint64_t key, uint64_t now_s)
{
    struct message *m = messages_take(all, key, true, now_s);
    struct recipients *r;

    assert_non_null(m);
    r = message_recipients(m);
    if (r->kept == r->capacity) {
        r->capacity = r->capacity == 0 ? 4 : r->capacity * 2;
        r->seen = realloc(r->seen, r->capacity * sizeof *r->seen);
        assert_non_null(r->seen);
    }
    r->seen[r->kept++] = (struct recipient_seen){key, 1, 1};
    r->n++;
    messages_give(all, m, false, now_s);
}

/* Of a message that is known; 0: it is not. */
static uint32_t count(struct messages *all, uint64_t key, uint64_t now_s)
{
    struct message *m = messages_take(all, key, false, now_s);
    uint32_t n;

    if (m == NULL)
        return 0;
    n = message_recipients(m)->n;
    messages_give(all, m, false, now_s);
    return n;
}

static void messages_are_told_apart_by_instance_and_client(void **state)
{
    struct messages *all = *state;
    uint64_t key = messages_key(all, SLICE("24d5.6b0c96fb.8973e.0"), SLICE("192.0.2.1"));

    assert_int_equal(key, messages_key(all, SLICE("24d5.6b0c96fb.8973e.0"), SLICE("192.0.2.1")));
    assert_int_not_equal(key, messages_key(all, SLICE("24d5.6b0c96fb.8973e.1"), SLICE("192.0.2.1")));
    assert_int_not_equal(key, messages_key(all, SLICE("24d5.6b0c96fb.8973e.0"), SLICE("192.0.2.2")));
    assert_int_not_equal(messages_key_without(all, 1, 2), messages_key_without(all, 2, 1));
}

static void recipients_stay_until_nobody_has_asked_for_an_hour(void **state)
{
    struct messages *all = *state;

    add(all, 16, NOW);
    add(all, 16, NOW + MESSAGE_KEPT_S);
    assert_int_equal(count(all, 16, NOW + 2 * MESSAGE_KEPT_S), 2);
    assert_int_equal(count(all, 16, NOW + 3 * MESSAGE_KEPT_S + 1), 0);
    assert_int_equal(messages_forgotten(all), 0); /* it was over long ago */
}

static void a_message_that_is_over_is_still_known_for_a_repeated_question(void **state)
{
    struct messages *all = *state;
    struct message *m;

    add(all, 16, NOW);
    m = messages_take(all, 16, false, NOW);
    messages_give(all, m, true, NOW);
    messages_over(all, 16, NOW);
    messages_over(all, 32, NOW); /* not there */
    m = messages_take(all, 16, false, NOW + MESSAGE_OVER_S);
    assert_non_null(m);
    assert_int_equal(message_recipients(m)->n, 1);
    messages_give(all, m, true, NOW + MESSAGE_OVER_S);
    assert_int_equal(count(all, 16, NOW + 2 * MESSAGE_OVER_S + 1), 0);
}

static void those_that_are_over_give_way_first(void **state)
{
    struct messages *all = *state;

    for (uint64_t i = 0; i < MESSAGES_MAX; i++)
        add(all, i + 1, NOW + i / 1000);
    for (uint64_t i = MESSAGES_MAX / 2; i < MESSAGES_MAX; i++)
        messages_over(all, i + 1, NOW + 20);
    for (uint64_t i = 0; i < MESSAGES_MAX / 2; i++)
        add(all, MESSAGES_MAX + i + 1, NOW + 20);
    for (uint64_t i = 0; i < MESSAGES_MAX / 2; i++)
        assert_int_equal(count(all, i + 1, NOW + 20), 1);
    assert_int_equal(messages_forgotten(all), 0);
    for (uint64_t i = 0; i < 100; i++)
        add(all, 3 * MESSAGES_MAX + i, NOW + 20);
    assert_int_equal(messages_forgotten(all), 100);
    assert_int_equal(messages_forgotten(all), 0);
}

static void messages_with_many_recipients_are_bounded_together(void **state)
{
    struct messages *all = *state;
    uint64_t known = 0;

    for (uint64_t i = 1; i <= 2 * MESSAGES_RECIPIENTS_MAX / RECIPIENTS_KEPT_MAX; i++)
        for (unsigned j = 0; j < RECIPIENTS_KEPT_MAX; j++)
            add(all, i, NOW);
    for (uint64_t i = 1; i <= 2 * MESSAGES_RECIPIENTS_MAX / RECIPIENTS_KEPT_MAX; i++)
        known += count(all, i, NOW);
    assert_int_equal(known, MESSAGES_RECIPIENTS_MAX);
    assert_int_equal(messages_forgotten(all), MESSAGES_RECIPIENTS_MAX / RECIPIENTS_KEPT_MAX);
}

static void *add_many(void *arg)
{
    for (uint64_t i = 0; i < 20000; i++)
        add(arg, i % 500 + 1, NOW);
    return NULL;
}

static void workers_lose_nothing_of_each_other(void **state)
{
    struct messages *all = *state;
    pthread_t threads[4];
    uint64_t known = 0;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, all), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    for (uint64_t i = 1; i <= 500; i++)
        known += count(all, i, NOW);
    assert_int_equal(known, 80000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(messages_are_told_apart_by_instance_and_client),
        TEST(recipients_stay_until_nobody_has_asked_for_an_hour),
        TEST(a_message_that_is_over_is_still_known_for_a_repeated_question),
        TEST(those_that_are_over_give_way_first),
        TEST(messages_with_many_recipients_are_bounded_together),
        TEST(workers_lose_nothing_of_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
