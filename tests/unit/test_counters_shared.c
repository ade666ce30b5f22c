/*
 * Many processes and threads on one table. Time stands still within a round, so that what must come out is known
 * exactly: not "about the limit", but the limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/state/counters_table.h"

#define START (COUNTERS_LONGEST_WINDOW_NS + 12345)
#define WORKERS 4
#define KEYS 16
#define HOUR (3600 * NS_PER_S)

/* TSan makes 16-byte operations atomic with a lock of its own process: between processes they are not, there. */
#if defined(__SANITIZE_THREAD__)
#define THREADS_ONLY 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREADS_ONLY 1
#endif
#endif
#ifndef THREADS_ONLY
#define THREADS_ONLY 0
#endif

/* Shared with the children. */
struct arena {
    union pair table[1024] __attribute__((aligned(128)));
    union pair rest[COUNTERS_REST_PAIRS];
    struct counters_met met;
    uint64_t passed[KEYS];     /* units that were answered "allowed" */
    uint64_t attempted[KEYS];  /* units asked for, counted before asking */
    uint64_t marked_new[KEYS]; /* marks that were answered "new" */
    uint64_t clock;            /* where time passes: each attempt moves it on */
    uint32_t begun;            /* workers that are ready */
    uint32_t go;
};

struct work {
    struct arena *arena;
    struct counters c;
    void (*step)(struct work *w);
    uint64_t key0;
    uint64_t now;
    uint64_t seed;
    unsigned worker, steps;
};

static uint64_t random_u64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static struct arena *arena_make(void)
{
    struct arena *a = mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(a, MAP_FAILED);
    return a;
}

static void arena_free(struct arena *a)
{
    (void)munmap(a, sizeof *a);
}

static struct work work_make(struct arena *a, uint64_t entries, void (*step)(struct work *w), unsigned worker,
                             unsigned steps)
{
    struct work w = {.arena = a, .step = step, .key0 = 1, .now = START, .worker = worker, .steps = steps};

    w.c = counters_over(a->table, entries, a->rest, &a->met);
    w.seed = 0x9e3779b97f4a7c15 + worker;
    return w;
}

/* All begin at once, so that they meet. */
static void *run(void *arg)
{
    struct work *w = arg;

    (void)__atomic_fetch_add(&w->arena->begun, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&w->arena->go, __ATOMIC_ACQUIRE) == 0)
        (void)sched_yield();
    for (unsigned i = 0; i < w->steps; i++)
        w->step(w);
    return NULL;
}

static void let_go(struct arena *a, unsigned workers)
{
    struct timespec pause = {0, 100000};

    while (__atomic_load_n(&a->begun, __ATOMIC_ACQUIRE) < workers)
        (void)nanosleep(&pause, NULL);
    __atomic_store_n(&a->go, 1, __ATOMIC_RELEASE);
}

static void run_threads(struct arena *a, struct work *works)
{
    pthread_t threads[WORKERS];

    a->begun = 0;
    a->go = 0;
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(threads + i, NULL, run, works + i), 0);
    let_go(a, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static pid_t begin_process(struct work *w)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)run(w);
        _exit(0);
    }
    return pid;
}

