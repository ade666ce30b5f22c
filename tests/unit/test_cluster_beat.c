/* links: cluster */
/* What relays say of themselves: only what is plain is taken, and what differs is found by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/beat.h"
#include "core/base/clock.h"

#define NOW (100 * NS_PER_S)

static struct beats b;

static int begin(void **state)
{
    (void)state;
    memset(&b, 0, sizeof b);
    b.own = json_loads("{\"v\":1,\"name\":\"mx1\",\"at\":1800000000000,\"settings_at\":1800000000,"
                       "\"digests\":{\"limits\":\"aa\",\"tenants\":\"bb\"}}",
                       0, NULL);
    return b.own == NULL;
}

static int end(void **state)
{
    (void)state;
    beats_clear(&b);
    return 0;
}

static struct beat_peer *take(unsigned char incarnation, const char *text, uint64_t now_ns)
{
    const unsigned char name[SEAL_INCARNATION_BYTES] = {incarnation};
    unsigned before;

    return beats_take(&b, name, slice_of(text), now_ns, &before);
}

#define BEAT(name, settings, limits, tenants)                                                                          \
    "{\"v\":1,\"name\":\"" name "\",\"at\":1800000000000,\"settings_at\":" settings ",\"lost\":3,\"digests\":{"        \
    "\"limits\":\"" limits "\",\"tenants\":\"" tenants "\"}}"

static void what_differs_is_named(void **state)
{
    static const struct {
        const char *beat, *differs;
    } rows[] = {
        {BEAT("mx2", "1800000000", "aa", "bb"), ""},
        {BEAT("mx2", "1800000000", "ab", "bb"), "limits"},
        {BEAT("mx2", "1800000000", "ab", "bc"), "tenants, limits"},
        {BEAT("mx2", "1800007000", "aa", "bb"), ""}, /* mirrors that run by themselves */
        {BEAT("mx2", "1800008000", "aa", "bb"), "directory"},
        {BEAT("mx2", "0", "aa", "bb"), "directory"},
        /* Of a newer version that has no such part any more. */
        {"{\"v\":1,\"name\":\"mx2\",\"at\":5,\"settings_at\":1800000000,\"digests\":{\"other\":\"aa\"}}", ""},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct beat_peer *p = take(1, rows[i].beat, NOW);

        assert_non_null(p);
        assert_string_equal(beat_differences(p->differs, text, sizeof text), rows[i].differs);
        assert_string_equal(beat_name(p->said), "mx2");
    }
}

static void what_is_not_plain_is_left_out(void **state)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"v\":1,\"name\":\"mx2\",\"digests\":{}}",
        "{\"v\":2,\"name\":\"mx2\",\"at\":5,\"digests\":{}}",
        "{\"v\":1,\"at\":5,\"digests\":{}}",
        "{\"v\":1,\"name\":\"\",\"at\":5,\"digests\":{}}",
        "{\"v\":1,\"name\":\"m x\",\"at\":5,\"digests\":{}}",
        "{\"v\":1,\"name\":\"\\u001b[2J\",\"at\":5,\"digests\":{}}",
        "{\"v\":1,\"name\":7,\"at\":5,\"digests\":{}}",
        "{\"v\":1,\"name\":\"mx2\",\"at\":5,\"digests\":[]}",
        "{\"v\":1,\"name\":\"mx2\",\"at\":5,\"digests\":{\"limits\":5}}",
        "{\"v\":1,\"name\":\"mx2\",\"at\":5,\"digests\":{\"limits\":\"00112233445566778\"}}",
        "{\"v\":1,\"name\":\"mx2\",\"at\":5,\"digests\":{},\"more\":{}}",
        "{\"v\":1,\"name\":\"mx2\",\"at\":5,\"digests\":{},\"lost\":1.5}",
        "{\"v\":1,\"name\":\"mx2\",\"name\":\"mx3\",\"at\":5,\"digests\":{}}",
        "{\"v\":1,\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"at\":5,\"digests\":{}"
        "}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (take(1, texts[i], NOW) != NULL)
            fail_msg("taken: %s", texts[i]);
}

