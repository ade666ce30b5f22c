/* links: cli */
/* What explain is asked about, and other words that people and logs say. */
#include "cli/cli.h"
#include "core/base/event.h"
#include "core/report/explain_input.h"
#include "core/report/ranking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct question *question_of(const char *text, size_t n, int (*read)(struct question *, FILE *, struct error *),
                                    int *rc, struct error *e)
{
    struct question *q = calloc(1, sizeof *q);
    char *copy = malloc(n + 1);
    FILE *from;

    assert_non_null(q);
    assert_non_null(copy);
    memcpy(copy, text, n);
    copy[n] = '\n';
    from = fmemopen(copy, n + 1, "r");
    assert_non_null(from);
    *rc = read(q, from, e);
    assert_int_equal(fclose(from), 0);
    free(copy);
    return q;
}

static void assert_slice(struct slice s, const char *text)
{
    if (!slice_eq(s, slice_of(text)))
        fail_msg("found \"%.*s\", expected \"%s\"", SLICE_ARG(s), text);
}

/* What the services log is what explain reads back, in both formats and with any text in it. */
static void a_log_line_is_read_back(void **state)
{
    static const char hostile[] = "a b\x1b=\"\\\xc3\xbc@contoso.example";
    static const enum log_format formats[] = {LOG_TEXT, LOG_JSON};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char mem[2048], line[2200];
        struct event v = event_begin(mem, sizeof mem, formats[i], "decision");
        struct question *q;
        struct error e;
        int rc;

        event_word(&v, "action", "reject");
        event_text(&v, "login", slice_of(hostile));
        event_text(&v, "client", SLICE("2001:db8::7"));
        event_word(&v, "tls", "none");
        event_text(&v, "sender", SLICE("<>"));
        event_text(&v, "recipient", SLICE("x@adatum.example"));
        event_number(&v, "size", 4711);
        event_sentence(&v, "why", "the login=x and sender=y are no fields \"here\"");
        (void)snprintf(line, sizeof line, "Nov 21 08:30:00 relay postern-milter[7]: %.*s", SLICE_ARG(event_end(&v)));
        q = question_of(line, strlen(line), question_read_log_line, &rc, &e);
        assert_int_equal(rc, 0);
        assert_slice(q->user, hostile);
        assert_slice(q->client, "2001:db8::7");
        assert_slice(q->tls, "");
        assert_slice(q->sender, "<>");
        assert_slice(q->size, "4711");
        assert_int_equal(q->n_recipients, 1);
        assert_slice(q->recipient[0], "x@adatum.example");
        free(q);
    }
}

