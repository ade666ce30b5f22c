/* links: cli */
/* What commands print: foreign text that cannot do harm, in three forms. */
#include "cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct output_column columns[] = {{"login", false}, {"last_seen", false}, {"messages", true}};

/* What `rows` rows of that login give; malloc'ed. */
static char *printed(enum output_format format, struct slice login, unsigned rows)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    struct output *o = output_begin(to, format, columns, 3);

    assert_non_null(o);
    for (unsigned i = 0; i < rows; i++) {
        output_text(o, login);
        output_time(o, i == 0 ? 0 : 86400);
        output_number(o, i + 7);
    }
    assert_int_equal(output_rows(o), rows);
    assert_int_equal(output_end(o, "nobody"), 0);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void a_table_is_as_wide_as_its_widest_cell(void **state)
{
    char *text = printed(OUTPUT_TABLE, SLICE("anna@contoso.example"), 1);

    (void)state;
    assert_string_equal(text, "login                 last seen  messages\n"
                              "anna@contoso.example  -                 7\n");
    free(text);
}

static void no_rows_are_said_to_be_none_in_each_form(void **state)
{
    static const struct {
        enum output_format format;
        const char *text;
    } rows[] = {{OUTPUT_TABLE, "nobody\n"}, {OUTPUT_CSV, "login,last_seen,messages\r\n"}, {OUTPUT_JSON, "[]\n"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = printed(rows[i].format, SLICE(""), 0);

        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

static void csv_and_json_have_times_in_utc_and_numbers_without_quotes(void **state)
{
    char *csv = printed(OUTPUT_CSV, SLICE("a"), 2), *json = printed(OUTPUT_JSON, SLICE("a"), 2);

    (void)state;
    assert_string_equal(csv, "login,last_seen,messages\r\na,,7\r\na,1970-01-02T00:00:00Z,8\r\n");
    assert_string_equal(json, "[\n {\"login\": \"a\", \"last_seen\": null, \"messages\": 7},\n"
                              " {\"login\": \"a\", \"last_seen\": \"1970-01-02T00:00:00Z\", \"messages\": 8}\n]\n");
    free(csv);
    free(json);
}

static void a_table_beyond_what_is_held_back_goes_on(void **state)
{
    char *text = printed(OUTPUT_TABLE, SLICE("a"), OUTPUT_HELD_ROWS + 10);
    unsigned lines = 0;

    (void)state;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, OUTPUT_HELD_ROWS + 11);
    free(text);
}

static void foreign_text_is_escaped_in_each_form(void **state)
{
    static const struct {
        struct slice in;
        const char *plain, *csv, *json;
    } rows[] = {
        {{"sean", 4}, "sean", "sean", "\"sean\""},
        {{"", 0}, "", "", "\"\""},
        {{"\x1b[31mred", 8}, "\\x1b[31mred", "\\x1b[31mred", "\"\\u001b[31mred\""},
        {{"a\nb\r\0c", 6}, "a\\x0ab\\x0d\\x00c", "a\\x0ab\\x0d\\x00c", "\"a\\u000ab\\u000d\\u0000c\""},
        {{"\xc2\x9b"
          "31m",
          5},
         "\\xc2\\x9b31m",
         "\\xc2\\x9b31m",
         "\"\\u009b31m\""},
        {{"\x7f", 1}, "\\x7f", "\\x7f", "\"\\u007f\""},
        {{"m\xc3\xbcller", 7}, "m\\xc3\\xbcller", "m\\xc3\\xbcller", "\"m\\u00fcller\""},
        {{"\xff\xc0\xaf", 3}, "\\xff\\xc0\\xaf", "\\xff\\xc0\\xaf", "\"\\ufffd\\ufffd\\ufffd\""},
        {{"\xed\xa0\x80", 3}, "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {{"\xc3", 1}, "\\xc3", "\\xc3", "\"\\ufffd\""},
        {{"a\\x1b", 5}, "a\\x5cx1b", "a\\x5cx1b", "\"a\\\\x1b\""},
        {{"a,\"b\"", 5}, "a,\"b\"", "\"a,\"\"b\"\"\"", "\"a,\\\"b\\\"\""},
        {{"=cmd|' /C calc'!A0", 18}, "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", "\"=cmd|' /C calc'!A0\""},
        {{"@SUM(1)", 7}, "@SUM(1)", "'@SUM(1)", "\"@SUM(1)\""},
        {{"-1+1", 4}, "-1+1", "'-1+1", "\"-1+1\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char plain[200], csv[200], json[200];
        struct buf a = BUF_OVER(plain), b = BUF_OVER(csv), c = BUF_OVER(json);

        output_add_plain(&a, rows[i].in);
        output_add_csv(&b, rows[i].in);
        output_add_json(&c, rows[i].in);
        assert_string_equal(plain, rows[i].plain);
        assert_string_equal(csv, rows[i].csv);
        assert_string_equal(json, rows[i].json);
    }
}

static void no_byte_at_all_reaches_a_terminal_that_is_not_printable(void **state)
{
    char all[256], out[2048];
    struct buf b = BUF_OVER(out);

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    output_add_plain(&b, (struct slice){all, sizeof all});
    assert_false(b.full);
    for (size_t i = 0; i < b.n; i++)
        assert_in_range((unsigned char)out[i], 0x20, 0x7e);
}

static void a_very_long_text_is_cut_and_says_so(void **state)
{
    static char text[3 * OUTPUT_TEXT_MAX];
    char *table, out[5 * OUTPUT_TEXT_MAX];
    struct buf b = BUF_OVER(out);

    (void)state;
    memset(text, 0x1b, sizeof text);
    output_add_plain(&b, (struct slice){text, sizeof text});
    assert_int_equal(b.n, 4 * OUTPUT_TEXT_MAX + 3);
    for (int format = OUTPUT_TABLE; format <= OUTPUT_JSON; format++) {
        table = printed((enum output_format)format, (struct slice){text, sizeof text}, 2);
        assert_non_null(strstr(table, "x1b") != NULL ? table : strstr(table, "u001b"));
        free(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_as_wide_as_its_widest_cell),
        cmocka_unit_test(no_rows_are_said_to_be_none_in_each_form),
        cmocka_unit_test(csv_and_json_have_times_in_utc_and_numbers_without_quotes),
        cmocka_unit_test(a_table_beyond_what_is_held_back_goes_on),
        cmocka_unit_test(foreign_text_is_escaped_in_each_form),
        cmocka_unit_test(no_byte_at_all_reaches_a_terminal_that_is_not_printable),
        cmocka_unit_test(a_very_long_text_is_cut_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
