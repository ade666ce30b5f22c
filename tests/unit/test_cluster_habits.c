/* links: cluster */
/* Habits that relays learn together: what each counted is added on each, in windows that begin at other moments; and
 * what is told comes out as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/habit_list.h"
#include "cluster/habit_text.h"
#include "core/base/clock.h"
#include "core/state/habits_table.h"
#include "core/state/habits_teach.h"

#define MINUTE (UINT64_C(60) * NS_PER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
#define START (80 * WEEK)
#define LOGINS 64u
#define ANNA UINT64_C(0x123456789abcdef)
#define RELAYS 3

/* Relays whose state times, and so the parts of their windows, are apart. */
struct relays {
    struct habits h[RELAYS + 1]; /* the last one sees everything itself */
    struct habits_met met[RELAYS + 1];
    uint64_t ahead[RELAYS + 1];
};

static struct relays *relays_new(void)
{
    struct relays *r = calloc(1, sizeof *r);

    assert_non_null(r);
    for (unsigned i = 0; i <= RELAYS; i++) {
        void *memory = aligned_alloc(128, habits_bytes(LOGINS));

        assert_non_null(memory);
        memset(memory, 0, habits_bytes(LOGINS));
        r->h[i] = habits_over(memory, LOGINS, r->met + i);
        r->ahead[i] = i * 1000 * DAY + i * 217 * NS_PER_S;
    }
    return r;
}

static void relays_free(struct relays *r)
{
    for (unsigned i = 0; i <= RELAYS; i++)
        free(r->h[i].records);
    free(r);
}

static uint64_t now_at(const struct relays *r, unsigned i, uint64_t now)
{
    return now + r->ahead[i];
}

/* One message at that relay, which the others learn of `late_ns` later. */
static void message(struct relays *r, unsigned at, uint64_t now, uint64_t late_ns)
{
    const struct habit_charge charge = {
        .key = ANNA,
        .units = {1, 2},
        .limit = {{{HABIT_UNLIMITED, HABIT_UNLIMITED}, {HABIT_UNLIMITED, HABIT_UNLIMITED}}}};

    assert_true(habits_charge(&r->h[at], &charge, now_at(r, at, now)));
    assert_true(habits_charge(&r->h[RELAYS], &charge, now_at(r, RELAYS, now)));
    for (unsigned i = 0; i < RELAYS; i++)
        if (i != at)
            habits_add(&r->h[i], ANNA, charge.units, now_at(r, i, now), now_at(r, i, now + late_ns));
}

static void look(const struct relays *r, unsigned i, uint64_t now, struct habit *out)
{
    habits_look(&r->h[i], ANNA, now_at(r, i, now), out);
}

static void each_relay_has_what_one_that_sees_all_would_have(void **state)
{
    struct relays *r = relays_new();
    struct habit one, here;
    uint64_t now = START;

    (void)state;
    /* Twelve weeks of 20 messages each working hour, from one relay after the other. */
    for (unsigned day = 0; day < 84; day++, now += DAY)
        for (unsigned i = 0; day % 7 < 5 && i < 160; i++)
            message(r, (day + i) % RELAYS, now + 9 * HOUR + i * 3 * MINUTE, i % 2 * 50 * NS_PER_MS);
    look(r, RELAYS, now, &one);
    assert_true(one.learnt);
    for (unsigned i = 0; i < RELAYS; i++) {
        look(r, i, now, &here);
        assert_true(here.learnt);
        /* A window begins up to a tenth of an hour, or a seventh of a day, earlier or later. */
        assert_in_range(here.most.of[HABIT_MESSAGES][HABIT_HOUR], one.most.of[HABIT_MESSAGES][HABIT_HOUR] - 4,
                        one.most.of[HABIT_MESSAGES][HABIT_HOUR] + 4);
        assert_int_equal(here.most.of[HABIT_MESSAGES][HABIT_DAY], one.most.of[HABIT_MESSAGES][HABIT_DAY]);
        assert_int_equal(here.most.of[HABIT_RECIPIENTS][HABIT_DAY], 320);
    }
    relays_free(r);
}

static void what_arrives_late_counts_when_it_was_sent(void **state)
{
    struct relays *r = relays_new();
    struct habit one, here;

    (void)state;
    for (unsigned i = 0; i < 30; i++)
        message(r, 0, START + i * MINUTE, 2 * HOUR); /* the others were away */
    look(r, RELAYS, START + 2 * HOUR + 30 * MINUTE, &one);
    look(r, 1, START + 2 * HOUR + 30 * MINUTE, &here);
    assert_int_equal(here.now.of[HABIT_MESSAGES][HABIT_HOUR], 0);
    assert_int_equal(here.now.of[HABIT_MESSAGES][HABIT_DAY], 30);
    assert_int_equal(here.most.of[HABIT_MESSAGES][HABIT_DAY], 30);
    /* 50 minutes late it is an hour's still. */
    for (unsigned i = 0; i < 30; i++)
        message(r, 0, START + 3 * DAY + i * NS_PER_S, 50 * MINUTE);
    look(r, 1, START + 3 * DAY + 51 * MINUTE, &here);
    assert_int_equal(here.now.of[HABIT_MESSAGES][HABIT_HOUR], 30);
    assert_int_equal(here.most.of[HABIT_MESSAGES][HABIT_HOUR], 30);
    relays_free(r);
}