static void run_processes(struct arena *a, struct work *works)
{
    pid_t pids[WORKERS];
    int status;

    a->begun = 0;
    a->go = 0;
    for (unsigned i = 0; i < WORKERS; i++)
        pids[i] = begin_process(works + i);
    let_go(a, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void run_both_ways(struct arena *a, struct work *works, int round)
{
    if (THREADS_ONLY || round % 2 == 0)
        run_threads(a, works);
    else
        run_processes(a, works);
}

static uint64_t used(struct work *w, uint64_t key, uint64_t interval)
{
    struct charge k = {.key = key, .interval_ns = interval, .burst = 1000000, .cost = 0};

    return counters_look(&w->c, &k, START).used;
}

/* ---- strangers ---- */

#define HELD_BURST 5
#define HELD_KEYS 3 /* few, so that the entries of a key are made and given back again and again */

/* Takes a unit, holds it for a moment, and gives it back, as an attempt to sign in does. */
static void hold_a_unit(struct work *w)
{
    uint64_t i = random_u64(&w->seed) % HELD_KEYS, held;
    struct charge k = {w->key0 + i, NS_PER_S, HELD_BURST, 1};

    (void)__atomic_fetch_add(w->arena->attempted + i, 1, __ATOMIC_RELAXED);
    if (!strangers_charge(&w->c, STRANGERS_REFUSALS, &k, w->now).allowed)
        return;
    held = __atomic_add_fetch(w->arena->passed + i, 1, __ATOMIC_ACQ_REL);
    if (held > HELD_BURST)
        (void)__atomic_fetch_add(&w->arena->clock, 1, __ATOMIC_RELAXED);
    if (random_u64(&w->seed) % 4 == 0)
        (void)sched_yield();
    (void)__atomic_fetch_sub(w->arena->passed + i, 1, __ATOMIC_ACQ_REL);
    strangers_return(&w->c, STRANGERS_REFUSALS, k.key, NS_PER_S, w->now);
}

static void what_strangers_hold_at_the_same_time_never_exceeds_the_burst(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct arena *a = arena_make();
        struct work works[WORKERS];

        for (unsigned i = 0; i < WORKERS; i++)
            works[i] = work_make(a, 1024, hold_a_unit, i, 40000);
        run_both_ways(a, works, round);
        assert_int_equal(a->clock, 0);
        for (uint64_t i = 0; i < HELD_KEYS; i++) {
            struct charge k = {1 + i, NS_PER_S, HELD_BURST, 0};

            assert_true(a->attempted[i] > 0);
            assert_int_equal(strangers_look(&works[0].c, STRANGERS_REFUSALS, &k, START).used, 0);
        }
        arena_free(a);
    }
}

/* Nobody gives back: a race to the first entries. */
static void take_a_unit(struct work *w)
{
    struct charge k = {w->key0 + random_u64(&w->seed) % KEYS, NS_PER_S, HELD_BURST, 1};

    if (strangers_charge(&w->c, STRANGERS_REFUSALS, &k, w->now).allowed)
        (void)__atomic_fetch_add(w->arena->passed + (k.key - w->key0), 1, __ATOMIC_RELAXED);
}

static void strangers_that_begin_together_get_exactly_the_burst(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct arena *a = arena_make();
        struct work works[WORKERS];

        for (unsigned i = 0; i < WORKERS; i++)
            works[i] = work_make(a, 1024, take_a_unit, i, 2000);
        run_both_ways(a, works, round);
        for (uint64_t i = 0; i < KEYS; i++)
            assert_int_equal(a->passed[i], HELD_BURST);
        arena_free(a);
    }
}

/* ---- one charge ---- */

#define ONE_BURST 5000

static void charge_a_random_key(struct work *w)
{
    uint64_t i = random_u64(&w->seed) % KEYS;
    struct charge k = {w->key0 + i, NS_PER_S, ONE_BURST, 1 + random_u64(&w->seed) % 3};
    struct charge_answer a;

    if (counters_charge(&w->c, &k, 1, w->now, &a) == 1)
        (void)__atomic_fetch_add(w->arena->passed + i, k.cost, __ATOMIC_RELAXED);
}

/* Each worker alone would use up each burst, almost. */
static void all_together_get_exactly_the_burst(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct arena *a = arena_make();
        struct work works[WORKERS];

        for (unsigned i = 0; i < WORKERS; i++)
            works[i] = work_make(a, 1024, charge_a_random_key, i, 40000);
        run_both_ways(a, works, round);
        for (uint64_t i = 0; i < KEYS; i++) {
            assert_int_equal(a->passed[i], ONE_BURST);
            assert_int_equal(used(works, 1 + i, NS_PER_S), ONE_BURST);
        }
        arena_free(a);
    }
}

/* ---- several charges, all or nothing ---- */

static void charge_three_keys(struct work *w)
{
    uint64_t first = random_u64(&w->seed) % KEYS;
    struct charge k[3];
    struct charge_answer a[3];

    for (uint64_t i = 0; i < 3; i++)
        k[i] = (struct charge){w->key0 + (first + i) % KEYS, HOUR / 100, 100 + 10 * ((first + i) % KEYS), 1};
    if (counters_charge(&w->c, k, 3, w->now, a) != 3)
        return;
    for (uint64_t i = 0; i < 3; i++)
        (void)__atomic_fetch_add(w->arena->passed + (first + i) % KEYS, 1, __ATOMIC_RELAXED);
}

