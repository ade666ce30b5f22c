/* links: mirror */
/* Blocks: that grow, that never_block keeps away, of networks of any size; and networks that are no news. */
#include "tests/unit/engine_fixture.h"

#include "core/decide/block_keys.h"
#include "core/decide/keys.h"
#include "core/engine/engine_parts.h"

/* Lifts the only block; its length in seconds. */
static uint64_t lift(struct bench *b)
{
    struct block block;
    uint32_t at = 0;

    assert_true(blocks_next(blocks_of(b), &at, now_of(b), &block));
    assert_true(blocks_lift(blocks_of(b), block.key, now_of(b)));
    return (block.until_ns - block.from_ns) / NS_PER_S;
}

#define LIMIT                                                                                                          \
    "limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 1; then = \"block 1h\"; " \
    "});"

static void a_block_that_comes_again_lasts_longer_up_to_the_longest(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *rules;
        uint64_t hours[6];
    } rows[] = {
        {LIMIT, {1, 2, 4, 8, 16, 32}},
        {LIMIT "blocks = { grow = 3; longest = \"10h\"; };", {1, 3, 9, 10, 10, 10}},
        {LIMIT "blocks = { grow = 1; };", {1, 1, 1, 1, 1, 1}},
        {LIMIT "blocks = { grow = 100; longest = \"60s\"; };", {1, 1, 1, 1, 1, 1}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start(b, rows[i].rules);
        assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
        for (size_t j = 0; j < 6; j++) {
            assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_LIMIT_BLOCK);
            assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_BLOCKED);
            assert_int_equal(lift(b), rows[i].hours[j] * 3600);
        }
        stop(b);
    }
}

static void each_subject_grows_by_itself(void **state)
{
    struct bench *b = *state;

    start(b, LIMIT);
    for (int i = 0; i < 3; i++) {
        (void)send_from(b, ANNA, "203.0.113.9");
        (void)send_from(b, ANNA, "203.0.113.9");
        (void)lift(b);
    }
    assert_int_equal(send_from(b, DORA, "203.0.113.9"), REASON_ALLOWED);
    assert_int_equal(send_from(b, DORA, "203.0.113.9"), REASON_LIMIT_BLOCK);
    assert_int_equal(lift(b), 3600);
    stop(b);
}

static void whom_never_block_names_is_not_blocked_but_limited(void **state)
{
    struct bench *b = *state;
    static const char *const entries[] = {"\"anna@contoso.example\"", "\"A.BERG@contoso.example\"",
                                          "\"@contoso.example\"", "[\"198.51.100.0/24\", \"anna\"]"};

    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        char rules[600];

        (void)snprintf(rules, sizeof rules, "never_block = %s; %s", entries[i], LIMIT);
        start(b, rules);
        assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
        assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_LIMIT_BLOCK);
        assert_int_equal(live_blocks(b), 0);
        assert_int_equal(send_from(b, DORA, "203.0.113.9"), REASON_ALLOWED);
        assert_int_equal(send_from(b, DORA, "203.0.113.9"), REASON_LIMIT_BLOCK);
        assert_int_equal(live_blocks(b), 1);
        stop(b);
    }
}

static void a_protected_network_is_met_neither_by_limits_nor_by_a_block_around_it(void **state)
{
    struct bench *b = *state;
    struct network net;
    struct block block = {.until_ns = BLOCK_FOREVER};
    struct error e;

    start(b, "never_block = \"203.0.113.8/29\"; limits = ({ name = \"l\"; per = \"client\"; count = \"messages\"; "
             "rate = \"1/d\"; burst = 1; then = \"block 1h\"; });");
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_LIMIT_BLOCK);
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(network_parse(SLICE("203.0.112.0/22"), &net, &e), 0);
    key_of_block_on_network(&(const struct decide_context){.secret = state_secret(b->shared)}, &net, &block);
    assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), &e), 0);
    assert_int_equal(send_from(b, ANNA, "203.0.113.10"), REASON_ALLOWED);
    assert_int_equal(send_from(b, ANNA, "203.0.113.16"), REASON_BLOCKED);
    stop(b);
}

/* ---- blocks of clients that become one ---- */

