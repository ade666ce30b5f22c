/* What a login usually sends: windows, learning, room, and many processes at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/state/habits_table.h"
#include "core/state/habits_teach.h"

#define MINUTE (UINT64_C(60) * NS_PER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
/* The beginning of a week, and of eight weeks. */
#define START (80 * WEEK)
#define LOGINS 1024u
#define ANNA UINT64_C(0x123456789abcdef)

struct table {
    struct habits h;
    void *memory;
    struct habits_met *met;
};

/* Shared with the processes that fork() makes. */
static struct table *table_make(uint64_t logins)
{
    struct table *t = calloc(1, sizeof *t);

    assert_non_null(t);
    t->memory = mmap(NULL, habits_bytes(logins) + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(t->memory != MAP_FAILED);
    t->met = (struct habits_met *)(void *)((char *)t->memory + habits_bytes(logins));
    t->h = habits_over(t->memory, logins, t->met);
    return t;
}

static void table_free(struct table *t)
{
    (void)munmap(t->memory, habits_bytes((uint64_t)1 << t->h.bits) + 4096);
    free(t);
}

static uint64_t random_u64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static const struct habit_figures no_limit = {{{HABIT_UNLIMITED, HABIT_UNLIMITED}, {HABIT_UNLIMITED, HABIT_UNLIMITED}}};

/* So many messages with two recipients each, one by one. */
static void send(struct table *t, uint64_t key, uint64_t at, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_true(habits_charge(&t->h, &(struct habit_charge){key, {1, 2}, no_limit}, at));
}

static bool send_below(struct table *t, uint64_t key, uint64_t at, uint32_t hour, uint32_t day)
{
    struct habit_charge k = {key, {1, 1}, no_limit};

    k.limit.of[HABIT_MESSAGES][HABIT_HOUR] = hour;
    k.limit.of[HABIT_MESSAGES][HABIT_DAY] = day;
    return habits_charge(&t->h, &k, at);
}

static struct habit look(const struct table *t, uint64_t key, uint64_t at)
{
    struct habit habit;

    habits_look(&t->h, key, at, &habit);
    return habit;
}

static uint32_t most(const struct table *t, enum habit_window window, uint64_t at)
{
    return look(t, ANNA, at).most.of[HABIT_MESSAGES][window];
}

/* ---- windows ---- */

static void what_comes_is_counted_in_the_hour_and_in_the_day(void **state)
{
    struct table *t = table_make(LOGINS);
    struct habit x;

    (void)state;
    x = look(t, ANNA, START);
    assert_true(!x.learnt && !x.crowded && x.since_ns == 0 && x.now.of[HABIT_MESSAGES][HABIT_DAY] == 0);
    send(t, ANNA, START, 3);
    send(t, ANNA, START + 2 * HOUR, 4);
    x = look(t, ANNA, START + 2 * HOUR);
    assert_int_equal(x.since_ns, START);
    assert_int_equal(x.now.of[HABIT_MESSAGES][HABIT_HOUR], 4);
    assert_int_equal(x.now.of[HABIT_MESSAGES][HABIT_DAY], 7);
    assert_int_equal(x.now.of[HABIT_RECIPIENTS][HABIT_HOUR], 8);
    assert_int_equal(x.now.of[HABIT_RECIPIENTS][HABIT_DAY], 14);
    assert_int_equal(look(t, ANNA + 1, START + 2 * HOUR).now.of[HABIT_MESSAGES][HABIT_DAY], 0);
    table_free(t);
}

#define EVENTS 3000

/* Against a plain list of all that came. */
static void a_window_holds_what_came_in_its_last_bins_whatever_comes(void **state)
{
    static uint64_t times[EVENTS];
    static uint32_t units[EVENTS];
    uint64_t seed = 7;

    (void)state;
    for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
        struct table *t = table_make(LOGINS);
        uint64_t at = START;

        for (unsigned i = 0; i < EVENTS; i++) {
            struct habit_charge k = {ANNA, {(uint32_t)(random_u64(&seed) % 9), 0}, no_limit};
            uint64_t sum = 0;

            at += random_u64(&seed) % (random_u64(&seed) % 50 == 0 ? 20 * habit_bin_ns(w) : habit_bin_ns(w) / 3);
            times[i] = at / habit_bin_ns(w);
            units[i] = k.units[0];
            for (unsigned j = 0; j <= i; j++)
                sum += times[i] - times[j] < HABIT_BINS ? units[j] : 0;
            assert_true(habits_charge(&t->h, &k, at));
            assert_int_equal(look(t, ANNA, at).now.of[HABIT_MESSAGES][w], sum);
        }
        table_free(t);
    }
}

static void no_more_than_the_limit_passes_in_any_hour(void **state)
{
    struct table *t = table_make(LOGINS);
    static uint64_t passed[EVENTS];
    uint64_t seed = 11, at = START;
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; i < EVENTS; i++) {
        at += random_u64(&seed) % (2 * MINUTE);
        if (!send_below(t, ANNA, at, 20, HABIT_UNLIMITED))
            continue;
        passed[n++] = at;
        assert_true(n <= 20 || passed[n - 1] - passed[n - 21] >= HOUR);
    }
    assert_true(n > 800);
    table_free(t);
}

