#include "core/mail/network.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <cmocka.h>

static struct ip ip(const char *text)
{
    struct ip a;

    if (!ip_parse(slice_of(text), &a))
        fail_msg("%s: no address", text);
    return a;
}

static struct network network(const char *text)
{
    struct network net;
    struct error e;

    if (network_parse(slice_of(text), &net, &e) != 0)
        fail_msg("%s", e.text);
    return net;
}

/* ---- addresses ---- */

static void an_address_is_known_in_every_spelling(void **state)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:0201", "192.0.2.1"},
        {"0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"},
        {"0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"}, /* as long as they get */
        {"IPv6:::ffff:192.0.2.1", "192.0.2.1"},
        {"IPv6:192.0.2.1", "192.0.2.1"},
        {"[192.0.2.1]", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:0DB8:0:0::1", "2001:db8::1"},
        {"IPv6:2001:db8::1", "2001:db8::1"},
        {"ipv6:2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[IPv6:2001:db8::1]", "2001:db8::1"},
        {"::", "::"},
        {"::1", "::1"},
        {"64:ff9b::192.0.2.1", "192.0.2.1"},
        {"64:ff9b::c000:201", "192.0.2.1"},
        {"64:ff9b:0:0:0:0:192.0.2.1", "192.0.2.1"},
        {"64:ff9b:1::c000:201", "64:ff9b:1::c000:201"}, /* local use (RFC 8215): not ours to unwrap */
        {"64:ff9b::1:c000:201", "64:ff9b::1:c000:201"},
        {"::192.0.2.1", "::192.0.2.1"}, /* IPv4-compatible: deprecated, another address */
        {"2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222:3333:4444:5555:6666"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[IP_TEXT_MAX];
        struct ip a = ip(rows[i].text), again;

        assert_string_equal(ip_text(&a, text).p, rows[i].canonical);
        again = ip(text);
        assert_memory_equal(&again, &a, sizeof a);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    static const struct slice rows[] = {
        {NULL, 0},
        {"unknown", 7},
        {"192.0.2", 7},
        {"192.0.2.1.", 10},
        {"192.0.2.01", 10}, /* octal once */
        {"192.0.2.256", 11},
        {"0xc0000201", 10},
        {"3221225985", 10},
        {" 192.0.2.1", 10},
        {"192.0.2.1 ", 10},
        {"192.0.2.1\0", 10},
        {"192.0.2.1\0x", 11},
        {"192.0.2.1:25", 12},
        {"192.0.2.0/24", 12},
        {"fe80::1%eth0", 12},
        {"fe80::1%1", 9},
        {"2001:db8::1::", 13},
        {"2001:db8", 8},
        {":", 1},
        {"IPv6:", 5},
        {"IPv6:IPv6:::1", 13},
        {"IPv6:[::1]", 10},
        {"[]", 2},
        {"[", 1},
        {"[::1", 4},
        {"::1]", 4},
        {"[[::1]]", 7},
        {"2001:db8:1111:2222:3333:4444:5555:6666:7777", 43},
        {"0000:0000:0000:0000:0000:ffff:255.255.255.255 ", 46}, /* a byte longer than any address */
        {"0000000000000000000000000000000000000000000192.0.2.1", 52},
        {"contoso.example", 15},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ip a;

        if (ip_parse(rows[i], &a))
            fail_msg("%.*s: taken for an address", SLICE_ARG(rows[i]));
    }
}

/* inet_pton(3) is the one to agree with. */
static void four_numbers_with_dots_are_read_as_libc_reads_them(void **state)
{
    uint32_t random = 4711;
    unsigned accepted = 0;

    (void)state;
    for (int round = 0; round < 500000; round++) {
        char text[24];
        size_t n = 0;
        struct in_addr expected;
        struct ip a = {{0}};

        for (int octet = 0; octet < 4 || random % 16 == 0; octet++) {
            random = random * 1664525 + 1013904223;
            n += (size_t)snprintf(text + n, sizeof text - n, (random >> 8) % 24 == 0 ? "%02u." : "%u.",
                                  (random >> 16) % (octet % 2 == 0 ? 300 : 30));
            if (n > sizeof text - 6)
                break;
        }
        n -= (random >> 12) % 16 != 0;
        if ((random >> 10) % 16 == 0)
            text[(random >> 20) % n] = "0129./: a\xff"[(random >> 16) % 10];
        text[n] = '\0';
        if (inet_pton(AF_INET, text, &expected) != 1) {
            assert_false(ip_parse(slice_of(text), &a));
            continue;
        }
        accepted++;
        assert_true(ip_parse(slice_of(text), &a) && ip_is_v4(&a));
        assert_memory_equal(a.b + 12, &expected, 4);
    }
    assert_true(accepted > 10000);
}

static void only_a_mapped_address_is_ipv4(void **state)
{
    struct ip a = ip("192.0.2.1"), b = ip("::192.0.2.1"), c = ip("2001:db8::1");

    (void)state;
    assert_true(ip_is_v4(&a));
    assert_false(ip_is_v4(&b));
    assert_false(ip_is_v4(&c));
}

/* Bytes that are zero mostly, so that runs of zero groups of every length and place are among them. */
static void random_address(struct ip *a, unsigned *seed)
{
    for (size_t i = 0; i < sizeof a->b; i++)
        a->b[i] = rand_r(seed) % 3 == 0 ? (uint8_t)rand_r(seed) : 0;
    if (rand_r(seed) % 4 == 0)
        memcpy(a->b, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    if (rand_r(seed) % 4 == 0)
        for (size_t i = 0; i < sizeof a->b; i++)
            a->b[i] = (uint8_t)rand_r(seed);
}

static void an_address_is_written_as_the_c_library_writes_it(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        char text[IP_TEXT_MAX], expected[INET6_ADDRSTRLEN];
        struct slice s;
        struct ip a;
        bool v4;

        random_address(&a, &seed);
        v4 = ip_is_v4(&a);
        assert_non_null(inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a.b + 12 : a.b, expected, sizeof expected));
        s = ip_text(&a, text);
        assert_string_equal(s.p, expected);
        assert_int_equal(s.n, strlen(expected));
    }
}

