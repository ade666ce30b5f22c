/* links: mirror */
/* The engine's housekeeping: what an operator changes or breaks while it runs is taken up or said, and opens nothing.
 */
#include "tests/unit/engine_fixture.h"

#define CLIENT "203.0.113.9"
#define ONE_A_DAY                                                                                                      \
    "limits = ({ name = \"l\"; per = \"client\"; count = \"messages\"; rate = \"1/d\"; burst = 1; then = \"block "     \
    "1h\"; });"

static void what_a_reload_cannot_change_is_said(void **state)
{
    struct bench *b = *state;
    static const char *const rows[] = {"journal = \"~/journal\";", "directory = \"~/another\";",
                                       "state = { file = \"~/another-state\"; entries = 4096; };",
                                       "state = { file = \"~/engine-state\"; entries = 8192; };",
                                       "state = { file = \"~/engine-state\"; entries = 4096; blocks = 100; };"};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e;

        log_begin(b);
        start(b, "");
        bench_configure(b, rows[i]);
        assert_int_equal(engine_reload(b->engine, &e), 0);
        assert_int_equal(send_from(b, ANNA, CLIENT), REASON_ALLOWED);
        stop(b);
        if (strstr(log_end(b), "another directory, state, journal or outbox takes effect at the next start only") ==
            NULL)
            fail_msg("%s", rows[i]);
    }
}

static void a_reload_that_changes_rules_alone_warns_of_nothing(void **state)
{
    struct bench *b = *state;
    struct error e;
    char *log;

    log_begin(b);
    start(b, "");
    bench_configure(b, ONE_A_DAY);
    assert_int_equal(engine_reload(b->engine, &e), 0);
    stop(b);
    log = log_end(b);
    assert_null(strstr(log, "takes effect at the next start only"));
    assert_non_null(strstr(log, "postern.conf loaded"));
}

static void a_damaged_state_is_set_aside_and_said_at_the_start(void **state)
{
    struct bench *b = *state;
    char *log;

    world_write(b->world, "engine-state", "this was never a state\n");
    log_begin(b);
    start(b, ONE_A_DAY);
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_ALLOWED);
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_LIMIT_BLOCK);
    stop(b);
    log = log_end(b);
    assert_non_null(strstr(log, "engine-state.damaged-"));
}

static void a_damaged_journal_is_set_aside_and_said(void **state)
{
    struct bench *b = *state;
    char *log, garbage[9000];

    memset(garbage, 'x', sizeof garbage - 1);
    garbage[sizeof garbage - 1] = '\0';
    assert_int_equal(mkdir(world_file(b->world, "journal"), 0770), 0);
    world_write(b->world, "journal/journal.sqlite", garbage);
    log_begin(b);
    bench_start(b, "postern-policyd", "journal = \"~/journal\";");
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_ALLOWED);
    engine_tick(b->engine);
    stop(b);
    log = log_end(b);
    assert_non_null(strstr(log, "journal "));
    assert_non_null(strstr(log, "damaged.sqlite"));
    assert_int_equal(access(world_file(b->world, "journal/damaged.sqlite"), F_OK), 0);
}

static void a_list_that_was_changed_is_used_and_one_with_a_mistake_is_not(void **state)
{
    struct bench *b = *state;
    char *log;

    world_write(b->world, "denied", "bert@contoso.example\n");
    log_begin(b);
    start(b, "smtp_auth = { deny_file = \"denied\"; };");
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_ALLOWED);
    world_write(b->world, "denied", "bert@contoso.example\nanna@contoso.example\n");
    engine_tick(b->engine);
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_DENY_FILE);
    world_write(b->world, "denied", "two words in a line\n");
    for (int i = 0; i < 5; i++)
        engine_tick(b->engine);
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_DENY_FILE);
    stop(b);
    log = log_end(b);
    assert_non_null(log = strstr(log, "reload refused, the old configuration stays"));
    assert_null(strstr(log + 1, "reload refused")); /* for a minute it is not read again */
}

static void where_no_more_blocks_fit_the_limit_refuses_all_the_same(void **state)
{
    struct bench *b = *state;
    char *log;

    log_begin(b);
    start(b, ONE_A_DAY "state = { file = \"~/engine-state\"; entries = 4096; blocks = 16; };");
    for (unsigned i = 0; i < 20; i++) {
        char client[16];

        (void)snprintf(client, sizeof client, "203.0.113.%u", i);
        assert_int_equal(send_from(b, ANNA, client), REASON_ALLOWED);
        assert_int_equal(send_from(b, ANNA, client), REASON_LIMIT_BLOCK);
        assert_int_equal(send_from(b, ANNA, client), i < 12 ? REASON_BLOCKED : REASON_LIMIT_BLOCK);
    }
    stop(b);
    log = log_end(b);
    assert_non_null(log = strstr(log, "block of client 203.0.113.12 failed: no room"));
    assert_null(strstr(strchr(log, '\n'), " failed: no room")); /* of clients, once an hour is enough */
}

static void a_directory_that_is_lost_is_said_and_the_last_one_goes_on(void **state)
{
    struct bench *b = *state;
    char from[128], *log;

    log_begin(b);
    start(b, "");
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_ALLOWED);
    (void)snprintf(from, sizeof from, "%s", world_file(b->world, "directory"));
    assert_int_equal(rename(from, world_file(b->world, "elsewhere")), 0);
    world_write(b->world, "directory", "a file where the folder should be\n");
    for (int i = 0; i < 130; i++) /* it is tried again once a minute */
        engine_tick(b->engine);
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_ALLOWED);
    assert_int_equal(send_from(b, BERT, CLIENT), REASON_MAILBOX_DISABLED);
    stop(b);
    log = log_end(b);
    assert_non_null(log = strstr(log, "Not a directory"));
    assert_null(strstr(log + 1, "Not a directory"));
    assert_int_equal(unlink(from), 0);
    assert_int_equal(rename(world_file(b->world, "elsewhere"), from), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_a_reload_cannot_change_is_said),
        T(a_reload_that_changes_rules_alone_warns_of_nothing),
        T(a_damaged_state_is_set_aside_and_said_at_the_start),
        T(a_damaged_journal_is_set_aside_and_said),
        T(a_list_that_was_changed_is_used_and_one_with_a_mistake_is_not),
        T(where_no_more_blocks_fit_the_limit_refuses_all_the_same),
        T(a_directory_that_is_lost_is_said_and_the_last_one_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
