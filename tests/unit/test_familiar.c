/* links: mirror */
/* Familiar networks, what limits with from = "unfamiliar" are about, and limits on deferrals. */
#include "core/decide/familiar.h"
#include "tests/unit/virtual_engine.h"

/* One message from unfamiliar networks, no second one for long. */
#define ONE_STRANGER                                                                                                   \
    "preset = \"none\"; limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; from = \"unfamiliar\"; "       \
    "rate = \"1/90d\"; burst = 1; });"

#define HOTEL "203.0.113.9"

static void in_a_tenants_first_week_nothing_is_unfamiliar(void **state)
{
    struct bench *b = *state;
    char client[32];

    start_at_0(b, ONE_STRANGER);
    for (unsigned i = 0; i < 60; i++) {
        (void)snprintf(client, sizeof client, "203.0.%u.9", i);
        assert_int_equal(send_at(b, i * 2.7 * HOUR, ANNA, client), REASON_ALLOWED);
    }
    stop(b);
}

static void after_it_networks_are_familiar_that_mail_came_from_for_a_week(void **state)
{
    struct bench *b = *state;

    start_at_0(b, ONE_STRANGER);
    live(b, 0, 10, ANNA);
    assert_int_equal(send_at(b, 10 * DAY, ANNA, HOTEL), REASON_ALLOWED);
    assert_int_equal(send_at(b, 10 * DAY + 1, ANNA, HOTEL), REASON_LIMIT);
    live(b, 10, 20, ANNA); /* the office is not limited meanwhile */
    stop(b);
}

static void a_network_is_learnt_for_the_whole_tenant_and_for_no_other(void **state)
{
    struct bench *b = *state;

    start_at_0(b, ONE_STRANGER);
    live(b, 0, 10, ANNA);
    assert_int_equal(send_at(b, 10 * DAY, PAUL, OFFICE), REASON_ALLOWED);
    assert_int_equal(send_at(b, 10 * DAY, PAUL, OFFICE), REASON_ALLOWED);
    for (unsigned day = 0; day < 9; day++)
        assert_int_equal(send_at(b, (11 + day) * DAY, DORA, "192.0.2.1"), REASON_ALLOWED);
    assert_int_equal(send_at(b, 20 * DAY, DORA, OFFICE), REASON_ALLOWED);
    assert_int_equal(send_at(b, 20 * DAY, DORA, OFFICE), REASON_LIMIT);
    stop(b);
}

static void a_week_after_its_first_message_and_not_before_a_network_is_familiar(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "preset = \"none\"; limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; from = "
                  "\"unfamiliar\"; rate = \"1/d\"; burst = 1; });");
    live(b, 0, 10, ANNA);
    for (unsigned day = 10; day < 17; day++) {
        assert_int_equal(send_at(b, day * DAY, ANNA, HOTEL), REASON_ALLOWED);
        assert_int_equal(send_at(b, day * DAY + 1, ANNA, HOTEL), REASON_LIMIT);
    }
    assert_int_equal(send_at(b, 17 * DAY + 60, ANNA, HOTEL), REASON_ALLOWED);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(send_at(b, 17 * DAY + 61, ANNA, HOTEL), REASON_ALLOWED);
    stop(b);
}

/* What is known of the network around it now; since when, in days. */
static enum network_seen seen(struct bench *b, const char *tenant, const char *client, double *since_day)
{
    struct decide_context c = {.config = engine_config(b->engine),
                               .counters = state_counters(b->shared),
                               .secret = state_secret(b->shared),
                               .now_ns = state_now(b->shared, clock_boot_ns()),
                               .wall_s = clock_wall_s()};
    enum network_seen result;
    int64_t since_s;
    struct ip ip;

    assert_true(ip_parse(slice_of(client), &ip));
    result = network_seen(&c, &ip, hash_slice(c.secret, slice_of(tenant)), &since_s);
    *since_day = since_s > 0 ? (double)(since_s - 1000000) / DAY : 0;
    return result;
}

