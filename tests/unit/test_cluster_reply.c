/* links: cluster */
/* Replies of Redis, which may be hostile: bounded in depth, elements and bytes, and whole when they are returned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cluster/command.h"
#include "cluster/reply.h"

/* Feeds text in parts of `step` bytes; the first reply, or NULL with e. */
static const struct reply *read_in_parts(struct reply_reader *r, struct slice text, size_t step, struct error *e)
{
    const struct reply *reply = NULL;

    e->text[0] = '\0';
    for (size_t at = 0; at < text.n && reply == NULL; at += step) {
        size_t n = text.n - at < step ? text.n - at : step;

        if (reply_feed(r, text.p + at, n, e) != 0 || reply_next(r, &reply, e) != 0)
            return NULL;
    }
    return reply;
}

static void a_reply_is_the_same_in_whatever_parts_it_comes(void **state)
{
    static const char text[] = "*6\r\n:-7\r\n$5\r\nab\r\nc\r\n$-1\r\n+OK\r\n-ERR no\r\n*2\r\n$0\r\n\r\n*0\r\n";

    (void)state;
    for (size_t step = 1; step < sizeof text; step++) {
        struct reply_reader *r = reply_reader_new();
        struct error e;
        const struct reply *x = read_in_parts(r, SLICE(text), step, &e);

        assert_non_null(x);
        assert_non_null(reply_array(x, 6));
        assert_null(reply_array(x, 7));
        assert_int_equal(x->elements[0]->integer, -7);
        assert_true(reply_is(x->elements[1], "ab\r\nc"));
        assert_int_equal(x->elements[2]->type, REPLY_NIL);
        assert_true(reply_is(x->elements[3], "OK"));
        assert_true(reply_is_error(x->elements[4], "ERR"));
        assert_false(reply_is(x->elements[4], "ERR no"));
        assert_int_equal(x->elements[5]->n, 2);
        assert_int_equal(x->elements[5]->elements[1]->n, 0);
        reply_reader_free(r);
    }
}

static void replies_that_come_together_are_returned_one_by_one(void **state)
{
    struct reply_reader *r = reply_reader_new();
    const struct reply *x;
    struct error e;

    (void)state;
    assert_int_equal(reply_feed(r, "+A\r\n+B\r\n:3\r\n*1", 14, &e), 0);
    assert_int_equal(reply_next(r, &x, &e), 0);
    assert_true(reply_is(x, "A"));
    assert_int_equal(reply_next(r, &x, &e), 0);
    assert_true(reply_is(x, "B"));
    assert_int_equal(reply_next(r, &x, &e), 0);
    assert_int_equal(x->integer, 3);
    assert_int_equal(reply_next(r, &x, &e), 0);
    assert_null(x);
    reply_reader_free(r);
}

static void what_is_no_reply_or_too_large_is_refused(void **state)
{
    static const char *const texts[] = {
        "*2000000000\r\n",
        "*65536\r\n",
        "*4294967297\r\n",
        "*99999999999999999999\r\n",
        "$99999999999999999999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
        ",1.5\r\n*1\r\n,nan\r\n",
        "%1\r\n+a\r\n+b\r\n",
        "\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct reply_reader *r = reply_reader_new();
        struct error e;

        assert_null(read_in_parts(r, slice_of(texts[i]), 4096, &e));
        assert_string_not_equal(e.text, "");
        reply_reader_free(r);
    }
}

static void a_reply_without_an_end_is_given_up(void **state)
{
    struct reply_reader *r = reply_reader_new();
    const struct reply *x = NULL;
    static char part[65536];
    struct error e = {""};
    size_t fed = 0;

    (void)state;
    memset(part, 'x', sizeof part);
    assert_int_equal(reply_feed(r, "$536870912\r\n", 12, &e), 0);
    while (reply_feed(r, part, sizeof part, &e) == 0 && fed < 2u * REPLY_BYTES_MAX) {
        assert_int_equal(reply_next(r, &x, &e), 0);
        assert_null(x);
        fed += sizeof part;
    }
    assert_true(fed <= REPLY_BYTES_MAX);
    assert_non_null(strstr(e.text, "without the end of a reply"));
    reply_reader_free(r);
}

/* ---- commands ---- */

static void a_command_has_its_words_and_a_members_key_has_its_limits_tag(void **state)
{
    static struct command c;
    char *bytes;
    long n;

    (void)state;
    command_begin(&c);
    command_add_static(&c, "GET");
    command_add_key(&c, UINT64_C(0x8123456789abcdef), UINT64_C(0x7f80000000000000));
    command_add_signed(&c, -12);
    n = command_format(&c, &bytes);
    assert_true(n > 0);
    assert_memory_equal(
        bytes, "*3\r\n$3\r\nGET\r\n$21\r\npostern:{ff}:\x01\x23\x45\x67\x89\xab\xcd\xef\r\n$3\r\n-12\r\n", (size_t)n);
    command_free(bytes);
}

static void a_command_that_is_full_is_not_sent(void **state)
{
    static struct command c;
    char *bytes;

    (void)state;
    command_begin(&c);
    for (unsigned i = 0; i <= COMMAND_WORDS_MAX; i++)
        command_add_static(&c, "x");
    assert_true(c.full);
    assert_int_equal(command_format(&c, &bytes), -1);
    assert_null(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_the_same_in_whatever_parts_it_comes),
        cmocka_unit_test(replies_that_come_together_are_returned_one_by_one),
        cmocka_unit_test(what_is_no_reply_or_too_large_is_refused),
        cmocka_unit_test(a_reply_without_an_end_is_given_up),
        cmocka_unit_test(a_command_has_its_words_and_a_members_key_has_its_limits_tag),
        cmocka_unit_test(a_command_that_is_full_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
