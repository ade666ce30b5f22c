/* One event as one log line. */
#include "tests/unit/event_slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const enum log_format formats[] = {LOG_TEXT, LOG_JSON};

static void assert_line(struct slice line, const char *expected)
{
    assert_string_equal(line.p, expected);
    assert_int_equal(line.n, strlen(expected));
}

static void fields_stand_in_their_order_and_empty_ones_are_left_out(void **state)
{
    static const char *const expected[] = {
        "event=decision action=pass login=a@contoso.example recipients=0 size=18446744073709551615 why=\"so it is\"",
        "{\"event\":\"decision\",\"action\":\"pass\",\"login\":\"a@contoso.example\",\"recipients\":0,"
        "\"size\":18446744073709551615,\"why\":\"so it is\"}"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char mem[256];
        struct event e = event_begin(mem, sizeof mem, formats[i], "decision");

        event_word(&e, "action", "pass");
        event_word(&e, "reason", NULL);
        event_word(&e, "by", "");
        event_text(&e, "mailbox", (struct slice){NULL, 0});
        event_text(&e, "login", SLICE("a@contoso.example"));
        event_ours(&e, "client", (struct slice){NULL, 0});
        event_number(&e, "recipients", 0);
        event_number(&e, "size", UINT64_MAX);
        event_sentence(&e, "would", NULL);
        event_sentence(&e, "why", "so it is");
        assert_line(event_end(&e), expected[i]);
    }
}

static void what_came_from_outside_is_escaped_and_cut(void **state)
{
    static const char *const expected[] = {
        "event=x a=\"\\x20\\x22\\x5c=\\x0a\\x7f\\xc3\\xbc\\x00z\" b=y... c=\"don't 'quote'\"",
        "{\"event\":\"x\",\"a\":\" \\\"\\\\=\\u000a\\u007f\\u00fc\\u0000z\",\"b\":\"y...\","
        "\"c\":\"don't \\\"quote\\\"\"}"};
    char longer[EVENT_VALUE_MAX + 1];

    (void)state;
    memset(longer, 'y', sizeof longer);
    for (size_t i = 0; i < 2; i++) {
        char mem[1024], line[1024];
        struct event e = event_begin(mem, sizeof mem, formats[i], "x");
        char *ys;

        event_text(&e, "a", (struct slice){" \"\\=\n\x7f\xc3\xbc\0z", 10});
        event_text(&e, "b", (struct slice){longer, sizeof longer});
        event_sentence(&e, "c", "don't \"quote\"");
        assert_true(event_end(&e).n < sizeof line);
        ys = strchr(mem, 'y');
        assert_int_equal(strspn(ys, "y"), EVENT_VALUE_MAX);
        (void)snprintf(line, sizeof line, "%.*s%s", (int)(ys - mem), mem, ys + EVENT_VALUE_MAX - 1);
        assert_string_equal(line, expected[i]);
    }
}

/* A number of a fixed sequence (Knuth's MMIX), so that a failure comes again. */
static unsigned next(uint64_t *seed, unsigned below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % below;
}

static void fill(char *value, size_t n, unsigned hostile, uint64_t *seed)
{
    static const char odd[] = "\x01 \"\\=\n\x7f\x80\xff";

    for (size_t i = 0; i < n; i++)
        value[i] = next(seed, 64) < hostile ? odd[next(seed, sizeof odd - 1)] : (char)('a' + next(seed, 26));
    value[n] = '\0';
}

/* Ends exactly at the end of the memory are among them: half a field never appears, a whole one always. */
static void any_line_is_as_the_slow_writer_has_it(void **state)
{
    static const char *const keys[] = {"by",       "tls",         "size",
                                       "login",    "client",      "mailbox",
                                       "queue_id", "would_limit", "a_key_of_just_more_than_thirty_two"};
    static struct slow_event s;
    uint64_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 40000; round++) {
        size_t cap = 2 + next(&seed, round % 3 == 0 ? 1500 : 200);
        enum log_format format = formats[next(&seed, 2)];
        char *mem = malloc(cap), value[400];
        struct event e = event_begin(mem, cap, format, "decision");
        unsigned hostile = next(&seed, 4) == 0 ? 8 : 0;

        slow_begin(&s, cap, format, "decision");
        for (unsigned i = next(&seed, 12); i > 0; i--) {
            size_t n = next(&seed, next(&seed, 20) == 0 ? sizeof value - 1 : 45);

            fill(value, n, hostile, &seed);
            both_add(&e, &s, (enum slow_kind)next(&seed, 4), keys[next(&seed, 9)], (struct slice){value, n});
        }
        if (!both_end(&e, &s))
            fail_msg("round %u: \"%.*s\"", round, (int)s.n, s.line);
        free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stand_in_their_order_and_empty_ones_are_left_out),
        cmocka_unit_test(what_came_from_outside_is_escaped_and_cut),
        cmocka_unit_test(any_line_is_as_the_slow_writer_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