static void a_message_that_does_not_fit_one_window_is_counted_in_none(void **state)
{
    struct table *t = table_make(LOGINS);
    struct habit_charge k = {ANNA, {1, 30}, no_limit};

    (void)state;
    send(t, ANNA, START, 5);
    k.limit.of[HABIT_RECIPIENTS][HABIT_DAY] = 39;
    assert_false(habits_charge(&t->h, &k, START));
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_HOUR], 5);
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_RECIPIENTS][HABIT_HOUR], 10);
    k.limit.of[HABIT_RECIPIENTS][HABIT_DAY] = 40;
    assert_true(habits_charge(&t->h, &k, START));
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_DAY], 6);
    table_free(t);
}

static void after_the_wait_that_is_told_it_fits_and_not_before(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct table *t = table_make(LOGINS);
        uint64_t at = START + random_u64(&seed) % DAY, wait;

        for (unsigned i = 0; i < 30; i++)
            send(t, ANNA, at += random_u64(&seed) % (2 * HOUR), 1);
        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            uint32_t limit = (uint32_t)(1 + random_u64(&seed) % 30);

            wait = habits_wait(&t->h, ANNA, at, HABIT_MESSAGES, w, 1, limit);
            assert_true(look(t, ANNA, at + wait).now.of[HABIT_MESSAGES][w] < limit);
            if (wait > 0)
                assert_true(look(t, ANNA, at + wait - 1).now.of[HABIT_MESSAGES][w] >= limit);
            assert_true(wait <= (w == HABIT_HOUR ? 70 * MINUTE : DAY));
        }
        assert_int_equal(habits_wait(&t->h, ANNA, at, HABIT_MESSAGES, HABIT_DAY, 9, 8), UINT64_MAX);
        table_free(t);
    }
}

static void what_is_taken_back_leaves_the_windows_and_no_more_than_that(void **state)
{
    struct table *t = table_make(LOGINS);

    (void)state;
    send(t, ANNA, START, 5);
    send(t, ANNA, START + 30 * MINUTE, 1);
    habits_return(&t->h, ANNA, (const uint32_t[]){2, 4}, START, START + 40 * MINUTE);
    assert_int_equal(look(t, ANNA, START + 40 * MINUTE).now.of[HABIT_MESSAGES][HABIT_HOUR], 4);
    assert_int_equal(look(t, ANNA, START + 40 * MINUTE).now.of[HABIT_RECIPIENTS][HABIT_DAY], 8);
    habits_return(&t->h, ANNA, (const uint32_t[]){1000, 1000}, START, START + 40 * MINUTE);
    assert_int_equal(look(t, ANNA, START + 40 * MINUTE).now.of[HABIT_MESSAGES][HABIT_HOUR], 1);
    habits_return(&t->h, ANNA, (const uint32_t[]){1, 1}, START + 30 * MINUTE, START + 3 * HOUR);
    assert_int_equal(look(t, ANNA, START + 3 * HOUR).now.of[HABIT_MESSAGES][HABIT_HOUR], 0);
    habits_return(&t->h, ANNA + 1, (const uint32_t[]){1, 1}, START, START);
    table_free(t);
}

static void more_than_a_window_can_count_is_never_less(void **state)
{
    struct table *t = table_make(LOGINS);
    struct habit_charge k = {ANNA, {30000, 30000}, no_limit};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(habits_charge(&t->h, &k, START));
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_HOUR], HABIT_UNCOUNTED);
    assert_false(send_below(t, ANNA, START, 30000, HABIT_UNLIMITED));
    assert_false(send_below(t, ANNA, START, 200000, HABIT_UNLIMITED));
    assert_int_equal(habits_wait(&t->h, ANNA, START, HABIT_MESSAGES, HABIT_HOUR, 1, 200000), 70 * MINUTE);
    /* Nobody knows how much of it was this one's. */
    habits_return(&t->h, ANNA, k.units, START, START);
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_HOUR], HABIT_UNCOUNTED);
    assert_int_equal(most(t, HABIT_DAY, START), HABIT_UNCOUNTED);
    assert_true(send_below(t, ANNA, START + 70 * MINUTE, 1, HABIT_UNLIMITED));
    table_free(t);
}

static void who_was_stopped_for_long_counts_in_the_bin_of_now(void **state)
{
    struct table *t = table_make(LOGINS);

    (void)state;
    send(t, ANNA, START + HOUR, 5);
    assert_false(send_below(t, ANNA, START, 5, HABIT_UNLIMITED));
    assert_true(send_below(t, ANNA, START, 6, 6));
    assert_int_equal(look(t, ANNA, START + HOUR).now.of[HABIT_MESSAGES][HABIT_HOUR], 6);
    /* So far ahead nobody has written it. */
    assert_true(send_below(t, ANNA, START - DAY, 1, HABIT_UNLIMITED));
    table_free(t);
}

static void what_runs_every_night_is_counted_once(void **state)
{
    struct table *t = table_make(LOGINS);

    (void)state;
    for (unsigned night = 0; night < 30; night++) {
        send(t, ANNA, START + 2 * HOUR + night * DAY, 500);
        assert_int_equal(look(t, ANNA, START + 2 * HOUR + night * DAY).now.of[HABIT_MESSAGES][HABIT_DAY], 500);
    }
    table_free(t);
}

/* ---- learning ---- */

/* Two weeks with so many messages a day, in one hour. Returns when they have ended. */
static uint64_t learn(struct table *t, uint64_t from, unsigned a_day)
{
    for (unsigned day = 0; day < 14; day++)
        send(t, ANNA, from + day * DAY, a_day);
    return from + 14 * DAY;
}

