/* links: milter */
#include "tests/unit/milter_seam.h"

#include "milter/session_pool.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct session_pool *made(struct engine *engine)
{
    struct session_pool *pool = malloc(sizeof *pool);

    assert_non_null(pool);
    assert_int_equal(session_pool_init(pool, engine), 0);
    return pool;
}

static void unmake(struct session_pool *pool)
{
    session_pool_destroy(pool);
    free(pool);
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
    struct session_pool *pool = made(&engine);
    struct lent_session *a, *b;

    (void)state;
    assert_true(stay_on((unsigned)sched_getcpu()));
    a = session_pool_take(pool);
    b = session_pool_take(pool);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    session_pool_give(pool, a);
    session_pool_give(pool, b);
    assert_ptr_equal(session_pool_take(pool), b);
    assert_ptr_equal(session_pool_take(pool), a);
    session_pool_give(pool, a);
    session_pool_give(pool, b);
    assert_int_equal(engine.sessions, 2);
    roam();
    unmake(pool);
    assert_int_equal(engine.sessions, 0);
}

static void unused_sessions_rest_after_a_tick_and_go_after_a_minute(void **state)
{
    struct engine engine = {0};
    struct session_pool *pool = made(&engine);
    struct lent_session *busy, *idle;

    (void)state;
    busy = session_pool_take(pool);
    idle = session_pool_take(pool);
    session_pool_give(pool, idle);
    session_pool_give(pool, busy);
    session_pool_tick(pool);
    assert_int_equal(engine.rested, 0); /* given back less than a tick ago */
    for (int i = 0; i < 58; i++) {
        busy = session_pool_take(pool);
        session_pool_give(pool, busy);
        engine.rested = 0;
        session_pool_tick(pool);
        assert_int_equal(engine.rested, 1);
        assert_int_equal(session_pool_idle(pool), 2);
    }
    for (int i = 0; i < 3; i++) {
        busy = session_pool_take(pool);
        session_pool_give(pool, busy);
        session_pool_tick(pool);
    }
    assert_int_equal(session_pool_idle(pool), 1);
    assert_int_equal(engine.sessions, 1);
    unmake(pool);
}

static void without_memory_there_is_no_session(void **state)
{
    struct engine engine = {.no_sessions = true};
    struct session_pool *pool = made(&engine);

    (void)state;
    assert_null(session_pool_take(pool));
    engine.no_sessions = false;
    session_pool_give(pool, session_pool_take(pool));
    assert_int_equal(session_pool_idle(pool), 1);
    session_pool_tick(pool);
    unmake(pool);
}

static void what_lies_with_another_processor_is_lent_before_a_new_one_is_made(void **state)
{
    struct engine engine = {0};
    struct session_pool *pool = made(&engine);
    struct lent_session *one;

    (void)state;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (stay_on(cpu)) {
            one = session_pool_take(pool);
            assert_non_null(one);
            session_pool_give(pool, one);
        }
    assert_int_equal(engine.sessions, 1);
    roam();
    unmake(pool);
}

static void once_closed_nobody_gets_one_and_it_is_known_who_still_has_one(void **state)
{
    struct engine engine = {0};
    struct session_pool *pool = made(&engine);
    struct lent_session *a = session_pool_take(pool), *b = session_pool_take(pool);

    (void)state;
    session_pool_give(pool, b);
    assert_int_equal(session_pool_lent(pool), 1);
    session_pool_close(pool);
    assert_null(session_pool_take(pool));
    assert_int_equal(session_pool_lent(pool), 1);
    session_pool_give(pool, a);
    assert_null(session_pool_take(pool));
    assert_int_equal(session_pool_lent(pool), 0);
    assert_int_equal(engine.sessions, 2);
    session_pool_destroy(pool);
    assert_int_equal(engine.sessions, 0);
    assert_null(session_pool_take(pool)); /* a callback that comes too late */
    assert_int_equal(session_pool_lent(pool), 0);
    unmake(pool);
}

/* ---- many threads: no session is ever lent twice at a time ---- */

#define THREADS 4
#define ROUNDS 20000

static struct engine shared_engine;
static struct session_pool *shared_pool;

static void *borrow(void *arg)
{
    unsigned *sum = arg;

    for (int i = 0; i < ROUNDS; i++) {
        struct lent_session *lent = session_pool_take(shared_pool);

        if (lent == NULL)
            continue;
        lent->given += 1; /* ours alone until it is given back: the thread sanitizer would see a second one */
        (*sum)++;
        session_pool_give(shared_pool, lent);
    }
    return NULL;
}

static void no_session_is_lent_twice(void **state)
{
    pthread_t threads[THREADS];
    struct lent_session *lent[THREADS];
    unsigned sums[THREADS] = {0};

    (void)state;
    shared_pool = made(&shared_engine);
    for (int i = 0; i < THREADS; i++)
        lent[i] = session_pool_take(shared_pool);
    for (int i = 0; i < THREADS; i++)
        session_pool_give(shared_pool, lent[i]);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, borrow, &sums[i]), 0);
    for (int i = 0; i < 200; i++)
        session_pool_tick(shared_pool);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(sums[i], ROUNDS);
    }
    assert_int_equal(session_pool_idle(shared_pool), shared_engine.sessions);
    unmake(shared_pool);
    assert_int_equal(shared_engine.sessions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_used_last_comes_first),
        cmocka_unit_test(unused_sessions_rest_after_a_tick_and_go_after_a_minute),
        cmocka_unit_test(without_memory_there_is_no_session),
        cmocka_unit_test(what_lies_with_another_processor_is_lent_before_a_new_one_is_made),
        cmocka_unit_test(once_closed_nobody_gets_one_and_it_is_known_who_still_has_one),
        cmocka_unit_test(no_session_is_lent_twice),
    };

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return EXIT_FAILURE;

    return cmocka_run_group_tests(tests, NULL, NULL);
}
