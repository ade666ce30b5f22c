/* Foreign text in JSON: whatever it is, what is written is printable ASCII that a reader takes for the same text. */
#include "core/base/json_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void foreign_text_is_printable_ascii(void **state)
{
    static const struct {
        struct slice text;
        const char *json;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"sean@contoso.example", 20}, "\"sean@contoso.example\""},
        {{"\"\\/", 3}, "\"\\\"\\\\/\""},
        {{"a\nb\r\0c\x7f", 7}, "\"a\\u000ab\\u000d\\u0000c\\u007f\""},
        {{"\x1b[31m", 5}, "\"\\u001b[31m\""},
        {{"m\xc3\xbcller \xe2\x82\xac", 11}, "\"m\\u00fcller \\u20ac\""},
        {{"\xf0\x9f\x98\x80", 4}, "\"\\ud83d\\ude00\""},
        {{"\xc2\x9b", 2}, "\"\\u009b\""},
        {{"\xff\xc0\xaf", 3}, "\"\\ufffd\\ufffd\\ufffd\""},
        {{"\xed\xa0\x80", 3}, "\"\\ufffd\\ufffd\\ufffd\""},
        {{"x\xc3", 2}, "\"x\\ufffd\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        struct buf b = BUF_OVER(text);

        json_add_string(&b, rows[i].text);
        assert_string_equal(text, rows[i].json);
        assert_false(b.full);
    }
}

/* A reader can go on with what stands there: no escape is ever cut in two. */
static void what_does_not_fit_ends_with_a_whole_character(void **state)
{
    static const char whole[] = "ab\\ud83d\\ude00\\\"\\u000acd";

    (void)state;
    for (size_t cap = 1; cap <= sizeof whole; cap++) {
        char text[sizeof whole];
        struct buf b = buf_over(text, cap);

        json_add(&b, SLICE("ab\xf0\x9f\x98\x80\"\ncd"));
        assert_int_equal(strncmp(whole, text, b.n), 0);
        assert_int_equal(b.full, cap < sizeof whole);
        assert_true(b.n <= 2 || b.n == 14 || b.n == 16 || b.n >= 22);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_text_is_printable_ascii),
        cmocka_unit_test(what_does_not_fit_ends_with_a_whole_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
