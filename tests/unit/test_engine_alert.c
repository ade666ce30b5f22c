/* links: mirror */
/*
 * What people are told of: a notice in the spool for a block, for old settings, for a state that cannot be used and for
 * lost log lines, once an episode; and a request to the mirror where SMTP AUTH is to be switched off.
 */
#include "tests/unit/engine_fixture.h"

#include "core/base/spool.h"
#include "core/notice/alert.h"
#include "tests/unit/waiting.h"

#define CLIENT "203.0.113.9"
#define TELL "alerts = ({ command = \"/bin/true\"; });"
#define BLOCK                                                                                                          \
    "limits = ({ name = \"flood\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 1; then = \"block 1h"

/* The notices or requests in the spool, one after the other, oldest first; returns how many. */
static size_t spooled(struct bench *b, const char *folder, struct buf *out)
{
    char **names;
    size_t n;
    struct error e;
    int fd = spool_open(world_file(b->world, "spool"), folder, &e);

    assert_true(fd >= 0);
    assert_int_equal(spool_names(fd, ".json", 4096, &names, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        char *text;
        size_t length;

        assert_int_equal(spool_get(fd, names[i], ALERT_FILE_MAX, &text, &length, &e), 0);
        buf_add(out, (struct slice){text, length});
        free(text);
    }
    spool_names_free(names, n);
    (void)close(fd);
    assert_false(out->full);
    return n;
}

/* There are so many, and they say all of that. */
static void expect_spooled(struct bench *b, const char *folder, size_t n, const char *const *says)
{
    static char text[65536];
    struct buf out = BUF_OVER(text);

    assert_int_equal(spooled(b, folder, &out), n);
    for (; says != NULL && *says != NULL; says++)
        if (strstr(text, *says) == NULL)
            fail_msg("%s is not said by: %s", *says, text);
}
#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_block_is_told_of_once_with_who_from_where_and_what_to_do(void **state)
{
    struct bench *b = *state;

    start(b, TELL BLOCK "\"; });");
    for (int i = 0; i < 4; i++)
        (void)send_from(b, ANNA, CLIENT);
    engine_tick(b->engine);
    expect_spooled(b, ALERT_NOTICES, 1,
                   SAYS("\"event\": \"block\"", "\"subject\": \"user anna@contoso.example\"",
                        "user anna@contoso.example is blocked by limit flood", "postern unblock anna@contoso.example",
                        "\"limit\": \"flood\"", "\"reason\": \"over 1/d, burst 1\"", "\"seconds\": \"3600\"",
                        "\"login\": \"anna@contoso.example\"", "\"client\": \"203.0.113.9\"", "\"method\": \"PLAIN\"",
                        "\"sender\": \"anna@contoso.example\"", "\"queue_id\": \"4Q000001\"",
                        "\"program\": \"policyd\""));
    stop(b);
}

static void a_block_at_a_recipient_names_the_recipient(void **state)
{
    struct bench *b = *state;
    struct submission s = message(b, ANNA, CLIENT, ANNA);

    start(b, TELL BLOCK "\"; });");
    (void)send_from(b, ANNA, CLIENT);
    s.stage = STAGE_RCPT;
    s.has_recipient = true;
    s.recipient_result = address_parse_internal(SLICE("X@Adatum.example"), &s.recipient);
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_LIMIT_BLOCK);
    engine_tick(b->engine);
    expect_spooled(b, ALERT_NOTICES, 1, SAYS("\"recipient\": \"x@adatum.example\""));
    stop(b);
}

static void without_a_place_to_tell_nothing_is_spooled(void **state)
{
    struct bench *b = *state;

    start(b, BLOCK "\"; });");
    for (int i = 0; i < 3; i++)
        (void)send_from(b, ANNA, CLIENT);
    engine_tick(b->engine);
    stop(b);
    assert_int_not_equal(access(world_file(b->world, "spool"), F_OK), 0);
}

static void what_waits_when_the_program_ends_is_written(void **state)
{
    struct bench *b = *state;

    start(b, TELL BLOCK "\"; });");
    for (int i = 0; i < 3; i++)
        (void)send_from(b, ANNA, CLIENT);
    stop(b);
    expect_spooled(b, ALERT_NOTICES, 1, SAYS("anna@contoso.example"));
}

/* A block as another program left it, so many seconds ago. */
static void leave_block(struct bench *b, uint64_t key, const char *who, const char *limit, int64_t age_s)
{
    struct block block = {.key = key, .until_ns = BLOCK_FOREVER, .from_wall_s = clock_wall_s() - age_s};
    struct buf subject = BUF_OVER(block.subject), name = BUF_OVER(block.limit);
    struct error e;

    buf_addf(&subject, "user %s", who);
    buf_add(&name, slice_of(limit));
    assert_int_equal(blocks_add(blocks_of(b), &block, now_of(b), &e), 0);
}