static void the_first_two_weeks_teach_what_came_without_a_bound(void **state)
{
    struct table *t = table_make(LOGINS);

    (void)state;
    send(t, ANNA, START, 1);
    send(t, ANNA, START + 9 * DAY, 900);
    assert_false(look(t, ANNA, START + 14 * DAY - 1).learnt);
    assert_int_equal(most(t, HABIT_DAY, START + 14 * DAY - 1), 900);
    assert_true(look(t, ANNA, START + 14 * DAY).learnt);
    assert_int_equal(most(t, HABIT_HOUR, START + 14 * DAY), 900);
    /* Whether or not something comes meanwhile. */
    send(t, ANNA, START + 14 * DAY, 1);
    assert_int_equal(most(t, HABIT_DAY, START + 14 * DAY), 900);
    table_free(t);
}

static void a_habit_grows_once_a_week_and_by_no_more_than_a_tenth_and_ten(void **state)
{
    struct table *t = table_make(LOGINS);
    uint64_t at;

    (void)state;
    at = learn(t, START, 100);
    send(t, ANNA, at, 130);
    assert_int_equal(most(t, HABIT_DAY, at + WEEK - 1), 100);
    assert_int_equal(most(t, HABIT_DAY, at + WEEK), 120);
    send(t, ANNA, at + WEEK, 125);
    assert_int_equal(most(t, HABIT_DAY, at + 2 * WEEK), 125);
    table_free(t);
}

static void in_eight_weeks_it_grows_by_no_more_than_a_half_and_forty(void **state)
{
    struct table *t = table_make(LOGINS);
    uint64_t at;

    (void)state;
    at = learn(t, START, 100);
    for (unsigned week = 0; week < 13; week++, at += WEEK) {
        send(t, ANNA, at, 2 * most(t, HABIT_DAY, at) + 100);
        assert_in_range(most(t, HABIT_DAY, at), 100, 190);
    }
    assert_int_equal(most(t, HABIT_DAY, at), 190);
    table_free(t);
}

static void a_habit_is_held_for_ten_weeks_and_fades_then(void **state)
{
    struct table *t = table_make(LOGINS);
    uint64_t at;

    (void)state;
    at = learn(t, START, 1200);
    for (unsigned week = 1; week <= 10; week++)
        assert_int_equal(most(t, HABIT_DAY, at + week * WEEK), 1200);
    assert_int_equal(most(t, HABIT_DAY, at + 11 * WEEK), 1099);
    assert_in_range(most(t, HABIT_DAY, at + 19 * WEEK), 500, 600);
    assert_int_equal(most(t, HABIT_DAY, at + 300 * WEEK), 0);
    /* What comes every month is held for ever, also if it is a little less each time. */
    for (unsigned month = 0; month < 30; month++) {
        assert_true(most(t, HABIT_DAY, at) >= 1060);
        send(t, ANNA, at, 1060);
        at += 30 * DAY;
    }
    table_free(t);
}

static void what_was_not_the_owners_mail_is_not_learnt(void **state)
{
    struct table *t = table_make(LOGINS);
    uint64_t at;

    (void)state;
    at = learn(t, START, 10);
    send(t, ANNA, at, 15);
    habits_forget_week(&t->h, ANNA, at);
    assert_int_equal(most(t, HABIT_DAY, at + WEEK), 10);
    /* One that is being learnt begins anew. */
    table_free(t);
    t = table_make(LOGINS);
    send(t, ANNA, START, 50);
    habits_forget_week(&t->h, ANNA, START + 10 * DAY);
    send(t, ANNA, START + 20 * DAY, 2);
    assert_false(look(t, ANNA, START + 24 * DAY - 1).learnt);
    assert_true(look(t, ANNA, START + 24 * DAY).learnt);
    assert_int_equal(most(t, HABIT_DAY, START + 24 * DAY), 2);
    habits_forget_week(&t->h, ANNA + 1, START);
    table_free(t);
}

static void an_operator_lets_a_login_go_on_and_may_take_what_it_sent_for_usual(void **state)
{
    (void)state;
    for (unsigned accept = 0; accept < 2; accept++) {
        struct table *t = table_make(LOGINS);
        uint64_t at = learn(t, START, 10);

        send(t, ANNA, at, 35);
        habits_forget_week(&t->h, ANNA, at); /* as a block does */
        habits_lift(&t->h, ANNA, at, accept);
        assert_int_equal(look(t, ANNA, at).now.of[HABIT_MESSAGES][HABIT_HOUR], 0);
        assert_int_equal(look(t, ANNA, at).now.of[HABIT_RECIPIENTS][HABIT_DAY], 0);
        assert_int_equal(most(t, HABIT_HOUR, at), accept ? 35 : 10);
        assert_int_equal(look(t, ANNA, at).most.of[HABIT_RECIPIENTS][HABIT_DAY], accept ? 70 : 20);
        /* It is held as if it had been learnt. */
        assert_int_equal(most(t, HABIT_DAY, at + 10 * WEEK), accept ? 35 : 10);
        assert_true(most(t, HABIT_DAY, at + 12 * WEEK) < (accept ? 35 : 10));
        habits_lift(&t->h, ANNA + 1, at, accept);
        table_free(t);
    }
}

