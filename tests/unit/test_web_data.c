/* links: web */
/* The parts that data of the web interface goes through: queries, windows of rows, the last hour. */
#include "web/asked.h"
#include "web/rates.h"
#include "web/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_query_is_decoded_or_refused(void **state)
{
    static const struct {
        const char *target, *value; /* of "a"; NULL: it is refused */
    } rows[] = {{"/x?a=b", "b"},       {"/x?a=b+c%2Bd", "b c+d"}, {"/x?a=%e2%80%ae", "\xe2\x80\xae"},
                {"/x?a=", ""},         {"/x?b=1&&a=2", "2"},      {"/x?a=b=c", "b=c"},
                {"/x?%61=b", "b"},     {"/x?a=%", NULL},          {"/x?a=%4", NULL},
                {"/x?a=%4x", NULL},    {"/x?a=%00", NULL},        {"/x?a", NULL},
                {"/x?a=1&%zz=2", NULL}};
    struct asked *asked = malloc(sizeof *asked);
    struct error e;

    (void)state;
    assert_non_null(asked);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *value = asked_read(slice_of(rows[i].target), asked, &e) == 0 ? asked_value(asked, "a") : NULL;

        if (rows[i].value == NULL)
            assert_null(value);
        else
            assert_string_equal(value, rows[i].value);
    }
    free(asked);
}

static void each_name_is_taken_once_and_none_is_overlooked(void **state)
{
    struct asked *asked = malloc(sizeof *asked);
    unsigned long long n;
    struct error e;

    (void)state;
    assert_non_null(asked);
    assert_int_equal(asked_read(SLICE("/x?a=1&a=2&b=3"), asked, &e), 0);
    assert_string_equal(asked_value(asked, "a"), "1");
    assert_int_equal(asked_number(asked, "b", 3, 7, &n, &e), 0);
    assert_int_equal(n, 3);
    assert_int_equal(asked_check(asked, &e), -1);
    assert_non_null(strstr(e.text, "twice"));
    assert_string_equal(asked_value(asked, "a"), "2");
    assert_null(asked_value(asked, "a"));
    assert_int_equal(asked_check(asked, &e), 0);
    assert_int_equal(asked_number(asked, "c", 3, 7, &n, &e), 0);
    assert_int_equal(n, 7);
    assert_int_equal(asked_read(SLICE("/x?b=4"), asked, &e), 0);
    assert_int_equal(asked_number(asked, "b", 3, 7, &n, &e), -1);
    free(asked);
}

/* Longer than any target, and as many parts as fit. */
static void the_largest_query_fits_and_a_larger_one_is_refused(void **state)
{
    struct asked *asked = malloc(sizeof *asked);
    char target[TARGET_MAX + 1] = "/x?";
    struct error e;
    size_t n = 3;

    (void)state;
    assert_non_null(asked);
    for (unsigned i = 0; i < ASKED_PARTS_MAX; i++, n += 4)
        memcpy(target + n, "a=b&", 4);
    assert_int_equal(asked_read((struct slice){target, n}, asked, &e), 0);
    memcpy(target + n, "a=b", 3);
    assert_int_equal(asked_read((struct slice){target, n + 3}, asked, &e), -1);
    memset(target + 3, 'a', sizeof target - 3);
    target[4] = '=';
    assert_int_equal(asked_read((struct slice){target, TARGET_MAX}, asked, &e), 0);
    assert_int_equal(asked->parts[0].value.n, TARGET_MAX - 5);
    free(asked);
}

static void a_path_ends_with_one_name(void **state)
{
    static const struct {
        const char *target, *rest; /* NULL: refused */
    } rows[] = {{"/m/anna@contoso.example", "anna@contoso.example"},
                {"/m/sales+eu@contoso.example?x=1", "sales+eu@contoso.example"},
                {"/m/a%2Fb%20c", "a/b c"},
                {"/m/a/b", NULL},
                {"/m/%", NULL},
                {"/m/%00", NULL}};
    struct asked *asked = malloc(sizeof *asked);
    struct error e;

    (void)state;
    assert_non_null(asked);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(asked_read(slice_of(rows[i].target), asked, &e), 0);
        assert_int_equal(asked_take_rest(asked, 3, &e), rows[i].rest != NULL ? 0 : -1);
        if (rows[i].rest != NULL)
            assert_string_equal(asked->rest.p, rows[i].rest);
    }
    free(asked);
}