static void since_when_a_network_is_seen_is_known_until_it_is_familiar(void **state)
{
    static const struct {
        double day;
        const char *tenant, *client;
        enum network_seen seen;
        double since_day;
    } rows[] = {
        {10, "contoso", HOTEL, NETWORK_NEW, 10},        {10, "contoso", "203.0.113.200", NETWORK_NEW, 10},
        {10, "fabrikam", HOTEL, NETWORK_UNSEEN, 0},     {10, "contoso", "203.0.114.9", NETWORK_UNSEEN, 0},
        {10, "contoso", OFFICE, NETWORK_FAMILIAR, 0},   {13, "contoso", HOTEL, NETWORK_NEW, 10},
        {17.01, "contoso", HOTEL, NETWORK_FAMILIAR, 0},
    };
    struct bench *b = *state;

    start_at_0(b, ONE_STRANGER);
    live(b, 0, 10, ANNA);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double since_day;

        if (i == 0 || rows[i].day > rows[i - 1].day)
            (void)send_at(b, rows[i].day * DAY, i < 6 ? ANNA : PAUL, HOTEL);
        assert_int_equal(seen(b, rows[i].tenant, rows[i].client, &since_day), rows[i].seen);
        assert_true(since_day > rows[i].since_day - 0.01 && since_day < rows[i].since_day + 0.01);
    }
    stop(b);
}

static void a_network_that_nothing_came_from_for_90_days_is_forgotten(void **state)
{
    struct bench *b = *state;

    for (unsigned days = 88; days <= 92; days += 4) {
        start_at_0(b, "preset = \"none\"; limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; from = "
                      "\"unfamiliar\"; rate = \"1/d\"; burst = 1; });");
        live(b, 0, 10, ANNA);
        for (double day = 1; day <= 8; day++)
            assert_int_equal(send_at(b, (9 + day) * DAY, ANNA, day < 2 || day > 7 ? HOTEL : OFFICE), REASON_ALLOWED);
        for (double day = 18; day < 17 + days; day++)
            assert_int_equal(send_at(b, day * DAY, ANNA, OFFICE), REASON_ALLOWED);
        assert_int_equal(send_at(b, (17 + days) * DAY, ANNA, HOTEL), REASON_ALLOWED);
        assert_int_equal(send_at(b, (17 + days) * DAY, ANNA, HOTEL), days < 90 ? REASON_ALLOWED : REASON_LIMIT);
        stop(b);
    }
}

static void known_networks_and_those_of_the_same_size_are_familiar(void **state)
{
    struct bench *b = *state;

    start_at_0(
        b, "known_networks = \"192.0.2.0/24\"; preset = \"none\"; limits = ({ name = \"l\"; per = \"user\"; count = "
           "\"messages\"; from = \"unfamiliar\"; client_net = \"/16 /32\"; rate = \"1/90d\"; burst = 1; });");
    live(b, 0, 10, ANNA);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(send_at(b, 10 * DAY, ANNA, "192.0.2.200"), REASON_ALLOWED);
        assert_int_equal(send_at(b, 10 * DAY, ANNA, "198.51.255.1"), REASON_ALLOWED);
    }
    assert_int_equal(send_at(b, 10 * DAY, ANNA, "198.52.0.1"), REASON_ALLOWED);
    assert_int_equal(send_at(b, 10 * DAY, ANNA, "198.52.0.1"), REASON_LIMIT);
    stop(b);
}

static void who_was_blocked_makes_no_network_familiar(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "blocks = { grow = 1; }; preset = \"none\"; limits = ({ name = \"l\"; per = \"user\"; count = "
                  "\"messages\"; from = \"unfamiliar\"; rate = \"2/d\"; burst = 2; then = \"block 1h\"; });");
    live(b, 0, 10, ANNA);
    for (double day = 10; day < 40; day++) {
        (void)send_at(b, day * DAY, ANNA, HOTEL);
        (void)send_at(b, day * DAY, ANNA, HOTEL);
        assert_int_equal(send_at(b, day * DAY, ANNA, HOTEL), REASON_LIMIT_BLOCK);
        assert_int_equal(send_at(b, day * DAY, PAUL, OFFICE), REASON_ALLOWED);
    }
    stop(b);
}