static void a_largest_habit_is_not_lowered_by_what_an_operator_accepts(void **state)
{
    struct table *t = table_make(LOGINS);
    uint64_t at = learn(t, START, 100);

    (void)state;
    send(t, ANNA, at + DAY, 3);
    habits_lift(&t->h, ANNA, at + DAY, true);
    assert_int_equal(most(t, HABIT_DAY, at + DAY), 100);
    table_free(t);
    /* While it is being learnt, what came is the largest so far. */
    t = table_make(LOGINS);
    send(t, ANNA, START, 30);
    habits_lift(&t->h, ANNA, START, true);
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_DAY], 0);
    assert_int_equal(most(t, HABIT_DAY, START), 30);
    assert_false(look(t, ANNA, START + 13 * DAY).learnt);
    table_free(t);
}

/* The same rule, written down plainly. */
struct twin {
    uint64_t most, early, late, held, weeks;
};

/* The past is kept with ten binary digits. */
static uint64_t ten_digits(uint64_t value)
{
    uint64_t unit = 1;

    while (value / unit > 1023)
        unit *= 2;
    return value / unit * unit;
}

static void twin_week(struct twin *x, uint64_t week, bool slowly, bool application)
{
    uint64_t grown = slowly ? x->most + x->most / 10 + 10 : UINT64_MAX, cap;

    if (++x->weeks % 8 == 6) { /* the first two weeks were the learning's */
        x->early = x->late;
        x->late = ten_digits(x->most);
    }
    cap = x->early + (application ? x->early : x->early / 2) + 40;
    grown = grown < cap ? grown : cap;
    grown = grown < week ? grown : week;
    if (grown >= x->most || 8 * week >= 7 * x->most)
        x->held = 0;
    else
        x->held++;
    if (x->held > 10 && x->most > 0)
        x->most -= x->most / 12 + 1;
    x->most = grown > x->most ? grown : x->most;
}

static void learning_follows_the_rule_through_years_of_any_mail(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct table *t = table_make(LOGINS);
        uint64_t at = learn(t, START, 50);
        struct twin hour = {.most = 50, .early = 50, .late = 50}, day = hour;

        for (unsigned week = 0; week < 150; week++, at += WEEK) {
            /* No more than a part of the day can count. */
            uint64_t largest = day.most < 15000 ? day.most * 2 + 20 : 30000;
            unsigned n = random_u64(&seed) % 3 == 0 ? 1 : (unsigned)(1 + random_u64(&seed) % largest);
            bool application = hour.most > HABIT_PERSONS_HOUR;

            assert_int_equal(most(t, HABIT_HOUR, at), hour.most);
            assert_int_equal(most(t, HABIT_DAY, at), day.most);
            send(t, ANNA, at + 3 * DAY, n);
            twin_week(&hour, n, false, application);
            twin_week(&day, n, !application, application);
        }
        table_free(t);
    }
}

static void a_pair_holds_what_was_packed(void **state)
{
    uint64_t seed = 9;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        struct habit_learnt l = {.number = (unsigned)(random_u64(&seed) & 0xffff)}, again;
        struct habit_past p = {.number = (unsigned)(random_u64(&seed) & 0xffff)}, past;

        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            l.most[w] = (uint32_t)(random_u64(&seed) & 0x3ffff);
            l.week[w] = (uint32_t)(random_u64(&seed) & 0x3ffff);
            l.held[w] = (unsigned)(random_u64(&seed) & 63);
            p.early.of[0][w] = l.most[w];
            p.late.of[1][w] = l.week[w];
        }
        again = habit_learnt_of(habit_learnt_pack(&l));
        past = habit_past_of(habit_past_pack(&p));
        assert_memory_equal(&again, &l, sizeof l);
        assert_int_equal(past.number, p.number);
        for (unsigned w = 0; w < HABIT_WINDOWS; w++) {
            assert_in_range(past.early.of[0][w], l.most[w] - l.most[w] / 512, l.most[w]);
            assert_in_range(past.late.of[1][w], l.week[w] - l.week[w] / 512, l.week[w]);
            assert_int_equal(past.early.of[1][w], 0);
        }
    }
}

/* ---- several relays ---- */

/* Each tells the other of what it let through some seconds later. */
static void relays_that_tell_each_other_what_they_counted_learn_what_one_alone_would(void **state)
{
    struct table *a = table_make(LOGINS), *b = table_make(LOGINS), *alone = table_make(LOGINS);
    uint64_t seed = 13, at = START;

    (void)state;
    for (unsigned day = 0; day < 200; day++, at = START + day * DAY) {
        for (unsigned i = 0; i < 6; i++, at += 2 * HOUR) {
            const uint32_t units[2][HABIT_COUNTS] = {
                {(uint32_t)(random_u64(&seed) % 40), (uint32_t)(random_u64(&seed) % 90)},
                {(uint32_t)(random_u64(&seed) % 40), (uint32_t)(random_u64(&seed) % 90)}};

            for (unsigned k = 0; k < 2; k++) {
                struct habit_charge one = {ANNA, {units[k][0], units[k][1]}, no_limit};

                assert_true(habits_charge(k == 0 ? &a->h : &b->h, &one, at));
                assert_true(habits_charge(k == 0 ? &b->h : &a->h, &one, at + 7 * NS_PER_S));
                assert_true(habits_charge(&alone->h, &one, at));
            }
        }
        for (unsigned k = 0; k < 2; k++) {
            struct habit here = look(k == 0 ? a : b, ANNA, at), there = look(alone, ANNA, at);

            assert_memory_equal(&here.now, &there.now, sizeof here.now);
            assert_memory_equal(&here.most, &there.most, sizeof here.most);
            assert_int_equal(here.learnt, there.learnt);
        }
    }
    table_free(a);
    table_free(b);
    table_free(alone);
}