static void blocks_that_a_killed_program_did_not_tell_of_are_told_at_the_next_start(void **state)
{
    struct bench *b = *state;

    start(b, "");
    leave_block(b, 11, "anna@contoso.example", "flood", 30);
    leave_block(b, 12, "bert@contoso.example", "operator", 30); /* who made it knows */
    leave_block(b, 13, "cleo@contoso.example", "flood", 3600);  /* long ago */
    leave_block(b, 14, "dora@fabrikam.example", "flood", -600); /* a clock that went back: when is not known */
    bench_stop(b);
    for (int i = 0; i < 2; i++) { /* the second program at the same time tells nothing new */
        start(b, TELL);
        expect_spooled(b, ALERT_NOTICES, 1, SAYS("anna@contoso.example"));
        bench_stop(b);
    }
}

static void forget_spool(struct bench *b)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s/spool'", b->world->folder);
    assert_int_equal(system(command), 0); /* the folder is ours: mkdtemp made its name */
}

static void settings_that_nobody_renews_are_told_of(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *tenants, *says;
        size_t notices;
    } rows[] = {
        /* those of the directory, with the default of two days */
        {"tenants = ();", "journalctl -u postern-mirror\"", 3},
        {"tenants = ({ name = \"contoso\"; max_age = \"1h\"; when_stale = \"defer\"; });",
         "postern-mirror. Meanwhile the tenant's mail is deferred\"", 1},
        {"tenants = ({ name = \"contoso\"; max_age = \"1h\"; when_stale = \"keep\"; });",
         "journalctl -u postern-mirror\"", 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rules[300];
        char *log;

        (void)snprintf(rules, sizeof rules, TELL "%s", rows[i].tenants);
        log_begin(b);
        start(b, rules);
        engine_tick(b->engine);
        stop(b);
        log = log_end(b);
        assert_non_null(strstr(log, "tenant contoso: the mailboxes' settings are"));
        expect_spooled(
            b, ALERT_NOTICES, rows[i].notices,
            SAYS("\"event\": \"stale-mirror\"", "\"subject\": \"contoso\"", "\"age_seconds\": ", rows[i].says));
        forget_spool(b);
    }
}

static void settings_that_may_be_of_any_age_are_not_told_of(void **state)
{
    struct bench *b = *state;

    start(b, TELL "tenants = ({ name = \"contoso\"; max_age = \"0s\"; });");
    engine_tick(b->engine);
    stop(b);
    expect_spooled(b, ALERT_NOTICES, 0, NULL);
}

static void a_state_that_cannot_be_used_is_told_of_and_limits_go_on(void **state)
{
    struct bench *b = *state;

    start(b, TELL "state = { file = \"~/no/where/state\"; };" BLOCK "\"; });");
    expect_spooled(b, ALERT_NOTICES, 1,
                   SAYS("\"event\": \"state\"", "\"subject\": \"state\"", "Limits count in the memory of each process",
                        "/no/where"));
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_ALLOWED);
    assert_int_equal(send_from(b, ANNA, CLIENT), REASON_LIMIT_BLOCK);
    stop(b);
}

static void log_lines_that_nobody_took_are_told_of(void **state)
{
    struct bench *b = *state;
    struct error e;
    int deaf;

    log_begin(b);
    deaf = open("/dev/null", O_RDONLY); /* cannot be written */
    assert_true(deaf >= 0 && dup2(deaf, STDERR_FILENO) >= 0);
    start(b, BLOCK "\"; });");
    (void)send_from(b, ANNA, CLIENT);
    wait_until(log_dropped(engine_log(b->engine)) > 0);
    bench_configure(b, TELL);
    assert_int_equal(engine_reload(b->engine, &e), 0);
    engine_tick(b->engine);
    stop(b);
    (void)close(deaf);
    (void)log_end(b);
    expect_spooled(b, ALERT_NOTICES, 1, SAYS("\"event\": \"log-lost\"", "lines of postern's log were lost"));
}

static void what_cannot_be_spooled_waits_until_it_can(void **state)
{
    struct bench *b = *state;
    char *log;

    world_write(b->world, "spool", "a file where the folder should be\n");
    log_begin(b);
    start(b, TELL BLOCK "\"; });");
    for (int i = 0; i < 3; i++)
        (void)send_from(b, ANNA, CLIENT);
    for (int i = 0; i < 3; i++)
        engine_tick(b->engine);
    assert_int_equal(unlink(world_file(b->world, "spool")), 0);
    engine_tick(b->engine);
    stop(b);
    log = log_end(b);
    assert_non_null(log = strstr(log, "/spool: Not a directory"));
    assert_null(strstr(log + 1, "/spool: Not a directory")); /* said once, however often it was tried */
    expect_spooled(b, ALERT_NOTICES, 1, SAYS("anna@contoso.example"));
}

