/* links: mirror */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mirror/read/rows.h"

#include <stdlib.h>

static void add_cell(struct buf *b, const struct cell *cell)
{
    struct items items = cell_items(cell, ITEMS_NAMES);
    struct slice item;

    switch (cell->kind) {
    case CELL_NULL:
        buf_addf(b, "null");
        break;
    case CELL_BOOL:
        buf_addf(b, "%s", cell->truth ? "true" : "false");
        break;
    case CELL_TEXT:
        buf_addf(b, "\"%.*s\"", SLICE_ARG(cell->text));
        break;
    case CELL_LIST:
        buf_addf(b, "[");
        while (items_next(&items, &item))
            buf_addf(b, "<%.*s>", SLICE_ARG(item));
        buf_addf(b, "]");
        break;
    case CELL_ABSENT:
    case CELL_ODD:
    default:
        buf_addf(b, "odd");
    }
}

/* Each row as "line 1: Name=\"a\" IsEnabled=true|"; or the error. */
static void read_all(struct slice bytes, char *out, size_t cap)
{
    struct buf b = buf_over(out, cap);
    struct rows *rows;
    struct error e;
    struct row *row;
    int more;

    if (rows_memory(bytes, "f.json", &rows, &e) != 0) {
        buf_addf(&b, "%s", e.text);
        return;
    }
    while ((more = rows_next(rows, &row, &e)) > 0) {
        buf_addf(&b, "%s:", place_words(row->place).text);
        for (size_t i = 0; i < COLUMNS; i++) {
            if (row->cells[i].kind == CELL_ABSENT)
                continue;
            buf_addf(&b, " %s=", column_name((enum column)i));
            add_cell(&b, &row->cells[i]);
        }
        buf_add_char(&b, '|');
    }
    if (more < 0)
        buf_addf(&b, "%s", e.text);
    rows_close(rows);
}

#define TEN(s) s s s s s s s s s s

static const struct {
    const char *text;
    const char *rows;
} good[] = {
    {"[{\"Name\":\"a\",\"IsEnabled\":true,\"Reason\":null,\"else\":[1,{\"x\":2}]},\n {\"name\":\"b\"}]",
     "row 1: Name=\"a\" isEnabled=true Reason=null|line 2: Name=\"b\"|"},
    {"[{\"Name\":[\"a\",null,\"b c\"]}]", "row 1: Name=[<a><b c>]|"},
    {"[{\"Name\":[]}]", "row 1: Name=[]|"},
    {"[{\"Name\":[\"a\",1]}]", "row 1: Name=odd|"},
    {"[{\"Name\":{\"value\":[\"a\"],\"Count\":1}}]", "row 1: Name=[<a>]|"},
    {"[{\"Name\":{\"Address\":\"x\",\"Guid\":\"y\"}}]", "row 1: Name=\"y\"|"},
    {"[{\"Name\":[{\"ProxyAddressString\":\"smtp:a\"},{\"Address\":\"b\"}]}]", "row 1: Name=[<smtp:a><b>]|"},
    {"[{\"Name\":{\"x\":\"y\"}}]", "row 1: Name=odd|"},
    /* numbers: those of our columns as their text, others as large as they like */
    {"[{\"RecipientLimitPerDay\":10000,\"Name\":-1}]", "row 1: Name=\"-1\" RecipientLimitPerDay=\"10000\"|"},
    {"[{\"RecipientLimitPerDay\":4294967295}]", "row 1: RecipientLimitPerDay=\"4294967295\"|"},
    {"[{\"RecipientLimitPerDay\":1.5}]", "row 1: RecipientLimitPerDay=\"1.5\"|"},
    {"[{\"Quota\":18446744073709551615,\"Max\":-1.7976931348623157E+308,\"Name\":\"a\"}]", "row 1: Name=\"a\"|"},
    {"[{\"Quota\":" TEN("99999999999999999999") ",\"Name\":\"a\"}]", "row 1: Name=\"a\"|"},
    /* characters */
    {"[{\"Name\":\"\\u00e4\\ud83d\\ude00\\\"\\\\\\/\"}]", "row 1: Name=\"\xc3\xa4\xf0\x9f\x98\x80\"\\/\"|"},
    /* half a surrogate pair, which a name that was cut off leaves */
    {"[{\"Name\":\"a\\ud83d\"}]", "row 1: Name=\"a\xef\xbf\xbd\"|"},
    {"[{\"Name\":\"\\uDE00\\uD83D\\ud83d\\ude00\\ud83d\\u0041\"}]",
     "row 1: Name=\"\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd\x41\"|"},
    {"[{\"Name\":\"\\\\ud83d\",\"x\":\"\\ud83d\"}]", "row 1: Name=\"\\ud83d\"|"},
    {"[{\"N\\u0061me\":\"a\"}]", "row 1: Name=\"a\"|"},
    {"\xef\xbb\xbf[{\"Name\":\"a\"}]", "row 1: Name=\"a\"|"},
    {"{\"value\":[],\"n\":1}", ""},
};