/* ---- room ---- */

static void a_login_without_room_is_counted_with_others_and_never_learnt(void **state)
{
    struct table *t = table_make(HABITS_MIN);
    struct habits_stats stats;
    uint64_t crowded_key = 0;
    unsigned passed = 0;

    (void)state;
    for (uint64_t key = 1; key <= 4 * HABITS_MIN; key++) {
        if (look(t, key * ANNA, START).crowded)
            crowded_key = key * ANNA;
        send(t, key * ANNA, START, 1);
    }
    assert_int_not_equal(crowded_key, 0);
    habits_stats(&t->h, START, &stats);
    assert_int_equal(stats.places, HABITS_MIN);
    assert_in_range(stats.known, HABITS_MIN * 3 / 4, HABITS_MIN);
    assert_int_equal(stats.crowded, 4 * HABITS_MIN - stats.known);
    assert_int_equal(stats.displaced, 0);
    for (unsigned i = 0; i < 100; i++)
        passed += send_below(t, crowded_key, START, 50, HABIT_UNLIMITED);
    assert_in_range(passed, 40, 50);
    assert_true(look(t, crowded_key, START + 20 * DAY).crowded);
    assert_false(look(t, crowded_key, START + 20 * DAY).learnt);
    table_free(t);
}

static void who_sent_nothing_for_half_a_year_gives_way(void **state)
{
    struct table *t = table_make(HABITS_MIN);
    struct habits_stats stats;
    uint64_t at = START + HABIT_KEPT_S * NS_PER_S + 3 * DAY;

    (void)state;
    for (uint64_t key = 1; key <= 4 * HABITS_MIN; key++)
        send(t, key * ANNA, START, 1);
    assert_true(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_DAY] == 1);
    send(t, ANNA, START + 10 * DAY, 1);
    for (uint64_t key = 1000; key < 1000 + HABITS_MIN / 2; key++) {
        send(t, key * ANNA, at, 1);
        assert_int_equal(look(t, key * ANNA, at).now.of[HABIT_MESSAGES][HABIT_DAY], 1);
        assert_int_equal(look(t, key * ANNA, at).since_ns, at);
    }
    habits_stats(&t->h, at, &stats);
    assert_int_not_equal(stats.displaced, 0);
    table_free(t);
}

static void a_record_whose_maker_died_is_used_again(void **state)
{
    struct table *t = table_make(LOGINS);
    struct habit_record *r;

    (void)state;
    send(t, ANNA, START, 1);
    r = habit_find(&t->h, ANNA);
    pair_write(&r->name, pair_of(0, (START / NS_PER_S) << 32 | 1));
    assert_true(habit_find(&t->h, ANNA) == NULL);
    send(t, ANNA, START + MINUTE, 1);
    assert_true(habit_find(&t->h, ANNA) == r);
    assert_int_equal(look(t, ANNA, START + MINUTE).now.of[HABIT_MESSAGES][HABIT_DAY], 1);
    table_free(t);
}

static void a_table_of_another_size_and_time_takes_all_over(void **state)
{
    static const int64_t shifts[] = {0, 5 * (int64_t)DAY, -3 * (int64_t)DAY, 100 * (int64_t)WEEK, -70 * (int64_t)WEEK};

    (void)state;
    for (unsigned i = 0; i < sizeof shifts / sizeof *shifts; i++) {
        struct table *t = table_make(LOGINS), *to = table_make(4 * LOGINS);
        uint64_t at = learn(t, START, 40);
        struct habit x;

        send(t, ANNA, at, 7);
        send(t, ANNA + 2, at, 3);
        to->h.ahead_ns = (uint64_t)shifts[i];
        send(to, ANNA, at, 2);
        /* The other table's own login stays. */
        send(to, ANNA + 1, at, 9);
        habits_take_over(&to->h, &t->h);
        habits_take_over(&to->h, &t->h);
        x = look(to, ANNA, at);
        assert_in_range(x.now.of[HABIT_MESSAGES][HABIT_DAY], 7, 47);
        assert_true(i > 0 ||
                    x.now.of[HABIT_MESSAGES][HABIT_DAY] == look(t, ANNA, at).now.of[HABIT_MESSAGES][HABIT_DAY]);
        assert_int_equal(x.most.of[HABIT_MESSAGES][HABIT_DAY], 40);
        assert_true(x.learnt);
        /* It goes on: held, and then fading. */
        assert_int_equal(most(to, HABIT_DAY, at + 8 * WEEK), 40);
        assert_in_range(most(to, HABIT_DAY, at + 15 * WEEK), 1, 35);
        assert_int_equal(look(to, ANNA + 2, at).now.of[HABIT_MESSAGES][HABIT_HOUR], 3);
        assert_int_equal(look(to, ANNA + 1, at).now.of[HABIT_MESSAGES][HABIT_HOUR], 9);
        table_free(t);
        table_free(to);
    }
}