#define SPRAY                                                                                                          \
    "unauthenticated = \"reject\"; limits = ({ name = \"spray\"; per = \"client\"; count = \"denials\"; rate = "       \
    "\"20/h\"; "                                                                                                       \
    "burst = 2; then = \"block 15m\"; });"

/* A stranger, who is refused `times` times. */
static void refuse_strangers(struct bench *b, const char *client, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(send_as(b, "", client, "x@adatum.example"), REASON_UNAUTHENTICATED);
}

static const char *only_subject(struct bench *b)
{
    static struct block block;
    uint32_t at = 0;

    assert_true(blocks_next(blocks_of(b), &at, now_of(b), &block));
    assert_false(blocks_next(blocks_of(b), &at, now_of(b), &(struct block){0}));
    return block.subject;
}

static void the_addresses_of_one_ipv6_network_are_one_block(void **state)
{
    struct bench *b = *state;

    start(b, SPRAY);
    for (unsigned i = 0; i < 5; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "2001:db8:bad:1::%u", i);
        refuse_strangers(b, client, 3);
    }
    assert_string_equal(only_subject(b), "network 2001:db8:bad:1::/64");
    refuse_strangers(b, "2001:db8:bad:2::1", 3);
    assert_int_equal(live_blocks(b), 2);
    stop(b);
}

static void the_addresses_of_one_ipv4_network_are_one_block_beyond_sixteen(void **state)
{
    struct bench *b = *state;
    struct block block;
    uint32_t at = 0;

    start(b, SPRAY "blocks = { grow = 4; };");
    /* One of them is blocked for longer than all others: it must not end earlier for that. */
    refuse_strangers(b, "198.51.100.200", 3);
    assert_int_equal(lift(b), 900);
    refuse_strangers(b, "198.51.100.200", 1);
    for (unsigned i = 0; i < 16; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "198.51.100.%u", i);
        assert_int_equal(live_blocks(b), 1 + i);
        refuse_strangers(b, client, 3);
    }
    assert_string_equal(only_subject(b), "network 198.51.100.0/24");
    assert_true(blocks_next(blocks_of(b), &at, now_of(b), &block));
    assert_in_range(block.until_ns - now_of(b), 3500 * NS_PER_S, 3600 * NS_PER_S);
    refuse_strangers(b, "198.51.100.77", 9);
    assert_int_equal(live_blocks(b), 1);
    stop(b);
}

static void however_many_strangers_are_blocked_there_is_room_for_logins_and_by_hand(void **state)
{
    struct bench *b = *state;
    struct block block = {.until_ns = BLOCK_FOREVER};
    struct network net;
    unsigned strangers;

    start(
        b,
        "unauthenticated = \"reject\"; state = { file = \"~/engine-state\"; entries = 4096; blocks = 64; }; limits = ("
        "{ name = \"spray\"; per = \"client\"; count = \"denials\"; rate = \"20/h\"; burst = 2; then = \"block 15m\"; "
        "}, "
        "{ name = \"l\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 1; then = \"block 1h\"; });");
    for (unsigned i = 0; i < 100; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "2001:db8:bad:%x::1", i);
        refuse_strangers(b, client, 3);
    }
    strangers = live_blocks(b);
    assert_int_equal(strangers, 32);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_LIMIT_BLOCK);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_BLOCKED);
    assert_int_equal(network_parse(SLICE("2001:db8:bad::/48"), &net, NULL), 0);
    key_of_block_on_network(&(const struct decide_context){.secret = state_secret(b->shared)}, &net, &block);
    assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), NULL), 0);
    assert_int_equal(live_blocks(b), strangers + 2);
    stop(b);
}

