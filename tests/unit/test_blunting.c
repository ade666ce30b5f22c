/* links: mirror */
/*
 * What the limits that ship promise (bench/blunting/README.md has the year-long version): a stolen login gets little
 * out, wherever it is used from, while people, devices and applications are hardly met by a limit.
 */
#include "tests/unit/virtual_engine.h"

#define SETTLED 20 /* days */

static unsigned number_of_message;

/* A message that differs from all others, as mail does. */
static enum reason send_new(struct bench *b, double at, const char *login, const char *client, uint64_t size)
{
    struct submission s = message(b, login, client, login);

    if (at > virtual_now_s)
        virtual_now_s = at;
    s.size = size;
    return engine_decide(b->session, &s, &b->recipients)->reason;
}

/* Honest mail: what is deferred comes again once. */
static void assert_arrives(struct bench *b, double at, const char *login, const char *client)
{
    uint64_t size = 1000 + number_of_message++;

    if (send_new(b, at, login, client, size) != REASON_ALLOWED)
        assert_int_equal(send_new(b, at, login, client, size), REASON_ALLOWED);
}

/* Attempts of a stolen login, `gap` apart from `from` to `to`, from so many addresses in turn (0: the office): how many
 * pass. */
static unsigned attack_on(struct bench *b, const char *login, double from, double to, double gap, unsigned addresses)
{
    unsigned passed = 0, attempt = 0;

    for (double at = from; at < to; at += gap, attempt++) {
        unsigned address = addresses > 0 ? attempt % addresses : 0;
        char client[32] = OFFICE;

        if (addresses > 0)
            (void)snprintf(client, sizeof client, "%u.%u.%u.9", 20 + address % 37, address / 37 * 16 % 256,
                           address % 251);
        passed += send_new(b, at, login, client, 1000 + number_of_message++) == REASON_ALLOWED;
    }
    return passed;
}

static unsigned attack(struct bench *b, double from, double to, double gap, unsigned addresses)
{
    return attack_on(b, ANNA, from, to, gap, addresses);
}

/* A morning's mail each day until then. */
static void live_with(struct bench *b, unsigned to_day, const char *login, unsigned a_day)
{
    for (unsigned day = 0; day < to_day; day++)
        for (unsigned i = 0; i < a_day; i++)
            assert_arrives(b, day * DAY + 9 * HOUR + i * MINUTE, login, OFFICE);
}

static void begin(struct bench *b)
{
    start_at_0(b, "");
    live_with(b, SETTLED, ANNA, 8);
}

static void at_full_speed_at_most_30_messages_pass_and_the_login_is_blocked(void **state)
{
    struct bench *b = *state;
    static const unsigned addresses[] = {1, 40, 4000};

    for (unsigned i = 0; i < 3; i++) {
        begin(b);
        assert_in_range(attack(b, SETTLED * DAY, SETTLED * DAY + 10 * MINUTE, 0.2, addresses[i]), 20, 30);
        /* By the messages that were deferred, or by the networks. */
        assert_int_equal(send_at(b, 0, ANNA, OFFICE), addresses[i] == 1 ? REASON_HELD_BACK : REASON_BLOCKED);
        stop(b);
    }
}

static void from_the_owners_own_network_at_most_40_pass_and_the_login_is_held_back_within_minutes(void **state)
{
    struct bench *b = *state;

    begin(b);
    assert_in_range(attack(b, SETTLED * DAY, SETTLED * DAY + 4 * MINUTE, 0.2, 0), 20, 40);
    assert_int_equal(send_at(b, 0, ANNA, OFFICE), REASON_HELD_BACK);
    assert_int_equal(attack(b, SETTLED * DAY + 4 * MINUTE, (SETTLED + 1) * DAY, 10, 0), 0);
    stop(b);
}

static void messages_that_are_all_alike_are_held_back_like_others(void **state)
{
    struct bench *b = *state;
    unsigned passed = 0;

    begin(b);
    for (double at = SETTLED * DAY; at < SETTLED * DAY + 4 * MINUTE; at += 0.2)
        passed += send_new(b, at, ANNA, "203.0.113.9", 1000) == REASON_ALLOWED;
    assert_in_range(passed, 20, 30);
    assert_int_equal(send_at(b, 0, ANNA, OFFICE), REASON_HELD_BACK);
    stop(b);
}

static void however_slow_at_most_200_messages_pass_on_any_day(void **state)
{
    struct bench *b = *state;
    static const double gaps[] = {1 * MINUTE, 5 * MINUTE, 10 * MINUTE};
    static const unsigned addresses[] = {0, 1, 4000};

    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 3; j++) {
            begin(b);
            for (double day = SETTLED; day < SETTLED + 6; day++)
                assert_in_range(attack(b, day * DAY, (day + 1) * DAY, gaps[i], addresses[j]), 0, 200);
            stop(b);
        }
}

static void when_postern_is_new_at_most_60_an_hour_and_250_a_day_pass_from_elsewhere(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    assert_in_range(attack(b, 2 * DAY, 2 * DAY + HOUR - 1, 1, 40), 28, 60);
    assert_in_range(attack(b, 2 * DAY + HOUR, 3 * DAY, 30, 40), 80, 190);
    stop(b);
}

