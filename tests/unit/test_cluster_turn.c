/* links: cluster */
/* Whose turn it is to mirror: one relay's, and never nobody's for long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "cluster/turn.h"
#include "core/base/clock.h"

#define NOW (100 * NS_PER_S)
#define LONG_AGO (NOW - 60 * NS_PER_S)

static struct beats b;

static int begin(void **state)
{
    (void)state;
    memset(&b, 0, sizeof b);
    return 0;
}

static int end(void **state)
{
    (void)state;
    beats_clear(&b);
    return 0;
}

/* Another relay, as its heartbeat at that time said. */
static void heard(unsigned char incarnation, const char *name, enum turn turn, int64_t mirrored_at, unsigned generation,
                  uint64_t at_ns)
{
    const unsigned char id[SEAL_INCARNATION_BYTES] = {incarnation};
    unsigned before;
    char text[256];

    snprintf(text, sizeof text,
             "{\"v\":1,\"name\":\"%s\",\"at\":1800000000000,\"mirrors\":%d,\"mirrored_at\":%lld,\"generation\":%u,"
             "\"digests\":{}}",
             name, (int)turn, (long long)mirrored_at, generation);
    assert_non_null(beats_take(&b, id, slice_of(text), at_ns, &before));
}

struct peer {
    const char *name;
    enum turn turn;
    bool silent;
};

#define COULD .could = true
#define HEARS .hears = true
#define NOBODY                                                                                                         \
    {                                                                                                                  \
        NULL, TURN_NEVER, false                                                                                        \
    }

static void one_holds_it_and_another_takes_over(void **state)
{
    static const struct {
        const char *what;
        struct turn_now now;
        struct peer peers[3];
        enum turn turn;
        const char *by;
    } rows[] = {
        {"alone", {COULD, HEARS}, {NOBODY}, TURN_HOLDS, "mx2"},
        {"alone, and just connected", {COULD}, {NOBODY}, TURN_COULD, NULL},
        {"cannot", {HEARS}, {NOBODY}, TURN_NEVER, NULL},
        {"cannot, and another does", {HEARS}, {{"mx3", TURN_HOLDS, false}}, TURN_NEVER, "mx3"},
        {"the first by name begins", {COULD, HEARS}, {{"mx3", TURN_COULD, false}}, TURN_HOLDS, "mx2"},
        {"and no other", {COULD, HEARS}, {{"mx1", TURN_COULD, false}}, TURN_COULD, NULL},
        {"one that cannot doesn't count", {COULD, HEARS}, {{"mx1", TURN_NEVER, false}}, TURN_HOLDS, "mx2"},
        {"whoever holds it goes on", {COULD, HEARS}, {{"mx3", TURN_HOLDS, false}}, TURN_COULD, "mx3"},
        {"this one too", {COULD, HEARS, .before = TURN_HOLDS}, {{"mx1", TURN_COULD, false}}, TURN_HOLDS, "mx2"},
        {"the holder is silent", {COULD, HEARS}, {{"mx3", TURN_HOLDS, true}}, TURN_HOLDS, "mx2"},
        {"the holder is silent, another is first",
         {COULD, HEARS},
         {{"mx3", TURN_HOLDS, true}, {"mx1", TURN_COULD, false}},
         TURN_COULD,
         NULL},
        {"without Redis the holder goes on", {COULD, .before = TURN_HOLDS}, {NOBODY}, TURN_HOLDS, "mx2"},
        {"without Redis no other begins", {COULD}, {{"mx3", TURN_HOLDS, true}}, TURN_COULD, NULL},
        {"two hold it", {COULD, HEARS, .before = TURN_HOLDS}, {{"mx1", TURN_HOLDS, false}}, TURN_COULD, "mx1"},
        {"two hold it, the first goes on",
         {COULD, HEARS, .before = TURN_HOLDS},
         {{"mx3", TURN_HOLDS, false}},
         TURN_HOLDS,
         "mx2"},
        {"the holder doesn't get on", {COULD, HEARS, .old = true}, {{"mx1", TURN_HOLDS, false}}, TURN_HOLDS, "mx2"},
        {"without Redis, and nothing comes", {COULD, .old = true}, {{"mx1", TURN_HOLDS, true}}, TURN_HOLDS, "mx2"},
        {"nothing comes, but it cannot", {HEARS, .old = true}, {NOBODY}, TURN_NEVER, NULL},
        {"it may no longer", {HEARS, .before = TURN_HOLDS}, {NOBODY}, TURN_NEVER, NULL},
        {"this relay before its restart", {COULD, HEARS}, {{"mx2", TURN_HOLDS, false}}, TURN_HOLDS, "mx2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct turn_now now = rows[i].now;
        const char *by;
        enum turn turn;

        beats_clear(&b);
        for (unsigned char p = 0; p < 3 && rows[i].peers[p].name != NULL; p++)
            heard(p, rows[i].peers[p].name, rows[i].peers[p].turn, 0, 0, rows[i].peers[p].silent ? LONG_AGO : NOW);
        now.name = "mx2";
        now.boot_ns = NOW;
        turn = turn_decide(&now, &b, &by);
        if (turn != rows[i].turn || (by == NULL) != (rows[i].by == NULL) || (by != NULL && strcmp(by, rows[i].by) != 0))
            fail_msg("%s: %d, %s", rows[i].what, (int)turn, by != NULL ? by : "nobody");
    }
}

static void a_newer_directory_elsewhere_is_found(void **state)
{
    const struct turn_times ours = {.newest = 1800000000, .generation = 12};

    (void)state;
    assert_false(turn_newer_elsewhere(&ours, &b, NOW));
    heard(1, "mx1", TURN_HOLDS, 1800000000, 12, NOW);
    assert_false(turn_newer_elsewhere(&ours, &b, NOW));
    heard(1, "mx1", TURN_HOLDS, 1799999999, 13, NOW);
    assert_false(turn_newer_elsewhere(&ours, &b, NOW));
    heard(1, "mx1", TURN_HOLDS, 1800000000, 13, NOW);
    assert_true(turn_newer_elsewhere(&ours, &b, NOW));
    heard(1, "mx1", TURN_HOLDS, 1800000001, 12, NOW);
    assert_true(turn_newer_elsewhere(&ours, &b, NOW));
    /* One that is silent, or of a version that doesn't say, calls nobody. */
    assert_false(turn_newer_elsewhere(&ours, &b, NOW + 60 * NS_PER_S));
    heard(1, "mx1", TURN_NEVER, 0, 99, NOW);
    assert_false(turn_newer_elsewhere(&ours, &b, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_holds_it_and_another_takes_over, begin, end),
        cmocka_unit_test_setup_teardown(a_newer_directory_elsewhere_is_found, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
