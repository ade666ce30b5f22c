/* links: milter */
#include "tests/unit/milter_seam.h"

#include "milter/users.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct users *made(struct engine *engine)
{
    struct users *users = malloc(sizeof *users);

    assert_non_null(users);
    assert_int_equal(users_init(users, engine), 0);
    return users;
}

static void unmake(struct users *users)
{
    users_destroy(users);
    free(users);
}

static bool stay_on(unsigned cpu)
{
    cpu_set_t only;

    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    return sched_setaffinity(0, sizeof only, &only) == 0;
}

static cpu_set_t allowed; /* before any test */

static void roam(void)
{
    assert_int_equal(sched_setaffinity(0, sizeof allowed, &allowed), 0);
}

static void the_one_used_last_comes_first(void **state)
{
    struct engine engine = {0};
    struct users *users = made(&engine);
    struct lent_user *a, *b;

    (void)state;
    assert_true(stay_on((unsigned)sched_getcpu()));
    a = users_take(users);
    b = users_take(users);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    users_give(users, a);
    users_give(users, b);
    assert_ptr_equal(users_take(users), b);
    assert_ptr_equal(users_take(users), a);
    users_give(users, a);
    users_give(users, b);
    assert_int_equal(engine.users, 2);
    roam();
    unmake(users);
    assert_int_equal(engine.users, 0);
}

static void unused_users_rest_after_a_tick_and_go_after_a_minute(void **state)
{
    struct engine engine = {0};
    struct users *users = made(&engine);
    struct lent_user *busy, *idle;

    (void)state;
    busy = users_take(users);
    idle = users_take(users);
    users_give(users, idle);
    users_give(users, busy);
    users_tick(users);
    assert_int_equal(engine.rested, 0); /* given back less than a tick ago */
    for (int i = 0; i < 58; i++) {
        busy = users_take(users);
        users_give(users, busy);
        engine.rested = 0;
        users_tick(users);
        assert_int_equal(engine.rested, 1);
        assert_int_equal(users_idle(users), 2);
    }
    for (int i = 0; i < 3; i++) {
        busy = users_take(users);
        users_give(users, busy);
        users_tick(users);
    }
    assert_int_equal(users_idle(users), 1);
    assert_int_equal(engine.users, 1);
    unmake(users);
}

static void without_memory_there_is_no_user(void **state)
{
    struct engine engine = {.no_users = true};
    struct users *users = made(&engine);

    (void)state;
    assert_null(users_take(users));
    engine.no_users = false;
    users_give(users, users_take(users));
    assert_int_equal(users_idle(users), 1);
    users_tick(users);
    unmake(users);
}

static void what_lies_with_another_processor_is_lent_before_a_new_one_is_made(void **state)
{
    struct engine engine = {0};
    struct users *users = made(&engine);
    struct lent_user *one;

    (void)state;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (stay_on(cpu)) {
            one = users_take(users);
            assert_non_null(one);
            users_give(users, one);
        }
    assert_int_equal(engine.users, 1);
    roam();
    unmake(users);
}

static void once_closed_nobody_gets_one_and_it_is_known_who_still_has_one(void **state)
{
    struct engine engine = {0};
    struct users *users = made(&engine);
    struct lent_user *a = users_take(users), *b = users_take(users);

    (void)state;
    users_give(users, b);
    assert_int_equal(users_lent(users), 1);
    users_close(users);
    assert_null(users_take(users));
    assert_int_equal(users_lent(users), 1);
    users_give(users, a);
    assert_null(users_take(users));
    assert_int_equal(users_lent(users), 0);
    assert_int_equal(engine.users, 2);
    users_destroy(users);
    assert_int_equal(engine.users, 0);
    assert_null(users_take(users)); /* a callback that comes too late */
    assert_int_equal(users_lent(users), 0);
    unmake(users);
}

/* ---- many threads: no user is ever lent twice at a time ---- */

#define THREADS 4
#define ROUNDS 20000

static struct engine shared_engine;
static struct users *shared_users;

static void *borrow(void *arg)
{
    unsigned *sum = arg;

    for (int i = 0; i < ROUNDS; i++) {
        struct lent_user *lent = users_take(shared_users);

        if (lent == NULL)
            continue;
        lent->given += 1; /* ours alone until it is given back: the thread sanitizer would see a second one */
        (*sum)++;
        users_give(shared_users, lent);
    }
    return NULL;
}

static void no_user_is_lent_twice(void **state)
{
    pthread_t threads[THREADS];
    struct lent_user *lent[THREADS];
    unsigned sums[THREADS] = {0};

    (void)state;
    shared_users = made(&shared_engine);
    for (int i = 0; i < THREADS; i++)
        lent[i] = users_take(shared_users);
    for (int i = 0; i < THREADS; i++)
        users_give(shared_users, lent[i]);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, borrow, &sums[i]), 0);
    for (int i = 0; i < 200; i++)
        users_tick(shared_users);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(sums[i], ROUNDS);
    }
    assert_int_equal(users_idle(shared_users), shared_engine.users);
    unmake(shared_users);
    assert_int_equal(shared_engine.users, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_used_last_comes_first),
        cmocka_unit_test(unused_users_rest_after_a_tick_and_go_after_a_minute),
        cmocka_unit_test(without_memory_there_is_no_user),
        cmocka_unit_test(what_lies_with_another_processor_is_lent_before_a_new_one_is_made),
        cmocka_unit_test(once_closed_nobody_gets_one_and_it_is_known_who_still_has_one),
        cmocka_unit_test(no_user_is_lent_twice),
    };

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return EXIT_FAILURE;

    return cmocka_run_group_tests(tests, NULL, NULL);
}
