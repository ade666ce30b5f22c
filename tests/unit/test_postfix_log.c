/* Postfix's log: what a line says, what only looks like one, and which lines make a message that was sent. */
#include "core/report/postfix_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* 2026-11-30 07:00:00 UTC */
#define WRITTEN INT64_C(1796022000)
#define AT INT64_C(1796021420) /* 06:50:20 */

static struct postfix_log_line read_line(const char *text)
{
    struct postfix_log_years years = {.newest_s = WRITTEN};
    struct postfix_log_line line;

    postfix_log_read(slice_of(text), &years, &line);
    return line;
}

static void assert_slice(struct slice got, const char *wanted)
{
    if (!slice_eq(got, slice_of(wanted)))
        fail_msg("got \"%.*s\", expected \"%s\"", SLICE_ARG(got), wanted);
}

#define REMOVED " relay postfix/qmgr[2]: 4jdF5S5n32z1bgb5: removed"

static void a_line_has_a_time_in_one_of_four_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t at_s; /* 0: that is no time */
    } rows[] = {
        {"Nov 30 06:50:20", AT},
        {"Nov 30 06:50:20.123456", AT},
        {"2026-11-30T06:50:20Z", AT},
        {"2026-11-30T07:50:20.5+01:00", AT},
        {"2026-11-30T07:50:20,123+0100", AT},
        {"2026-11-29T22:20:20-08:30", AT},
        {"1796021420.123456", AT},
        /* without a year: the newest that is not after the file was written, give or take a day */
        {"Dec  1 06:50:20", AT + 86400},
        {"Dec  2 06:50:20", AT - 363 * 86400},
        {"Jan  1 00:00:00", 1767225600},
        {"Feb 29 12:00:00", 1709208000}, /* of 2024 */
        {"Feb 30 12:00:00", 0},
        {"Nov 0 06:50:20", 0},
        {"Nov 30 24:50:20", 0},
        {"Nov 30 06:60:20", 0},
        {"Nov 30 6:50:20", 0},
        {"nov 30 06:50:20", 0},
        {"2026-13-30T06:50:20Z", 0},
        {"2026-11-30T06:50:20", 0},
        {"2026-11-30 06:50:20", 0},
        {"1796021420", 0},
        {"12.5", 0},
        {"", 0},
    };
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct postfix_log_line line;

        (void)snprintf(text, sizeof text, "%s" REMOVED, rows[i].text);
        line = read_line(text);
        if (line.event != (rows[i].at_s != 0 ? POSTFIX_LOG_REMOVED : POSTFIX_LOG_UNREAD) ||
            (rows[i].at_s != 0 && line.at_s != rows[i].at_s))
            fail_msg("\"%s\": event %d at %lld", rows[i].text, (int)line.event, (long long)line.at_s);
    }
}

#define LINE(rest) "Nov 30 06:50:20 relay " rest
#define ID "4jdF5S5n32z1bgb5"

static void each_line_of_a_message_is_known(void **state)
{
    struct postfix_log_line line;
    char ip[IP_TEXT_MAX];

    (void)state;
    line = read_line(LINE("postfix/submission/smtpd[1]: " ID ": client=mail.example[192.0.2.1], sasl_method=PLAIN, "
                          "sasl_username=anna@contoso.example"));
    assert_int_equal(line.event, POSTFIX_LOG_CLIENT);
    assert_slice(line.host, "relay");
    assert_slice(line.queue_id, ID);
    assert_slice(line.login, "anna@contoso.example");
    assert_true(line.has_client);
    assert_slice(ip_text(&line.client, ip), "192.0.2.1");
    line =
        read_line(LINE("postfix/qmgr[1]: 0A1B2C3D4E: from=<anna@contoso.example>, size=651, nrcpt=17 (queue active)"));
    assert_int_equal(line.event, POSTFIX_LOG_QUEUED);
    assert_slice(line.queue_id, "0A1B2C3D4E");
    assert_int_equal(line.recipients, 17);
    line = read_line(LINE("postfix/smtp[1]: " ID ": to=<a@adatum.example>, relay=mx.example[192.0.2.9]:25, delay=0.04, "
                          "delays=0.01/0.03/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)"));
    assert_int_equal(line.event, POSTFIX_LOG_SENT);
    line = read_line(LINE("postfix-out/lmtp[1]: " ID ": to=<a@b.example>, orig_to=<\"c, status=sent \"@b.example>, "
                          "relay=none, delay=1, delays=1/0/0/0, dsn=4.0.0, status=deferred (...)"));
    assert_int_equal(line.event, POSTFIX_LOG_OTHER);
    assert_int_equal(read_line(LINE("postfix/qmgr[1]: " ID ": removed")).event, POSTFIX_LOG_REMOVED);
}