/* ---- networks ---- */

static void a_network_is_known_in_every_spelling(void **state)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"192.0.2.1", "192.0.2.1/32"},
        {"192.0.2.1/32", "192.0.2.1/32"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"128.0.0.0/1", "128.0.0.0/1"},
        {"192.0.2.130/31", "192.0.2.130/31"},
        {"::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"::ffff:0:0/96", "0.0.0.0/0"},
        {"[::ffff:192.0.2.0]/120", "192.0.2.0/24"},
        {"64:ff9b::192.0.2.0/120", "192.0.2.0/24"},
        {"64:ff9b::192.0.2.1", "192.0.2.1/32"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"2001:db8::1", "2001:db8::1/128"},
        {"[2001:db8::]/32", "2001:db8::/32"}, /* as mynetworks has it */
        {"::/0", "::/0"},
        {"::1", "::1/128"},
        {"64:ff9b::/95", "64:ff9b::/95"},
        {"64:ff9b:1::/48", "64:ff9b:1::/48"},
        {"8000::/1", "8000::/1"},
        {"2001:db8::8000:0:0:0/65", "2001:db8:0:0:8000::/65"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[NETWORK_TEXT_MAX];
        struct network net = network(rows[i].text), again;

        assert_string_equal(network_text(&net, text).p, rows[i].canonical);
        again = network(text);
        assert_memory_equal(&again, &net, sizeof net);
    }
}

