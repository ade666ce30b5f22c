/* links: mirror */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "mirror/read/csv.h"

#include <stdio.h>
#include <stdlib.h>

/* All rows as text: cells in brackets, "/" behind each row; or the error. */
static void read_all(struct slice bytes, char *out, size_t cap)
{
    static struct csv csv;
    struct buf b = buf_over(out, cap);
    struct input in;
    struct error e;
    int more;

    assert_int_equal(input_memory(bytes, "f.csv", &in, &e), 0);
    csv_open(&csv, &in);
    while ((more = csv_next(&csv, &e)) > 0) {
        for (size_t i = 0; i < csv.n_cells; i++) {
            buf_add_char(&b, '[');
            buf_add(&b, csv_cell(&csv, i));
            buf_add_char(&b, ']');
        }
        buf_add_char(&b, '/');
    }
    if (more < 0)
        buf_addf(&b, "%s", e.text);
    csv_close(&csv);
    input_close(&in);
}

static const struct {
    const char *text;
    const char *rows;
} good[] = {
    {"a,b\n1,2\n", "[a][b]/[1][2]/"},
    {"a,b\r\n1,2\r\n", "[a][b]/[1][2]/"},
    {"a;b\n1,5;2\n", "[a][b]/[1,5][2]/"},
    {"a\tb\n1;5\t2\n", "[a][b]/[1;5][2]/"},
    {"\"a\",\"b\"\n\"1,2\",\"say \"\"hi\"\"\"\n", "[a][b]/[1,2][say \"hi\"]/"},
    {"\"a\";\"b\"\n\"one\r\ntwo\";\"\"\n", "[a][b]/[one\r\ntwo][]/"},
    {"a,b\n\"1\",\n,\n", "[a][b]/[1][]/"},
    {"sep=;\na;b\n1,5;2\n;\n;\n", "[a][b]/[1,5][2]/"},
    {"a|b\n1,5|2\n", "[a][b]/[1,5][2]/"},
    {"#TYPE Deserialized.Microsoft.Exchange.Data.Directory.Management.CASMailbox\r\n\"a\",\"b\"\r\n1,2\r\n",
     "[a][b]/[1][2]/"},
    {"#TYPE System.Collections.Generic.List`1[[System.String, mscorlib]]\n\"a\";\"b\"\n1;2\n", "[a][b]/[1][2]/"},
    {"\n\na,b\n\n1,2\n\n", "[a][b]/[1][2]/"},
    {"a,b\n1,2", "[a][b]/[1][2]/"},
    {"a,b\n1,\"2\"", "[a][b]/[1][2]/"},
    {"a\n\"\"\n", "[a]/[]/"},
    {"a,b\nJ\303\274rgen,\342\202\254\n", "[a][b]/[J\303\274rgen][\342\202\254]/"},
    {"", ""},
    {"a,b", "[a][b]/"},
    {"\357\273\277a,b\n1,2\n", "[a][b]/[1][2]/"},
};

static void what_export_csv_writes_is_read(void **state)
{
    char out[512];

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
    {"a,b\n1,2,3\n", "f.csv: line 2: 3 columns, but the header has 2"},
    {"a,b\n1,2\n3\n4,5\n", "f.csv: line 3: 1 columns, but the header has 2"},
    {"a,b\n1,2\n3,",
     "f.csv: line 3: the file ends behind a delimiter, in column 2, without a line end: it is half-written"},
    {"a,b\n1,2\n,", "f.csv: line 3: the file ends behind a delimiter"},
    {"a,b,", "f.csv: line 1: the file ends behind a delimiter"},
    {"a,b,c\n1,", "f.csv: line 2: the file ends in the middle of a row, in column 2 of 3"},
    {"a,b,c\n1,2", "f.csv: line 2: the file ends in the middle of a row, in column 2 of 3: it is half-written"},
    {"a,b\n1,2\n3,\"4\n5,6\n", "f.csv: line 3, column 2: the file ends inside the quotes that were opened here"},
    {"a,b\n1,x\"y\n", "f.csv: line 2, column 2: a quote in the middle of a cell"},
    {"a,b\n1,\"x\"y\n", "f.csv: line 2, column 2: text after a closing quote"},
    {"a,b\n1,\"x\"\"\n", "f.csv: line 2, column 2: the file ends inside the quotes"},
    {"a,b\n\"multi\nline\",2\n1\n", "f.csv: line 4: 1 columns"},
    {"a,b\n1\r,2\n", "f.csv: line 2, column 1: a carriage return without a line feed"},
    {"a,b\n1,\374\n", "f.csv: line 2, byte 6: not UTF-8; write the file with -Encoding UTF8"},
    {"a,b\n1,\303", "the file ends in the middle of a character: it is half-written"},
};

