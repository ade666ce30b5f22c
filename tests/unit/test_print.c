/* What commands print: foreign text that cannot do harm, in three forms. */
#include "core/print/print.h"
#include "core/report/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct column columns[] = {{"login", VALUE_TEXT}, {"last_seen", VALUE_TIME}, {"messages", VALUE_NUMBER}};

/* What a printer was told, as text; malloc'ed. */
struct paper {
    char *text;
    size_t n;
    FILE *to;
    struct printer *out;
};

static struct printer *paper_begin(struct paper *paper, enum output_format format, const struct terminal *terminal)
{
    static const struct terminal none = {.columns = 0};

    *paper = (struct paper){.text = NULL};
    paper->to = open_memstream(&paper->text, &paper->n);
    assert_non_null(paper->to);
    paper->out = print_begin(paper->to, format, terminal != NULL ? terminal : &none, NULL);
    assert_non_null(paper->out);
    return paper->out;
}

static char *paper_end(struct paper *paper)
{
    assert_int_equal(print_end(paper->out), 0);
    assert_int_equal(fclose(paper->to), 0);
    return paper->text;
}

/* What `rows` rows of that login give; malloc'ed. */
static char *printed(enum output_format format, struct slice login, unsigned rows)
{
    struct paper paper;
    struct printer *out = paper_begin(&paper, format, NULL);

    out->table(out, &(struct table){TABLE_COLUMNS(columns), .empty = "nobody"});
    for (unsigned i = 0; i < rows; i++)
        out->row(out, (const struct value[]){value_text(login), value_time(i == 0 ? 0 : 86400), value_number(i + 7)});
    out->end(out);
    return paper_end(&paper);
}

static void a_table_is_as_wide_as_its_widest_cell(void **state)
{
    char *text = printed(OUTPUT_TEXT, SLICE("anna@contoso.example"), 1);

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
    } rows[] = {{OUTPUT_TEXT, "nobody\n"}, {OUTPUT_CSV, "login,last_seen,messages\r\n"}, {OUTPUT_JSON, "[]\n"}};

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
    char *text = printed(OUTPUT_TEXT, SLICE("a"), PRINT_HELD_ROWS + 10);
    unsigned lines = 0;

    (void)state;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, PRINT_HELD_ROWS + 11);
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

        text_add_plain(&a, rows[i].in);
        text_add_csv(&b, rows[i].in);
        text_add_json(&c, rows[i].in);
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
    text_add_plain(&b, (struct slice){all, sizeof all});
    assert_false(b.full);
    for (size_t i = 0; i < b.n; i++)
        assert_in_range((unsigned char)out[i], 0x20, 0x7e);
}

static void a_very_long_text_is_cut_and_says_so(void **state)
{
    static char text[3 * TEXT_SHOWN_MAX];
    char *table, out[5 * TEXT_SHOWN_MAX];
    struct buf b = BUF_OVER(out);

    (void)state;
    memset(text, 0x1b, sizeof text);
    text_add_plain(&b, (struct slice){text, sizeof text});
    assert_int_equal(b.n, 4 * TEXT_SHOWN_MAX + 3);
    for (int format = OUTPUT_TEXT; format <= OUTPUT_JSON; format++) {
        table = printed((enum output_format)format, (struct slice){text, sizeof text}, 2);
        assert_non_null(strstr(table, "x1b") != NULL ? table : strstr(table, "u001b"));
        free(table);
    }
}

static void a_tree_has_a_line_for_each_member_and_element(void **state)
{
    struct paper paper;
    struct printer *out = paper_begin(&paper, OUTPUT_JSON, NULL);

    (void)state;
    out->open(out, NULL, TREE_OBJECT);
    out->value(out, "a", value_word("x\"\x1b"));
    out->open(out, "none", TREE_LIST);
    out->close(out);
    out->open(out, "object", TREE_OBJECT);
    out->value(out, "yes", value_truth(true));
    out->open(out, "inner", TREE_OBJECT);
    out->value(out, "nothing", value_none());
    out->close(out);
    out->close(out);
    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "rows"});
    for (unsigned i = 0; i < 2; i++)
        out->row(out, (const struct value[]){value_word(NULL), value_time(86400), value_number(i)});
    out->end(out);
    out->value(out, "for", value_duration(90));
    out->line(out, &(struct line){.spans = {{TONE_PLAIN, "for people"}}});
    out->close(out);
    (void)paper_end(&paper);
    assert_string_equal(paper.text, "{\n \"a\": \"x\\\"\\u001b\",\n \"none\": [],\n"
                                    " \"object\": {\"yes\": true, \"inner\": {\"nothing\": null}},\n \"rows\": [\n"
                                    "  {\"login\": null, \"last_seen\": \"1970-01-02T00:00:00Z\", \"messages\": 0},\n"
                                    "  {\"login\": null, \"last_seen\": \"1970-01-02T00:00:00Z\", \"messages\": 1}],\n"
                                    " \"for\": 90\n}\n");
    free(paper.text);
}

/* What a terminal of so many columns (0: none) shows of the lines. */
static void a_line_is_folded_by_the_terminal_and_hangs_where_it_says(void **state)
{
    static const struct line line = {.indent = 2,
                                     .label = "label",
                                     .label_width = 8,
                                     .spans = {{TONE_BAD, "DOWN"}, {TONE_PLAIN, ", one two three four five six"}},
                                     .hang = 4};
    static const struct {
        unsigned columns, width;
        bool color, verbatim;
        const char *text;
    } rows[] = {
        {0, 0, false, false, "  label    DOWN, one two three four five six\n"},
        {40, 0, false, false, "  label    DOWN, one two three four five\n    six\n"},
        {0, 40, false, false, "  label    DOWN, one two three four five\n    six\n"},
        {40, 0, false, true, "  label    DOWN, one two three four five six\n"},
        {100, 40, true, false, "  label    \033[1;31mDOWN\033[0m, one two three four five six\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct terminal terminal = {.columns = rows[i].columns, .color = rows[i].color};
        struct paper paper;
        struct line one = line;
        struct printer *out = paper_begin(&paper, OUTPUT_TEXT, &terminal);

        assert_true(out->people);
        one.width = rows[i].width;
        one.verbatim = rows[i].verbatim;
        out->line(out, &one);
        assert_string_equal(paper_end(&paper), rows[i].text);
        free(paper.text);
    }
}

static void a_blank_line_and_one_that_is_indented_are_as_they_are(void **state)
{
    struct terminal narrow = {.columns = 40};
    struct paper paper;
    struct printer *out = paper_begin(&paper, OUTPUT_TEXT, &narrow);

    (void)state;
    printer_gap(out);
    printer_text(out, "  %s", "0123456789 0123456789 0123456789 0123456789");
    printer_field(out, "name", 6, "%d", 7);
    (void)paper_end(&paper);
    assert_string_equal(paper.text, "\n  0123456789 0123456789 0123456789\n    0123456789\n  name   7\n");
    free(paper.text);
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
        cmocka_unit_test(a_tree_has_a_line_for_each_member_and_element),
        cmocka_unit_test(a_line_is_folded_by_the_terminal_and_hangs_where_it_says),
        cmocka_unit_test(a_blank_line_and_one_that_is_indented_are_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