static void what_is_taken_back_is_taken_back_on_each(void **state)
{
    static const uint32_t units[HABIT_COUNTS] = {1, 2};
    struct relays *r = relays_new();
    struct habit here;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        message(r, 0, START, 0);
    habits_return(&r->h[1], ANNA, units, now_at(r, 1, START), now_at(r, 1, START + MINUTE));
    look(r, 1, START + MINUTE, &here);
    assert_int_equal(here.now.of[HABIT_MESSAGES][HABIT_HOUR], 4);
    assert_int_equal(here.now.of[HABIT_RECIPIENTS][HABIT_DAY], 8);
    relays_free(r);
}

static void a_new_relay_takes_over_what_is_known_and_an_old_one_nothing(void **state)
{
    struct relays *r = relays_new();
    struct habit_known known;
    struct habit one, here;
    uint64_t now = START;

    (void)state;
    for (unsigned day = 0; day < 28; day++, now += DAY)
        for (unsigned i = 0; i < 40; i++) {
            const struct habit_charge charge = {
                .key = ANNA,
                .units = {1, 1},
                .limit = {{{HABIT_UNLIMITED, HABIT_UNLIMITED}, {HABIT_UNLIMITED, HABIT_UNLIMITED}}}};

            assert_true(habits_charge(&r->h[0], &charge, now_at(r, 0, now + i * MINUTE)));
        }
    now += HOUR - DAY;
    assert_true(habits_tell(&r->h[0], ANNA, now_at(r, 0, now), &known));
    assert_true(habits_hear(&r->h[1], &known, false, 5 * MINUTE, now_at(r, 1, now + 5 * MINUTE)));
    look(r, 0, now + 5 * MINUTE, &one);
    look(r, 1, now + 5 * MINUTE, &here);
    assert_true(one.learnt && here.learnt);
    assert_memory_equal(&here.most, &one.most, sizeof one.most);
    assert_int_equal(here.now.of[HABIT_MESSAGES][HABIT_DAY], one.now.of[HABIT_MESSAGES][HABIT_DAY]);
    /* Once more, and back: nothing grows by being told. */
    for (unsigned i = 0; i < 100; i++) {
        assert_false(habits_hear(&r->h[1], &known, i % 2 == 0, 5 * MINUTE, now_at(r, 1, now + 5 * MINUTE)));
        assert_true(habits_tell(&r->h[1], ANNA, now_at(r, 1, now + 5 * MINUTE), &known));
        assert_false(habits_hear(&r->h[0], &known, i % 3 == 0, 0, now_at(r, 0, now + 5 * MINUTE)));
        assert_true(habits_tell(&r->h[0], ANNA, now_at(r, 0, now), &known));
    }
    look(r, 1, now + 5 * MINUTE, &here);
    assert_true(here.learnt);
    assert_memory_equal(&here.most, &one.most, sizeof one.most);
    assert_int_equal(here.now.of[HABIT_MESSAGES][HABIT_DAY], one.now.of[HABIT_MESSAGES][HABIT_DAY]);
    relays_free(r);
}

static void what_was_taught_on_one_is_known_on_another_that_is_still_learning(void **state)
{
    static const struct habit_figures most = {.of = {{90, 700}, {100, 800}}};
    struct relays *r = relays_new();
    struct habit_known known;
    struct habit here;

    (void)state;
    message(r, 1, START, 0);
    assert_true(habits_teach(&r->h[0], ANNA, &most, now_at(r, 0, START)));
    assert_true(habits_tell(&r->h[0], ANNA, now_at(r, 0, START), &known));
    (void)habits_hear(&r->h[1], &known, true, 0, now_at(r, 1, START));
    look(r, 1, START, &here);
    assert_true(here.learnt);
    assert_memory_equal(&here.most, &most, sizeof most);
    assert_int_equal(here.now.of[HABIT_MESSAGES][HABIT_HOUR], 1);
    relays_free(r);
}

/* ---- what is told ---- */

static void take(struct habit_list *l, enum outbox_kind kind, uint64_t key, uint64_t at_s)
{
    static const uint32_t units[2] = {1, 3};
    const struct outbox_record record = outbox_habit(kind, key, units, at_s * NS_PER_S);

    habit_list_take(l, &record);
}

