#include "core/base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/random.h>

#include <cmocka.h>

static void a_duration_is_seconds(void **state)
{
    static const struct {
        const char *text;
        uint64_t seconds;
        const char *shown;
    } rows[] = {
        {"0s", 0, "0s"},
        {"90s", 90, "1m30s"},
        {"15m", 900, "15m"},
        {"1h", 3600, "1h"},
        {"2d", 172800, "2d"},
        {"1w", 604800, "1w"},
        {"7d", 604800, "1w"},
        {"8d", 691200, "8d"},
        {"1w1d", 691200, "8d"},
        {"14d", 1209600, "2w"},
        {"1h30m", 5400, "1h30m"},
        {"5400s", 5400, "1h30m"},
        {"1d1s", 86401, "1d1s"},
        {"1w2d3h4m5s", 788645, "9d3h4m5s"},
        {"007m", 420, "7m"},
        {"400d", DURATION_MAX_S, "400d"},
        {"57w1d", DURATION_MAX_S, "400d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char mem[64];
        struct buf b = BUF_OVER(mem);
        uint64_t seconds = 0;
        struct error e = {""};

        if (duration_parse(slice_of(rows[i].text), &seconds, &e) != 0)
            fail_msg("%s: %s", rows[i].text, e.text);
        assert_int_equal(seconds, rows[i].seconds);
        duration_add(&b, seconds);
        assert_string_equal(mem, rows[i].shown);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const rows[] = {
        "",    "90", "s",    "m30s",  "1x",  "1 h",  " 1h",  "1h ",    "-1h", "+1h",       "1.5h",
        "1H",  "1M", "1h1h", "30m1h", "1hm", "1h30", "401d", "400d1s", "58w", "34560001s", "18446744073709551616s",
        "1h\n"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t seconds = 77;
        struct error e = {""};

        if (duration_parse(slice_of(rows[i]), &seconds, &e) != -1)
            fail_msg("%s: taken for a duration", rows[i]);
        assert_int_equal(seconds, 77);
        assert_non_null(strstr(e.text, ": expected a number and a unit"));
    }
    assert_int_equal(duration_parse((struct slice){"1h\0", 3}, &(uint64_t){0}, NULL), -1);
}

static void a_rate_is_a_count_in_a_period(void **state)
{
    static const struct {
        const char *text;
        uint64_t count, period_s;
        const char *shown;
    } rows[] = {
        {"30/m", 30, 60, "30/m"},
        {"10000/d", 10000, 86400, "10K/d"},
        {"6/15m", 6, 900, "6/15m"},
        {"5M/h", 5000000, 3600, "5M/h"},
        {"1/s", 1, 1, "1/s"},
        {"1/w", 1, 604800, "1/w"},
        {"1/7d", 1, 604800, "1/w"},
        {"2G/1h30m", 2000000000, 5400, "2G/1h30m"},
        {"1500/60s", 1500, 60, "1500/m"},
        {"1500K/1d", 1500000, 86400, "1500K/d"},
        {"1000000G/400d", RATE_MAX_COUNT, DURATION_MAX_S, "1000000G/400d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char mem[64];
        struct buf b = BUF_OVER(mem);
        struct rate rate = {0, 0};
        struct error e = {""};

        if (rate_parse(slice_of(rows[i].text), &rate, &e) != 0)
            fail_msg("%s: %s", rows[i].text, e.text);
        assert_int_equal(rate.count, rows[i].count);
        assert_int_equal(rate.period_s, rows[i].period_s);
        rate_add(&b, rate);
        assert_string_equal(mem, rows[i].shown);
    }
}

static void what_is_no_rate_is_refused(void **state)
{
    static const char *const rows[] = {"",
                                       "30",
                                       "/m",
                                       "30/",
                                       "0/m",
                                       "30/0s",
                                       "30/0m",
                                       "30/60",
                                       "30/x",
                                       "30 /m",
                                       "30/ m",
                                       "K/m",
                                       "1k/m",
                                       "1KK/m",
                                       "1T/m",
                                       "30/m/m",
                                       "-1/m",
                                       "1.5/m",
                                       "1/M",
                                       "30/401d",
                                       "1000001G/m",
                                       "1000000000000001/m",
                                       "99999999999999999999/m",
                                       "30m",
                                       "30/\xc3\xa4"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rate rate = {7, 7};
        struct error e = {""};

        if (rate_parse(slice_of(rows[i]), &rate, &e) != -1)
            fail_msg("%s: taken for a rate", rows[i]);
        assert_true(rate.count == 7 && rate.period_s == 7);
        assert_non_null(strstr(e.text, ": expected a count of 1 or more"));
    }
}

static void a_size_is_bytes_in_powers_of_1024(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        {"0", 0},          {"500", 500},       {"64K", 65536},
        {"10M", 10485760}, {"1G", 1073741824}, {"1048576G", UNITS_MAX_BYTES},
        {"35M", 36700160},
    };
    static const char *const bad[] = {"",   "K",   "1k",  "1T",       "1KB",  "10 M",
                                      "-1", "1.5", "1MM", "1048577G", "0x10", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t bytes = 77;

        assert_int_equal(size_parse(slice_of(rows[i].text), &bytes, NULL), 0);
        assert_int_equal(bytes, rows[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error e = {""};
        uint64_t bytes;

        if (size_parse(slice_of(bad[i]), &bytes, &e) != -1)
            fail_msg("%s: taken for a size", bad[i]);
        assert_non_null(strstr(e.text, ": expected bytes"));
    }
}

static void an_error_shows_what_was_read_and_nothing_that_a_terminal_obeys(void **state)
{
    struct error e;
    uint64_t seconds;

    (void)state;
    assert_int_equal(duration_parse(SLICE("1\x1b[2J"), &seconds, &e), -1);
    assert_int_equal(strncmp(e.text, "duration \"1\\x1b[2J\": ", 20), 0);
}

static void check_round_trip(uint64_t count, uint64_t seconds)
{
    char mem[64];
    struct buf b = BUF_OVER(mem);
    struct rate rate;
    uint64_t again;

    duration_add(&b, seconds);
    if (b.full || duration_parse(buf_slice(&b), &again, NULL) != 0 || again != seconds)
        fail_msg("%llu s: %s", (unsigned long long)seconds, mem);
    b = BUF_OVER(mem);
    rate_add(&b, (struct rate){count, seconds});
    if (b.full || rate_parse(buf_slice(&b), &rate, NULL) != 0 || rate.count != count || rate.period_s != seconds)
        fail_msg("%llu in %llu s: %s", (unsigned long long)count, (unsigned long long)seconds, mem);
}

static void what_is_written_is_read_back(void **state)
{
    static const uint64_t thousands[] = {1, 1000, 1000000, 1000000000};
    static const uint64_t units[] = {1, 60, 3600, 86400, 604800};
    uint64_t random[2];

    (void)state;
    for (uint64_t seconds = 1; seconds <= 100000; seconds++)
        check_round_trip(seconds, seconds);
    for (size_t i = 0; i < 20000; i++) {
        uint64_t factor = thousands[i % 4], unit = units[i % 5];

        assert_int_equal(getrandom(random, sizeof random, 0), sizeof random);
        check_round_trip((1 + random[0] % (RATE_MAX_COUNT / factor)) * factor,
                         (1 + random[1] % (DURATION_MAX_S / unit)) * unit);
    }
    check_round_trip(RATE_MAX_COUNT, DURATION_MAX_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_seconds),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(a_rate_is_a_count_in_a_period),
        cmocka_unit_test(what_is_no_rate_is_refused),
        cmocka_unit_test(a_size_is_bytes_in_powers_of_1024),
        cmocka_unit_test(an_error_shows_what_was_read_and_nothing_that_a_terminal_obeys),
        cmocka_unit_test(what_is_written_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