static void a_deferred_message_is_known_for_a_day(void **state)
{
    struct table *t = table_make(LOGINS);

    (void)state;
    assert_false(habits_deferred(&t->h, 77, START));
    assert_true(habits_deferred_note(&t->h, 77, START));
    assert_false(habits_deferred_note(&t->h, 77, START + MINUTE));
    assert_true(habits_deferred(&t->h, 77, START + DAY - 1));
    assert_false(habits_deferred(&t->h, 77, START + DAY));
    /* Any number of them: some are forgotten, none disturbs the habits. */
    send(t, ANNA, START, 1);
    for (uint64_t i = 1; i < 300000; i++)
        (void)habits_deferred_note(&t->h, i * ANNA, START);
    assert_true(habits_deferred(&t->h, 299999 * ANNA, START));
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_DAY], 1);
    table_free(t);
}

static void damage_of_any_kind_neither_crashes_nor_lifts_a_limit_for_long(void **state)
{
    uint64_t seed = 21;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct table *t = table_make(HABITS_MIN);
        uint64_t *words = t->memory, at = START;
        unsigned passed = 0;

        send(t, ANNA, START, 1);
        for (size_t i = 0; i < habits_bytes(HABITS_MIN) / 8; i++)
            if (random_u64(&seed) % 4 == 0)
                words[i] = random_u64(&seed);
        for (unsigned i = 0; i < 200; i++, at += MINUTE) {
            (void)look(t, ANNA, at);
            (void)habits_wait(&t->h, ANNA, at, HABIT_MESSAGES, HABIT_DAY, 1, 10);
            passed += send_below(t, ANNA, at, 10, 10);
            habits_forget_week(&t->h, ANNA + i, at);
        }
        assert_true(passed <= 20);
        table_free(t);
    }
}

/* ---- many at once ---- */

#define THREADS 4
#define TIMES 20000

struct worker {
    struct table *t;
    unsigned number, passed;
    uint32_t hour;
};

static void *charge_many(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < TIMES; i++)
        w->passed += send_below(w->t, ANNA + i % 3, START + i, w->hour, HABIT_UNLIMITED);
    return NULL;
}

static unsigned together(struct table *t, uint32_t hour)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    unsigned passed = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){t, i, 0, hour};
        assert_int_equal(pthread_create(&threads[i], NULL, charge_many, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        passed += workers[i].passed;
    }
    return passed;
}

static void many_threads_together_pass_exactly_the_limit(void **state)
{
    struct table *t = table_make(LOGINS);

    (void)state;
    assert_int_equal(together(t, 1000), 3000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(look(t, ANNA + i, START).now.of[HABIT_MESSAGES][HABIT_HOUR], 1000);
        assert_int_equal(look(t, ANNA + i, START).now.of[HABIT_RECIPIENTS][HABIT_DAY], 1000);
        assert_int_equal(look(t, ANNA + i, START).most.of[HABIT_MESSAGES][HABIT_DAY], 1000);
    }
    table_free(t);
}

static void *make_many(void *arg)
{
    struct worker *w = arg;

    for (uint64_t i = 1; i < 200; i++)
        send(w->t, i * ANNA, START, 1);
    return NULL;
}

/* In a table that is too small, so that places are fought for. */
static void threads_that_begin_the_same_logins_count_each_once(void **state)
{
    struct table *t = table_make(512);
    pthread_t threads[THREADS];
    struct worker w = {.t = t};
    struct habits_stats stats;

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, &w), 0);
    for (unsigned i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    habits_stats(&t->h, START, &stats);
    assert_int_equal(stats.known, 199);
    for (uint64_t i = 1; i < 200; i++)
        assert_int_equal(look(t, i * ANNA, START).now.of[HABIT_MESSAGES][HABIT_HOUR], THREADS);
    table_free(t);
}

#define CHILDREN 40