static void what_is_counted_within_a_minute_is_one_amount_but_not_across_a_lift(void **state)
{
    struct habit_list *l = habit_list_new();
    struct habit_word word;

    (void)state;
    assert_non_null(l);
    for (unsigned i = 0; i < 4; i++)
        take(l, OUTBOX_HABIT, ANNA, 600 + i);
    take(l, OUTBOX_HABIT, ANNA, 700);
    take(l, OUTBOX_HABIT_LIFT, ANNA, 700);
    take(l, OUTBOX_HABIT, ANNA, 701);
    assert_false(habit_list_next(l, &word)); /* until the next round */
    assert_true(habit_list_begin_round(l));
    take(l, OUTBOX_HABIT, ANNA, 702);
    assert_int_equal(habit_list_in_round(l), 4);
    assert_true(habit_list_next(l, &word));
    assert_int_equal(word.units[0], 4);
    assert_int_equal(word.units[1], 12);
    assert_true(habit_list_next(l, &word));
    assert_int_equal(word.at_s, 700);
    assert_false(habit_list_begin_round(l));
    assert_true(habit_list_next(l, &word));
    assert_int_equal(word.kind, OUTBOX_HABIT_LIFT);
    assert_true(habit_list_next(l, &word));
    assert_int_equal(word.units[0], 1);
    assert_true(habit_list_begin_round(l));
    assert_int_equal(habit_list_count(l), 1);
    for (uint64_t i = 0; i < HABIT_LIST_MAX + 2; i++)
        take(l, OUTBOX_HABIT_DEFERRED, i + 1, 0);
    assert_int_equal(habit_list_lost(l), 2);
    habit_list_free(l);
}

static void what_is_untold_of_a_login_is_known(void **state)
{
    struct habit_list *l = habit_list_new();
    struct habit_word word;

    (void)state;
    assert_non_null(l);
    assert_false(habit_list_has(l, ANNA));
    take(l, OUTBOX_HABIT, ANNA + HABIT_LIST_MAX, 0); /* in the same chain */
    take(l, OUTBOX_HABIT, ANNA, 0);
    assert_true(habit_list_has(l, ANNA));
    assert_true(habit_list_begin_round(l));
    take(l, OUTBOX_HABIT, ANNA + 1, 0);
    assert_true(habit_list_next(l, &word));
    assert_false(habit_list_has(l, ANNA + HABIT_LIST_MAX));
    assert_true(habit_list_has(l, ANNA) && habit_list_has(l, ANNA + 1));
    assert_true(habit_list_next(l, &word));
    assert_false(habit_list_has(l, ANNA));
    take(l, OUTBOX_HABIT, ANNA, 0);
    assert_true(habit_list_has(l, ANNA));
    habit_list_free(l);
}

static void words_are_read_as_they_were_written_and_nothing_else_is(void **state)
{
    static unsigned char text[HABIT_TEXT_MAX];
    struct habit_known known = {.at_ns = START};
    struct habit_kept kept = {.at_ms = 5, .upto = {4, 3}, .known = known};
    unsigned char keep[HABIT_KEPT_BYTES];
    struct habit_heard heard;
    struct slice rest;
    size_t n;

    (void)state;
    known.pairs[0] = pair_of(ANNA, 77);
    known.pairs[7] = pair_of(1, 2);
    n = habit_text_word(text, &(struct habit_word){OUTBOX_HABIT_RETURN, ANNA, 40, {1, 9}}, 100);
    n += habit_text_taught(text + n, &known);
    rest = (struct slice){(const char *)text, n};
    assert_int_equal(habit_text_next(&rest, &heard), 1);
    assert_int_equal(heard.kind, OUTBOX_HABIT_RETURN);
    assert_int_equal(heard.age_s, 60);
    assert_int_equal(heard.units[1], 9);
    assert_int_equal(habit_text_next(&rest, &heard), 1);
    assert_int_equal(heard.key, ANNA);
    assert_memory_equal(&heard.known, &known, sizeof known);
    assert_int_equal(habit_text_next(&rest, &heard), 0);
    for (size_t cut = 1; cut < n; cut++) {
        rest = (struct slice){(const char *)text, cut};
        while (habit_text_next(&rest, &heard) > 0)
            continue;
        assert_true(rest.n == 0 || habit_text_next(&rest, &heard) == -1);
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        text[0] = (unsigned char)kind;
        rest = (struct slice){(const char *)text, HABIT_WORD_BYTES};
        assert_int_equal(habit_text_next(&rest, &heard), kind >= OUTBOX_HABIT && kind < OUTBOX_HABIT_TAUGHT ? 1 : -1);
    }
    kept.known = known;
    habit_text_keep(keep, &kept);
    memset(&kept, 0, sizeof kept);
    assert_true(habit_text_kept((struct slice){(const char *)keep, sizeof keep}, &kept));
    assert_int_equal(kept.upto[0], 4);
    assert_int_equal(kept.upto[1], 3);
    assert_memory_equal(&kept.known, &known, sizeof known);
    assert_false(habit_text_kept((struct slice){(const char *)keep, sizeof keep - 1}, &kept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_relay_has_what_one_that_sees_all_would_have),
        cmocka_unit_test(what_arrives_late_counts_when_it_was_sent),
        cmocka_unit_test(what_is_taken_back_is_taken_back_on_each),
        cmocka_unit_test(a_new_relay_takes_over_what_is_known_and_an_old_one_nothing),
        cmocka_unit_test(what_was_taught_on_one_is_known_on_another_that_is_still_learning),
        cmocka_unit_test(what_is_counted_within_a_minute_is_one_amount_but_not_across_a_lift),
        cmocka_unit_test(what_is_untold_of_a_login_is_known),
        cmocka_unit_test(words_are_read_as_they_were_written_and_nothing_else_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