/* What lies within a /24 and a /64 that must not be blocked for its neighbours. */
static void blocks_do_not_become_one_around_a_network_that_is_known(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *rules, *v4, *v6;
        unsigned blocks;
    } rows[] = {
        {"", "198.51.100.", "2001:db8:bad:1::", 1 + 1},
        {"never_block = [\"198.51.100.250\", \"2001:db8:bad:1:7::/80\"];", "198.51.100.", "2001:db8:bad:1::", 20 + 20},
        {"known_networks = [\"198.51.100.248/29\", \"2001:db8:bad::/48\"];", "198.51.100.",
         "2001:db8:bad:1::", 20 + 20},
        {"connectors = ({ name = \"printers\"; networks = [\"198.51.100.250\", \"2001:db8:bad:1:7::/80\"]; });",
         "198.51.100.", "2001:db8:bad:1::", 20 + 20},
        {"", "192.168.7.", "fd00:7::", 20 + 20},
        {"", "127.0.0.", "fe80::", 20 + 20},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rules[1200];

        (void)snprintf(rules, sizeof rules, "%s %s", rows[i].rules, SPRAY);
        start(b, rules);
        for (unsigned j = 0; j < 40; j++) {
            char client[40];

            (void)snprintf(client, sizeof client, "%s%u", j < 20 ? rows[i].v4 : rows[i].v6, 1 + j);
            refuse_strangers(b, client, 3);
        }
        if (live_blocks(b) != rows[i].blocks)
            fail_msg("row %zu: %u blocks", i, live_blocks(b));
        stop(b);
    }
}

static void one_message_shelters_no_ipv6_network(void **state)
{
    struct bench *b = *state;

    start(b, SPRAY);
    assert_int_equal(send_from(b, ANNA, "2001:db8:bad:1::99"), REASON_ALLOWED);
    for (unsigned i = 0; i < 5; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "2001:db8:bad:1::%u", i);
        refuse_strangers(b, client, 3);
    }
    assert_string_equal(only_subject(b), "network 2001:db8:bad:1::/64");
    stop(b);
}

static void an_operators_block_is_not_taken_for_one_of_many(void **state)
{
    struct bench *b = *state;
    struct block block = {.until_ns = BLOCK_FOREVER};
    struct submission s = world_submission("", "198.51.100.5", "x@adatum.example");
    uint64_t until_ns;

    start(b, SPRAY);
    key_of_block_on(&(const struct decide_context){.secret = state_secret(b->shared)}, &s, &(struct identity){0},
                    PER_CLIENT, &block);
    assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), NULL), 0);
    for (unsigned i = 0; i < 17; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "198.51.100.%u", i);
        refuse_strangers(b, client, 3);
    }
    assert_int_equal(live_blocks(b), 2);
    assert_true(blocks_find(blocks_of(b), block.key, now_of(b), &until_ns) && until_ns == BLOCK_FOREVER);
    stop(b);
}

/* ---- refusals without a login, and logins from the same address ---- */

static void what_strangers_did_does_not_block_logins_from_a_network_that_is_trusted(void **state)
{
    struct bench *b = *state;
    struct block block = {.until_ns = BLOCK_FOREVER};
    struct submission s = world_submission("", "203.0.113.9", "x@adatum.example");
    struct counters *counters;

    /* In the tenant's first week every network is trusted. */
    start(b, SPRAY);
    refuse_strangers(b, "203.0.113.9", 3);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
    /* Later only familiar ones are: here none is left. */
    counters = state_counters(b->shared);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t tenant = hash_slice(state_secret(b->shared), SLICE("contoso"));

        (void)counters_mark(counters, key_within(tenant, UINT64_C(0x6f7267616e697a65)), now_of(b), 86400 * NS_PER_S,
                            true, NULL);
    }
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_BLOCKED);
    assert_int_equal(send_from(b, ANNA, "203.0.113.10"), REASON_ALLOWED);
    stop(b);
    /* A known one always is; an operator's block holds for everybody. */
    start(b, SPRAY "known_networks = \"203.0.113.0/24\";");
    refuse_strangers(b, "203.0.113.9", 3);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
    key_of_block_on(&(const struct decide_context){.secret = state_secret(b->shared)}, &s, &(struct identity){0},
                    PER_CLIENT, &block);
    assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), NULL), 0);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_BLOCKED);
    stop(b);
}

static void refusals_of_logins_still_block_their_client(void **state)
{
    struct bench *b = *state;

    start(b, SPRAY);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send_as(b, ANNA, "203.0.113.9", BERT), REASON_SENDER_NOT_OWN);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_BLOCKED);
    assert_int_equal(send_from(b, ANNA, "203.0.113.10"), REASON_ALLOWED);
    stop(b);
}

/* ---- a table of counters that is full ---- */

