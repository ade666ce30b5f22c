/* What relays ask each other for is options of "postern log", and nothing else becomes an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/report/log_question.h"

static void a_question_is_read_as_it_was_written(void **state)
{
    char text[LOG_QUESTION_MAX];
    struct buf b = BUF_OVER(text);
    const char *options[LOG_QUESTION_OPTIONS];

    (void)state;
    assert_true(log_question_add(&b, "user", "J\xc3\xb6rg = \"x\" --export"));
    assert_true(log_question_add(&b, "since", "2h"));
    assert_int_equal(log_question_options(text, options), 2);
    assert_string_equal(options[0], "--user=J\xc3\xb6rg = \"x\" --export");
    assert_string_equal(options[1], "--since=2h");
    *text = '\0';
    assert_int_equal(log_question_options(text, options), 0);
}

static void nothing_else_is_an_option(void **state)
{
    static const char *const wrong[] = {
        "--export=/tmp/x\n",
        "--user=x\n--export=/tmp/x\n",
        "-c/tmp/x\n",
        "user=x\n",
        "--user\n",
        "--user=\n",
        "--user=x",
        "\n",
        "--=x\n",
        "--\n",
        "--user=a\tb\n",
        "--user=a\033[0m\n",
        "--users=x\n",
        "-- user=x\n",
    };
    static const char *const names[] = {"export", "settings", "cluster", "c", "", "json"};
    const char *options[LOG_QUESTION_OPTIONS];
    char text[LOG_QUESTION_MAX];
    struct buf b = BUF_OVER(text);

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)snprintf(text, sizeof text, "%s", wrong[i]);
        if (log_question_options(text, options) >= 0)
            fail_msg("taken: %s", wrong[i]);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(log_question_add(&b, names[i], "x"));
    assert_false(log_question_add(&b, "user", "a\nb"));
    assert_false(log_question_add(&b, "user", ""));
}

static void it_is_bounded(void **state)
{
    char text[LOG_QUESTION_MAX], small[16];
    struct buf b = BUF_OVER(text), few = BUF_OVER(small);
    const char *options[LOG_QUESTION_OPTIONS];

    (void)state;
    for (unsigned i = 0; i <= LOG_QUESTION_OPTIONS; i++)
        assert_true(log_question_add(&b, "verdict", "pass"));
    assert_int_equal(log_question_options(text, options), -1);
    assert_false(log_question_add(&few, "user", "anna@contoso.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_read_as_it_was_written),
        cmocka_unit_test(nothing_else_is_an_option),
        cmocka_unit_test(it_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