/* What is refused at the second or third key is given back at those before, whoever else charges them meanwhile. */
static void what_is_counted_is_what_was_allowed(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        struct arena *a = arena_make();
        struct work works[WORKERS];

        for (unsigned i = 0; i < WORKERS; i++)
            works[i] = work_make(a, 1024, charge_three_keys, i, 1500);
        run_both_ways(a, works, round);
        for (uint64_t i = 0; i < KEYS; i++) {
            assert_true(a->passed[i] <= 100 + 10 * i);
            assert_int_equal(used(works, 1 + i, HOUR / 100), a->passed[i]);
        }
        arena_free(a);
    }
}

/* ---- making entries at the same time ---- */

/*
 * Half of the workers are a little behind in time: for them the entries of others are still live that have ended for
 * the rest, so that two make an entry for one key in different places, or one takes the shared entry while another
 * finds a slot.
 */
#define BEHIND_NS 1000
#define RACE_BURST 3

/* Many small tables, one after the other: all meet before each, for it is the first charges that race. */
#define HEATS 100
#define RACE_ROUNDS 60

struct races {
    struct arena arena[HEATS];
    uint32_t arrived;
};

static void charge_new_keys_in_full_tables(struct work *w)
{
    struct races *r = (struct races *)w->arena;
    uint64_t now = w->now - (w->worker % 2) * BEHIND_NS;

    for (unsigned heat = 0; heat < HEATS; heat++) {
        struct arena *a = r->arena + heat;
        struct counters c = counters_over(a->table, 64, a->rest, &a->met);

        (void)__atomic_fetch_add(&r->arrived, 1, __ATOMIC_ACQ_REL);
        /* Spinning, so that those on other processors go on at the same moment; yielding, should they need this one. */
        for (unsigned i = 0; __atomic_load_n(&r->arrived, __ATOMIC_ACQUIRE) < (heat + 1) * WORKERS; i++)
            if (i % 1000 == 999)
                (void)sched_yield();
        for (unsigned step = 0; step < 12; step++) {
            uint64_t i = random_u64(&w->seed) % 4;
            struct charge k = {w->key0 + 4 * heat + i, HOUR, RACE_BURST, 1};
            struct charge_answer answer;

            if (counters_charge(&c, &k, 1, now, &answer) == 1)
                (void)__atomic_fetch_add(a->passed + i, k.cost, __ATOMIC_RELAXED);
        }
    }
}

/* Of zeros. Most slots end between the two times; a few are free, a few stay. */
static void fill_tables(struct races *r, uint64_t *seed)
{
    for (unsigned heat = 0; heat < HEATS; heat++)
        for (unsigned i = 0; i < 64; i++)
            if (i % BUCKET_PAIRS != BUCKET_SLOTS && random_u64(seed) % 8 != 0)
                pair_write(r->arena[heat].table + i,
                           pair_of(1000000 + i, random_u64(seed) % 4 == 0 ? START + HOUR : START - BEHIND_NS / 2));
}

static void two_that_make_an_entry_at_once_still_share_one_burst(void **state)
{
    struct work works[WORKERS];
    uint64_t seed = 7, passed = 0;

    (void)state;
    for (int round = 0; round < RACE_ROUNDS; round++) {
        struct races *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        assert_ptr_not_equal(r, MAP_FAILED);
        fill_tables(r, &seed);
        for (unsigned i = 0; i < WORKERS; i++) {
            works[i] = work_make(r->arena, 64, charge_new_keys_in_full_tables, i, 1);
            works[i].key0 = 1 + 4 * HEATS * (uint64_t)round;
            works[i].seed += (uint64_t)round * 7919;
        }
        run_both_ways(r->arena, works, round);
        for (unsigned i = 0; i < HEATS * 4; i++) {
            passed += r->arena[i / 4].passed[i % 4];
            if (r->arena[i / 4].passed[i % 4] > RACE_BURST)
                fail_msg("round %d: %llu units passed", round, (unsigned long long)r->arena[i / 4].passed[i % 4]);
        }
        (void)munmap(r, sizeof *r);
    }
    /* And hardly any that should have passed was refused. */
    assert_true(passed > RACE_ROUNDS * HEATS * 4 * RACE_BURST * 9 / 10);
}

