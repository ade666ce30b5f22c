/* links: cluster */
/* What servers say of where other servers are. Whoever says it may lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cluster/sentinels.h"

static const struct reply *read_reply(struct reply_reader *r, const char *text)
{
    const struct reply *reply = NULL;
    struct error e;

    assert_int_equal(reply_feed(r, text, strlen(text), &e), 0);
    assert_int_equal(reply_next(r, &reply, &e), 0);
    assert_non_null(reply);
    return reply;
}

static void only_a_host_and_a_port_name_a_server(void **state)
{
    static const struct {
        const char *host;
        uint64_t port;
        bool right;
    } rows[] = {
        {"192.0.2.7", 6379, true},
        {"2001:db8::7", 1, true},
        {"Redis-1.contoso.example", 65535, true},
        {"redis_1", 6379, true},
        {"", 6379, false},
        {"192.0.2.7", 0, false},
        {"192.0.2.7", 65536, false},
        {"redis:6379", 1, false},
        {"-h", 1, false},
        {".contoso.example", 1, false},
        {"redis 1", 1, false},
        {"redis\n", 1, false},
        {"fe80::1%eth0", 1, false},
        {"redis/../x", 1, false},
        {"r\xc3\xa9"
         "dis",
         1, false},
    };
    char longest[SERVER_HOST_MAX + 2];
    struct server_name name = {"before", 1};

    (void)state;
    memset(longest, 'a', sizeof longest);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server_name x = {"before", 1};

        assert_int_equal(server_name_set(&x, slice_of(rows[i].host), rows[i].port), rows[i].right);
        assert_string_equal(x.host, rows[i].right ? rows[i].host : "before");
    }
    assert_false(server_name_set(&name, (struct slice){"a\0b", 3}, 1));
    assert_true(server_name_set(&name, (struct slice){longest, SERVER_HOST_MAX}, 1));
    assert_false(server_name_set(&name, (struct slice){longest, SERVER_HOST_MAX + 1}, 1));
}

static void a_sentinel_that_names_no_server_is_not_believed(void **state)
{
    static const struct {
        const char *text;
        bool right;
    } rows[] = {
        {"*2\r\n$9\r\n192.0.2.7\r\n$4\r\n6379\r\n", true},
        {"*2\r\n$9\r\n192.0.2.7\r\n$5\r\n66379\r\n", false},
        {"*2\r\n$9\r\n192.0.2.7\r\n$2\r\n-1\r\n", false},
        {"*2\r\n$9\r\n192.0.2.7\r\n:6379\r\n", false},
        {"*2\r\n$2\r\n|x\r\n$4\r\n6379\r\n", false},
        {"*2\r\n$-1\r\n$4\r\n6379\r\n", false},
        {"*2\r\n*0\r\n*0\r\n", false},
        {"*1\r\n$9\r\n192.0.2.7\r\n", false},
        {"*-1\r\n", false},
        {"$-1\r\n", false},
        {"+OK\r\n", false},
        {"-ERR no\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reply_reader *r = reply_reader_new();
        struct server_name name = {"", 0};

        assert_int_equal(sentinel_reply_read(read_reply(r, rows[i].text), &name), rows[i].right);
        assert_int_equal(name.port, rows[i].right ? 6379 : 0);
        reply_reader_free(r);
    }
}

static void the_master_is_where_most_sentinels_say(void **state)
{
    static const struct server_name a = {"192.0.2.1", 6379}, b = {"192.0.2.1", 6380}, none = {"", 0};
    static const struct {
        const struct server_name *says[4];
        const struct server_name *now, *failed, *found;
    } rows[] = {
        {{&a, &a, &b}, &none, &none, &a},
        {{&b, &a, &a}, &b, &none, &a}, /* a failover */
        {{&b, &a, &a}, &b, &a, &a},    /* though it failed, most say so */
        {{&a, &b}, &b, &none, &b},     /* as many: it stays */
        {{&a, &b}, &b, &b, &a},        /* unless that fails */
        {{&a, &b}, &none, &none, &a},
        {{&a, &b}, &none, &a, &b},
        {{&none, &none, &b}, &none, &none, &b}, /* silence is no vote */
        {{&b}, &b, &b, &b},
        {{&none}, &b, &none, NULL},
        {{NULL}, &b, &none, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct server_name *found;
        size_t n = 0;

        while (n < 4 && rows[i].says[n] != NULL)
            n++;
        found = sentinel_votes(rows[i].says, n, rows[i].now, rows[i].failed);
        assert_int_equal(found != NULL, rows[i].found != NULL);
        if (found != NULL)
            assert_true(server_name_eq(found, rows[i].found));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_host_and_a_port_name_a_server),
        cmocka_unit_test(a_sentinel_that_names_no_server_is_not_believed),
        cmocka_unit_test(the_master_is_where_most_sentinels_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