static void a_bad_network_is_refused_with_what_was_meant(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"192.0.2.1/24", "write 192.0.2.0/24 for the network, or 192.0.2.1 for the one address"},
        {"192.0.2.255/0", "write 0.0.0.0/0 for"},
        {"2001:db8::1/64", "write 2001:db8::/64 for the network, or 2001:db8::1 for"},
        {"::ffff:192.0.2.1/120", "write 192.0.2.0/24 for the network, or 192.0.2.1 for"},
        {"192.0.2.0/33", "a number from 0 to 32"},
        {"192.0.2.0/120", "a number from 0 to 32"},
        {"2001:db8::/129", "a number from 0 to 128"},
        {"192.0.2.0/", "a number from 0 to 32"},
        {"192.0.2.0/-1", "a number from 0 to 32"},
        {"192.0.2.0/+8", "a number from 0 to 32"},
        {"192.0.2.0/024", "a number from 0 to 32"},
        {"192.0.2.0/24 ", "a number from 0 to 32"},
        {"192.0.2.0/24/24", "a number from 0 to 32"},
        {"192.0.2.0/255.255.255.0", "a number from 0 to 32"},
        {"192.0.2.0/99999999999999999999", "a number from 0 to 32"},
        {"[192.0.2.0/24]", "expected an address or a network"},
        {"192.0.2/24", "expected an address or a network"},
        {"/24", "expected an address or a network"},
        {"", "expected an address or a network"},
        {"contoso.example", "\"contoso.example\": expected an address or a network"},
        {"a\nb", "\"a\\x0ab\": expected"},
        {"64:ff9b::/96", "write their IPv4 networks"},
        {"64:ff9b::/94x", "a number from 0 to 128"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network net;
        struct error e = {""};

        assert_int_equal(network_parse(slice_of(rows[i].text), &net, &e), -1);
        if (strstr(e.text, rows[i].says) == NULL)
            fail_msg("%s: said \"%s\", not \"%s\"", rows[i].text, e.text, rows[i].says);
    }
}

static void a_network_holds_its_addresses_and_no_others(void **state)
{
    static const struct {
        const char *network, *address;
        bool holds;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0", true},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/24", "192.0.1.255", false},
        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
        {"192.0.2.0/24", "64:ff9b::192.0.2.9", true},
        {"192.0.2.0/24", "::192.0.2.9", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false}, /* the families stay apart */
        {"::/80", "203.0.113.9", false},
        {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001:db8::/32", "2001:db9::", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network net = network(rows[i].network);
        struct ip a = ip(rows[i].address);

        if (network_contains(&net, &a) != rows[i].holds)
            fail_msg("%s in %s", rows[i].address, rows[i].network);
    }
}

static void the_network_around_an_address_has_the_size_of_its_family(void **state)
{
    static const struct {
        const char *address;
        unsigned v4, v6;
        const char *network;
    } rows[] = {
        {"192.0.2.77", 24, 64, "192.0.2.0/24"},
        {"192.0.2.77", 0, 64, "0.0.0.0/0"},
        {"192.0.2.77", 32, 64, "192.0.2.77/32"},
        {"192.0.2.77", 99, 64, "192.0.2.77/32"},
        {"192.0.2.77", 25, 0, "192.0.2.0/25"},
        {"64:ff9b::192.0.2.77", 24, 64, "192.0.2.0/24"},
        {"2001:db8:1:2:3:4:5:6", 24, 64, "2001:db8:1:2::/64"},
        {"2001:db8:1:2:3:4:5:6", 24, 0, "::/0"},
        {"2001:db8:1:2:3:4:5:6", 24, 128, "2001:db8:1:2:3:4:5:6/128"},
        {"2001:db8:1:2:3:4:5:6", 24, 999, "2001:db8:1:2:3:4:5:6/128"},
        {"2001:db8:1:2:3:4:5:6", 24, 57, "2001:db8:1::/57"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[NETWORK_TEXT_MAX];
        struct ip a = ip(rows[i].address);
        struct network net = network_around(&a, rows[i].v4, rows[i].v6);

        assert_string_equal(network_text(&net, text).p, rows[i].network);
    }
}

/* ---- the map ---- */

static struct network_map *map_of(const char *const *networks, size_t n)
{
    struct network_map *map = network_map_new();
    struct error e;

    assert_non_null(map);
    for (size_t i = 0; i < n; i++) {
        struct network net = network(networks[i]);

        assert_int_equal(network_map_add(map, &net, (unsigned)i, NULL, &e), 0);
    }
    assert_int_equal(network_map_build(map, &e), 0);
    return map;
}

static void the_longest_network_wins(void **state)
{
    static const char *const networks[] = {"0.0.0.0/0",     "192.0.2.0/24",    "192.0.2.128/25",  "192.0.2.200",
                                           "2001:db8::/32", "2001:db8:1::/48", "255.255.255.255", "192.0.2.0/25"};
    static const struct {
        const char *address;
        int value; /* -1: none */
    } rows[] = {
        {"0.0.0.0", 0},
        {"192.0.1.255", 0},
        {"192.0.2.0", 7},
        {"192.0.2.127", 7},
        {"192.0.2.128", 2},
        {"192.0.2.199", 2},
        {"192.0.2.200", 3},
        {"192.0.2.201", 2},
        {"192.0.3.0", 0},
        {"255.255.255.254", 0},
        {"255.255.255.255", 6},
        {"::1:0:0:0", -1},
        {"2001:db8::1", 4},
        {"2001:db8:1::1", 5},
        {"2001:db8:2::", 4},
        {"2001:db9::", -1},
        {"2001:db7::", -1},
        {"::", -1},
        {"::fffe:ffff:ffff", -1},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 4},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", -1},
    };
    struct network_map *map = map_of(networks, sizeof networks / sizeof networks[0]);

    (void)state;
    assert_int_equal(network_map_count(map), 8);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ip a = ip(rows[i].address);
        unsigned value = 99;
        bool found = network_map_find(map, &a, &value);

        if (found != (rows[i].value >= 0) || (found && (int)value != rows[i].value))
            fail_msg("%s: %d %u", rows[i].address, found, value);
    }
    network_map_free(map);
}