static void who_goes_on_and_on_against_a_deferral_is_blocked(void **state)
{
    struct bench *b = *state;
    unsigned deferred = 0;

    start_at_0(b,
               "preset = \"none\"; limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; },"
               "{ name = \"again\"; per = \"user\"; count = \"deferrals\"; rate = \"10/h\"; burst = 20; "
               "then = \"block 1h\"; });");
    assert_int_equal(send_at(b, 0, ANNA, OFFICE), REASON_ALLOWED);
    for (unsigned i = 0; i < 40; i++) /* every ten minutes: let be */
        assert_int_equal(send_at(b, i * 10 * MINUTE + 1, ANNA, OFFICE), REASON_LIMIT);
    while (deferred < 1000 && send_at(b, 10 * HOUR + deferred, ANNA, OFFICE) == REASON_LIMIT)
        deferred++;
    assert_int_equal(deferred, 21);
    assert_int_equal(send_at(b, 0, ANNA, OFFICE), REASON_BLOCKED);
    assert_int_equal(send_at(b, 0, PAUL, OFFICE), REASON_ALLOWED);
    stop(b);
}

static void denials_are_no_deferrals(void **state)
{
    struct bench *b = *state;

    start_at_0(
        b, "preset = \"none\"; limits = ({ name = \"again\"; per = \"login\"; count = \"deferrals\"; rate = \"1/h\"; "
           "burst = 1; then = \"block 1h\"; });");
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(send_at(b, i, "bert@contoso.example", OFFICE), REASON_MAILBOX_DISABLED);
    stop(b);
}

/* ---- strangers, and logins from where they come ---- */

static void refuse_strangers(struct bench *b, const char *network, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char client[40];

        (void)snprintf(client, sizeof client, "%s%u", network, i);
        for (unsigned j = 0; j < 3; j++)
            assert_int_equal(send_as(b, "", client, "x@adatum.example"), REASON_UNAUTHENTICATED);
    }
}

#define STRANGERS(more)                                                                                                \
    "preset = \"none\"; unauthenticated = \"reject\"; limits = ({ name = \"spray\"; per = \"client\"; count = "        \
    "\"denials\"; "                                                                                                    \
    "rate = \"1/h\"; burst = 2; " more " });"

static void a_block_of_strangers_spares_logins_from_networks_that_are_familiar_to_their_tenant(void **state)
{
    struct bench *b = *state;

    start_at_0(b, STRANGERS("then = \"block 30d\";"));
    live(b, 0, 10, ANNA);
    refuse_strangers(b, "198.51.100.", 7, 8);
    refuse_strangers(b, "203.0.113.", 9, 10);
    assert_int_equal(live_blocks(b), 2);
    assert_int_equal(send_at(b, 10 * DAY, PAUL, OFFICE), REASON_ALLOWED);
    assert_int_equal(send_at(b, 10 * DAY, PAUL, HOTEL), REASON_BLOCKED);
    assert_int_equal(send_at(b, 10 * DAY, PAUL, "203.0.113.10"), REASON_ALLOWED);
    stop(b);
}

static void a_limit_on_denials_that_defers_counts_strangers_against_no_familiar_network(void **state)
{
    struct bench *b = *state;

    start_at_0(b, STRANGERS("then = \"defer\";"));
    live(b, 0, 10, ANNA);
    assert_int_equal(send_at(b, 10 * DAY, ANNA, OFFICE), REASON_ALLOWED);
    refuse_strangers(b, "198.51.100.", 7, 8);
    refuse_strangers(b, "203.0.113.", 9, 10);
    assert_int_equal(send_at(b, 10 * DAY, PAUL, OFFICE), REASON_ALLOWED);
    assert_int_equal(send_at(b, 10 * DAY, PAUL, HOTEL), REASON_LIMIT);
    stop(b);
}