static void what_is_damaged_is_refused_and_its_place_is_named(void **state)
{
    char out[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        read_all(slice_of(bad[i].text), out, sizeof out);
        if (strstr(out, bad[i].error) == NULL)
            fail_msg("row %zu: \"%s\" has no \"%s\"", i, out, bad[i].error);
    }
}

static void a_nul_is_no_text(void **state)
{
    char out[512];

    (void)state;
    read_all((struct slice){"a,b\n1,\0\n", 8}, out, sizeof out);
    assert_non_null(strstr(out, "f.csv: line 2, byte 8: NUL bytes"));
    read_all((struct slice){"\0\0\0\0\0\0\0\0", 8}, out, sizeof out);
    assert_non_null(strstr(out, "NUL bytes, so no text"));
}

/* ASCII text as UTF-16, with or without its mark. */
static struct slice utf16(const char *ascii, bool big, bool mark, char *out)
{
    size_t n = 0;

    if (mark) {
        out[n++] = big ? '\xfe' : '\xff';
        out[n++] = big ? '\xff' : '\xfe';
    }
    for (; *ascii != '\0'; ascii++) {
        out[n++] = big ? '\0' : *ascii;
        out[n++] = big ? *ascii : '\0';
    }
    return (struct slice){out, n};
}

static void utf_16_of_either_order_is_read_with_and_without_its_mark(void **state)
{
    char bytes[128], out[128];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        read_all(utf16("a,b\r\n1,\"2\"\r\n", (i & 1) != 0, (i & 2) != 0, bytes), out, sizeof out);
        assert_string_equal(out, "[a][b]/[1][2]/");
    }
}

static void utf_16_that_ends_in_half_a_character_is_half_written(void **state)
{
    char bytes[128], out[512];
    struct slice text = utf16("a,b\n1,2\n", false, true, bytes);

    (void)state;
    text.n--;
    read_all(text, out, sizeof out);
    assert_non_null(strstr(out, "half-written"));
}

static void a_row_may_be_a_mebibyte_and_no_longer(void **state)
{
    size_t n = CSV_ROW_MAX + 16;
    char *text = malloc(n);
    char out[1024];

    (void)state;
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "a,b\n\"", 5);
    read_all((struct slice){text, n}, out, sizeof out);
    assert_non_null(strstr(out, "f.csv: line 2: the row is longer than 1048576 bytes"));
    free(text);
}

static void more_columns_than_any_cmdlet_has_are_refused(void **state)
{
    char text[CSV_CELLS_MAX + 8], out[256];

    (void)state;
    memset(text, ',', sizeof text);
    read_all((struct slice){text, sizeof text}, out, sizeof out);
    assert_non_null(strstr(out, "more than 1024 columns"));
}

/* Pieces are 64 KiB: quotes, doubled quotes, line ends and characters must survive wherever the border falls. */
static void where_the_pieces_of_a_file_end_does_not_matter(void **state)
{
    static const char tail[] = "\"q\"\"u\r\no\303\274te\",z\r\n";
    char *text = malloc(70000);
    struct input in;
    struct error e;

    (void)state;
    assert_non_null(text);
    for (size_t border = 65536 - sizeof tail; border <= 65536; border++) {
        static struct csv csv;
        struct buf b = buf_over(text, 70000);

        buf_add(&b, SLICE("a,b\n\""));
        while (b.n < border - 4)
            buf_add_char(&b, 'x');
        buf_add(&b, SLICE("\",1\n"));
        buf_addf(&b, "%s", tail);
        assert_int_equal(input_memory(buf_slice(&b), "f", &in, &e), 0);
        csv_open(&csv, &in);
        assert_int_equal(csv_next(&csv, &e), 1);
        assert_int_equal(csv_next(&csv, &e), 1);
        assert_int_equal(csv_next(&csv, &e), 1);
        assert_true(slice_eq(csv_cell(&csv, 0), SLICE("q\"u\r\no\303\274te")));
        assert_true(slice_eq(csv_cell(&csv, 1), SLICE("z")));
        assert_int_equal(csv_next(&csv, &e), 0);
        csv_close(&csv);
        input_close(&in);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_export_csv_writes_is_read),
        cmocka_unit_test(what_is_damaged_is_refused_and_its_place_is_named),
        cmocka_unit_test(a_nul_is_no_text),
        cmocka_unit_test(utf_16_of_either_order_is_read_with_and_without_its_mark),
        cmocka_unit_test(utf_16_that_ends_in_half_a_character_is_half_written),
        cmocka_unit_test(a_row_may_be_a_mebibyte_and_no_longer),
        cmocka_unit_test(more_columns_than_any_cmdlet_has_are_refused),
        cmocka_unit_test(where_the_pieces_of_a_file_end_does_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
