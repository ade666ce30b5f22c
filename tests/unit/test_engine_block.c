/* links: mirror */
/* Blocks: that grow, that never_block keeps away, of networks of any size; and networks that are no news. */
#include "tests/unit/engine_fixture.h"

#include "core/engine_parts.h"
#include "core/keys.h"

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
        assert_int_equal(blocked(b), 0);
        assert_int_equal(send_from(b, DORA, "203.0.113.9"), REASON_ALLOWED);
        assert_int_equal(send_from(b, DORA, "203.0.113.9"), REASON_LIMIT_BLOCK);
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
    key_of_block_on_network(&(const struct decide_context){.secret = state_secret(b->shared)}, &net, &block);
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
        assert_int_equal(blocked(b), 1);
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
    } rows[] = {
        {"user bob...", "bob"}, {"user bob\\x5", "bob"}, {"user", "bob"}, {"user other@contoso.example", "bob"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(b, SPELLINGS);
        block_as_typed(b, rows[i].subject, PER_USER, rows[i].typed);
        bench_stop(b);
        start(b, "directory = \"~/nowhere\";"); /* resolves nobody */
        assert_int_equal(blocked(b), 1);
        bench_stop(b);
        start(b, SPELLINGS);
        settle(b);
        assert_int_equal(blocked(b), 1);
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
    if (writer_begin(world_file(b->world, "directory"), &writer, &e) != 0 ||
        (with_bob && writer_put_mailbox(writer, contoso->tenant, &bob, &e) != 0) ||
        (!with_bob && writer_delete_mailbox(writer, contoso->tenant, &bob.id, &e) != 0) ||
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
        assert_true(blocked(b) == 1 || i < 2);
        for (size_t j = 0; j < sizeof bobs / sizeof bobs[0]; j++)
            if (send_from(b, bobs[j], "203.0.113.9") != REASON_BLOCKED)
                fail_msg("%s is not blocked in generation %d", bobs[j], i);
        if (i % 2 == 0)
            assert_int_equal(send_from(b, "robert@contoso.example", "203.0.113.9"), REASON_BLOCKED);
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
        cmocka_unit_test(networks_of_every_size_are_heeded),
        cmocka_unit_test(known_networks_are_no_news),
        cmocka_unit_test(a_block_of_an_earlier_version_holds_for_every_spelling),
        cmocka_unit_test(a_block_is_kept_where_its_subject_cannot_be_resolved),
        cmocka_unit_test(a_block_follows_a_login_into_the_directory_and_out_of_it),
        cmocka_unit_test(mistakes_in_the_settings_are_named),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