static void mark_keys(struct work *w)
{
    for (uint64_t i = 0; i < KEYS; i++)
        if (counters_mark(&w->c, w->key0 + i, w->now, HOUR, false, NULL))
            (void)__atomic_fetch_add(w->arena->marked_new + i, 1, __ATOMIC_RELAXED);
}

static void a_mark_is_new_to_exactly_one(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct arena *a = arena_make();
        struct work works[WORKERS];

        for (unsigned i = 0; i < WORKERS; i++) {
            works[i] = work_make(a, 1024, mark_keys, i, 1);
            works[i].key0 = 1 + (uint64_t)round * KEYS;
        }
        run_both_ways(a, works, round / 10);
        for (unsigned i = 0; i < KEYS; i++)
            assert_int_equal(a->marked_new[i], 1);
        arena_free(a);
    }
}

/* ---- kill -9 ---- */

static void charge_until_killed(struct work *w)
{
    uint64_t i = random_u64(&w->seed) % KEYS;
    struct charge k = {w->key0 + i, NS_PER_MS, 100000000, 1};
    struct charge_answer a;

    (void)__atomic_fetch_add(w->arena->attempted + i, 1, __ATOMIC_SEQ_CST);
    if (counters_charge(&w->c, &k, 1, w->now, &a) == 1)
        (void)__atomic_fetch_add(w->arena->passed + i, 1, __ATOMIC_SEQ_CST);
}

static void nothing_that_was_answered_is_lost_by_kill_9(void **state)
{
    struct arena *a = arena_make();
    struct timespec pause = {0, 0};
    uint64_t seed = 3;
    unsigned kills = 0;

    (void)state;
    for (int round = 0; round < 40 && !THREADS_ONLY; round++) {
        struct work works[WORKERS];
        pid_t pids[WORKERS];

        a->begun = 0;
        a->go = 0;
        for (unsigned i = 0; i < WORKERS; i++) {
            works[i] = work_make(a, 64, charge_until_killed, (unsigned)round * WORKERS + i, UINT32_MAX);
            pids[i] = begin_process(works + i);
        }
        let_go(a, WORKERS);
        pause.tv_nsec = (long)(random_u64(&seed) % (15 * NS_PER_MS));
        (void)nanosleep(&pause, NULL);
        for (unsigned i = 0; i < WORKERS; i++) {
            assert_int_equal(kill(pids[i], SIGKILL), 0);
            assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
            kills++;
        }
    }
    for (uint64_t i = 0; i < KEYS && kills > 0; i++) {
        struct work w = work_make(a, 64, charge_until_killed, 0, 0);
        uint64_t counted = used(&w, 1 + i, NS_PER_MS);

        assert_true(a->passed[i] > 0);
        assert_true(counted >= a->passed[i]);
        assert_true(counted <= a->attempted[i]);
    }
    arena_free(a);
}

/* ---- all at once: processes with threads, time that passes, several keys, kill -9 ---- */

#define CROWD 16 /* processes */
#define CROWD_THREADS 3
#define VICTIMS 6
#define CROWD_KEYS 4
#define CROWD_STEPS 15000 /* attempts of a thread */
#define STEP_NS 1000      /* by which an attempt moves the clock */
#define CROWD_BURST 1000
#define CROWD_INTERVAL_NS (UINT64_C(32) * STEP_NS) /* so that each key is asked for about ten times what it allows */

struct crowd_work {
    struct arena *arena;
    uint64_t seed;
    unsigned steps; /* attempts that it makes */
    bool dies;      /* then kill -9 takes it and the other threads of its process */
};