static void a_map_of_all_ipv6_holds_no_ipv4(void **state)
{
    static const char *const networks[] = {"::/0", "192.0.2.0/24"};
    struct network_map *map = map_of(networks, 2);
    struct ip in = ip("192.0.2.1"), out = ip("198.51.100.1"), v6 = ip("2001:db8::1"),
              last = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    unsigned value;

    (void)state;
    assert_true(network_map_find(map, &in, &value));
    assert_int_equal(value, 1);
    assert_false(network_map_find(map, &out, &value));
    assert_true(network_map_find(map, &v6, &value));
    assert_int_equal(value, 0);
    assert_true(network_map_find(map, &last, &value));
    network_map_free(map);
}

static void a_map_touches_what_shares_an_address_with_it(void **state)
{
    static const char *const networks[] = {"192.0.2.64/26", "203.0.113.9", "2001:db8:1::/48", "::/8"};
    static const struct {
        const char *network;
        bool touched;
    } rows[] = {
        {"192.0.2.0/24", true},    {"192.0.2.64/26", true},   {"192.0.2.65", true},       {"192.0.2.0/26", false},
        {"192.0.2.128/25", false}, {"203.0.113.0/24", true},  {"203.0.113.8/31", true},   {"203.0.113.10/31", false},
        {"2001:db8::/32", true},   {"2001:db8:1::/64", true}, {"2001:db8:2::/48", false}, {"2001:db8::/48", false},
        {"0.0.0.0/0", true},       {"10.0.0.0/8", false},     {"100::/16", false},        {"::/64", true},
    };
    struct network_map *map = map_of(networks, sizeof networks / sizeof networks[0]);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct network net = network(rows[i].network);

        if (network_map_touches(map, &net) != rows[i].touched)
            fail_msg("%s", rows[i].network);
    }
    network_map_free(map);
}

static void one_network_for_two_things_is_refused(void **state)
{
    struct network_map *map = network_map_new();
    struct network net = network("192.0.2.0/24"), same = network("::ffff:192.0.2.0/120");
    unsigned there = 0, value = 0;
    struct ip a = ip("192.0.2.1");
    struct error e;

    (void)state;
    assert_int_equal(network_map_add(map, &net, UINT32_MAX, NULL, &e), 0);
    assert_int_equal(network_map_add(map, &same, UINT32_MAX, &there, &e), 0);
    assert_int_equal(network_map_add(map, &same, 7, &there, &e), -1);
    assert_int_equal(there, UINT32_MAX);
    assert_string_equal(e.text, "network 192.0.2.0/24 is listed twice, for different things");
    assert_int_equal(network_map_add(map, &same, 7, NULL, NULL), -1);
    assert_int_equal(network_map_count(map), 1);
    assert_int_equal(network_map_build(map, &e), 0);
    assert_true(network_map_find(map, &a, &value));
    assert_int_equal(value, UINT32_MAX); /* every value is one, the greatest too */
    network_map_free(map);
}

