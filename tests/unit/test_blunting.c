/* links: mirror */
/*
 * What the limits that ship promise (bench/blunting/README.md has the year-long version): a stolen login gets little
 * out, while people and devices meet no limit.
 */
#include "tests/unit/virtual_engine.h"

#define SETTLED 10 /* days */

/* Attempts of a stolen login, `gap` apart from `from` to `to`, from so many addresses in turn: how many pass. */
static unsigned attack(struct bench *b, double from, double to, double gap, unsigned addresses)
{
    unsigned passed = 0, attempt = 0;

    for (double at = from; at < to; at += gap, attempt++) {
        unsigned address = attempt % addresses;
        char client[32];

        (void)snprintf(client, sizeof client, "%u.%u.%u.9", 20 + address % 37, address / 37 * 16 % 256, address % 251);
        passed += send_at(b, at, ANNA, client) == REASON_ALLOWED;
    }
    return passed;
}

static void begin(struct bench *b)
{
    start_at_0(b, "");
    live(b, 0, SETTLED, ANNA);
}

static void at_full_speed_at_most_30_messages_pass_and_the_login_is_blocked(void **state)
{
    struct bench *b = *state;
    static const unsigned addresses[] = {1, 40, 4000};

    for (unsigned i = 0; i < 3; i++) {
        begin(b);
        assert_in_range(attack(b, SETTLED * DAY, SETTLED * DAY + 10 * MINUTE, 0.2, addresses[i]), 20, 30);
        assert_int_equal(send_at(b, 0, ANNA, OFFICE), REASON_BLOCKED);
        stop(b);
    }
}

static void however_slow_at_most_200_messages_pass_on_any_day(void **state)
{
    struct bench *b = *state;
    static const double gaps[] = {1 * MINUTE, 5 * MINUTE, 10 * MINUTE};
    static const unsigned addresses[] = {1, 4000};

    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < 2; j++) {
            begin(b);
            for (double day = SETTLED; day < SETTLED + 6; day++)
                assert_in_range(attack(b, day * DAY, (day + 1) * DAY, gaps[i], addresses[j]), 0, 200);
            stop(b);
        }
}

static void a_thief_does_not_use_up_what_the_owner_may_send_at_the_office(void **state)
{
    struct bench *b = *state;

    begin(b);
    assert_in_range(attack(b, SETTLED * DAY, SETTLED * DAY + 2 * HOUR, 20, 1), 28, 60);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(send_at(b, SETTLED * DAY + 2 * HOUR + i, ANNA, OFFICE), REASON_ALLOWED);
    stop(b);
}

static void scans_alerts_and_mail_merges_meet_no_limit(void **state)
{
    struct bench *b = *state;

    begin(b);
    for (unsigned heap = 0; heap < 2; heap++) /* two folders of 60 pages, scanned in two minutes each */
        for (unsigned i = 0; i < 60; i++)
            assert_int_equal(send_at(b, (SETTLED + 0.4) * DAY + heap * HOUR + i * 2, ANNA, OFFICE), REASON_ALLOWED);
    for (unsigned i = 0; i < 100; i++) /* a hundred alerts at once, at night */
        assert_int_equal(send_at(b, (SETTLED + 2) * DAY, ANNA, OFFICE), REASON_ALLOWED);
    for (unsigned i = 0; i < 150; i++) /* a mail merge */
        assert_int_equal(send_at(b, (SETTLED + 4.4) * DAY + i, ANNA, OFFICE), REASON_ALLOWED);
    stop(b);
}

static void a_busy_week_on_the_road_meets_no_limit(void **state)
{
    struct bench *b = *state;
    char client[32];

    begin(b);
    for (unsigned day = 0; day < 5; day++) {
        for (unsigned i = 0; i < 20; i++) /* the flight's outbox, in seconds */
            assert_int_equal(send_at(b, (SETTLED + day) * DAY + 8 * HOUR + i, ANNA, "203.0.113.9"), REASON_ALLOWED);
        for (unsigned i = 0; i < 48; i++) { /* then four an hour, each third one from another network */
            (void)snprintf(client, sizeof client, "%u.%u.0.9", 100 + day, i / 12 * 16);
            assert_int_equal(send_at(b, (SETTLED + day) * DAY + 9 * HOUR + i * 15 * MINUTE, ANNA, client),
                             REASON_ALLOWED);
        }
    }
    stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_full_speed_at_most_30_messages_pass_and_the_login_is_blocked),
        cmocka_unit_test(however_slow_at_most_200_messages_pass_on_any_day),
        cmocka_unit_test(a_thief_does_not_use_up_what_the_owner_may_send_at_the_office),
        cmocka_unit_test(scans_alerts_and_mail_merges_meet_no_limit),
        cmocka_unit_test(a_busy_week_on_the_road_meets_no_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
