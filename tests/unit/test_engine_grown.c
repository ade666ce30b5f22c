/* links: mirror */
/* The daily notice of logins that send far more than eight weeks ago. */
#include "tests/unit/virtual_engine.h"

#include "core/base/spool.h"
#include "core/notice/alert.h"
#include "core/state/habits_teach.h"

#define WEEK (7 * DAY)
#define RULES                                                                                                          \
    "preset = \"none\"; alerts = ({ command = \"/bin/true\"; }); limits = ("                                           \
    "{ name = \"day\"; per = \"user\"; count = \"messages\"; rate = \"1000/d\"; beyond = \"habit\"; });"

/* Notices so far, the newest one's text in `text`. */
static size_t notices(struct bench *b, char *text, size_t cap)
{
    struct buf out = buf_over(text, cap);
    char **names;
    size_t n;
    struct error e;
    int fd = spool_open(world_file(b->world, "spool"), ALERT_NOTICES, &e);

    assert_true(fd >= 0);
    assert_int_equal(spool_names(fd, ".json", 4096, &names, &n, &e), 0);
    if (n > 0) {
        char *one;
        size_t length;

        assert_int_equal(spool_get(fd, names[n - 1], ALERT_FILE_MAX, &one, &length, &e), 0);
        buf_add(&out, (struct slice){one, length});
        free(one);
    }
    spool_names_free(names, n);
    (void)close(fd);
    return n;
}

static void tick_at(struct bench *b, double at)
{
    virtual_now_s = at > virtual_now_s ? at : virtual_now_s;
    engine_tick(b->engine);
}

static void send_many(struct bench *b, double at, const char *login, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(send_at(b, at, login, OFFICE), REASON_ALLOWED);
}

/* Two weeks of so many a day, then so many weeks with a day of a hundred, which is learnt step by step. */
static double grow(struct bench *b, const char *login, unsigned usual, unsigned weeks)
{
    double at = virtual_now_s;

    for (unsigned day = 0; day < 14; day++)
        send_many(b, at + day * DAY, login, usual);
    for (unsigned week = 0; week < weeks; week++)
        send_many(b, at + 15 * DAY + week * WEEK, login, 100);
    return virtual_now_s;
}

static void a_login_that_has_grown_by_half_and_twenty_is_told_of(void **state)
{
    struct bench *b = *state;
    char text[ALERT_FILE_MAX];

    start_at_0(b, RULES);
    (void)grow(b, ANNA, 10, 5);
    tick_at(b, virtual_now_s + HOUR);
    assert_int_equal(notices(b, text, sizeof text), 1);
    if (strstr(text, "\"unusual\"") == NULL ||
        strstr(text, "1 login sends far more a day than eight weeks ago") == NULL ||
        strstr(text, "\"login_1\": \"anna@contoso.example: 46 messages a day, 10 before\"") == NULL)
        fail_msg("%s", text);
    stop(b);
}

static void what_has_not_grown_so_far_is_not_told_of(void **state)
{
    struct bench *b = *state;
    char text[ALERT_FILE_MAX];

    start_at_0(b, RULES);
    (void)grow(b, ANNA, 10, 3); /* 32 a day, and 35 are one and a half times and 20 */
    (void)grow(b, PAUL, 100, 6);
    tick_at(b, virtual_now_s + HOUR);
    assert_int_equal(notices(b, text, sizeof text), 0);
    stop(b);
}

static void there_is_one_notice_a_day_that_names_each_once_a_week(void **state)
{
    struct bench *b = *state;
    char text[ALERT_FILE_MAX];
    double at;

    start_at_0(b, RULES);
    at = grow(b, ANNA, 10, 5);
    tick_at(b, at + HOUR);
    send_many(b, at + 2 * HOUR, ANNA, 1);
    tick_at(b, at + 3 * HOUR);
    assert_int_equal(notices(b, text, sizeof text), 1);
    send_many(b, at + 2 * DAY, ANNA, 1);
    tick_at(b, at + 2 * DAY + HOUR);
    assert_int_equal(notices(b, text, sizeof text), 1);
    send_many(b, at + 8 * DAY, ANNA, 1);
    tick_at(b, at + 8 * DAY + HOUR);
    assert_int_equal(notices(b, text, sizeof text), 2);
    stop(b);
}

static void who_comes_after_the_notice_waits_for_the_next_day_and_outlives_a_restart(void **state)
{
    struct bench *b = *state;
    char text[ALERT_FILE_MAX];
    double at;

    start_at_0(b, RULES);
    for (unsigned day = 0; day < 14; day++) {
        send_many(b, day * DAY, ANNA, 10);
        send_many(b, day * DAY, PAUL, 12);
    }
    for (unsigned week = 0; week < 5; week++) {
        send_many(b, 15 * DAY + week * WEEK, ANNA, 100);
        if (week < 3)
            send_many(b, 15 * DAY + week * WEEK, PAUL, 100);
    }
    at = virtual_now_s;
    tick_at(b, at + HOUR);
    assert_int_equal(notices(b, text, sizeof text), 1);
    assert_null(strstr(text, PAUL));
    send_many(b, at + 2 * HOUR, PAUL, 1);
    tick_at(b, at + 3 * HOUR);
    assert_int_equal(notices(b, text, sizeof text), 1);
    bench_stop(b); /* what waited in memory is gone */
    bench_start(b, "test", "state = { file = \"~/engine-state\"; entries = 65536; };" RULES);
    send_many(b, at + 20 * HOUR, PAUL, 1);
    tick_at(b, at + 21 * HOUR);
    assert_int_equal(notices(b, text, sizeof text), 1);
    tick_at(b, at + 26 * HOUR);
    assert_int_equal(notices(b, text, sizeof text), 2);
    assert_non_null(strstr(text, PAUL));
    assert_null(strstr(text, ANNA));
    stop(b);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_login_that_has_grown_by_half_and_twenty_is_told_of),
        T(what_has_not_grown_so_far_is_not_told_of),
        T(there_is_one_notice_a_day_that_names_each_once_a_week),
        T(who_comes_after_the_notice_waits_for_the_next_day_and_outlives_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
