/* links: mirror */
/* When a request is made again, and how long the mirror waits. */
#include "mirror/exchange/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void statuses_say_whether_another_try_may_help(void **state)
{
    static const struct {
        long status;
        enum failure failure;
    } rows[] = {
        {200, FAILURE_NONE},      {204, FAILURE_NONE},      {301, FAILURE_FINAL},     {400, FAILURE_FINAL},
        {401, FAILURE_FINAL},     {403, FAILURE_FINAL},     {404, FAILURE_FINAL},     {405, FAILURE_FINAL},
        {408, FAILURE_TRANSIENT}, {429, FAILURE_THROTTLED}, {500, FAILURE_TRANSIENT}, {501, FAILURE_FINAL},
        {502, FAILURE_TRANSIENT}, {503, FAILURE_TRANSIENT}, {504, FAILURE_TRANSIENT}, {0, FAILURE_FINAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(retry_class(rows[i].status), rows[i].failure);
}

#define LONG UINT64_C(100000000)
static const struct {
    const char *what;
    struct retry_question q;
    int64_t least, most; /* ms; RETRY_GIVE_UP in both: no */
} questions[] = {
    {"a first failure waits a second, or half", {FAILURE_TRANSIENT, 1, 0, 0, LONG}, 500, 500},
    {"all of it with another number", {FAILURE_TRANSIENT, 1, 0, 500, LONG}, 1000, 1000},
    {"the second one twice that", {FAILURE_TRANSIENT, 2, 0, 1000, LONG}, 2000, 2000},
    {"the fourth one eight times", {FAILURE_TRANSIENT, 4, 0, UINT64_MAX, LONG}, 4000, 8000},
    {"never more than a minute", {FAILURE_THROTTLED, 7, 0, UINT64_MAX, LONG}, 30000, 60000},
    {"the last try is the last", {FAILURE_TRANSIENT, RETRY_TRIES, 0, 0, LONG}, RETRY_GIVE_UP, RETRY_GIVE_UP},
    {"what was asked for is the least", {FAILURE_THROTTLED, 1, 7, 0, LONG}, 7000, 7000},
    {"and a little on top", {FAILURE_THROTTLED, 1, 7, 499, LONG}, 7499, 7499},
    {"also for 503", {FAILURE_TRANSIENT, 3, 30, 0, LONG}, 30000, 30000},
    {"a longer pause counts as an hour", {FAILURE_THROTTLED, 1, UINT64_MAX, 0, LONG}, 3600000, 3600000},
    {"zero seconds are no answer", {FAILURE_THROTTLED, 1, 0, 0, LONG}, 500, 500},
    {"not beyond the deadline", {FAILURE_THROTTLED, 1, 3600, 0, 60000}, RETRY_GIVE_UP, RETRY_GIVE_UP},
    {"nor a short one", {FAILURE_TRANSIENT, 1, 0, 0, 500}, RETRY_GIVE_UP, RETRY_GIVE_UP},
    {"just before it", {FAILURE_TRANSIENT, 1, 0, 0, 501}, 500, 500},
    {"what is final stays so", {FAILURE_FINAL, 1, 1, 0, LONG}, RETRY_GIVE_UP, RETRY_GIVE_UP},
    {"what went well is not repeated", {FAILURE_NONE, 1, 0, 0, LONG}, RETRY_GIVE_UP, RETRY_GIVE_UP},
};

static void pauses_grow_and_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        int64_t pause = retry_pause_ms(&questions[i].q);

        if (pause < questions[i].least || pause > questions[i].most)
            fail_msg("%s: %lld ms", questions[i].what, (long long)pause);
    }
}

/* Whatever the random numbers: between the half and the whole of a doubling pause. */
static void jitter_stays_within_its_half(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct retry_question q = {FAILURE_TRANSIENT, 1 + i % (RETRY_TRIES - 1), 0, random, LONG};
        uint64_t whole = UINT64_C(1000) << (q.tried - 1);
        int64_t pause = retry_pause_ms(&q);

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        whole = whole < RETRY_PAUSE_MAX_MS ? whole : RETRY_PAUSE_MAX_MS;
        assert_true(pause >= (int64_t)whole / 2 && pause <= (int64_t)whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_say_whether_another_try_may_help),
        cmocka_unit_test(pauses_grow_and_end),
        cmocka_unit_test(jitter_stays_within_its_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