static void a_row_holds_what_its_members_say(void **state)
{
    char out[2048];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        read_all(slice_of(good[i].text), out, sizeof out);
        assert_string_equal(out, good[i].rows);
    }
}

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"[{\"Name\":\"a\"},\n {\"Name\":\"b\",\"Name\":\"c\"}]", "f.json: line 2: Name occurs twice"},
    {"[{\"Name\":\"b\",\n\"NAME\":\"c\"}]", "f.json: line 1: Name occurs twice"},
    {"[{\"Name\":\"b\",\n\"x\":{\"y\\u001b\":1,\n\"y\\u001b\":2}}]", "f.json: line 3: y\\u001b occurs twice"},
    {"{\"value\":[],\"n\":1,\"n\":2}", "f.json: line 1: n occurs twice"},
    {"[\n{\"Name\":\"\\u0000\"}]", "line 2, column 16: damaged JSON: \\u0000 is not allowed"},
    {"[{\"Na\\u0000me\":1}]", "damaged JSON"},
    {"[{\"Name\":\"\\ud83d\",\"x\":\"\\ud8\"}]", "damaged JSON: invalid escape"},
    {"[{\"Name\":\"a\x01\"}]", "line 1, column 11: damaged JSON: control character 0x1"},
    {"[{\"Name\":\"\\x\"}]", "damaged JSON: invalid escape"},
    {"[{\"Name\":01}]", "damaged JSON: invalid token"},
    {"[{\"Name\":True}]", "line 1, column 13: damaged JSON: invalid token near 'True'"},
    {"[{\"Max\":1e999}]", "line 1, column 13: damaged JSON: real number overflow near '1e999'"},
    {"[{\"Name\" \"b\"}]", "damaged JSON: ':' expected"},
    {"[{\"Name\":\"a\"},\n\n{\"Name\":\"\xff\"}]", "f.json: line 3, byte 25: not UTF-8"},
    {"[{\"Name\":\"\xed\xa0\xbd\"}]", "line 1, byte 10: not UTF-8"},
    {"[{\"Name\":\"\xc0\x80\"}]", "line 1, byte 10: not UTF-8"},
    {"[{\"Name\":\"\xf0\x9f", "the file ends"},
    {"[{\"x\":" TEN("[[[[[[[") TEN("]]]]]]]") "}]", "nested too deeply"},
    {"[{\"Name\":\"a\",\"error\":{\"message\":\"gone\"}}]", "an error that the service answered with, not an export: "
                                                            "\"gone\""},
};

static void what_is_no_json_is_refused_with_its_line(void **state)
{
    char out[2048];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        read_all(slice_of(bad[i].text), out, sizeof out);
        if (strstr(out, bad[i].error) == NULL)
            fail_msg("row %zu: \"%s\" has no \"%s\"", i, out, bad[i].error);
    }
}

/* What is read in pieces of 64 KiB is read as if it were one, wherever a character or a row is cut. */
static void a_character_between_two_pieces_is_one(void **state)
{
    size_t n = 65536 * 2 + 64;
    char *text = malloc(n), out[256];

    (void)state;
    assert_non_null(text);
    for (size_t shift = 0; shift < 4; shift++) {
        struct buf b = buf_over(text, n);

        buf_add(&b, SLICE("[{\"x\":\""));
        while (b.n < 65536 * 2 + shift)
            buf_add(&b, SLICE("\xf0\x9f\x98\x80"));
        buf_add(&b, SLICE("\",\n\"Name\":\"a\"}]"));
        assert_false(b.full);
        read_all(buf_slice(&b), out, sizeof out);
        assert_string_equal(out, "row 1: Name=\"a\"|");
        text[65536 + 8] = '\xff'; /* in the second piece */
        read_all(buf_slice(&b), out, sizeof out);
        assert_non_null(strstr(out, "f.json: line 1, byte 6554"));
        assert_non_null(strstr(out, "not UTF-8"));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_holds_what_its_members_say),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_line),
        cmocka_unit_test(a_character_between_two_pieces_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
