/* links: mirror */
/* Blocks: that grow, that never_block keeps away, of networks of any size; and networks that are no news. */
#include "tests/unit/world.h"

#include "core/engine.h"
#include "core/engine_parts.h"
#include "core/keys.h"

struct bench {
    struct world *world;
    struct engine *engine;
    struct engine_user *user;
    struct recipients recipients;
    char queue_id[16];
    unsigned messages;
};

static void start(struct bench *b, const char *rules)
{
    char text[4096];
    struct error e;

    (void)snprintf(
        text, sizeof text,
        "preset = \"none\"; directory = \"~/directory\"; state = { file = \"~/engine-state\"; entries = 4096; };"
        "journal = \"\"; log = { to = \"stderr\"; };\n%s",
        rules);
    world_write(b->world, "postern.conf", text);
    if (engine_open(world_file(b->world, "postern.conf"), "test", &b->engine, &e) != 0)
        fail_msg("%s", e.text);
    b->user = engine_user_new(b->engine);
    assert_non_null(b->user);
}

static void stop(struct bench *b)
{
    engine_user_free(b->user);
    engine_close(b->engine);
    recipients_clear(&b->recipients);
    (void)unlink(world_file(b->world, "engine-state"));
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    assert_non_null(b);
    b->world = world_make();
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    world_free(b->world);
    free(b);
    return 0;
}

static enum reason send_from(struct bench *b, const char *login, const char *client)
{
    struct submission s = world_submission(login, client, login);

    (void)snprintf(b->queue_id, sizeof b->queue_id, "4Q%06u", b->messages++);
    s.queue_id = s.instance = slice_of(b->queue_id);
    return engine_decide(b->user, &s, &b->recipients)->reason;
}

#define ANNA "anna@contoso.example"

static struct blocks *blocks_of(struct bench *b)
{
    return state_blocks(b->engine->state);
}

static uint64_t now_of(struct bench *b)
{
    return state_now(b->engine->state, clock_boot_ns());
}

/* Lifts the only block; its length in seconds. */
static uint64_t lift(struct bench *b)
{
    struct block block;
    uint32_t at = 0;

    assert_true(blocks_next(blocks_of(b), &at, now_of(b), &block));
    assert_true(blocks_lift(blocks_of(b), block.key, now_of(b)));
    return (block.until_ns - block.from_ns) / NS_PER_S;
}

static unsigned blocked(struct bench *b)
{
    struct block block;
    unsigned n = 0;

    for (uint32_t at = 0; blocks_next(blocks_of(b), &at, now_of(b), &block);)
        n++;
    return n;
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
    assert_int_equal(send_from(b, "dora@fabrikam.example", "203.0.113.9"), REASON_ALLOWED);
    assert_int_equal(send_from(b, "dora@fabrikam.example", "203.0.113.9"), REASON_LIMIT_BLOCK);
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
        assert_int_equal(blocked(b), 0);
        assert_int_equal(send_from(b, "dora@fabrikam.example", "203.0.113.9"), REASON_ALLOWED);
        assert_int_equal(send_from(b, "dora@fabrikam.example", "203.0.113.9"), REASON_LIMIT_BLOCK);
        assert_int_equal(blocked(b), 1);
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
    assert_int_equal(blocked(b), 0);
    assert_int_equal(network_parse(SLICE("203.0.112.0/22"), &net, &e), 0);
    key_of_block_on_network(&(const struct decide_context){.secret = state_secret(b->engine->state)}, &net, &block);
    assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), &e), 0);
    assert_int_equal(send_from(b, ANNA, "203.0.113.10"), REASON_ALLOWED);
    assert_int_equal(send_from(b, ANNA, "203.0.113.16"), REASON_BLOCKED);
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
        key_of_block_on_network(&(const struct decide_context){.secret = state_secret(b->engine->state)}, &net, &block);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_comes_again_lasts_longer_up_to_the_longest),
        cmocka_unit_test(each_subject_grows_by_itself),
        cmocka_unit_test(whom_never_block_names_is_not_blocked_but_limited),
        cmocka_unit_test(a_protected_network_is_met_neither_by_limits_nor_by_a_block_around_it),
        cmocka_unit_test(networks_of_every_size_are_heeded),
        cmocka_unit_test(known_networks_are_no_news),
        cmocka_unit_test(mistakes_in_the_settings_are_named),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