/* Killed at the end of weeks, too, and while records are made. */
static void killed_processes_leave_no_lock(void **state)
{
    struct table *t = table_make(LOGINS);
    volatile uint64_t *begun = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t seed = 99, last = START + 100 * WEEK;

    (void)state;
    assert_true((void *)(uintptr_t)begun != MAP_FAILED);
    for (unsigned i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        for (uint64_t n = child == 0 ? 0 : UINT64_MAX; n != UINT64_MAX; n++) {
            habits_forget_week(&t->h, ANNA + n % 3, START + n / 100 % 100 * WEEK);
            (void)send_below(t, ANNA + n % 500, START + n / 100 % 100 * WEEK, 9, 9);
            begun[i] = 1;
        }
        while (begun[i] == 0)
            (void)usleep(100);
        (void)usleep((useconds_t)(random_u64(&seed) % 3000));
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    for (uint64_t key = ANNA; key < ANNA + 500; key++) {
        assert_true(send_below(t, key, last, 1, 1));
        assert_false(send_below(t, key, last, 1, 1));
        assert_int_equal(look(t, key, last).now.of[HABIT_MESSAGES][HABIT_DAY], 1);
    }
    (void)munmap((void *)(uintptr_t)begun, 4096);
    table_free(t);
}

static void a_killed_process_leaves_at_most_one_message_counted_in_part(void **state)
{
    uint64_t seed = 98;

    (void)state;
    for (unsigned i = 0; i < CHILDREN; i++) {
        struct table *t = table_make(LOGINS);
        volatile uint32_t *passed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct habit x;
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        while (child == 0)
            if (send_below(t, ANNA, START, 30000, 30000))
                (*passed)++;
        while (*passed == 0)
            (void)usleep(100);
        (void)usleep((useconds_t)(random_u64(&seed) % 2000));
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        x = look(t, ANNA, START);
        for (unsigned c = 0; c < HABIT_COUNTS; c++)
            for (unsigned w = 0; w < HABIT_WINDOWS; w++)
                assert_in_range(x.now.of[c][w], *passed, *passed + 1);
        (void)munmap((void *)(uintptr_t)passed, 4096);
        table_free(t);
    }
}

#define TOGETHER 4

/* Each charges what fits and what doesn't, which is taken out again, and counts what passed. */
static void charge_until_killed(struct table *t, volatile uint32_t *passed, unsigned number)
{
    struct habit_charge k = {ANNA, {1, 1}, no_limit};

    for (uint64_t n = number;; n++) {
        k.limit.of[HABIT_RECIPIENTS][HABIT_DAY] = n % 3 == 0 ? 0 : 30000;
        if (habits_charge(&t->h, &k, START + n % 7 * NS_PER_S))
            (*passed)++;
        passed[TOGETHER]++; /* it runs, though nothing may fit any more */
        if (n % 5 == 0)
            habits_lift(&t->h, ANNA + 1 + n % 100, START, true);
    }
}

static void processes_killed_among_others_leave_each_one_message_in_doubt(void **state)
{
    uint64_t seed = 97;

    (void)state;
#if defined(__SANITIZE_THREAD__) /* which makes 16-byte operations atomic with a lock of its own process */
    skip();
#endif
    for (unsigned i = 0; i < CHILDREN / 2; i++) {
        struct table *t = table_make(LOGINS);
        volatile uint32_t *passed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pid_t children[TOGETHER];
        uint32_t all = 0;
        struct habit x;

        assert_true((void *)(uintptr_t)passed != MAP_FAILED);
        for (unsigned k = 0; k < TOGETHER; k++) {
            assert_true((children[k] = fork()) >= 0);
            if (children[k] == 0)
                charge_until_killed(t, passed + k, k);
        }
        for (unsigned k = 0; k < TOGETHER; k++) {
            while (passed[TOGETHER + k] == 0)
                (void)usleep(100);
            (void)usleep((useconds_t)(random_u64(&seed) % 1000));
            (void)kill(children[k], SIGKILL);
            assert_int_equal(waitpid(children[k], NULL, 0), children[k]);
            all += passed[k];
        }
        x = look(t, ANNA, START);
        for (unsigned c = 0; c < HABIT_COUNTS; c++)
            for (unsigned w = 0; w < HABIT_WINDOWS; w++)
                assert_in_range(x.now.of[c][w], all, all + TOGETHER);
        assert_in_range(x.most.of[HABIT_MESSAGES][HABIT_DAY], 1, all + TOGETHER);
        (void)munmap((void *)(uintptr_t)passed, 4096);
        table_free(t);
    }
}

/* ---- habits from elsewhere ---- */

static void old_mail_is_measured_as_new_mail_is(void **state)
{
    struct table *t = table_make(LOGINS);
    struct habit_measure m = {.windows = {{{.both = 0}}}};
    struct habit_figures sums, largest = {.of = {{0}}};
    uint64_t seed = 11, at = START;
    struct habit habit;

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        at += random_u64(&seed) % (random_u64(&seed) % 40 == 0 ? 2 * DAY : 10 * MINUTE) / NS_PER_S * NS_PER_S;
        if (at >= START + 13 * DAY)
            break;
        send(t, ANNA, at, 1);
        habit_measure_add(&m, (const uint32_t[]){1, 2}, at / NS_PER_S, &sums);
        for (unsigned c = 0; c < HABIT_COUNTS; c++)
            for (unsigned w = 0; w < HABIT_WINDOWS; w++)
                if (sums.of[c][w] > largest.of[c][w])
                    largest.of[c][w] = sums.of[c][w];
        habit = look(t, ANNA, at);
        assert_memory_equal(&habit.now, &sums, sizeof sums);
    }
    assert_true(largest.of[HABIT_MESSAGES][HABIT_HOUR] > 1);
    habit = look(t, ANNA, START + 13 * DAY);
    assert_memory_equal(&habit.most, &largest, sizeof largest);
    table_free(t);
}

static const struct habit_figures told = {{{30, 400}, {60, 900}}};

static void a_login_that_was_told_of_is_learnt_at_once(void **state)
{
    struct table *t = table_make(LOGINS);

    (void)state;
    send(t, ANNA, START, 50);
    assert_false(look(t, ANNA, START).learnt);
    assert_true(habits_teach(&t->h, ANNA, &told, START));
    assert_true(look(t, ANNA, START).learnt);
    assert_int_equal(most(t, HABIT_HOUR, START), 50); /* what it sent here is more than what was told */
    assert_int_equal(most(t, HABIT_DAY, START), 400);
    assert_int_equal(look(t, ANNA, START).now.of[HABIT_MESSAGES][HABIT_HOUR], 50);
    assert_true(habits_teach(&t->h, ANNA, &(struct habit_figures){{{1, 1}, {1, 1}}}, START));
    assert_int_equal(most(t, HABIT_DAY, START), 400);
    /* A login of which nothing was known, and never heard of again, keeps its habit and then loses it. */
    assert_true(habits_teach(&t->h, ANNA + 1, &told, START));
    assert_int_equal(look(t, ANNA + 1, START + 9 * WEEK).most.of[HABIT_MESSAGES][HABIT_DAY], 400);
    assert_int_equal(look(t, ANNA + 1, START + 52 * WEEK).most.of[HABIT_MESSAGES][HABIT_DAY], habit_faded(400, 52));
    table_free(t);
}