static void an_empty_or_unbuilt_map_finds_nothing_and_a_built_one_takes_no_more(void **state)
{
    struct network_map *map = network_map_new();
    struct network net = network("192.0.2.0/24");
    struct ip a = ip("192.0.2.1");
    unsigned value;
    struct error e;

    (void)state;
    assert_false(network_map_find(map, &a, &value));
    assert_int_equal(network_map_build(map, &e), 0);
    assert_int_equal(network_map_build(map, &e), 0);
    assert_false(network_map_find(map, &a, &value));
    assert_int_equal(network_map_add(map, &net, 1, NULL, &e), -1);
    assert_non_null(strstr(e.text, "the map is built"));
    assert_int_equal(network_map_count(map), 0);
    network_map_free(map);
    network_map_free(NULL);
}

/* xorshift64* (Vigna, 2014): the same sequence everywhere, so that a seed that failed fails again. */
static uint64_t next(uint64_t *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * UINT64_C(2685821657736338717);
}

/* Few different bits in few places, so that networks nest and touch. */
static struct ip random_ip(uint64_t *s)
{
    static const uint8_t first[] = {0x20, 0x20, 0x00, 0xff, 0x3f};
    static const uint8_t few[] = {0x00, 0x00, 0x01, 0x80, 0xff};
    struct ip a = {{0}};
    bool v4 = next(s) % 2 == 0;

    for (size_t i = 0; i < sizeof a.b; i++)
        a.b[i] = next(s) % 8 == 0 ? (uint8_t)next(s) : few[next(s) % sizeof few];
    a.b[0] = first[next(s) % sizeof first];
    if (v4) {
        memset(a.b, 0, 10);
        a.b[10] = a.b[11] = 0xff;
    }
    return a;
}

static void step(struct ip *a, int by)
{
    for (size_t i = sizeof a->b; i-- > 0;) {
        a->b[i] = (uint8_t)(a->b[i] + by);
        if (a->b[i] != (by > 0 ? 0x00 : 0xff))
            return;
    }
}

struct scan {
    struct network *nets;
    unsigned *values;
    size_t n;
    const struct network_map *map;
    uint64_t seed;
};

static void compare(const struct scan *scan, const struct ip *a)
{
    int best = -1, prefix = -1;
    unsigned value = 0;
    bool found = network_map_find(scan->map, a, &value);

    for (size_t i = 0; i < scan->n; i++) {
        if ((int)scan->nets[i].prefix > prefix && network_contains(&scan->nets[i], a)) {
            best = (int)i;
            prefix = scan->nets[i].prefix;
        }
    }
    if (found != (best >= 0) || (found && value != scan->values[best])) {
        char text[IP_TEXT_MAX];

        fail_msg("seed %llu, %zu networks, %s", (unsigned long long)scan->seed, scan->n, ip_text(a, text).p);
    }
}

/* Asks for the edges of every `stride`th network, both sides of them, and for as many random addresses. */
static void compare_edges(const struct scan *scan, size_t stride, uint64_t *s)
{
    for (size_t i = 0; i < scan->n; i += stride) {
        struct ip edge = scan->nets[i].base, any = random_ip(s);

        compare(scan, &edge);
        step(&edge, -1);
        compare(scan, &edge);
        edge = scan->nets[i].base;
        for (unsigned bit = scan->nets[i].prefix; bit < 128; bit++)
            edge.b[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
        compare(scan, &edge);
        step(&edge, 1);
        compare(scan, &edge);
        compare(scan, &any);
    }
}

static void check_random_map(uint64_t seed, size_t n, size_t stride)
{
    struct network_map *map = network_map_new();
    struct scan scan = {.map = map, .seed = seed};
    uint64_t s = seed;
    struct error e;

    scan.nets = calloc(n, sizeof *scan.nets);
    scan.values = calloc(n, sizeof *scan.values);
    while (scan.n < n) {
        struct ip a = random_ip(&s);
        struct network net = network_around(&a, (unsigned)(next(&s) % 33), (unsigned)(next(&s) % 129));
        unsigned value = (unsigned)(next(&s) % 5); /* few, so that neighbours merge */
        size_t count = network_map_count(map);

        /* The same network again has nothing new to scan for, or another value, which is refused. */
        if (network_map_add(map, &net, value, NULL, &e) != 0 || network_map_count(map) == count) {
            n--;
            continue;
        }
        scan.nets[scan.n] = net;
        scan.values[scan.n++] = value;
    }
    assert_int_equal(network_map_build(map, &e), 0);
    compare_edges(&scan, stride, &s);
    free(scan.nets);
    free(scan.values);
    network_map_free(map);
}

static void any_map_answers_like_a_scan_of_all_its_networks(void **state)
{
    static const uint64_t seeds[] = {1, 2, 3, 5, 8, 13, 0x9e3779b97f4a7c15, UINT64_MAX};
    uint64_t seed;

    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        check_random_map(seeds[i], 300, 1);
        check_random_map(seeds[i], 6000, 60);
    }
    assert_int_equal(getrandom(&seed, sizeof seed, 0), sizeof seed);
    for (uint64_t i = 0; i < 1500; i++)
        check_random_map((seed + i) | 1, 1 + i % 40, 1);
}