/* Sometimes two keys at once, all or nothing. */
static void charge_some(struct crowd_work *w, struct counters *c, uint64_t now_ns)
{
    uint64_t first = random_u64(&w->seed) % CROWD_KEYS, second = (first + 1) % CROWD_KEYS;
    size_t n = random_u64(&w->seed) % 4 == 0 ? 2 : 1;
    struct charge k[2] = {{1 + first, CROWD_INTERVAL_NS, CROWD_BURST, 1},
                          {1 + second, CROWD_INTERVAL_NS, CROWD_BURST, 1}};
    struct charge_answer a[2];

    if (counters_charge(c, k, n, now_ns, a) < n)
        return;
    (void)__atomic_fetch_add(w->arena->passed + first, 1, __ATOMIC_RELAXED);
    if (n == 2)
        (void)__atomic_fetch_add(w->arena->passed + second, 1, __ATOMIC_RELAXED);
}

static void *charge_while_time_passes(void *arg)
{
    struct crowd_work *w = arg;
    struct counters c = counters_over(w->arena->table, 64, w->arena->rest, &w->arena->met);

    (void)__atomic_fetch_add(&w->arena->begun, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&w->arena->go, __ATOMIC_ACQUIRE) == 0)
        (void)sched_yield();
    for (unsigned i = 0; i < w->steps; i++)
        charge_some(w, &c, __atomic_add_fetch(&w->arena->clock, STEP_NS, __ATOMIC_ACQ_REL));
    if (w->dies)
        (void)kill(getpid(), SIGKILL);
    return NULL;
}

static void run_crowd_threads(struct arena *a, unsigned process)
{
    pthread_t threads[CROWD_THREADS];
    struct crowd_work works[CROWD_THREADS];

    for (unsigned i = 0; i < CROWD_THREADS; i++) {
        works[i] = (struct crowd_work){a, 0x9e3779b97f4a7c15 + process * CROWD_THREADS + i, CROWD_STEPS, false};
        if (i == 0 && process < VICTIMS) {
            works[i].steps = CROWD_STEPS * (process + 1) / (VICTIMS + 1);
            works[i].dies = true;
        }
        if (pthread_create(threads + i, NULL, charge_while_time_passes, works + i) != 0)
            _exit(1);
    }
    for (unsigned i = 0; i < CROWD_THREADS; i++)
        (void)pthread_join(threads[i], NULL);
}

static void run_crowd(struct arena *a)
{
    pid_t pids[CROWD];
    int status;

    for (unsigned i = 0; i < CROWD; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            run_crowd_threads(a, i);
            _exit(0);
        }
    }
    let_go(a, CROWD * CROWD_THREADS);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(i < VICTIMS ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

/*
 * All read one clock, which each attempt moves on: so what may pass at the most is known to the unit, whatever the
 * machine does meanwhile: the burst, and a unit for each interval between the first attempt and the last.
 */
static void a_crowd_of_which_some_are_killed_gets_the_burst_and_the_rate_and_hardly_less(void **state)
{
    struct arena *a = arena_make();
    uint64_t most;

    (void)state;
    a->clock = START;
    if (THREADS_ONLY) {
        a->go = 1;
        run_crowd_threads(a, VICTIMS);
    } else {
        run_crowd(a);
    }
    most = CROWD_BURST + (a->clock - (START + STEP_NS)) / CROWD_INTERVAL_NS;
    for (unsigned i = 0; i < CROWD_KEYS; i++)
        if (a->passed[i] > most || a->passed[i] < most - most / 100)
            fail_msg("key %u: %llu units passed; %llu may, and one percent less", i, (unsigned long long)a->passed[i],
                     (unsigned long long)most);
    assert_int_equal(a->met.crowded, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_strangers_hold_at_the_same_time_never_exceeds_the_burst),
        cmocka_unit_test(strangers_that_begin_together_get_exactly_the_burst),
        cmocka_unit_test(all_together_get_exactly_the_burst),
        cmocka_unit_test(what_is_counted_is_what_was_allowed),
        cmocka_unit_test(two_that_make_an_entry_at_once_still_share_one_burst),
        cmocka_unit_test(a_mark_is_new_to_exactly_one),
        cmocka_unit_test(nothing_that_was_answered_is_lost_by_kill_9),
        cmocka_unit_test(a_crowd_of_which_some_are_killed_gets_the_burst_and_the_rate_and_hardly_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