static void what_was_told_grows_within_the_same_bounds(void **state)
{
    struct table *t = table_make(LOGINS);
    uint64_t at = START;

    (void)state;
    assert_true(habits_teach(&t->h, ANNA, &told, START));
    send(t, ANNA, at, 5000);
    at += WEEK;
    assert_int_equal(most(t, HABIT_DAY, at), 450); /* 1.1 times and 10 */
    for (unsigned week = 1; week < 8; week++, at += WEEK)
        send(t, ANNA, at, 5000);
    assert_int_equal(most(t, HABIT_DAY, at - 1), 640); /* 1.5 times and 40 of eight weeks ago */
    table_free(t);
}

static void a_full_table_says_that_it_has_no_room(void **state)
{
    struct table *t = table_make(HABITS_MIN);
    unsigned told_of = 0;

    (void)state;
    for (uint64_t key = 1; key <= 4 * HABITS_MIN; key++)
        told_of += habits_teach(&t->h, key * UINT64_C(0x9e3779b97f4a7c15), &told, START);
    assert_true(told_of >= HABITS_MIN / 2 && told_of <= HABITS_MIN);
    assert_false(habits_teach(&(struct habits){.records = NULL}, ANNA, &told, START));
    table_free(t);
}

static void how_large_it_was_weeks_ago_is_known_once_it_was_learnt(void **state)
{
    struct table *t = table_make(LOGINS);
    struct habit_figures earlier;
    uint64_t at;

    (void)state;
    assert_false(habits_earlier(&t->h, ANNA, START, &earlier));
    at = learn(t, START, 100);
    assert_false(habits_earlier(&t->h, ANNA, at - DAY, &earlier));
    for (unsigned week = 0; week < 7; week++, at += WEEK)
        send(t, ANNA, at, 1000);
    assert_true(habits_earlier(&t->h, ANNA, at, &earlier));
    assert_int_equal(earlier.of[HABIT_MESSAGES][HABIT_DAY], 100);
    assert_true(most(t, HABIT_DAY, at) > 170);
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_is_counted_in_the_hour_and_in_the_day),
        cmocka_unit_test(a_window_holds_what_came_in_its_last_bins_whatever_comes),
        cmocka_unit_test(no_more_than_the_limit_passes_in_any_hour),
        cmocka_unit_test(a_message_that_does_not_fit_one_window_is_counted_in_none),
        cmocka_unit_test(after_the_wait_that_is_told_it_fits_and_not_before),
        cmocka_unit_test(what_is_taken_back_leaves_the_windows_and_no_more_than_that),
        cmocka_unit_test(more_than_a_window_can_count_is_never_less),
        cmocka_unit_test(who_was_stopped_for_long_counts_in_the_bin_of_now),
        cmocka_unit_test(what_runs_every_night_is_counted_once),
        cmocka_unit_test(the_first_two_weeks_teach_what_came_without_a_bound),
        cmocka_unit_test(a_habit_grows_once_a_week_and_by_no_more_than_a_tenth_and_ten),
        cmocka_unit_test(in_eight_weeks_it_grows_by_no_more_than_a_half_and_forty),
        cmocka_unit_test(a_habit_is_held_for_ten_weeks_and_fades_then),
        cmocka_unit_test(what_was_not_the_owners_mail_is_not_learnt),
        cmocka_unit_test(an_operator_lets_a_login_go_on_and_may_take_what_it_sent_for_usual),
        cmocka_unit_test(a_largest_habit_is_not_lowered_by_what_an_operator_accepts),
        cmocka_unit_test(learning_follows_the_rule_through_years_of_any_mail),
        cmocka_unit_test(a_pair_holds_what_was_packed),
        cmocka_unit_test(relays_that_tell_each_other_what_they_counted_learn_what_one_alone_would),
        cmocka_unit_test(a_login_without_room_is_counted_with_others_and_never_learnt),
        cmocka_unit_test(who_sent_nothing_for_half_a_year_gives_way),
        cmocka_unit_test(a_record_whose_maker_died_is_used_again),
        cmocka_unit_test(a_table_of_another_size_and_time_takes_all_over),
        cmocka_unit_test(a_deferred_message_is_known_for_a_day),
        cmocka_unit_test(damage_of_any_kind_neither_crashes_nor_lifts_a_limit_for_long),
        cmocka_unit_test(many_threads_together_pass_exactly_the_limit),
        cmocka_unit_test(threads_that_begin_the_same_logins_count_each_once),
        cmocka_unit_test(killed_processes_leave_no_lock),
        cmocka_unit_test(a_killed_process_leaves_at_most_one_message_counted_in_part),
        cmocka_unit_test(processes_killed_among_others_leave_each_one_message_in_doubt),
        cmocka_unit_test(old_mail_is_measured_as_new_mail_is),
        cmocka_unit_test(a_login_that_was_told_of_is_learnt_at_once),
        cmocka_unit_test(what_was_told_grows_within_the_same_bounds),
        cmocka_unit_test(a_full_table_says_that_it_has_no_room),
        cmocka_unit_test(how_large_it_was_weeks_ago_is_known_once_it_was_learnt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