/* ---- files of networks ---- */

struct seen {
    char text[256];
    size_t n;
    unsigned refuse_line;
};

static int note(void *arg, const struct network *net, unsigned line, struct error *e)
{
    struct seen *seen = arg;
    char text[NETWORK_TEXT_MAX];

    if (line == seen->refuse_line)
        return error_set(e, "not that one");
    seen->n +=
        (size_t)snprintf(seen->text + seen->n, sizeof seen->text - seen->n, "%u=%s ", line, network_text(net, text).p);
    return 0;
}

static const char list_text[] = "\xef\xbb\xbf# offices\r\n192.0.2.0/24\t# Berlin\r\n\r\n  2001:db8::/32\n198.51.100.7";

static void a_file_of_networks_is_read_in_its_order(void **state)
{
    char dir[] = "/tmp/test_network.XXXXXX", path[64];
    struct seen seen = {.n = 0};
    struct error e;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/networks", dir);
    assert_int_equal(network_list_load(path, note, &seen, &e), -1);
    assert_non_null(strstr(e.text, "/networks: cannot be opened: No such file"));

    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(list_text, 1, sizeof list_text - 1, f), sizeof list_text - 1);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(network_list_load(path, note, &seen, &e), 0);
    assert_string_equal(seen.text, "2=192.0.2.0/24 4=2001:db8::/32 5=198.51.100.7/32 ");
    (void)unlink(path);
    (void)rmdir(dir);
}

static void an_error_in_a_file_of_networks_names_the_line(void **state)
{
    struct seen seen = {.refuse_line = 4};
    struct error e;

    (void)state;
    assert_int_equal(network_list_parse(SLICE(list_text), "office", note, &seen, &e), -1);
    assert_string_equal(e.text, "office:4: not that one");
    assert_string_equal(seen.text, "2=192.0.2.0/24 ");

    assert_int_equal(network_list_parse(SLICE("\n192.0.2.1/24\n"), "office", note, &seen, &e), -1);
    assert_int_equal(strncmp(e.text, "office:2: network \"192.0.2.1/24\" has host bits", 46), 0);
    assert_int_equal(network_list_parse(SLICE("192.0.2.0/24 192.0.3.0/24"), "office", note, &seen, NULL), -1);
    assert_int_equal(network_list_parse(SLICE(""), "office", note, &seen, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_known_in_every_spelling),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(four_numbers_with_dots_are_read_as_libc_reads_them),
        cmocka_unit_test(only_a_mapped_address_is_ipv4),
        cmocka_unit_test(an_address_is_written_as_the_c_library_writes_it),
        cmocka_unit_test(a_network_is_known_in_every_spelling),
        cmocka_unit_test(a_bad_network_is_refused_with_what_was_meant),
        cmocka_unit_test(a_network_holds_its_addresses_and_no_others),
        cmocka_unit_test(the_network_around_an_address_has_the_size_of_its_family),
        cmocka_unit_test(the_longest_network_wins),
        cmocka_unit_test(a_map_of_all_ipv6_holds_no_ipv4),
        cmocka_unit_test(a_map_touches_what_shares_an_address_with_it),
        cmocka_unit_test(one_network_for_two_things_is_refused),
        cmocka_unit_test(an_empty_or_unbuilt_map_finds_nothing_and_a_built_one_takes_no_more),
        cmocka_unit_test(any_map_answers_like_a_scan_of_all_its_networks),
        cmocka_unit_test(a_file_of_networks_is_read_in_its_order),
        cmocka_unit_test(an_error_in_a_file_of_networks_names_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