/* Fills every bucket with entries that live for a day. */
static void crowd(struct bench *b)
{
    uint64_t seed = 5;

    for (unsigned i = 0; i < 20000; i++) {
        struct charge k = {counters_key(hash_mix(seed, i)), 14400 * NS_PER_S, 6, 6};
        struct charge_answer answer;

        (void)counters_charge(state_counters(b->shared), &k, 1, now_of(b), &answer);
    }
}

static void a_crowded_table_blocks_nobody_and_mixes_no_limits(void **state)
{
    struct bench *b = *state;
    unsigned passed = 0, deferred = 0;

    start(b, "limits = ({ name = \"rate\"; per = \"client\"; count = \"messages\"; rate = \"30/m\"; burst = 150; }, "
             "{ name = \"senders\"; per = \"client\"; count = \"distinct sender\"; rate = \"6/d\"; burst = 6; "
             "then = \"block 1h\"; }, "
             "{ name = \"never\"; per = \"client\"; count = \"messages\"; rate = \"6/d\"; burst = 6; "
             "then = \"reject\"; except = ({ user = \"" DORA "\"; rate = \"unlimited\"; }); });");
    crowd(b);
    for (unsigned i = 0; i < 300; i++) {
        char client[40];
        enum reason reason;

        (void)snprintf(client, sizeof client, "203.0.%u.%u", i / 200, i % 200);
        reason = send_from(b, i % 2 == 0 ? ANNA : DORA, client);
        passed += reason == REASON_ALLOWED;
        deferred += reason == REASON_LIMIT;
    }
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(passed + deferred, 300); /* and nothing was refused for good */
    assert_true(deferred > 100);              /* those who share the entry of the slow limits */
    stop(b);

    /* A limit of another class of interval is none the worse for it. */
    start(b, "limits = ({ name = \"rate\"; per = \"client\"; count = \"messages\"; rate = \"30/m\"; burst = 150; });");
    crowd(b);
    for (unsigned i = 0; i < 300; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "203.0.%u.%u", i / 200, i % 200);
        assert_int_equal(send_from(b, ANNA, client), REASON_ALLOWED);
    }
    stop(b);
}

static void what_is_marked_in_a_full_bucket_is_not_counted_again(void **state)
{
    struct bench *b = *state;

    start(b,
          "limits = ({ name = \"roaming\"; per = \"user\"; count = \"distinct client_net\"; rate = \"6/d\"; burst = 6; "
          "then = \"block 1h\"; });");
    assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED); /* so that the limit has its own entry */
    crowd(b);
    for (unsigned i = 0; i < 40; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "203.0.%u.9", i % 4);
        assert_int_equal(send_from(b, ANNA, client), REASON_ALLOWED);
    }
    stop(b);
}

static void networks_of_every_size_are_heeded(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *network, *inside, *outside;
    } rows[] = {
        {"203.0.113.9/32", "203.0.113.9", "203.0.113.10"},
        {"203.0.113.8/31", "203.0.113.9", "203.0.113.10"},
        {"203.0.112.0/22", "203.0.115.255", "203.0.116.0"},
        {"128.0.0.0/1", "203.0.113.9", "127.255.255.255"},
        {"2001:db8:1::/48", "2001:db8:1:ffff::7", "2001:db8:2::7"},
        {"2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
        {"8000::/1", "fd00::1", "203.0.113.9"},
        {"::/1", "2001:db8::1", "203.0.113.9"},
    };

    start(b, "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct block block = {.until_ns = BLOCK_FOREVER};
        struct network net;
        struct error e;

        assert_int_equal(network_parse(slice_of(rows[i].network), &net, &e), 0);
        key_of_block_on_network(&(const struct decide_context){.secret = state_secret(b->shared)}, &net, &block);
        assert_int_equal(send_from(b, ANNA, rows[i].inside), REASON_ALLOWED);
        assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), &e), 0);
        assert_int_equal(send_from(b, ANNA, rows[i].inside), REASON_BLOCKED);
        assert_int_equal(send_from(b, ANNA, rows[i].outside), REASON_ALLOWED);
        assert_true(blocks_lift(blocks_of(b), block.key, now_of(b)));
        assert_int_equal(send_from(b, ANNA, rows[i].inside), REASON_ALLOWED);
    }
    stop(b);
}