/* ---- rows ---- */

struct counting {
    struct printer printer; /* first */
    unsigned rows, first;
};

static void count_row(struct printer *p, const struct value *cells)
{
    struct counting *c = (struct counting *)p;

    c->first = c->rows++ == 0 ? (unsigned)cells[0].number : c->first;
}

static void no_table(struct printer *p, const struct table *table)
{
    (void)p;
    (void)table;
}

static void nothing(struct printer *p)
{
    (void)p;
}

static void a_window_lets_its_rows_pass_and_says_that_there_are_more(void **state)
{
    static const struct {
        unsigned skip, most, passed, first;
        bool more;
    } rows[] = {{0, 3, 3, 0, true},  {0, 10, 10, 0, false}, {0, 11, 10, 0, false},
                {7, 3, 3, 7, false}, {6, 3, 3, 6, true},    {10, 3, 0, 0, false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct counting to = {.printer = {.table = no_table, .row = count_row, .end = nothing}};
        struct rows *w = malloc(sizeof *w);

        assert_non_null(w);
        rows_begin(w, &to.printer, rows[i].skip, rows[i].most, SLICE(SCOPE_ALL));
        w->printer.table(&w->printer, &(struct table){.n = 1});
        for (unsigned n = 0; n < 10 && !w->printer.enough; n++)
            w->printer.row(&w->printer, (const struct value[]){value_number(n)});
        w->printer.end(&w->printer);
        assert_int_equal(to.rows, rows[i].passed);
        assert_int_equal(to.first, rows[i].first);
        assert_int_equal(w->more, rows[i].more);
        free(w);
    }
}

/* ---- the last hour ---- */

#define NOW_S INT64_C(1700000000)

static void the_last_hour_has_what_was_added_where_it_was_added(void **state)
{
    struct rates *r = calloc(1, sizeof *r);
    struct rates_totals t = {.actions = {0}};

    (void)state;
    assert_non_null(r);
    rates_add(r, &t, NOW_S);
    t.actions[ACTION_PASS] = 7;
    rates_add(r, &t, NOW_S + 5);
    t.actions[ACTION_PASS] = 9;
    t.reasons[REASON_BLOCKED] = 1;
    rates_add(r, &t, NOW_S + 20);
    assert_int_equal(r->steps[(NOW_S / 5 + 1) % RATES_STEPS].actions[ACTION_PASS], 7);
    assert_int_equal(r->steps[(NOW_S / 5 + 2) % RATES_STEPS].actions[ACTION_PASS], 0);
    assert_int_equal(r->steps[(NOW_S / 5 + 4) % RATES_STEPS].actions[ACTION_PASS], 2);
    assert_int_equal(r->steps[(NOW_S / 5 + 4) % RATES_STEPS].reasons[REASON_BLOCKED], 1);
    /* The clock goes back: nothing is lost. */
    t.actions[ACTION_PASS] = 10;
    rates_add(r, &t, NOW_S);
    assert_int_equal(r->steps[(NOW_S / 5 + 4) % RATES_STEPS].actions[ACTION_PASS], 3);
    /* Another journal, which begins anew. */
    t.actions[ACTION_PASS] = 4;
    rates_add(r, &t, NOW_S + 25);
    assert_int_equal(r->steps[(NOW_S / 5 + 5) % RATES_STEPS].actions[ACTION_PASS], 4);
    /* An hour later all of it is gone. */
    rates_add(r, &t, NOW_S + 25 + 3600);
    for (unsigned i = 0; i < RATES_STEPS; i++)
        assert_int_equal(r->steps[i].actions[ACTION_PASS], 0);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_decoded_or_refused),
        cmocka_unit_test(each_name_is_taken_once_and_none_is_overlooked),
        cmocka_unit_test(the_largest_query_fits_and_a_larger_one_is_refused),
        cmocka_unit_test(a_path_ends_with_one_name),
        cmocka_unit_test(a_window_lets_its_rows_pass_and_says_that_there_are_more),
        cmocka_unit_test(the_last_hour_has_what_was_added_where_it_was_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