/* JSON cannot hold what is no UTF-8. */
static void what_is_no_utf_8_is_read_back_from_text_alone(void **state)
{
    static const struct {
        enum log_format format;
        const char *login;
    } rows[] = {{LOG_TEXT, "J\xfcrgen\xf0\x9f\x98\x80"}, {LOG_JSON, "J\xef\xbf\xbdrgen\xf0\x9f\x98\x80"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char mem[300];
        struct event v = event_begin(mem, sizeof mem, rows[i].format, "decision");
        struct question *q;
        struct slice line;
        struct error e;
        int rc;

        event_text(&v, "login", slice_of(rows[0].login));
        line = event_end(&v);
        q = question_of(line.p, line.n, question_read_log_line, &rc, &e);
        assert_int_equal(rc, 0);
        assert_slice(q->user, rows[i].login);
        free(q);
    }
}

/* What was wrong with a header is said in the line: the header itself is not. */
static void a_log_line_tells_enough_of_the_header_to_judge_it_again(void **state)
{
    static const struct {
        const char *line;
        unsigned from_fields;
        const char *bad;
        enum header_field field;
        const char *last; /* address */
    } rows[] = {
        {"from=a@contoso.example,b@contoso.example header_sender=c@contoso.example", 1, NULL, HEADER_SENDER,
         "c@contoso.example"},
        {"field=Resent-From fault=\"not permitted\" header=x@adatum.example from=a@contoso.example", 1, NULL,
         HEADER_RESENT_FROM, "x@adatum.example"},
        {"field=From fault=\"quote without end\" header=\\x22Anna", 0, "quote without end", HEADER_FROM, NULL},
        {"field=Sender fault=\"no address\" from=a@contoso.example", 1, "no address", HEADER_FROM, "a@contoso.example"},
        {"from=a@contoso.example,b@conto...", 1, NULL, HEADER_FROM, "a@contoso.example"},
        {"from=\"a=b@contoso.example\"", 1, NULL, HEADER_FROM, "a=b@contoso.example"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct headers headers = {0};
        char line[300];
        struct question *q;
        struct submission s;
        struct error e;
        int rc;

        (void)snprintf(line, sizeof line, "event=decision stage=end login=a@contoso.example %s", rows[i].line);
        q = question_of(line, strlen(line), question_read_log_line, &rc, &e);
        assert_int_equal(rc, 0);
        assert_int_equal(question_submission(q, &s, &headers, &e), 0);
        assert_true(s.headers->seen);
        assert_int_equal(headers.from_fields, rows[i].from_fields);
        assert_int_equal(headers.bad == NULL, rows[i].bad == NULL);
        if (headers.bad != NULL)
            assert_string_equal(headers.bad, rows[i].bad);
        if (rows[i].last != NULL) {
            assert_true(headers.n > 0);
            assert_int_equal(headers.list[headers.n - 1].field, rows[i].field);
            assert_slice(address_slice(&headers.list[headers.n - 1].address), rows[i].last);
        }
        headers_clear(&headers);
        free(q);
    }
}

static void a_line_that_is_none_is_refused_whatever_it_holds(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } rows[] = {{"", 0},
                {"\n\n\n", 3},
                {"event=block subject=x", 21},
                {"\0\0event=decisio", 16},
                {"{\"event\":\"deci", 14},
                {"{\"event\":\"decision\",\"login\":\"a", 31},
                {"{\"event\":\"decision\",\"size\":1,\"size\":2}", 38}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e = {""};
        int rc;
        struct question *q = question_of(rows[i].text, rows[i].n, question_read_log_line, &rc, &e);

        assert_int_equal(rc, -1);
        assert_true(e.text[0] != '\0');
        free(q);
    }
}

/* Cut or broken anywhere, it is read or refused, never more than that (the sanitizers watch). */
static void a_log_line_may_be_cut_anywhere(void **state)
{
    static const char *const lines[] = {"event=decision login=a\\x1b client=192.0.2.1 why=\"x \\\" y\" sender=b",
                                        "{\"event\":\"decision\",\"login\":\"a\\u001b\\ud83d\\ude00\\udc00\",\"size\":"
                                        "12,\"why\":\"x \\\" y\",\"sender\":\"b\"}"};

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n <= strlen(lines[i]); n++) {
            struct error e;
            int rc;

            free(question_of(lines[i], n, question_read_log_line, &rc, &e));
        }
}

static void a_policy_request_is_read(void **state)
{
    static const char text[] =
        "request=smtpd_access_policy\r\nsasl_username=sean@contoso.example\nsender=\n"
        "recipient=a=b@adatum.example\nunknown=1\nrecipient_count=3\nprotocol_state=DATA\n\nrest=2";
    struct submission s;
    struct headers headers = {0};
    struct question *q;
    enum stage stage;
    struct error e;
    bool all;
    int rc;

    (void)state;
    q = question_of(text, sizeof text - 1, question_read_policy, &rc, &e);
    assert_int_equal(rc, 0);
    assert_int_equal(question_submission(q, &s, &headers, &e), 0);
    assert_int_equal(question_stage(q, &stage, &all, &e), 0);
    assert_int_equal(stage, STAGE_DATA);
    assert_false(all);
    assert_int_equal(s.sender_result, ADDRESS_NULL);
    assert_int_equal(s.recipient_count, 3);
    assert_slice(address_slice(&s.login.address), "sean@contoso.example");
    question_recipient(q, 0, &s);
    assert_slice(address_slice(&s.recipient), "a=b@adatum.example");
    free(q);
    q = question_of("no equals", 9, question_read_policy, &rc, &e);
    assert_int_equal(rc, -1);
    free(q);
}

