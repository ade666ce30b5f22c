/* links: mirror */
/*
 * Many attempts to sign in at the same time, in several programs and threads that share one state: together they get
 * what the limits on failures have, and not one more.
 */
#include "tests/unit/engine_fixture.h"

#include "core/engine/engine_auth.h"

#include <pthread.h>

#define PROGRAMS 2
#define THREADS 4 /* of each */
#define ATTEMPTS 300
#define SPRAYING 10 /* the smaller of the limits that ship */

struct worker {
    struct engine *engine;
    unsigned *go, passed, waited;
    bool aborts; /* each attempt ends at once */
    pthread_t thread;
};

static void *try_often(void *arg)
{
    struct worker *w = arg;
    struct engine_session *session = engine_session_new(w->engine);
    struct submission s = {.stage = STAGE_AUTH, .mechanism = SLICE("PLAIN"), .tls = TLS_NEWER, .front_end = "sasl"};

    assert_non_null(session);
    s.has_client = ip_parse(SLICE("192.0.2.9"), &s.client);
    while (__atomic_load_n(w->go, __ATOMIC_ACQUIRE) == 0)
        (void)sched_yield();
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        struct auth_ticket ticket;
        struct slice text;
        enum auth_answer answer = engine_auth_begin(session, &s, &ticket, &text);

        w->passed += answer == AUTH_PASS;
        w->waited += answer == AUTH_WAIT;
        if (answer == AUTH_PASS && w->aborts)
            engine_auth_aborted(session, &ticket);
    }
    engine_session_free(session);
    return NULL;
}

/* All of them at once. How many attempts passed. */
static unsigned run_all(struct engine *const engines[PROGRAMS], bool aborts)
{
    struct worker workers[PROGRAMS * THREADS];
    unsigned go = 0, passed = 0;

    for (unsigned i = 0; i < PROGRAMS * THREADS; i++) {
        workers[i] = (struct worker){.engine = engines[i % PROGRAMS], .go = &go, .aborts = aborts};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, try_often, &workers[i]), 0);
    }
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < PROGRAMS * THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].passed + workers[i].waited, ATTEMPTS);
        passed += workers[i].passed;
    }
    return passed;
}

static void programs_and_threads_share_one_limit_on_failures(void **state)
{
    struct bench *b = *state;
    struct engine *engines[PROGRAMS];
    struct error e;

    start(b, "preset = \"standard\";");
    log_begin(b);
    engines[0] = b->engine;
    if (engine_open(world_file(b->world, "postern.conf"), "other", &engines[1], &e) != 0)
        fail_msg("%s", e.text);
    assert_true(run_all(engines, true) > 0);
    /* What was aborted has given all back. */
    assert_int_equal(run_all(engines, false), SPRAYING);
    assert_int_equal(run_all(engines, true), 0);
    assert_int_equal(live_blocks(b), 0);
    engine_close(engines[1]);
    stop(b);
    (void)log_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(programs_and_threads_share_one_limit_on_failures, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
