/* Which decision of the journal is that about a message that was just sent. */
#include "core/base/clock.h"
#include "core/report/trail.h"
#include "tests/unit/journal_fixture.h"
#include "tests/unit/lines_printer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 (UINT64_C(1763726400) * NS_PER_S)

struct place {
    char folder[64];
    struct ip client, other;
};

static void note(struct journal *j, const struct place *p, uint64_t at_s, enum action action, enum reason reason,
                 enum reason monitored, const char *login, const char *sender, const char *queue_id, bool elsewhere)
{
    struct journal_record r = {.at_ns = T0 + at_s * NS_PER_S,
                               .action = action,
                               .reason = reason,
                               .monitored = monitored,
                               .stage = STAGE_RCPT,
                               .has_client = true,
                               .client = elsewhere ? p->other : p->client,
                               .counts = true,
                               .retry_s = reason == REASON_LIMIT ? 90 : 0};

    (void)snprintf(r.login, sizeof r.login, "%s", login);
    (void)snprintf(r.sender, sizeof r.sender, "%s", sender);
    (void)snprintf(r.queue_id, sizeof r.queue_id, "%s", queue_id);
    (void)snprintf(r.limit, sizeof r.limit, "%s", reason == REASON_LIMIT ? "burst" : "");
    note_record(j, &r);
}

#define ANNA "anna@contoso.example"
#define BERT "bert@contoso.example"

/* What others did at the same time, and what she did before and from elsewhere. */
static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct journal *j;
    struct error e;

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-trail-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    assert_true(ip_parse(SLICE("127.0.0.1"), &p->client) && ip_parse(SLICE("192.0.2.15"), &p->other));
    assert_int_equal(journal_open(p->folder, "policyd", &j, &e), 0);
    note(j, p, 0, ACTION_REJECT, REASON_BLOCKED, REASON_NOT_OURS, ANNA, ANNA, "", false);
    note(j, p, 10, ACTION_PASS, REASON_ALLOWED, REASON_NOT_OURS, ANNA, ANNA, "4QONE", false);
    note(j, p, 11, ACTION_DEFER, REASON_LIMIT, REASON_NOT_OURS, "ANNA@contoso.example", ANNA, "", false);
    note(j, p, 12, ACTION_REJECT, REASON_SENDER_NOT_OWN, REASON_NOT_OURS, ANNA, "boss@contoso.example", "", false);
    note(j, p, 13, ACTION_REJECT, REASON_TLS_REQUIRED, REASON_NOT_OURS, ANNA, ANNA, "", true);
    note(j, p, 14, ACTION_REJECT, REASON_MAILBOX_DISABLED, REASON_NOT_OURS, BERT, BERT, "", false);
    note(j, p, 15, ACTION_PASS, REASON_ALLOWED, REASON_NOT_OURS, ANNA, ANNA, "4QTWO", false);
    note(j, p, 16, ACTION_PASS, REASON_ALLOWED, REASON_LIMIT, "cleo", "cleo@contoso.example", "4QTHREE", false);
    assert_int_equal(journal_flush(j, &e), 0);
    journal_close(j);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    static const char *const endings[] = {"", "-shm", "-wal"};
    char path[160];

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        (void)snprintf(path, sizeof path, "%s/journal.sqlite%s", p->folder, endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(p->folder);
    free(p);
    return 0;
}

static void the_decision_about_a_message_is_found_among_others(void **state)
{
    struct place *p = *state;
    struct {
        uint64_t since_s;
        const char *queue_id, *login, *sender;
        bool has_client;
        int found;
        enum reason reason;
    } rows[] = {
        {5, "4QONE", ANNA, ANNA, true, 1, REASON_ALLOWED},
        {5, "4QNONE", ANNA, ANNA, true, 0, REASON_ALLOWED},
        {5, "", ANNA, ANNA, true, 1, REASON_LIMIT},
        {5, "", ANNA, "Anna@CONTOSO.example", true, 1, REASON_LIMIT},
        {5, "", ANNA, ANNA, false, 1, REASON_TLS_REQUIRED},
        {5, "", BERT, BERT, true, 1, REASON_MAILBOX_DISABLED},
        {15, "", BERT, BERT, true, 0, REASON_MAILBOX_DISABLED},
        {5, "", "", BERT, true, 0, REASON_MAILBOX_DISABLED},
        {5, "", "cleo", "cleo@contoso.example", true, 1, REASON_ALLOWED},
    };
    struct journal *j;
    struct error e;

    assert_int_equal(journal_open(p->folder, NULL, &j, &e), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct journal_record r;
        struct trail t = {.since_ns = T0 + rows[i].since_s * NS_PER_S,
                          .queue_id = slice_of(rows[i].queue_id),
                          .login = slice_of(rows[i].login),
                          .sender = slice_of(rows[i].sender),
                          .client = rows[i].has_client ? &p->client : NULL};

        assert_int_equal(trail_decision(j, &t, &r, &e), rows[i].found);
        if (rows[i].found > 0)
            assert_int_equal(r.reason, rows[i].reason);
    }
    journal_close(j);
}

static void it_is_said_in_posterns_words(void **state)
{
    struct journal_record r = {.action = ACTION_DEFER, .reason = REASON_LIMIT, .stage = STAGE_END, .retry_s = 90};
    char text[2000];
    struct lines_printer out = lines_printer(text, sizeof text);

    (void)state;
    (void)snprintf(r.limit, sizeof r.limit, "burst");
    trail_report(&r, &out.printer);
    assert_non_null(strstr(text, "defer limit (by the policy server, at stage end)"));
    assert_non_null(strstr(text, "burst; it may pass again in 1m30s"));
    r = (struct journal_record){
        .action = ACTION_PASS, .reason = REASON_ALLOWED, .monitored = REASON_BLOCKED, .milter = true};
    out = lines_printer(text, sizeof text);
    trail_report(&r, &out.printer);
    assert_non_null(strstr(text, "pass; would be refused: blocked (by the milter"));
    assert_non_null(strstr(text, reason_row(REASON_BLOCKED)->help));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_decision_about_a_message_is_found_among_others, setup, teardown),
        cmocka_unit_test(it_is_said_in_posterns_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