static void numbers_and_addresses_that_are_none_are_errors(void **state)
{
    static const struct {
        struct question q;
        const char *error;
    } rows[] = {{{.client = {"192.0.2", 7}}, "is not an IP address"},
                {{.size = {"1e3", 3}}, "the size \"1e3\" is not a number"},
                {{.recipients = {"4294967296", 10}}, "the number of recipients"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct headers headers = {0};
        struct submission s;
        struct error e = {""};

        assert_int_equal(question_submission(&rows[i].q, &s, &headers, &e), -1);
        assert_non_null(strstr(e.text, rows[i].error));
    }
}

static void times_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *text;
        int64_t wanted; /* -1: an error */
    } rows[] = {
        {"2h", 1700000000 - 7200},
        {"7d", 1700000000 - 7 * 86400},
        {"0s", 1700000000},
        {"2023-11-14T22:13:20Z", 1700000000},
        {"2023-11-14T22:13:20", 1700000000},
        {"2023-11-14 22:13", 1700000000 - 20},
        {"2023-11-14", 1699920000},
        {"08:30", 1699950600},
        {"", -1},
        {"soon", -1},
        {"2023-13-01", -1},
        {"2023-11-31", -1},
        {"2023-02-29 08:30", -1},
        {"2024-02-29", 1709164800},
        {"23:00", 1700002800},
        {"2023-11-14 22:13 and more", -1},
        {"25:00", -1},
        {"2h ago", -1},
    };

    (void)state;
    (void)setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e = {""};
        int64_t got = -2;
        int rc = text_read_time(rows[i].text, 1700000000, &got, &e);

        if (rc != (rows[i].wanted < 0 ? -1 : 0) || (rc == 0 && got != rows[i].wanted))
            fail_msg("\"%s\": %d, %lld, %s", rows[i].text, rc, (long long)got, e.text);
    }
}

static void a_time_of_day_since_when_has_passed(void **state)
{
    static const struct {
        const char *zone, *text;
        int64_t now_s, wanted; /* -1: an error */
    } rows[] = {
        {"UTC", "2h", 1700000000, 1700000000 - 7200},
        {"UTC", "0s", 1700000000, 1700000000},
        {"UTC", "22:13", 1700000000, 1700000000 - 20},
        {"UTC", "22:14", 1700000000, 1700000040 - 86400},
        {"UTC", "2023-11-14 22:13:20", 1700000000, 1700000000},
        {"UTC", "2023-11-14 22:13:21", 1700000000, 1700000001},
        {"UTC", "2023-11-31", 1700000000, -1},
        /* In the night in which summer time begins there, and on the day after the one in which it ended. */
        {"CET-1CEST,M3.5.0,M10.5.0/3", "23:00", 1711850400, 1711836000},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "23:00", 1730070000, 1730066400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e = {""};
        int64_t got = -2;
        int rc;

        (void)setenv("TZ", rows[i].zone, 1);
        rc = text_read_since(rows[i].text, rows[i].now_s, &got, &e);
        if (rc != (rows[i].wanted < 0 ? -1 : 0) || (rc == 0 && got != rows[i].wanted))
            fail_msg("\"%s\": %d, %lld, %s", rows[i].text, rc, (long long)got, e.text);
    }
    (void)setenv("TZ", "UTC", 1);
}

static void a_ranking_counts_by_name_and_sorts(void **state)
{
    struct ranking r = {0};
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        int n = snprintf(name, sizeof name, "user%u", i % 1000);

        ranking_add(&r, (struct slice){name, (size_t)n}, 0, 1, i);
        if (i % 1000 == 7)
            ranking_add(&r, SLICE("user7"), 1, 1, i);
    }
    ranking_add(&r, SLICE("user500"), 0, 1, 9999);
    assert_int_equal(r.n, 1000);
    assert_int_equal(r.beyond, 0);
    ranking_sort(&r, 0);
    assert_string_equal(r.rows[0].name, "user500");
    assert_int_equal(r.rows[0].count[0], 6);
    assert_int_equal(r.rows[0].last_s, 9999);
    assert_string_equal(r.rows[1].name, "user0");
    ranking_sort(&r, 1);
    assert_string_equal(r.rows[0].name, "user7");
    assert_int_equal(r.rows[0].count[1], 5);
    ranking_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_line_is_read_back),
        cmocka_unit_test(what_is_no_utf_8_is_read_back_from_text_alone),
        cmocka_unit_test(a_log_line_tells_enough_of_the_header_to_judge_it_again),
        cmocka_unit_test(a_line_that_is_none_is_refused_whatever_it_holds),
        cmocka_unit_test(a_log_line_may_be_cut_anywhere),
        cmocka_unit_test(a_policy_request_is_read),
        cmocka_unit_test(numbers_and_addresses_that_are_none_are_errors),
        cmocka_unit_test(times_are_read_as_people_write_them),
        cmocka_unit_test(a_time_of_day_since_when_has_passed),
        cmocka_unit_test(a_ranking_counts_by_name_and_sorts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