static void known_networks_are_no_news(void **state)
{
    struct bench *b = *state;
    static const char *const counts[] = {"distinct client", "distinct client_net"};

    for (size_t i = 0; i < 2; i++) {
        char rules[600];

        (void)snprintf(
            rules, sizeof rules,
            "known_networks = [\"198.51.100.0/24\", \"2001:db8::/32\"]; limits = ({ name = \"l\"; per = \"user\"; "
            "count = \"%s\"; rate = \"1/d\"; burst = 1; %s });",
            counts[i], i == 1 ? "client_net = \"/32 /128\";" : "");
        start(b, rules);
        assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
        for (unsigned j = 1; j < 20; j++) {
            char client[40];

            (void)snprintf(client, sizeof client, j % 2 == 0 ? "198.51.100.%u" : "2001:db8::%u", j);
            assert_int_equal(send_from(b, ANNA, client), REASON_ALLOWED);
        }
        assert_int_equal(send_from(b, ANNA, "203.0.113.10"), REASON_LIMIT);
        stop(b);
    }
}

static void mistakes_in_the_settings_are_named(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *rules, *error;
    } rows[] = {
        {"never_block = [\"192.0.2.1/24\"];", "never_block"},
        {"never_block = [\"two words\"];", "without blanks"},
        {"never_block = 7;", "never_block"},
        {"known_networks = [\"anna@contoso.example\"];", "known_networks"},
        {"blocks = { grow = 0; };", "from 1 to 100"},
        {"blocks = { longest = \"1s\"; };", "out of range"},
        {"blocks = { shortest = \"1h\"; };", "unknown setting"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config *config;
        struct error e = {""};

        world_write(b->world, "bad.conf", rows[i].rules);
        assert_int_equal(config_load(world_file(b->world, "bad.conf"), &config, &e), -1);
        if (strstr(e.text, rows[i].error) == NULL || strstr(e.text, "bad.conf:1") == NULL)
            fail_msg("%s: %s", rows[i].rules, e.text);
    }
}

/* ---- who is blocked, when it changes who a login is ---- */

#define SPELLINGS                                                                                                      \
    "default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; netbios = \"CONTOSO\"; });"                        \
    "smtp_auth = { unlisted = \"allow\"; }; sender = { envelope = \"any\"; };"

static const char *const bobs[] = {"bob", "CONTOSO\\bob", "contoso/bob", "Bob@contoso.example"};

/* The old keys are lifted at once. */
static void settle(struct bench *b)
{
    b->engine->rekey_ends_ns = 1;
    engine_tick(b->engine);
}

/* A block as versions made it that went by the login as it was typed. */
static void block_as_typed(struct bench *b, const char *subject, unsigned part, const char *typed)
{
    struct block block = {.from_ns = now_of(b), .until_ns = now_of(b) + 3600 * NS_PER_S};
    struct buf out = BUF_OVER(block.subject);
    struct login login;
    struct error e;

    login_parse(slice_of(typed), &login);
    buf_add(&out, slice_of(subject));
    block.key = key_of_block_value(state_secret(b->shared), part, key_of_login(state_secret(b->shared), &login));
    if (blocks_add(blocks_of(b), &block, now_of(b), &e) != 0)
        fail_msg("%s", e.text);
}

static void a_block_of_an_earlier_version_holds_for_every_spelling(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *subject;
        unsigned part;
        const char *typed;
    } rows[] = {{"user bob", PER_USER, "bob"},
                {"user CONTOSO\\x5cbob", PER_USER, "CONTOSO\\bob"},
                {"user bob@contoso.example", PER_USER, "bob@contoso.example"},
                {"login bob", PER_LOGIN, "bob"},
                {"login contoso/bob", PER_LOGIN, "contoso/bob"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(b, SPELLINGS);
        for (size_t j = 0; j < sizeof bobs / sizeof bobs[0]; j++)
            assert_int_equal(send_from(b, bobs[j], "203.0.113.9"), REASON_ALLOWED);
        block_as_typed(b, rows[i].subject, rows[i].part, rows[i].typed);
        bench_stop(b);
        start(b, SPELLINGS);
        for (size_t j = 0; j < sizeof bobs / sizeof bobs[0]; j++)
            if (send_from(b, bobs[j], "203.0.113.9") != REASON_BLOCKED)
                fail_msg("%s: %s is not blocked", rows[i].subject, bobs[j]);
        settle(b);
        assert_int_equal(live_blocks(b), 1);
        for (size_t j = 0; j < sizeof bobs / sizeof bobs[0]; j++)
            assert_int_equal(send_from(b, bobs[j], "203.0.113.9"), REASON_BLOCKED);
        assert_int_equal(send_from(b, "bob@fabrikam.example", "203.0.113.9"), REASON_ALLOWED);
        assert_int_equal(send_from(b, ANNA, "203.0.113.9"), REASON_ALLOWED);
        stop(b);
    }
}

