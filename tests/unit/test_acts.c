#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/access/act_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW INT64_C(1700000000)

/* ---- what people ask for ---- */

static const struct {
    const char *text;
    const char *error; /* a part of it; NULL: it is right */
} asked[] = {
    {"{\"verb\":\"block\",\"subject\":\"anna@contoso.example\",\"reason\":\"stolen\",\"for\":\"2h\"}", NULL},
    {"{\"verb\":\"block\",\"kind\":\"network\",\"subject\":\"192.0.2.0/24\",\"reason\":\"spray\"}", NULL},
    {"{\"verb\":\"unblock\",\"subject\":\"x\",\"reason\":\"y\",\"accept\":true,\"confirm\":\"x\"}", NULL},
    {"{\"verb\":\"deny\",\"subject\":\"x\",\"reason\":\"y\",\"cluster\":false}", NULL},
    {"{\"verb\":\"reload\",\"reason\":\"new lists\"}", NULL},
    {"{\"verb\":\"discard\",\"subject\":\"x\",\"reason\":\"y\",\"confirm\":\"x\"}", NULL},
    {"{\"verb\":\"block\",\"subject\":\"j\\u00fcrgen \\u202e\",\"reason\":\"'; DROP \\ud83d\\ude00\"}", NULL},
    {"", "JSON"},
    {"[]", "object"},
    {"{}", "no action"},
    {"{\"verb\":\"exec\",\"subject\":\"x\",\"reason\":\"y\"}", "no action"},
    {"{\"verb\":1,\"subject\":\"x\",\"reason\":\"y\"}", "verb: expected a text"},
    {"{\"verb\":\"block\",\"reason\":\"y\"}", "subject is missing"},
    {"{\"verb\":\"reload\",\"subject\":\"x\",\"reason\":\"y\"}", "no subject"},
    {"{\"verb\":\"block\",\"subject\":\"x\"}", "reason is missing"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\" \\u0009\"}", "reason is missing"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"a\\u000ab\"}", "control"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"a\\u0085b\"}", "control"},
    {"{\"verb\":\"block\",\"subject\":\"x\\u0000y\",\"reason\":\"y\"}", "JSON"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"y\",\"for\":\"0s\"}", "for"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"y\",\"for\":\"soon\"}", "for"},
    {"{\"verb\":\"hold\",\"subject\":\"x\",\"reason\":\"y\",\"for\":\"1h\"}", "does not take it"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"y\",\"accept\":true}", "does not take it"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"y\",\"kind\":\"mailbox\"}", "kind"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"y\",\"force\":true}", "means nothing"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"y\",\"who\":\"root\"}", "means nothing"},
    {"{\"verb\":\"discard\",\"subject\":\"x\",\"reason\":\"y\"}", "typed again"},
    {"{\"verb\":\"discard\",\"subject\":\"x\",\"reason\":\"y\",\"confirm\":\"X\"}", "typed again"},
    {"{\"verb\":\"deny\",\"subject\":\"x\",\"reason\":\"y\",\"cluster\":\"yes\"}", "true or false"},
    {"{\"verb\":\"block\",\"subject\":\"x\",\"reason\":\"y\"} x", "JSON"},
};

static void only_what_can_be_done_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct act act = {.at_s = 0};
        struct error e = {""};
        int rc = act_read_asked(slice_of(asked[i].text), &act, &e);

        if (rc != (asked[i].error == NULL ? 0 : -1) || (rc != 0 && strstr(e.text, asked[i].error) == NULL))
            fail_msg("%s: %d %s", asked[i].text, rc, e.text);
    }
}

static struct act an_act(void)
{
    struct act act = {.id = "1700000000-0123456789abcdef",
                      .at_s = NOW,
                      .role = ROLE_OPERATOR,
                      .who = "anna",
                      .from = "uid 1000",
                      .tenants = "*"};