static void the_login_is_that_of_smtpds_own_field(void **state)
{
    static const struct {
        const char *text; /* behind the queue id */
        enum postfix_log_event event;
        const char *login;
    } rows[] = {
        {"client=unknown[192.0.2.1]", POSTFIX_LOG_CLIENT, ""},
        {"client=unknown[192.0.2.1]:50123, sasl_username=a", POSTFIX_LOG_CLIENT, "a"},
        {"client=unknown[2001:db8::1], sasl_method=XOAUTH2, sasl_username=CONTOSO\\anna", POSTFIX_LOG_CLIENT,
         "CONTOSO\\anna"},
        {"client=unknown[unknown], sasl_username=a", POSTFIX_LOG_CLIENT, "a"},
        {"client=localhost[127.0.0.1], orig_queue_id=0A1B2C, orig_client=unknown[192.0.2.1]", POSTFIX_LOG_CLIENT, ""},
        {"client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=a, sasl_sender=b@c.example", POSTFIX_LOG_CLIENT, "a"},
        /* the address of AUTH= in MAIL FROM is the client's */
        {"client=x[192.0.2.1], sasl_method=PLAIN, sasl_username=a, sasl_sender=b, sasl_username=anna",
         POSTFIX_LOG_CLIENT, "a"},
        {"client=x[192.0.2.1], sasl_sender=b, sasl_username=anna", POSTFIX_LOG_CLIENT, ""},
        {"client=x[192.0.2.1], sasl_username=a, b", POSTFIX_LOG_UNREAD, NULL},
        {"client=x[192.0.2.1], helo=<x>, sasl_username=a", POSTFIX_LOG_UNREAD, NULL},
        {"client=x[192.0.2.1]x, sasl_username=a", POSTFIX_LOG_UNREAD, NULL},
        {"client=x, sasl_username=a", POSTFIX_LOG_UNREAD, NULL},
        {"client=", POSTFIX_LOG_UNREAD, NULL},
        {"reject: RCPT from x[192.0.2.1]: 550; sasl_username=<a>", POSTFIX_LOG_OTHER, NULL},
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct postfix_log_line line;

        (void)snprintf(text, sizeof text, LINE("postfix/smtps/smtpd[1]: " ID ": %s"), rows[i].text);
        line = read_line(text);
        if (line.event != rows[i].event)
            fail_msg("\"%s\": event %d", rows[i].text, (int)line.event);
        if (rows[i].login != NULL)
            assert_slice(line.login, rows[i].login);
    }
}