static void more_blocks_than_can_be_told_at_once_are_told_together(void **state)
{
    struct bench *b = *state;
    char *log;

    log_begin(b);
    start(b, TELL "limits = ({ name = \"flood\"; per = \"client\"; count = \"messages\"; rate = \"1/d\"; burst = 1; "
                  "then = \"block 1h\"; });");
    for (unsigned i = 0; i < 40; i++) {
        char client[16];

        (void)snprintf(client, sizeof client, "203.0.%u.9", i / 2);
        (void)send_from(b, ANNA, client);
    }
    engine_tick(b->engine);
    stop(b);
    log = log_end(b);
    assert_non_null(strstr(log, "too many events at once to report each: digests summarize the others"));
    expect_spooled(b, ALERT_NOTICES, 16, NULL);
}

/* ---- SMTP AUTH is to be switched off at the source ---- */

#define EXCHANGE(more)                                                                                                 \
    "exchange = { tenant_id = \"7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1\"; application = "                                \
    "\"0f9b6a52-1d9d-4c3c-8f0e-5a1e2b3c4d5e\"; secret_file = \"secret\"; " more " };"
#define CONTOSO_MAY "tenants = ({ name = \"contoso\"; max_age = \"0s\"; " EXCHANGE("writeback = true;") " });"

static void a_block_that_disables_asks_the_mirror_for_the_mailbox(void **state)
{
    struct bench *b = *state;

    start(b, CONTOSO_MAY BLOCK ", disable\"; });");
    for (int i = 0; i < 3; i++)
        (void)send_as(b, "a.berg@contoso.example", CLIENT, ANNA);
    engine_tick(b->engine);
    expect_spooled(b, ALERT_REQUESTS, 1,
                   SAYS("\"subject\": \"anna@contoso.example\"", "\"tenant\": \"contoso\"",
                        "\"mailbox\": \"anna@contoso.example\"", "\"limit\": \"flood\"",
                        "\"login\": \"a.berg@contoso.example\""));
    stop(b);
}

static void nothing_is_disabled_where_it_is_not_allowed_or_not_one_mailbox(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *rules, *login, *says;
    } rows[] = {
        {"", ANNA, "the tenant has no exchange.writeback = true"},
        {"tenants = ({ name = \"contoso\"; " EXCHANGE("") " });", ANNA, "the tenant has no exchange.writeback = true"},
        {CONTOSO_MAY, DORA, "the tenant has no exchange.writeback = true"},
        {CONTOSO_MAY "smtp_auth = { unlisted = \"allow\"; }; sender = { envelope = \"any\"; };",
         "ghost@contoso.example", "the login is not one mailbox of the tenant"},
        {CONTOSO_MAY "smtp_auth = { on_premises_file = \"list\"; };", "local@contoso.example",
         "the login is not one mailbox of the tenant"},
    };

    world_write(b->world, "list", "local@contoso.example\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rules[1000];
        char *log;

        (void)snprintf(rules, sizeof rules, "%s" BLOCK ", disable\"; });", rows[i].rules);
        log_begin(b);
        start(b, rules);
        assert_int_equal(send_from(b, rows[i].login, CLIENT), REASON_ALLOWED);
        assert_int_equal(send_from(b, rows[i].login, CLIENT), REASON_LIMIT_BLOCK);
        stop(b);
        log = log_end(b);
        if (strstr(log, rows[i].says) == NULL)
            fail_msg("row %zu: %s", i, log);
        assert_int_not_equal(access(world_file(b->world, "spool"), F_OK), 0);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_block_is_told_of_once_with_who_from_where_and_what_to_do),
        T(a_block_at_a_recipient_names_the_recipient),
        T(without_a_place_to_tell_nothing_is_spooled),
        T(what_waits_when_the_program_ends_is_written),
        T(blocks_that_a_killed_program_did_not_tell_of_are_told_at_the_next_start),
        T(settings_that_nobody_renews_are_told_of),
        T(settings_that_may_be_of_any_age_are_not_told_of),
        T(a_state_that_cannot_be_used_is_told_of_and_limits_go_on),
        T(log_lines_that_nobody_took_are_told_of),
        T(what_cannot_be_spooled_waits_until_it_can),
        T(more_blocks_than_can_be_told_at_once_are_told_together),
        T(a_block_that_disables_asks_the_mirror_for_the_mailbox),
        T(nothing_is_disabled_where_it_is_not_allowed_or_not_one_mailbox),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
