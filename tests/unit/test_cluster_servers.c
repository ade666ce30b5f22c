/* links: cluster */
/* What servers say of where other servers are. Whoever says it may lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cluster/sentinels.h"
#include "cluster/slots.h"
#include "core/base/buf.h"

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

/* ---- Redis Cluster ---- */

static void tags_are_in_the_slots_that_redis_says(void **state)
{
    /* CLUSTER KEYSLOT of Redis 7.0 */
    static const struct {
        unsigned tag, slot;
    } rows[] = {{0, 15627}, {1, 13254}, {2, 9191}, {0x11, 247}, {0xac, 13567}, {KEY_TAGS, 11756}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(slots_of_tag(rows[i].tag), rows[i].slot);
}

static int read_slots(const char *text, struct slots_map *map, struct error *e)
{
    struct reply_reader *r = reply_reader_new();
    int result = slots_read(read_reply(r, text), "192.0.2.9", map, e);

    reply_reader_free(r);
    return result;
}

#define NODE(HOST, PORT) "*3\r\n" HOST ":" PORT "\r\n$2\r\nid\r\n"
#define HOST_1 "$9\r\n192.0.2.1\r\n"
#define HOST_2 "$7\r\nredis-2\r\n"

static void each_tag_has_the_master_of_its_slot(void **state)
{
    struct slots_map map;
    struct error e;

    (void)state;
    assert_int_equal(read_slots("*3\r\n"
                                "*4\r\n:0\r\n:8000\r\n" NODE(HOST_1, "6379") NODE(HOST_2, "6379") /* a replica */
                                "*3\r\n:8001\r\n:16000\r\n" NODE(HOST_2, "6380") "*3\r\n:16001\r\n:16383\r\n" NODE(
                                    "$-1\r\n", "6381"),
                                &map, &e),
                     0);
    assert_int_equal(map.n, 3);
    for (unsigned tag = 0; tag <= KEY_TAGS; tag++) {
        unsigned slot = slots_of_tag(tag);
        const struct server_name *master = map.masters + map.owners[tag];

        assert_in_range(map.owners[tag], 0, 2);
        assert_string_equal(master->host, slot <= 8000 ? "192.0.2.1" : slot <= 16000 ? "redis-2" : "192.0.2.9");
        assert_int_equal(master->port, slot <= 8000 ? 6379 : slot <= 16000 ? 6380 : 6381);
    }
}

static void slots_that_nobody_serves_have_no_master(void **state)
{
    static const char *const texts[] = {"*0\r\n", "*1\r\n*3\r\n:0\r\n:16383\r\n" NODE("$1\r\n?\r\n", "6379"),
                                        "*1\r\n*3\r\n:0\r\n:16383\r\n" NODE(HOST_1, "0"),
                                        "*1\r\n*3\r\n:0\r\n:16383\r\n" NODE(HOST_1, "-1"),
                                        "*1\r\n*3\r\n:0\r\n:16383\r\n" NODE("$4\r\na\r\nb\r\n", "6379")};
    struct slots_map map;
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(read_slots(texts[i], &map, &e), 0);
        for (unsigned tag = 0; tag <= KEY_TAGS; tag++)
            assert_int_equal(map.owners[tag], SLOTS_NOBODY);
    }
}

static void what_is_no_map_is_refused(void **state)
{
    static const char *const texts[] = {"+OK\r\n",
                                        "*1\r\n:1\r\n",
                                        "*1\r\n*2\r\n:0\r\n:1\r\n",
                                        "*1\r\n*3\r\n:0\r\n:16384\r\n" NODE(HOST_1, "1"),
                                        "*1\r\n*3\r\n:-1\r\n:5\r\n" NODE(HOST_1, "1"),
                                        "*1\r\n*3\r\n:5\r\n:4\r\n" NODE(HOST_1, "1"),
                                        "*1\r\n*3\r\n$1\r\n0\r\n:5\r\n" NODE(HOST_1, "1"),
                                        "*1\r\n*3\r\n:0\r\n:5\r\n*0\r\n",
                                        "*1\r\n*3\r\n:0\r\n:5\r\n+OK\r\n"};
    struct slots_map map;
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(read_slots(texts[i], &map, &e), -1);
}

static void more_masters_than_there_is_room_for_are_said(void **state)
{
    static char text[65536];
    struct buf b = BUF_OVER(text);
    struct slots_map map;
    struct error e;

    (void)state;
    buf_addf(&b, "*%u\r\n", KEY_TAGS);
    for (unsigned i = 0; i < KEY_TAGS; i++)
        buf_addf(&b, "*3\r\n:%u\r\n:%u\r\n*2\r\n$9\r\n192.0.2.1\r\n:%u\r\n", i * 64, i * 64 + 63, i + 1);
    buf_addf(&b, "%c", 0);
    assert_false(b.full);
    assert_int_equal(read_slots(text, &map, &e), -1);
    assert_non_null(strstr(e.text, "more than 64 masters"));
}

static void redirections_name_a_server_and_whether_it_is_for_once(void **state)
{
    static const struct {
        const char *text, *host;
        bool ask;
        uint16_t port;
    } rows[] = {
        {"-MOVED 3999 192.0.2.7:6379\r\n", "192.0.2.7", false, 6379},
        {"-ASK 3999 redis-2:6380\r\n", "redis-2", true, 6380},
        {"-MOVED 3999 2001:db8::7:6379\r\n", "2001:db8::7", false, 6379},
        {"-MOVED 3999 :6381\r\n", "192.0.2.9", false, 6381},
        {"-MOVED 3999 ?:6381\r\n", NULL, false, 0},
        {"-MOVED 3999 192.0.2.7\r\n", NULL, false, 0},
        {"-MOVED 3999 192.0.2.7:\r\n", NULL, false, 0},
        {"-MOVED 3999 192.0.2.7:99999\r\n", NULL, false, 0},
        {"-MOVED\r\n", NULL, false, 0},
        {"-MOVEDX 3999 192.0.2.7:6379\r\n", NULL, false, 0},
        {"+MOVED 3999 192.0.2.7:6379\r\n", NULL, false, 0},
        {"-CLUSTERDOWN Hash slot not served\r\n", NULL, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reply_reader *r = reply_reader_new();
        struct slots_redirect x;

        assert_int_equal(slots_redirect_read(read_reply(r, rows[i].text), "192.0.2.9", &x), rows[i].host != NULL);
        if (rows[i].host != NULL) {
            assert_string_equal(x.to.host, rows[i].host);
            assert_int_equal(x.to.port, rows[i].port);
            assert_int_equal(x.ask, rows[i].ask);
        }
        reply_reader_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_host_and_a_port_name_a_server),
        cmocka_unit_test(a_sentinel_that_names_no_server_is_not_believed),
        cmocka_unit_test(the_master_is_where_most_sentinels_say),
        cmocka_unit_test(tags_are_in_the_slots_that_redis_says),
        cmocka_unit_test(each_tag_has_the_master_of_its_slot),
        cmocka_unit_test(slots_that_nobody_serves_have_no_master),
        cmocka_unit_test(what_is_no_map_is_refused),
        cmocka_unit_test(more_masters_than_there_is_room_for_are_said),
        cmocka_unit_test(redirections_name_a_server_and_whether_it_is_for_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
