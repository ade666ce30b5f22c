/* links: mirror */
/* What the engine leaves in the journal: a record for each decision that is logged, counted as it was charged. */
#include "tests/unit/engine_fixture.h"

#include "core/journal/journal.h"

#define JOURNAL "journal = \"~/journal\";"

struct records {
    struct journal_record at[16]; /* newest first */
    size_t n;
};

static void send_named(struct bench *b, const char *login, const char *sender, const char *name, const char *front_end)
{
    struct submission s = world_submission(login, "203.0.113.9", sender);

    s.queue_id = s.instance = slice_of(name);
    s.front_end = front_end;
    (void)engine_decide(b->session, &s, &b->recipients);
}

static bool keep(void *arg, const struct journal_record *record)
{
    struct records *records = arg;

    assert_true(records->n < 16);
    records->at[records->n++] = *record;
    return true;
}

static struct journal *open_reader(struct bench *b, struct records *records)
{
    struct journal *j;
    struct error e;

    records->n = 0;
    if (journal_open(world_file(b->world, "journal"), NULL, &j, &e) != 0 ||
        journal_decisions(j, &(struct journal_query){.since_ns = 0}, keep, records, &e) != 0)
        fail_msg("%s", e.text);
    return j;
}

static struct usage usage_of(struct journal *j, const char *tenant, const char *mailbox)
{
    struct usage usage = {0};
    struct error e;

    assert_true(journal_usage_of(j, slice_of(tenant), slice_of(mailbox), &usage, &e) >= 0);
    return usage;
}

static void a_message_and_a_refusal_leave_their_records_when_the_program_ends(void **state)
{
    struct bench *b = *state;
    struct records r;
    struct journal *j;

    bench_start(b, "postern-policyd", JOURNAL);
    send_named(b, "a.berg@contoso.example", "anna@contoso.example", "4QONE", "policyd");
    send_named(b, "bert@contoso.example", "bert@contoso.example", "4QTWO", "policyd");
    stop(b);
    j = open_reader(b, &r);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.at[0].reason, REASON_MAILBOX_DISABLED);
    assert_int_equal(r.at[0].action, ACTION_REJECT);
    assert_string_equal(r.at[0].login, "bert@contoso.example");
    assert_string_equal(r.at[0].mailbox, "bert@contoso.example");
    assert_int_equal(r.at[1].reason, REASON_ALLOWED);
    assert_string_equal(r.at[1].login, "a.berg@contoso.example");
    assert_string_equal(r.at[1].mailbox, "anna@contoso.example");
    assert_string_equal(r.at[1].tenant, "contoso");
    assert_string_equal(r.at[1].sender, "anna@contoso.example");
    assert_string_equal(r.at[1].queue_id, "4QONE");
    assert_false(r.at[1].milter);
    assert_true(r.at[1].has_client && r.at[1].counts);
    assert_true(clock_wall_ns() - r.at[1].at_ns < 3600 * NS_PER_S);
    assert_int_equal(usage_of(j, "contoso", "anna@contoso.example").messages, 1);
    assert_int_equal(usage_of(j, "contoso", "bert@contoso.example").refused[REASON_MAILBOX_DISABLED], 1);
    journal_close(j);
}

static void a_message_that_both_front_ends_see_is_one_message(void **state)
{
    struct bench *b = *state;
    struct records r;
    struct journal *j;

    bench_start(b, "postern-milter", JOURNAL "mode = \"monitor\";");
    for (int i = 0; i < 6; i++) /* in monitor mode each is logged */
        send_named(b, "bert@contoso.example", "bert@contoso.example", "4QONE", i % 2 == 0 ? "milter" : "policyd");
    stop(b);
    j = open_reader(b, &r);
    assert_int_equal(r.n, 3); /* the one that was charged, and the others of each */
    assert_int_equal(r.at[0].times + r.at[1].times + r.at[2].times, 6);
    assert_int_equal(r.at[0].monitored, REASON_MAILBOX_DISABLED);
    assert_int_equal(usage_of(j, "contoso", "bert@contoso.example").messages, 1);
    assert_int_equal(usage_of(j, "contoso", "bert@contoso.example").would[REASON_MAILBOX_DISABLED], 1);
    journal_close(j);
}

static void a_message_over_the_limit_is_a_refusal_with_its_limit(void **state)
{
    struct bench *b = *state;
    struct records r;
    struct journal *j;

    bench_start(b, "postern-policyd",
                JOURNAL
                "limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; rate = \"1/h\"; burst = 1; });");
    send_named(b, "anna@contoso.example", "anna@contoso.example", "4QONE", "policyd");
    engine_tick(b->engine);
    send_named(b, "anna@contoso.example", "anna@contoso.example", "4QTWO", "policyd");
    stop(b);
    j = open_reader(b, &r);
    assert_int_equal(r.n, 2);
    assert_string_equal(r.at[0].limit, "l");
    assert_true(r.at[0].retry_s > 3000 && r.at[0].retry_s <= 3600);
    assert_int_equal(usage_of(j, "contoso", "anna@contoso.example").messages, 1);
    assert_int_equal(usage_of(j, "contoso", "anna@contoso.example").refused[REASON_LIMIT], 1);
    journal_close(j);
}

static void a_journal_that_cannot_be_written_refuses_nothing(void **state)
{
    struct bench *b = *state;
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    world_write(b->world, "journal", "a file where the folder should be\n");
    bench_start(b, "postern-policyd", JOURNAL);
    engine_tick(b->engine);
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    stop(b);
}

static void an_empty_setting_keeps_no_journal(void **state)
{
    struct bench *b = *state;
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    bench_start(b, "postern-policyd", "journal = \"\";");
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    engine_tick(b->engine);
    stop(b);
    assert_int_not_equal(access(world_file(b->world, "journal"), F_OK), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_message_and_a_refusal_leave_their_records_when_the_program_ends),
        T(a_message_that_both_front_ends_see_is_one_message),
        T(a_message_over_the_limit_is_a_refusal_with_its_limit),
        T(a_journal_that_cannot_be_written_refuses_nothing),
        T(an_empty_setting_keeps_no_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