static void a_block_is_kept_where_its_subject_cannot_be_resolved(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *subject, *typed;
        unsigned live;
    } rows[] = {{"user bob...", "bob", 1},
                {"user bob\\x5", "bob", 1},
                {"user", "bob", 1},
                /* for all that can be told, of a mailbox that is gone: its own, and the name's */
                {"user other@contoso.example", "bob", 2}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(b, SPELLINGS);
        block_as_typed(b, rows[i].subject, PER_USER, rows[i].typed);
        bench_stop(b);
        start(b, "directory = \"~/nowhere\";"); /* resolves nobody */
        assert_int_equal(live_blocks(b), 1);
        bench_stop(b);
        start(b, SPELLINGS);
        settle(b);
        assert_int_equal(live_blocks(b), rows[i].live);
        stop(b);
    }
}

/* Bob gets a mailbox, or loses it. */
static void new_generation(struct bench *b, bool with_bob)
{
    struct mailbox_record bob = {.id = world_id(77),
                                 .knows = MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_DETAILS,
                                 .smtp_auth = SMTP_AUTH_ENABLED,
                                 .primary = SLICE("robert@contoso.example"),
                                 .alias = SLICE("bob")};
    const struct tenant_facts *contoso = directory_tenant_named(b->world->view, SLICE("contoso"));
    struct writer_summary summary;
    struct writer *writer;
    char packed[64];
    struct buf proxies = BUF_OVER(packed);
    struct error e;

    packed_add(&proxies, SLICE("bob@contoso.example"));
    bob.proxies = buf_slice(&proxies);
    if (with_bob)
        puts_add(contoso->tenant, &bob);
    else
        puts_delete(contoso->tenant, &bob.id);
    if (writer_begin(world_file(b->world, "directory"), &writer, &e) != 0 || puts_write(writer, &e) != 0 ||
        writer_finish(writer, &summary, &e) != 0)
        fail_msg("%s", e.text);
    writer_close(writer);
    engine_tick(b->engine);
}

static void a_block_follows_a_login_into_the_directory_and_out_of_it(void **state)
{
    struct bench *b = *state;

    start(b, SPELLINGS);
    block_as_typed(b, "user bob", PER_USER, "bob");
    for (int i = 0; i < 4; i++) {
        new_generation(b, i % 2 == 0);
        if (i >= 2)
            settle(b);
        /* On the mailbox, which may come back, and on its name as long as it is gone. */
        assert_true(live_blocks(b) == (i % 2 == 0 ? 1 : 2) || i < 2);
        for (size_t j = 0; j < sizeof bobs / sizeof bobs[0]; j++)
            if (send_from(b, bobs[j], "203.0.113.9") != REASON_BLOCKED)
                fail_msg("%s is not blocked in generation %d", bobs[j], i);
        if (i % 2 == 0)
            assert_int_equal(send_from(b, "robert@contoso.example", "203.0.113.9"), REASON_BLOCKED);
    }
    stop(b);
}

/* The mailbox keeps its id; of its names only the new one is left. */
static void rename_bob(struct bench *b, const char *primary)
{
    struct mailbox_record bob = {.id = world_id(77),
                                 .knows = MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_DETAILS,
                                 .smtp_auth = SMTP_AUTH_ENABLED,
                                 .primary = slice_of(primary)};
    const struct tenant_facts *contoso = directory_tenant_named(b->world->view, SLICE("contoso"));
    struct writer_summary summary;
    struct writer *writer;
    struct error e;

    puts_add(contoso->tenant, &bob);
    if (writer_begin(world_file(b->world, "directory"), &writer, &e) != 0 || puts_write(writer, &e) != 0 ||
        writer_finish(writer, &summary, &e) != 0)
        fail_msg("%s", e.text);
    writer_close(writer);
    engine_tick(b->engine);
    settle(b);
}