/* What clients, other servers and other programs write must not look like Postfix. */
static void what_only_holds_such_a_line_is_none(void **state)
{
    static const struct {
        const char *text;
        enum postfix_log_event event;
    } rows[] = {
        {LINE("postfix/smtpd[1]: NOQUEUE: reject: RCPT from x[192.0.2.1]: 554 no; helo=<postfix/smtpd[1]: " ID
              ": client=x[192.0.2.1], sasl_username=anna>"),
         POSTFIX_LOG_OTHER},
        {LINE("postfix/smtpd[1]: warning: x[192.0.2.1]: SASL LOGIN authentication failed: " ID
              ": client=x[192.0.2.1], sasl_username=anna"),
         POSTFIX_LOG_OTHER},
        {LINE("postfix/cleanup[1]: " ID ": warning: header Subject: " ID
              ": client=x[192.0.2.1], sasl_username=a; from=<>"),
         POSTFIX_LOG_OTHER},
        {LINE("dovecot: imap-login: user=<postfix/smtpd[1]: " ID ": client=x[192.0.2.1], sasl_username=a>"),
         POSTFIX_LOG_OTHER},
        {LINE("smtpd[1]: " ID ": client=x[192.0.2.1], sasl_username=a"), POSTFIX_LOG_OTHER},
        {LINE("/smtpd[1]: " ID ": client=x[192.0.2.1], sasl_username=a"), POSTFIX_LOG_OTHER},
        {LINE("postfix/smtpd: " ID ": client=x[192.0.2.1], sasl_username=a"), POSTFIX_LOG_OTHER},
        {LINE("postfix/smtpd[1]: error: client=x[192.0.2.1], sasl_username=a"), POSTFIX_LOG_OTHER},
        {LINE("postfix/smtpd[1]: warning: client=x[192.0.2.1], sasl_username=a"), POSTFIX_LOG_OTHER},
        {LINE("postfix/smtp[1]: " ID
              ": to=<\"a>, relay=x, dsn=2.0.0, status=sent (ok)\"@b.example>, relay=none, delay=1, "
              "delays=1/0/0/0, dsn=5.0.0, status=bounced (unknown)"),
         POSTFIX_LOG_OTHER},
        {LINE("postfix/smtp[1]: " ID ": to=<\"\\\">, status=sent (ok)\"@b.example>, relay=none, delay=1, "
              "delays=1/0/0/0, dsn=5.0.0, status=bounced (unknown)"),
         POSTFIX_LOG_OTHER},
        {LINE("postfix/smtp[1]: " ID ": to=<a@b.example>, relay=x[192.0.2.9]:25, delay=1, delays=1/0/0/0, dsn=5.0.0, "
              "status=bounced (host said: 550, status=sent (ok))"),
         POSTFIX_LOG_OTHER},
        {LINE("postfix/smtp[1]: " ID ": host x[192.0.2.9] said: 450 to=<a@b.example>, status=sent (ok)"),
         POSTFIX_LOG_OTHER},
        {LINE("postfix/qmgr[1]: " ID
              ": from=<\"a>, size=1, nrcpt=9000 (queue active)\"@b>, size=5, nrcpt=1 (queue active)"),
         POSTFIX_LOG_QUEUED},
        {LINE("postfix/qmgr[1]: " ID ": from=<a@b.example>, status=expired, returned to sender"), POSTFIX_LOG_OTHER},
        {LINE("postfix/discard[1]: " ID ": to=<a@b.example>, relay=none, status=sent (discarded)"), POSTFIX_LOG_OTHER},
        {LINE("last message repeated 3 times"), POSTFIX_LOG_OTHER},
        {"-- Boot 4f1a2b --", POSTFIX_LOG_OTHER},
        {"Nov 30 06:50:20", POSTFIX_LOG_UNREAD},
        {"Nov 30 06:50:20 relay", POSTFIX_LOG_UNREAD},
        {"postfix/qmgr[1]: " ID ": removed", POSTFIX_LOG_UNREAD},
        {LINE("postfix/qmgr[1]: " ID ": from=<a@b.example>, size=5, nrcpt=x (queue active)"), POSTFIX_LOG_UNREAD},
        {LINE("postfix/smtp[1]: " ID ": to=<\"a@b.example>, status=sent (ok)"), POSTFIX_LOG_UNREAD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct postfix_log_line line = read_line(rows[i].text);

        if (line.event != rows[i].event)
            fail_msg("\"%s\": event %d", rows[i].text, (int)line.event);
        if (line.event == POSTFIX_LOG_QUEUED)
            assert_int_equal(line.recipients, 1);
    }
}

/* ---- messages ---- */

struct reading {
    struct mail_seen mail;
    struct postfix_log *log;
};

static int begin(void **state)
{
    struct reading *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->log = postfix_log_new(&r->mail);
    assert_non_null(r->log);
    postfix_log_file(r->log, WRITTEN);
    *state = r;
    return 0;
}

static int end(void **state)
{
    struct reading *r = *state;

    postfix_log_free(r->log);
    mail_seen_free(&r->mail);
    free(r);
    return 0;
}

__attribute__((format(printf, 3, 4))) static void say(struct reading *r, int64_t at_s, const char *format, ...)
{
    char text[1000];
    va_list args;
    int n = snprintf(text, sizeof text, "%lld.0 ", (long long)at_s);

    va_start(args, format);
    (void)vsnprintf(text + n, sizeof text - (size_t)n, format, args);
    va_end(args);
    postfix_log_line(r->log, slice_of(text));
}

static void client(struct reading *r, int64_t at_s, const char *host, const char *id, const char *login)
{
    say(r, at_s, "%s postfix/submission/smtpd[1]: %s: client=unknown[192.0.2.1]%s%s", host, id,
        login != NULL ? ", sasl_method=PLAIN, sasl_username=" : "", login != NULL ? login : "");
}

static void sent(struct reading *r, int64_t at_s, const char *host, const char *id, const char *status)
{
    say(r, at_s,
        "%s postfix/smtp[1]: %s: to=<a@b.example>, relay=x[192.0.2.9]:25, delay=1, delays=1/0/0/0, dsn=2.0.0, "
        "status=%s (...)",
        host, id, status);
}

static void removed(struct reading *r, int64_t at_s, const char *host, const char *id)
{
    say(r, at_s, "%s postfix/qmgr[1]: %s: removed", host, id);
}

static void a_message_counts_with_those_that_got_it_when_it_began(void **state)
{
    struct reading *r = *state;
    char ip[IP_TEXT_MAX];

    client(r, AT, "relay", "0A1B2C3D", "anna@contoso.example");
    say(r, AT, "relay postfix/qmgr[1]: 0A1B2C3D: from=<anna@contoso.example>, size=5, nrcpt=3 (queue active)");
    sent(r, AT + 1, "relay", "0A1B2C3D", "sent");
    sent(r, AT + 1, "relay", "0A1B2C3D", "bounced");
    sent(r, AT + 1, "relay", "0A1B2C3D", "deferred");
    assert_int_equal(r->mail.n, 0);
    sent(r, AT + 4000, "relay", "0A1B2C3D", "sent");
    removed(r, AT + 4000, "relay", "0A1B2C3D");
    assert_int_equal(r->mail.n, 1);
    assert_string_equal(r->mail.logins[r->mail.messages[0].login], "anna@contoso.example");
    assert_int_equal(r->mail.messages[0].at_s, AT);
    assert_int_equal(r->mail.messages[0].recipients, 2);
    assert_slice(ip_text(&r->mail.messages[0].client, ip), "192.0.2.1");
    sent(r, AT + 4001, "relay", "0A1B2C3D", "sent"); /* nobody's any more */
    postfix_log_end(r->log);
    assert_int_equal(r->mail.n, 1);
}

static void what_nobody_got_or_nobody_signed_in_for_does_not_count(void **state)
{
    struct reading *r = *state;

    client(r, AT, "relay", "0A1B2C3D", "anna@contoso.example");
    sent(r, AT, "relay", "0A1B2C3D", "bounced");
    removed(r, AT, "relay", "0A1B2C3D");
    client(r, AT, "relay", "0A1B2C3E", NULL);
    sent(r, AT, "relay", "0A1B2C3E", "sent");
    removed(r, AT, "relay", "0A1B2C3E");
    sent(r, AT, "relay", "0A1B2C3F", "sent"); /* began before the log */
    removed(r, AT, "relay", "0A1B2C3F");
    say(r, AT, "relay postfix/smtpd[1]: NOQUEUE: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=anna");
    postfix_log_end(r->log);
    assert_int_equal(r->mail.n, 0);
    assert_int_equal(postfix_log_tally(r->log)->unsent, 1);
    assert_int_equal(postfix_log_tally(r->log)->filtered, 1);
    assert_int_equal(postfix_log_tally(r->log)->unread, 0);
}

static void a_queue_id_belongs_to_its_machine_and_may_be_used_again(void **state)
{
    struct reading *r = *state;

    client(r, AT, "one", "0A1B2C3D", "anna");
    client(r, AT, "two", "0A1B2C3D", "bert");
    sent(r, AT, "one", "0A1B2C3D", "sent");
    client(r, AT + 5, "one", "0A1B2C3D", "cleo"); /* that anna's was removed is not in the log */
    sent(r, AT + 5, "one", "0A1B2C3D", "sent");
    client(r, AT + 9, "one", "0A1B2C3D", NULL); /* without a login */
    sent(r, AT + 9, "one", "0A1B2C3D", "sent");
    sent(r, AT + 9, "one", "0A1B2C3D", "sent");
    postfix_log_end(r->log);
    assert_int_equal(r->mail.n, 2);
    assert_string_equal(r->mail.logins[r->mail.messages[0].login], "anna");
    assert_string_equal(r->mail.logins[r->mail.messages[1].login], "cleo");
    assert_int_equal(r->mail.messages[1].recipients, 1);
    assert_int_equal(postfix_log_tally(r->log)->unsent, 1); /* bert's */
}

static void aliases_make_no_more_recipients_than_were_queued(void **state)
{
    struct reading *r = *state;

    client(r, AT, "relay", "0A1B2C3D", "anna");
    say(r, AT, "relay postfix/qmgr[1]: 0A1B2C3D: from=<anna@contoso.example>, size=5, nrcpt=1 (queue active)");
    for (unsigned i = 0; i < 40; i++)
        sent(r, AT, "relay", "0A1B2C3D", "sent");
    postfix_log_end(r->log);
    assert_int_equal(r->mail.messages[0].recipients, 1);
}

static void ever_so_many_open_messages_are_followed_within_a_bound(void **state)
{
    struct reading *r = *state;
    char id[20];

    for (unsigned i = 0; i < 3 * POSTFIX_LOG_OPEN_MAX; i++) {
        (void)snprintf(id, sizeof id, "%08X", i);
        client(r, AT + i / 1000, "relay", id, "anna");
        if (i % 2 == 0)
            sent(r, AT + i / 1000, "relay", id, "sent");
    }
    assert_true(postfix_log_tally(r->log)->forgotten > 0);
    /* The newest are followed still. */
    sent(r, AT + 1000, "relay", id, "sent");
    removed(r, AT + 1000, "relay", id);
    assert_int_equal(r->mail.messages[r->mail.n - 1].recipients, 1);
    postfix_log_end(r->log);
    assert_int_equal(r->mail.n, 3 * POSTFIX_LOG_OPEN_MAX / 2 + 1);
}

static void messages_that_ended_leave_their_room_to_others(void **state)
{
    struct reading *r = *state;
    char id[20];

    client(r, AT, "relay", "FFFFFFFF", "anna");
    for (unsigned i = 0; i < 4 * POSTFIX_LOG_OPEN_MAX; i++) {
        (void)snprintf(id, sizeof id, "%08X", i);
        client(r, AT, "relay", id, "anna");
        sent(r, AT, "relay", id, "sent");
        removed(r, AT, "relay", id);
    }
    sent(r, AT, "relay", "FFFFFFFF", "sent");
    postfix_log_end(r->log);
    assert_int_equal(r->mail.n, 4 * POSTFIX_LOG_OPEN_MAX + 1);
    assert_int_equal(postfix_log_tally(r->log)->forgotten, 0);
}

static void the_tally_says_what_was_read(void **state)
{
    struct reading *r = *state;
    static char text[POSTFIX_LOG_LINE_MAX + 2];

    memset(text, 'x', sizeof text - 1);
    postfix_log_line(r->log, slice_of(text));
    postfix_log_line(r->log, SLICE("not a line of a log"));
    postfix_log_line(r->log, SLICE(""));
    say(r, AT, "relay postfix/master[1]: daemon started");
    say(r, AT + 60, "relay cron[1]: x");
    assert_int_equal(postfix_log_tally(r->log)->lines, 5);
    assert_int_equal(postfix_log_tally(r->log)->unread, 2);
    assert_int_equal(postfix_log_tally(r->log)->too_long, 1);
    assert_int_equal(postfix_log_tally(r->log)->first_s, AT);
    assert_int_equal(postfix_log_tally(r->log)->last_s, AT + 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_a_time_in_one_of_four_forms),
        cmocka_unit_test(each_line_of_a_message_is_known),
        cmocka_unit_test(the_login_is_that_of_smtpds_own_field),
        cmocka_unit_test(what_only_holds_such_a_line_is_none),
        cmocka_unit_test_setup_teardown(a_message_counts_with_those_that_got_it_when_it_began, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_got_or_nobody_signed_in_for_does_not_count, begin, end),
        cmocka_unit_test_setup_teardown(a_queue_id_belongs_to_its_machine_and_may_be_used_again, begin, end),
        cmocka_unit_test_setup_teardown(aliases_make_no_more_recipients_than_were_queued, begin, end),
        cmocka_unit_test_setup_teardown(ever_so_many_open_messages_are_followed_within_a_bound, begin, end),
        cmocka_unit_test_setup_teardown(messages_that_ended_leave_their_room_to_others, begin, end),
        cmocka_unit_test_setup_teardown(the_tally_says_what_was_read, begin, end),
    };

    (void)setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