    assert_int_equal(act_read_asked(SLICE("{\"verb\":\"block\",\"kind\":\"user\",\"subject\":\"a\\u202e\\\"b\",\"for\":"
                                          "\"2h\",\"reason\":\"<b>\"}"),
                                    &act, NULL),
                     0);
    return act;
}

static void what_is_left_in_the_spool_reads_back(void **state)
{
    struct act act = an_act(), again;
    char *text = act_write(&act), *cut;

    (void)state;
    assert_non_null(text);
    assert_int_equal(act_read(slice_of(text), &again, NULL), 0);
    assert_memory_equal(&act, &again, sizeof act);
    for (size_t n = 0; n < strlen(text); n++)
        assert_int_equal(act_read((struct slice){text, n}, &again, NULL), -1);
    assert_non_null(cut = strstr(text, "operator"));
    memcpy(cut, "emperor!", 8);
    assert_int_equal(act_read(slice_of(text), &again, NULL), -1);
    free(text);
}

static void roles_and_the_configuration_say_what_may_be_done(void **state)
{
    struct act act = an_act();

    (void)state;
    assert_int_equal(act_check(&act, 1u << ACT_BLOCK, NULL), 0);
    assert_int_equal(act_check(&act, ~(1u << ACT_BLOCK), NULL), -1);
    act.role = ROLE_READER;
    assert_int_equal(act_check(&act, 1u << ACT_BLOCK, NULL), -1);
    act.role = ROLE_OPERATOR;
    act.verb = ACT_FORGET;
    assert_int_equal(act_check(&act, 1u << ACT_FORGET, NULL), -1);
    assert_false(act_is_id(SLICE("../x")) || act_is_id(SLICE("")) || act_is_id(SLICE("A")) || act_is_id(SLICE("-1")));
}

/* ---- the log ---- */

static void the_log_is_read_from_its_end_and_counts_the_hour(void **state)
{
    char path[] = "/tmp/postern-acts.XXXXXX";
    struct act_outcome outcome = {.state = ACT_BEGUN};
    struct act act = an_act();
    struct act_past *past;
    struct act_log log;
    enum act_state found;
    json_t *line = NULL;
    struct error e;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_true((fd = act_log_open(path, &e)) >= 0);
    for (int64_t i = 0; i < 10; i++) {
        (void)snprintf(act.id, sizeof act.id, "%lld", (long long)i);
        outcome.at_s = NOW - 3600 * (i % 2); /* an hour ago is not within the hour */
        assert_int_equal(act_log_add(fd, &act, &outcome, &e), 0);
    }
    /* A crash. */
    assert_int_equal(write(fd, "{\"id\":\"9\",\"state\":\"done\"", 24), 24);
    outcome.at_s = NOW + 5;
    outcome.state = ACT_DONE;
    (void)snprintf(act.id, sizeof act.id, "3");
    assert_int_equal(act_log_add(fd, &act, &outcome, &e), 0);
    assert_int_equal(close(fd), 0);
    assert_non_null(past = act_past_read(path, &e));
    assert_true(act_past_find(past, "3", &found) && found == ACT_DONE);
    assert_true(act_past_find(past, "9", &found) && found == ACT_BEGUN);
    assert_false(act_past_find(past, "x", &found));
    assert_int_equal(act_past_count(past, ACT_BEGUN, NOW), 5);
    assert_int_equal(act_past_count(past, ACT_DONE, NOW), 1);
    assert_int_equal(act_past_count(past, ACT_BEGUN, NOW + 3600), 0);
    (void)snprintf(act.id, sizeof act.id, "9");
    assert_int_equal(act_past_add(past, &act, &outcome, &e), 0);
    assert_true(act_past_find(past, "9", &found) && found == ACT_DONE);
    act_past_free(past);
    /* From the middle of a line. */
    assert_int_equal(act_log_read(path, 300, &log, &e), 0);
    assert_true(act_log_back(&log, &line) && strcmp(act_line_text(line, "id"), "3") == 0);
    json_decref(line);
    act_log_free(&log);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(act_log_read(path, 300, &log, &e), 0);
    line = NULL;
    assert_false(act_log_back(&log, &line));
    act_log_free(&log);
}