static void no_new_name_frees_a_mailbox_of_its_block(void **state)
{
    struct bench *b = *state;

    start(b, SPELLINGS);
    block_as_typed(b, "user bob@contoso.example", PER_USER, "bob@contoso.example");
    rename_bob(b, "bob@contoso.example");
    assert_int_equal(send_from(b, "bob@contoso.example", "203.0.113.9"), REASON_BLOCKED);
    rename_bob(b, "rob@contoso.example");
    assert_int_equal(send_from(b, "rob@contoso.example", "203.0.113.9"), REASON_BLOCKED);
    assert_int_equal(send_from(b, "bob@contoso.example", "203.0.113.9"), REASON_ALLOWED); /* may be anybody's now */
    rename_bob(b, "robert@contoso.example");
    assert_int_equal(send_from(b, "robert@contoso.example", "203.0.113.9"), REASON_BLOCKED);
    assert_int_equal(live_blocks(b), 1);
    stop(b);
}

static void a_mailbox_that_comes_back_under_another_name_is_still_blocked(void **state)
{
    struct bench *b = *state;

    start(b, SPELLINGS);
    rename_bob(b, "bob@contoso.example");
    block_as_typed(b, "user bob@contoso.example", PER_USER, "bob@contoso.example");
    settle(b);
    assert_int_equal(send_from(b, "bob@contoso.example", "203.0.113.9"), REASON_BLOCKED);
    for (int i = 0; i < 3; i++) {
        new_generation(b, false);
        settle(b);
        assert_int_equal(send_from(b, "bob@contoso.example", "203.0.113.9"), REASON_BLOCKED);
        assert_int_equal(live_blocks(b), 2);
        rename_bob(b, i % 2 == 0 ? "rob@contoso.example" : "robert@contoso.example");
        assert_int_equal(send_from(b, i % 2 == 0 ? "rob@contoso.example" : "robert@contoso.example", "203.0.113.9"),
                         REASON_BLOCKED);
        assert_int_equal(live_blocks(b), 1);
        assert_int_equal(send_from(b, "bob@contoso.example", "203.0.113.9"), REASON_ALLOWED);
    }
    stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_comes_again_lasts_longer_up_to_the_longest),
        cmocka_unit_test(each_subject_grows_by_itself),
        cmocka_unit_test(whom_never_block_names_is_not_blocked_but_limited),
        cmocka_unit_test(a_protected_network_is_met_neither_by_limits_nor_by_a_block_around_it),
        cmocka_unit_test(the_addresses_of_one_ipv6_network_are_one_block),
        cmocka_unit_test(the_addresses_of_one_ipv4_network_are_one_block_beyond_sixteen),
        cmocka_unit_test(however_many_strangers_are_blocked_there_is_room_for_logins_and_by_hand),
        cmocka_unit_test(blocks_do_not_become_one_around_a_network_that_is_known),
        cmocka_unit_test(one_message_shelters_no_ipv6_network),
        cmocka_unit_test(an_operators_block_is_not_taken_for_one_of_many),
        cmocka_unit_test(what_strangers_did_does_not_block_logins_from_a_network_that_is_trusted),
        cmocka_unit_test(refusals_of_logins_still_block_their_client),
        cmocka_unit_test(a_crowded_table_blocks_nobody_and_mixes_no_limits),
        cmocka_unit_test(what_is_marked_in_a_full_bucket_is_not_counted_again),
        cmocka_unit_test(networks_of_every_size_are_heeded),
        cmocka_unit_test(known_networks_are_no_news),
        cmocka_unit_test(a_block_of_an_earlier_version_holds_for_every_spelling),
        cmocka_unit_test(a_block_is_kept_where_its_subject_cannot_be_resolved),
        cmocka_unit_test(a_block_follows_a_login_into_the_directory_and_out_of_it),
        cmocka_unit_test(no_new_name_frees_a_mailbox_of_its_block),
        cmocka_unit_test(a_mailbox_that_comes_back_under_another_name_is_still_blocked),
        cmocka_unit_test(mistakes_in_the_settings_are_named),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