static void a_thief_elsewhere_does_not_use_up_what_the_owner_usually_sends(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "");
    live_with(b, SETTLED, ANNA, 40);
    assert_in_range(attack(b, SETTLED * DAY, SETTLED * DAY + 2 * HOUR, 20, 1), 28, 60);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(send_new(b, SETTLED * DAY + 3 * HOUR + i * MINUTE, ANNA, OFFICE, i), REASON_ALLOWED);
    stop(b);
}

static void scans_alerts_and_mail_merges_arrive_at_the_second_attempt(void **state)
{
    struct bench *b = *state;

    begin(b);
    for (unsigned heap = 0; heap < 2; heap++) /* two folders of 40 pages, scanned in two minutes each */
        for (unsigned i = 0; i < 40; i++)
            assert_arrives(b, (SETTLED + 0.4) * DAY + heap * HOUR + i * 2, ANNA, OFFICE);
    for (unsigned i = 0; i < 70; i++) /* alerts at once, at night */
        assert_arrives(b, (SETTLED + 2) * DAY, ANNA, OFFICE);
    for (unsigned i = 0; i < 70; i++) /* a mail merge */
        assert_arrives(b, (SETTLED + 4.4) * DAY + i, ANNA, OFFICE);
    stop(b);
}

/* Thousands within minutes, without an exception. */
static void an_application_passes_freely_from_its_second_run_on(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "known_networks = \"198.51.100.0/24\";\n");
    for (unsigned run = 0; run < 4; run++)
        for (unsigned i = 0; i < 2000; i++) {
            double at = run * 30 * DAY + i * 0.2;

            if (run == 0)
                assert_arrives(b, at, PAUL, OFFICE);
            else
                assert_int_equal(send_new(b, at, PAUL, OFFICE, 1000 + i), REASON_ALLOWED);
        }
    stop(b);
}

/* Nights of four hours with so many messages. */
static void run_nights(struct bench *b, unsigned from_day, unsigned to_day, unsigned a_night)
{
    for (unsigned day = from_day; day < to_day; day++)
        for (unsigned i = 0; i < a_night; i++)
            assert_arrives(b, day * DAY + i * 4 * HOUR / a_night, PAUL, OFFICE);
}

static void an_application_with_twice_as_much_for_three_nights_passes_at_the_second_attempt(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "known_networks = \"198.51.100.0/24\";\n");
    run_nights(b, 0, 16, 960);
    run_nights(b, 16, 19, 1920);
    stop(b);
}

/* Of 300 messages from an office that postern was not told of, on the third day. */
static unsigned passed_on_the_third_day(struct bench *b, const char *const logins[], unsigned n)
{
    unsigned passed = 0;

    start_at_0(b, "");
    for (unsigned day = 0; day < 2; day++)
        for (unsigned i = 0; i < n; i++)
            assert_arrives(b, day * 1.1 * DAY, logins[i], OFFICE);
    for (unsigned i = 0; i < 600; i++) /* each comes again */
        passed += send_new(b, 2 * DAY + i * MINUTE, PAUL, OFFICE, 1000000 + i / 2) == REASON_ALLOWED;
    stop(b);
    return passed;
}

static void where_no_network_is_named_one_that_three_logins_came_back_to_counts_as_known(void **state)
{
    static const char *const logins[] = {ANNA, "twin1@contoso.example", PAUL};

    assert_in_range(passed_on_the_third_day(*state, logins, 2), 100, 250);
    assert_in_range(passed_on_the_third_day(*state, logins, 3), 300, 600);
}

static void a_busy_week_on_the_road_meets_no_limit(void **state)
{
    struct bench *b = *state;
    char client[32];

    start_at_0(b, "");
    live_with(b, SETTLED, ANNA, 20);
    for (unsigned day = 0; day < 5; day++) {
        for (unsigned i = 0; i < 20; i++) /* the flight's outbox, in seconds */
            assert_int_equal(send_new(b, (SETTLED + day) * DAY + 8 * HOUR + i, ANNA, "203.0.113.9", i), REASON_ALLOWED);
        for (unsigned i = 0; i < 48; i++) { /* then four an hour, each third one from another network */
            (void)snprintf(client, sizeof client, "%u.%u.0.9", 100 + day, i / 12 * 16);
            assert_int_equal(send_new(b, (SETTLED + day) * DAY + 9 * HOUR + i * 15 * MINUTE, ANNA, client, 100 + i),
                             REASON_ALLOWED);
        }
    }
    stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_full_speed_at_most_30_messages_pass_and_the_login_is_blocked),
        cmocka_unit_test(from_the_owners_own_network_at_most_40_pass_and_the_login_is_held_back_within_minutes),
        cmocka_unit_test(messages_that_are_all_alike_are_held_back_like_others),
        cmocka_unit_test(however_slow_at_most_200_messages_pass_on_any_day),
        cmocka_unit_test(when_postern_is_new_at_most_60_an_hour_and_250_a_day_pass_from_elsewhere),
        cmocka_unit_test(a_thief_elsewhere_does_not_use_up_what_the_owner_usually_sends),
        cmocka_unit_test(scans_alerts_and_mail_merges_arrive_at_the_second_attempt),
        cmocka_unit_test(an_application_passes_freely_from_its_second_run_on),
        cmocka_unit_test(an_application_with_twice_as_much_for_three_nights_passes_at_the_second_attempt),
        cmocka_unit_test(where_no_network_is_named_one_that_three_logins_came_back_to_counts_as_known),
        cmocka_unit_test(a_busy_week_on_the_road_meets_no_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