static void blocks_do_not_become_one_around_a_network_that_is_familiar_or_about_to_be(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *rules;
        unsigned office, hotel, elsewhere; /* blocks of 20 addresses in each of their /24 */
    } rows[] = {
        {STRANGERS("then = \"block 30d\";"), 20, 20, 1},
        {"preset = \"none\"; unauthenticated = \"reject\"; limits = ({ name = \"spray\"; per = \"client\"; count = "
         "\"denials\"; "
         "rate = \"1/h\"; burst = 2; then = \"block 30d\"; }, { name = \"u\"; per = \"user\"; count = \"messages\"; "
         "rate = "
         "\"100/h\"; from = \"unfamiliar\"; client_net = \"/28 /72\"; });",
         20, 20, 1},
        {"preset = \"none\"; unauthenticated = \"reject\"; limits = ({ name = \"spray\"; per = \"client\"; count = "
         "\"denials\"; "
         "rate = \"1/h\"; burst = 2; then = \"block 30d\"; }, { name = \"u\"; per = \"user\"; count = \"messages\"; "
         "rate = "
         "\"100/h\"; from = \"unfamiliar\"; client_net = \"/16 /32\"; });",
         20, 20, 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned before;

        start_at_0(b, rows[i].rules);
        live(b, 0, 10, ANNA);
        assert_int_equal(send_at(b, 10 * DAY, ANNA, HOTEL), REASON_ALLOWED); /* for the first time */
        refuse_strangers(b, "198.51.100.", 100, 120);
        assert_int_equal(before = live_blocks(b), rows[i].office);
        refuse_strangers(b, "203.0.113.", 100, 120);
        assert_int_equal(live_blocks(b) - before, rows[i].hotel);
        before = live_blocks(b);
        refuse_strangers(b, "192.0.2.", 100, 120);
        assert_int_equal(live_blocks(b) - before, rows[i].elsewhere);
        stop(b);
    }
}

static void where_nobody_can_tell_what_is_familiar_inside_each_address_is_blocked_by_itself(void **state)
{
    struct bench *b = *state;

    start_at_0(
        b, "preset = \"none\"; unauthenticated = \"reject\"; limits = ({ name = \"spray\"; per = \"client\"; count = "
           "\"denials\"; rate = \"1/h\"; burst = 2; then = \"block 30d\"; }, { name = \"u\"; per = \"user\"; count = "
           "\"messages\"; rate = \"100/h\"; from = \"unfamiliar\"; client_net = \"/24 /128\"; });");
    refuse_strangers(b, "2001:db8:bad::", 1, 6);
    assert_int_equal(live_blocks(b), 5);
    stop(b);
}

static void a_limit_for_connectors_knows_no_unfamiliar_networks(void **state)
{
    struct bench *b = *state;
    struct config *config;
    struct error e = {""};

    world_write(
        b->world, "bad.conf",
        "limits = ({ name = \"l\"; per = \"client\"; count = \"messages\"; rate = \"1/d\"; for = \"connectors\"; "
        "from = \"unfamiliar\"; });");
    assert_int_equal(config_load(world_file(b->world, "bad.conf"), &config, &e), -1);
    assert_non_null(strstr(e.text, "never unfamiliar"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_tenants_first_week_nothing_is_unfamiliar),
        cmocka_unit_test(after_it_networks_are_familiar_that_mail_came_from_for_a_week),
        cmocka_unit_test(a_network_is_learnt_for_the_whole_tenant_and_for_no_other),
        cmocka_unit_test(a_week_after_its_first_message_and_not_before_a_network_is_familiar),
        cmocka_unit_test(since_when_a_network_is_seen_is_known_until_it_is_familiar),
        cmocka_unit_test(a_network_that_nothing_came_from_for_90_days_is_forgotten),
        cmocka_unit_test(known_networks_and_those_of_the_same_size_are_familiar),
        cmocka_unit_test(who_was_blocked_makes_no_network_familiar),
        cmocka_unit_test(who_goes_on_and_on_against_a_deferral_is_blocked),
        cmocka_unit_test(denials_are_no_deferrals),
        cmocka_unit_test(a_block_of_strangers_spares_logins_from_networks_that_are_familiar_to_their_tenant),
        cmocka_unit_test(a_limit_on_denials_that_defers_counts_strangers_against_no_familiar_network),
        cmocka_unit_test(blocks_do_not_become_one_around_a_network_that_is_familiar_or_about_to_be),
        cmocka_unit_test(where_nobody_can_tell_what_is_familiar_inside_each_address_is_blocked_by_itself),
        cmocka_unit_test(a_limit_for_connectors_knows_no_unfamiliar_networks),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