/* ---- a log that is turned over ---- */

static void add_one(const char *path, const char *id, enum act_state state, int64_t at_s)
{
    struct act_outcome outcome = {.state = state, .at_s = at_s};
    struct act act = an_act();
    struct error e;
    int fd = act_log_open(path, &e);

    assert_true(fd >= 0);
    (void)snprintf(act.id, sizeof act.id, "%s", id);
    assert_int_equal(act_log_add(fd, &act, &outcome, &e), 0);
    assert_int_equal(close(fd), 0);
}

/* As long as one that is to be turned over, with nothing to read before what it ended with. */
static void lengthen(const char *path)
{
    assert_int_equal(truncate(path, ACT_LOG_MAX), 0);
}

static void expect_known(const char *path, const char *id, bool known)
{
    enum act_state state;
    struct act_past *past;
    struct error e;

    assert_non_null(past = act_past_read(path, &e));
    assert_int_equal(act_past_find(past, id, &state), known);
    act_past_free(past);
}

static unsigned begun_in(const char *path)
{
    struct act_past *past;
    struct error e;
    unsigned n;

    assert_non_null(past = act_past_read(path, &e));
    n = act_past_count(past, ACT_BEGUN, NOW);
    act_past_free(past);
    return n;
}

static void a_log_that_was_turned_over_is_read_on_in_the_one_before(void **state)
{
    char folder[] = "/tmp/postern-acts.XXXXXX", path[64], older[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/log", folder);
    (void)snprintf(older, sizeof older, "%s/log.1", folder);
    add_one(path, "1", ACT_BEGUN, NOW);
    lengthen(path);
    /* By size, by "postern act" itself. */
    add_one(path, "2", ACT_BEGUN, NOW);
    assert_int_equal(access(older, F_OK), 0);
    assert_int_equal(truncate(older, 400), 0);
    expect_known(path, "1", true);
    expect_known(path, "2", true);
    assert_int_equal(begun_in(path), 2);
    /* By somebody else, before and after a new one is there; half a line of a crash ends the older one. */
    assert_int_equal(rename(path, older), 0);
    expect_known(path, "2", true);
    assert_int_equal(truncate(older, 600), 0);
    add_one(path, "3", ACT_BEGUN, NOW);
    expect_known(path, "2", true);
    expect_known(path, "3", true);
    assert_int_equal(begun_in(path), 2);
    /* In between: what was read is not read again. */
    assert_int_equal(unlink(older), 0);
    assert_int_equal(link(path, older), 0);
    assert_int_equal(begun_in(path), 1);
    assert_int_equal(unlink(older), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void only_so_many_logs_are_kept(void **state)
{
    char folder[] = "/tmp/postern-acts.XXXXXX", path[64], number[80];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/log", folder);
    for (unsigned i = 0; i <= ACT_LOGS_KEPT + 1; i++) {
        add_one(path, "1", ACT_DONE, NOW + i);
        lengthen(path);
    }
    for (unsigned i = 1; i <= ACT_LOGS_KEPT + 1; i++) {
        (void)snprintf(number, sizeof number, "%s.%u", path, i);
        assert_int_equal(unlink(number), i <= ACT_LOGS_KEPT ? 0 : -1);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_can_be_done_is_taken),
        cmocka_unit_test(what_is_left_in_the_spool_reads_back),
        cmocka_unit_test(roles_and_the_configuration_say_what_may_be_done),
        cmocka_unit_test(the_log_is_read_from_its_end_and_counts_the_hour),
        cmocka_unit_test(a_log_that_was_turned_over_is_read_on_in_the_one_before),
        cmocka_unit_test(only_so_many_logs_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
