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
    for (unsigned i = 0; i < 100; i++) /* a hundred alerts at once, at night */
        assert_arrives(b, (SETTLED + 2) * DAY, ANNA, OFFICE);
    for (unsigned i = 0; i < 100; i++) /* a mail merge */
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

#define WAITING_MOST 4000

/* Nights of four hours with so many messages; every five minutes new ones come, and what waits is tried again. Returns
 * how many still wait. */
static unsigned run_nights(struct bench *b, unsigned from_day, unsigned to_day, unsigned a_night)
{
    static uint64_t waiting[WAITING_MOST];
    static unsigned n;

    for (unsigned day = from_day; day < to_day; day++)
        for (unsigned step = 0; step < 24 * 12; step++) {
            double at = day * DAY + step * 5 * MINUTE;
            unsigned kept = 0, fresh = step < 48 ? a_night / 48 : 0;

            assert_true(n + fresh <= WAITING_MOST);
            for (unsigned i = 0; i < fresh; i++)
                waiting[n++] = 1000 + number_of_message++;
            for (unsigned i = 0; i < n; i++) {
                enum reason reason = send_new(b, at, PAUL, OFFICE, waiting[i]);

                assert_int_not_equal(reason, REASON_HELD_BACK);
                if (reason != REASON_ALLOWED)
                    waiting[kept++] = waiting[i];
            }
            n = kept;
        }
    return n;
}

static void an_application_with_twice_as_much_to_send_for_three_nights_is_late_but_not_held_back(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "known_networks = \"198.51.100.0/24\";\n");
    assert_int_equal(run_nights(b, 0, 16, 960), 0);
    (void)run_nights(b, 16, 19, 1920);
    assert_int_equal(run_nights(b, 19, 26, 960), 0);
    stop(b);
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
        cmocka_unit_test(however_slow_at_most_200_messages_pass_on_any_day),
        cmocka_unit_test(when_postern_is_new_at_most_60_an_hour_and_250_a_day_pass_from_elsewhere),
        cmocka_unit_test(a_thief_elsewhere_does_not_use_up_what_the_owner_usually_sends),
        cmocka_unit_test(scans_alerts_and_mail_merges_arrive_at_the_second_attempt),
        cmocka_unit_test(an_application_passes_freely_from_its_second_run_on),
        cmocka_unit_test(an_application_with_twice_as_much_to_send_for_three_nights_is_late_but_not_held_back),
        cmocka_unit_test(a_busy_week_on_the_road_meets_no_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