static void a_relay_that_began_again_is_one_relay(void **state)
{
    struct beat_peer *first = take(1, BEAT("mx2", "1800000000", "ab", "bb"), NOW), *second;
    const unsigned char name[SEAL_INCARNATION_BYTES] = {2};
    uint64_t later = NOW + 60 * NS_PER_S;
    unsigned before;

    (void)state;
    assert_non_null(first);
    assert_false(beat_is_silent(first, NOW + NS_PER_S));
    assert_true(beat_is_silent(first, later));
    assert_false(beat_is_superseded(&b, first, later)); /* nobody goes on in its place */
    second = beats_take(&b, name, slice_of(BEAT("mx2", "1800000000", "aa", "bb")), later, &before);
    assert_non_null(second);
    assert_int_equal(before, 1u << DIGEST_LIMITS);
    assert_int_equal(second->differs, 0);
    assert_true(beat_is_superseded(&b, first, later));
    assert_false(beat_is_superseded(&b, second, later));
}

static void more_relays_than_there_is_room_for_push_out_the_most_silent(void **state)
{
    char text[256];

    (void)state;
    for (unsigned i = 0; i < BEAT_PEERS_MAX + 10; i++) {
        const unsigned char name[SEAL_INCARNATION_BYTES] = {(unsigned char)(i & 0xff), (unsigned char)(i >> 8)};
        unsigned before;

        (void)snprintf(text, sizeof text, BEAT("mx%u", "1800000000", "aa", "bb"), i);
        assert_non_null(beats_take(&b, name, slice_of(text), NOW + i, &before));
    }
    for (unsigned i = 0; i < BEAT_PEERS_MAX; i++)
        assert_true(b.peers[i].heard_ns >= NOW + 10);
}

/* ---- configurations ---- */

static struct digests digests_from(const char *limits, const char *more)
{
    static const struct hash_secret secret = {{1, 2}};
    char path[] = "/tmp/postern-digests.XXXXXX";
    struct config *config = NULL;
    struct digests out;
    struct error e = {""};
    FILE *f;

    assert_non_null(f = fdopen(mkstemp(path), "w"));
    (void)fprintf(f,
                  "directory = \"/nowhere\"; state = { file = \"/nowhere/state\"; }; preset = \"none\";\n"
                  "connectors = ({ name = \"crm\"; networks = [\"192.0.2.1\"]; });\n"
                  "limits = ({ name = \"hour\"; per = \"user\"; count = \"messages\"; rate = \"20/h\"; %s });\n%s\n",
                  limits, more);
    assert_int_equal(fclose(f), 0);
    if (config_load(path, &config, &e) != 0)
        fail_msg("%s", e.text);
    (void)unlink(path);
    out = digests_of(config, &secret);
    config_free(config);
    return out;
}

static void all_that_makes_counts_differ_is_in_the_digests_and_named(void **state)
{
    static const struct {
        const char *limit, *more, *differs;
    } rows[] = {
        {"", "", ""},
        {"burst = 21;", "", "limits"},
        {"beyond = \"habit\";", "", "limits"},
        {"then = \"block 1h, defer\";", "", "limits"},
        {"from = \"unfamiliar\";", "", "limits"},
        {"only = { sender_domain = \"@contoso.example\"; };", "", "only"},
        {"except = ({ user = \"anna@contoso.example\"; rate = \"30/h\"; });", "", "exceptions"},
        {"reply = \"451 4.7.1 later\";", "", "texts"},
        {"", "known_networks = [\"198.51.100.0/24\"];", "known_networks"},
    };
    struct digests first = digests_from("", "");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct digests other = digests_from(rows[i].limit, rows[i].more);
        unsigned differs = 0;
        char text[128];

        for (unsigned j = 0; j < DIGESTS; j++)
            differs |= (unsigned)(first.of[j] != other.of[j]) << j;
        assert_string_equal(beat_differences(differs, text, sizeof text), rows[i].differs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_makes_counts_differ_is_in_the_digests_and_named),
        cmocka_unit_test_setup_teardown(what_differs_is_named, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_plain_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_relay_that_began_again_is_one_relay, begin, end),
        cmocka_unit_test_setup_teardown(more_relays_than_there_is_room_for_push_out_the_most_silent, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
