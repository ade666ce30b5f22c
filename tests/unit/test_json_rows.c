/* links: mirror */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "mirror/read/json_rows.h"

#include <stdlib.h>

/* All rows one behind the other with "|" behind each, then the head; or the error. */
static void read_all(struct slice bytes, char *out, size_t cap)
{
    struct json_rows json;
    struct buf b = buf_over(out, cap);
    struct input in;
    struct error e;
    struct slice row;
    int more;

    assert_int_equal(input_memory(bytes, "f.json", &in, &e), 0);
    json_rows_open(&json, &in);
    while ((more = json_rows_next(&json, &row, &e)) > 0) {
        buf_add(&b, row);
        buf_add_char(&b, '|');
    }
    if (more < 0)
        buf_addf(&b, "%s", e.text);
    else
        buf_add(&b, json_rows_head(&json));
    json_rows_close(&json);
    input_close(&in);
}

static const struct {
    const char *text;
    const char *rows;
} good[] = {
    {"[]", "{}"},
    {" [ {\"a\":1} , {\"b\":[{}]} ] \n", "{\"a\":1}|{\"b\":[{}]}|{}"},
    {"[{\"a\":\"]}\\\"[{\"}]", "{\"a\":\"]}\\\"[{\"}|{}"},
    {"{\"a\":1}", "{\"a\":1}|{}"},
    {"{ \"a\" : null , \"b\" : [1,2] }", "{\"a\":null,\"b\":[1,2]}|{}"},
    {"{}", "{}|{}"},
    {"{\"value\":[]}", "{}"},
    {"{\"value\":null,\"n\":1}", "{\"n\":1}"},
    {"{\"@odata.context\":\"x\",\"value\":[{\"a\":1},{\"a\":2}],\"@odata.nextLink\":\"y\"}",
     "{\"a\":1}|{\"a\":2}|{\"@odata.context\":\"x\",\"@odata.nextLink\":\"y\"}"},
    {"{\"value\":[{\"a\":1}],\"Count\":1}", "{\"a\":1}|{\"Count\":1}"},
    {"\357\273\277[{\"a\":1}]", "{\"a\":1}|{}"},
};

static void arrays_objects_and_envelopes_are_split_into_their_rows(void **state)
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
    {"", "f.json: line 1, column 1: the file ends where \"[\" or \"{\" was expected: it is half-written"},
    {"x", "line 1, column 1: expected \"[\" or \"{\""},
    {"[{\"a\":1},", "line 1, column 10: the file ends where an object"},
    {"[{\"a\":1}", "line 1, column 9: the file ends where \",\" or \"]\" was expected: it is half-written"},
    {"[{\"a\":\n\"b", "line 2, column 3: the file ends where the end of what was begun was expected"},
    {"[{\"a\":1}]\n[]", "line 2, column 1: more text after the end"},
    {"[{\"a\":1}{}]", "line 1, column 9: expected \",\" or \"]\""},
    {"[{\"a\":1},]", "line 1, column 10: expected an object"},
    {"[1]", "line 1, column 2: expected an object"},
    {"[{\"a\":[}]]", "line 1, column 8: a bracket that does not fit"},
    {"{\"value\":[],\"value\":[]}", "a second \"value\" in one object"},
    {"{\"value\":7}", "\"value\" is neither an array nor null"},
    {"{\"value\":{}}", "expected a value"},
    {"{a:1}", "line 1, column 2: expected a member's name in quotes"},
    {"{\"a\" 1}", "line 1, column 6: expected \":\""},
    {"{\"a\":}", "line 1, column 6: expected a value"},
    {"{\"a\":1", "half-written"},
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

/* Cut anywhere, an export is never taken for a whole one. */
static void every_beginning_of_an_export_is_half_written(void **state)
{
    static const char whole[] =
        "{\"@odata.context\":\"c\",\"value\":[{\"a\":\"x\",\"b\":[1,{}]},{\"a\":null}],\"w\":[]}";
    char out[1024];

    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        read_all((struct slice){whole, n}, out, sizeof out);
        if (strstr(out, "half-written") == NULL)
            fail_msg("%zu bytes: \"%s\"", n, out);
    }
}

static void nesting_is_bounded(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 32], out[1024];

    (void)state;
    for (unsigned depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        struct buf b = BUF_OVER(text);

        buf_add(&b, SLICE("[{\"a\":"));
        for (unsigned i = 1; i < depth; i++)
            buf_add_char(&b, '[');
        for (unsigned i = 1; i < depth; i++)
            buf_add_char(&b, ']');
        buf_add(&b, SLICE("}]"));
        read_all(buf_slice(&b), out, sizeof out);
        if (depth <= JSON_DEPTH_MAX)
            assert_null(strstr(out, "nested"));
        else
            assert_non_null(strstr(out, "nested too deeply"));
    }
}

static void a_row_may_be_a_mebibyte_and_no_longer(void **state)
{
    size_t n = JSON_ROW_MAX + 16;
    char *text = malloc(n);
    char out[1024];

    (void)state;
    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, "[\n{\"", 4);
    read_all((struct slice){text, n}, out, sizeof out);
    assert_non_null(strstr(out, "f.json: line 2: what begins here is longer than 1048576 bytes"));
    free(text);
}

static void a_row_knows_where_it_begins(void **state)
{
    struct json_rows json;
    struct input in;
    struct error e;
    struct slice row;

    (void)state;
    assert_int_equal(input_memory(SLICE("[\r\n  {\"a\":\n1},\n {}]"), "f", &in, &e), 0);
    json_rows_open(&json, &in);
    assert_int_equal(json_rows_next(&json, &row, &e), 1);
    assert_int_equal(json.line, 2);
    assert_int_equal(json.column, 3);
    assert_int_equal(json_rows_next(&json, &row, &e), 1);
    assert_int_equal(json.line, 4);
    assert_int_equal(json.column, 2);
    json_rows_close(&json);
    input_close(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_objects_and_envelopes_are_split_into_their_rows),
        cmocka_unit_test(what_is_damaged_is_refused_and_its_place_is_named),
        cmocka_unit_test(every_beginning_of_an_export_is_half_written),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_row_may_be_a_mebibyte_and_no_longer),
        cmocka_unit_test(a_row_knows_where_it_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
