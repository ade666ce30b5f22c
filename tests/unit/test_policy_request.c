/* links: policyd */
/* The policy protocol's requests, as Postfix writes them and as nobody should. */
#include "policyd/request.h"
#include "policyd/translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define BEGIN "request=smtpd_access_policy\nprotocol_state=RCPT\n"

/* Postfix 3.7's, in its order (smtpd_check.c). */
#define POSTFIX_37                                                                                                     \
    "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nprotocol_name=ESMTP\nclient_address=192.0.2.15\n"     \
    "client_name=printer3.contoso.example\nclient_port=49152\nreverse_client_name=printer3.contoso.example\n"          \
    "server_address=198.51.100.7\nserver_port=587\nhelo_name=printer3\nsender=sean@contoso.example\n"                  \
    "recipient=info@fabrikam.example\nrecipient_count=1\nqueue_id=4RbXzq2nHLz9sW2\n"                                   \
    "instance=3d2f.64f0a1b2.c3d4e.0\nsize=18345\netrn_domain=\nstress=\nsasl_method=PLAIN\n"                           \
    "sasl_username=sean@contoso.example\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\n"            \
    "ccert_pubkey_fingerprint=\nencryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\n"               \
    "encryption_keysize=256\npolicy_context=\n\n"

static struct slice value(const struct policy_request *r, enum policy_attribute a)
{
    return r->value[a];
}

static void read_whole(struct slice in, struct policy_request *r)
{
    assert_int_equal(policy_request_read(in, r), in.n);
}

static void postfix_s_own_request_is_read(void **state)
{
    static const struct {
        enum policy_attribute attribute;
        const char *value;
    } rows[] = {
        {ATTRIBUTE_CLIENT_ADDRESS, "192.0.2.15"},          {ATTRIBUTE_SENDER, "sean@contoso.example"},
        {ATTRIBUTE_RECIPIENT, "info@fabrikam.example"},    {ATTRIBUTE_QUEUE_ID, "4RbXzq2nHLz9sW2"},
        {ATTRIBUTE_INSTANCE, "3d2f.64f0a1b2.c3d4e.0"},     {ATTRIBUTE_SASL_METHOD, "PLAIN"},
        {ATTRIBUTE_SASL_USERNAME, "sean@contoso.example"}, {ATTRIBUTE_ENCRYPTION_PROTOCOL, "TLSv1.3"},
    };
    struct policy_request r;

    (void)state;
    read_whole(SLICE(POSTFIX_37), &r);
    assert_int_equal(r.problem, REQUEST_FINE);
    assert_int_equal(r.stage, STAGE_END);
    assert_int_equal(r.recipient_count, 1);
    assert_int_equal(r.size, 18345);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(slice_eq(value(&r, rows[i].attribute), slice_of(rows[i].value)));
}

static void a_request_without_its_empty_line_is_not_complete_however_it_is_cut(void **state)
{
    struct slice whole = SLICE(POSTFIX_37);
    struct policy_request r;

    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        char *exact = malloc(n > 0 ? n : 1); /* a read behind the cut is found by the sanitizer */

        assert_non_null(exact);
        memcpy(exact, whole.p, n);
        assert_int_equal(policy_request_read((struct slice){exact, n}, &r), 0);
        free(exact);
    }
}

static void only_the_first_request_is_read(void **state)
{
    struct policy_request r;

    (void)state;
    assert_int_equal(policy_request_read(SLICE(BEGIN "sender=a@b.example\n\n" BEGIN "sender=c@d.example\n\n"), &r),
                     sizeof(BEGIN "sender=a@b.example\n\n") - 1);
    assert_true(slice_eq(value(&r, ATTRIBUTE_SENDER), SLICE("a@b.example")));
}

struct state_row {
    const char *name;
    enum stage stage;
};

static void every_protocol_state_has_its_stage(void **state)
{
    static const struct state_row rows[] = {
        {"CONNECT", STAGE_CONNECT}, {"EHLO", STAGE_CONNECT}, {"HELO", STAGE_CONNECT},
        {"MAIL", STAGE_MAIL},       {"RCPT", STAGE_RCPT},    {"DATA", STAGE_DATA},
        {"VRFY", STAGE_CONNECT},    {"ETRN", STAGE_CONNECT}, {"END-OF-MESSAGE", STAGE_END},
    };
    struct policy_request r;
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf b = BUF_OVER(text);

        buf_addf(&b, "protocol_state=%s\nrequest=smtpd_access_policy\n\n", rows[i].name);
        read_whole(buf_slice(&b), &r);
        assert_int_equal(r.problem, REQUEST_FINE);
        assert_int_equal(r.stage, rows[i].stage);
    }
}

struct fine_row {
    const char *what;
    struct slice text;
    enum policy_attribute attribute;
    const char *value;
};

#define FINE(what, text, attribute, value)                                                                             \
    {                                                                                                                  \
        what, SLICE(text), attribute, value                                                                            \
    }

static void what_postfix_may_send_is_fine(void **state)
{
    static const struct fine_row rows[] = {
        FINE("any order", "sender=a@b.example\n" BEGIN "\n", ATTRIBUTE_SENDER, "a@b.example"),
        FINE("a value with =", BEGIN "sender=a=b=c@b.example\n\n", ATTRIBUTE_SENDER, "a=b=c@b.example"),
        FINE("an empty value", BEGIN "sender=\n\n", ATTRIBUTE_SENDER, ""),
        FINE("an absent one", BEGIN "\n", ATTRIBUTE_SASL_USERNAME, ""),
        FINE("blanks are part of it", BEGIN "sender= a b \n\n", ATTRIBUTE_SENDER, " a b "),
        FINE("UTF-8", BEGIN "sender=j\xc3\xbcrgen@b.example\n\n", ATTRIBUTE_SENDER, "j\xc3\xbcrgen@b.example"),
        FINE("a tab of the client's", BEGIN "sender=a\tb@b.example\n\n", ATTRIBUTE_SENDER, "a\tb@b.example"),
        FINE("unknown ones", BEGIN "compatibility_level=3.6\nmail_version=3.12\ntls_sni=\n\n", ATTRIBUTE_SENDER, ""),
        FINE("an unknown one twice", BEGIN "stress=\nstress=yes\n\n", ATTRIBUTE_SENDER, ""),
        FINE("a line that begins with =", BEGIN "=x\n\n", ATTRIBUTE_SENDER, ""),
        FINE("sasl_sender is no login", BEGIN "sasl_sender=boss@contoso.example\n\n", ATTRIBUTE_SASL_USERNAME, ""),
        FINE("names have their case", BEGIN "SENDER=a@b.example\n\n", ATTRIBUTE_SENDER, ""),
        FINE("names have no blanks", BEGIN "sender =a@b.example\n\n", ATTRIBUTE_SENDER, ""),
    };
    struct policy_request r;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_whole(rows[i].text, &r);
        if (r.problem != REQUEST_FINE || !slice_eq(value(&r, rows[i].attribute), slice_of(rows[i].value)))
            fail_msg("%s: %s", rows[i].what, request_problem_text(r.problem));
    }
}

struct bad_row {
    struct slice text;
    enum request_problem problem;
};

#define BAD(text, problem)                                                                                             \
    {                                                                                                                  \
        SLICE(text), problem                                                                                           \
    }

static void what_could_be_read_in_two_ways_is_a_problem(void **state)
{
    static const struct bad_row rows[] = {
        BAD("\n", REQUEST_NO_TYPE),
        BAD("protocol_state=RCPT\n\n", REQUEST_NO_TYPE),
        BAD("request=\nprotocol_state=RCPT\n\n", REQUEST_NO_TYPE),
        BAD("request=junk\nprotocol_state=RCPT\n\n", REQUEST_NO_TYPE),
        BAD("request=smtpd_access_policy \nprotocol_state=RCPT\n\n", REQUEST_NO_TYPE),
        BAD("request=smtpd_access_policy\n\n", REQUEST_BAD_STATE),
        BAD("request=smtpd_access_policy\nprotocol_state=rcpt\n\n", REQUEST_BAD_STATE),
        BAD("request=smtpd_access_policy\nprotocol_state=BDAT\n\n", REQUEST_BAD_STATE),
        BAD(BEGIN "nonsense\n\n", REQUEST_NO_EQUALS),
        BAD("GET / HTTP/1.1\r\nHost: a\r\n\n", REQUEST_NO_EQUALS),
        BAD(BEGIN "sender=a@b.example\nsender=a@b.example\n\n", REQUEST_REPEATED),
        BAD(BEGIN "sender=a@b.example\nsender=\n\n", REQUEST_REPEATED),
        BAD(BEGIN "sender=\nsender=a@b.example\n\n", REQUEST_REPEATED),
        BAD(BEGIN "sasl_username=a\nsasl_username=b\n\n", REQUEST_REPEATED),
        BAD(BEGIN "request=smtpd_access_policy\n\n", REQUEST_REPEATED),
        BAD(BEGIN "sender=a@b.example\0x\n\n", REQUEST_NUL),
        BAD(BEGIN "helo_name=\0\n\n", REQUEST_NUL),
        BAD("request=smtpd_access_policy\r\nprotocol_state=RCPT\r\n\n", REQUEST_CONTROL),
        BAD(BEGIN "client_address=192.0.2.1\t\n\n", REQUEST_CONTROL),
        BAD(BEGIN "queue_id=4Rb\x7f\n\n", REQUEST_CONTROL),
        BAD(BEGIN "size=-1\n\n", REQUEST_BAD_NUMBER),
        BAD(BEGIN "size=1e3\n\n", REQUEST_BAD_NUMBER),
        BAD(BEGIN "size=9223372036854775808\n\n", REQUEST_BAD_NUMBER),
        BAD(BEGIN "recipient_count=2147483648\n\n", REQUEST_BAD_NUMBER),
        BAD(BEGIN "recipient_count= 1\n\n", REQUEST_BAD_NUMBER),
    };
    struct policy_request r;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_whole(rows[i].text, &r);
        if (r.problem != rows[i].problem)
            fail_msg("row %zu: %s", i, request_problem_text(r.problem));
    }
}

static struct slice with_lines(struct buf *b, unsigned extra)
{
    buf_add(b, SLICE(BEGIN));
    for (unsigned i = 0; i < extra; i++)
        buf_addf(b, "x%u=\n", i);
    buf_add_char(b, '\n');
    return buf_slice(b);
}

static void attributes_beyond_64_are_a_problem(void **state)
{
    char text[2048];
    struct buf b = BUF_OVER(text), b2;
    struct policy_request r;

    (void)state;
    read_whole(with_lines(&b, 62), &r);
    assert_int_equal(r.problem, REQUEST_FINE);
    b2 = BUF_OVER(text);
    read_whole(with_lines(&b2, 63), &r);
    assert_int_equal(r.problem, REQUEST_TOO_MANY_ATTRIBUTES);
}

static void read_with_line_of(size_t n, struct policy_request *r)
{
    static char text[16384];
    struct buf b = BUF_OVER(text);

    buf_add(&b, SLICE(BEGIN "sender="));
    for (size_t i = 7; i < n; i++)
        buf_add_char(&b, 'a');
    buf_add(&b, SLICE("\n\n"));
    read_whole(buf_slice(&b), r);
}

static void a_value_of_8192_bytes_is_fine_and_a_line_beyond_its_bound_is_not(void **state)
{
    struct policy_request r;

    (void)state;
    read_with_line_of(8192 + 7, &r);
    assert_int_equal(r.problem, REQUEST_FINE);
    assert_int_equal(value(&r, ATTRIBUTE_SENDER).n, 8192);
    read_with_line_of(REQUEST_LINE_MAX, &r);
    assert_int_equal(r.problem, REQUEST_FINE);
    read_with_line_of(REQUEST_LINE_MAX + 1, &r);
    assert_int_equal(r.problem, REQUEST_LINE_TOO_LONG);
}

static void every_problem_has_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < REQUEST_PROBLEM_COUNT; i++)
        assert_true(strlen(request_problem_text((enum request_problem)i)) > 5);
}

/* ---- into a submission ---- */

static void translate(struct slice in, struct submission *s)
{
    static struct policy_request r;

    memset(s, 0xa5, sizeof *s); /* what isn't set would show */
    read_whole(in, &r);
    assert_int_equal(r.problem, REQUEST_FINE);
    submission_of_request(&r, NULL, s);
}

static void a_request_becomes_a_submission(void **state)
{
    struct submission s;
    char ip[IP_TEXT_MAX];

    (void)state;
    translate(SLICE(POSTFIX_37), &s);
    assert_int_equal(s.stage, STAGE_END);
    assert_int_equal(s.login.kind, LOGIN_ADDRESS);
    assert_true(slice_eq(address_slice(&s.login.address), SLICE("sean@contoso.example")));
    assert_true(slice_eq(s.mechanism, SLICE("PLAIN")));
    assert_true(s.has_client && slice_eq(ip_text(&s.client, ip), SLICE("192.0.2.15")));
    assert_int_equal(s.tls, TLS_V1_3);
    assert_int_equal(s.sender_result, ADDRESS_OK);
    assert_true(slice_eq(address_slice(&s.sender), SLICE("sean@contoso.example")));
    assert_true(s.has_recipient);
    assert_int_equal(s.recipient_result, ADDRESS_OK);
    assert_true(slice_eq(address_slice(&s.recipient), SLICE("info@fabrikam.example")));
    assert_int_equal(s.recipient_count, 1);
    assert_int_equal(s.size, 18345);
    assert_null(s.headers);
    assert_null(s.listener_tls);
    assert_string_equal(s.front_end, "policyd");
}

/* A login that names nobody is not the same as no login. */
static void a_mechanism_without_a_user_name_is_a_login_that_names_nobody(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE("request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_method=PLAIN\nsasl_username=\n\n"), &s);
    assert_int_equal(s.login.kind, LOGIN_BAD);
    translate(SLICE("request=smtpd_access_policy\nprotocol_state=RCPT\nsasl_method=\nsasl_username=\n\n"), &s);
    assert_int_equal(s.login.kind, LOGIN_NONE);
}

static void a_client_certificate_is_read_as_postfix_writes_it(void **state)
{
    static const struct {
        const char *fingerprint, *subject, *digits, *name;
    } rows[] = {
        {"C2:9D:F4:87:71:73:73:D9:18:E7:C2:F3:C1:DA:6E:04:5F:0B:AA:13", "erp+20+2B+20shop",
         "c29df487717373d918e7c2f3c1da6e045f0baa13", "erp + shop"},
        {"c29df487717373d918e7c2f3c1da6e045f0baa13", "mfp", "c29df487717373d918e7c2f3c1da6e045f0baa13", "mfp"},
        {"", "", "", ""},
        {"C2:9D:F4:87:71:73:73:D9:18:E7:C2:F3:C1:DA:6E:04", "+2", "", ""}, /* MD5 */
        {"C2::9D:F4:87:71:73:73:D9:18:E7:C2:F3:C1:DA:6E:04:5F:0B:AA:13", "+G0", "", ""},
        {":C29DF487717373D918E7C2F3C1DA6E045F0BAA13", "a+", "", ""},
        {"C29DF487717373D918E7C2F3C1DA6E045F0BAA13:", "+", "", ""},
        {"C29DF487717373D918E7C2F3C1DA6E045F0BAA1X", "", "", ""},
        {"C29DF487717373D918E7C2F3C1DA6E045F0BAA131", "", "", ""},
        /* xtext that no writer of it writes */
        {"", "a+2b", "", ""},
        {"", "a b", "", ""},
        {"", "m\xc3\xbc", "", ""},
    };
    static struct submission s;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct buf b = BUF_OVER(text);

        buf_addf(&b, "request=smtpd_access_policy\nprotocol_state=RCPT\nccert_fingerprint=%s\nccert_subject=%s\n\n",
                 rows[i].fingerprint, rows[i].subject);
        translate(buf_slice(&b), &s);
        assert_true(slice_eq((struct slice){s.ccert.fingerprint, s.ccert.fingerprint_n}, slice_of(rows[i].digits)));
        assert_true(slice_eq((struct slice){s.ccert.subject, s.ccert.subject_n}, slice_of(rows[i].name)));
    }
}

static void a_subject_that_is_too_long_names_nobody(void **state)
{
    char text[2 * CCERT_SUBJECT_MAX];
    struct ccert c;

    (void)state;
    memset(text, 'a', sizeof text);
    ccert_set_subject(&c, (struct slice){text, CCERT_SUBJECT_MAX});
    assert_int_equal(c.subject_n, CCERT_SUBJECT_MAX);
    ccert_set_subject(&c, (struct slice){text, CCERT_SUBJECT_MAX + 1});
    assert_int_equal(c.subject_n, 0);
    ccert_set_subject_xtext(&c, (struct slice){text, CCERT_SUBJECT_MAX});
    assert_int_equal(c.subject_n, CCERT_SUBJECT_MAX);
    ccert_set_subject_xtext(&c, (struct slice){text, CCERT_SUBJECT_MAX + 1});
    assert_int_equal(c.subject_n, 0);
}

static void the_client_s_own_auth_claim_is_never_an_identity(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE(BEGIN "sasl_sender=boss@contoso.example\nrecipient=a@b.example\n\n"), &s);
    assert_int_equal(s.login.kind, LOGIN_NONE);
    assert_int_equal(s.login_text.n, 0);
}

static void a_method_without_a_user_name_is_a_login_that_cannot_be_read(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE(BEGIN "sasl_method=PLAIN\nsasl_username=\nrecipient=a@b.example\n\n"), &s);
    assert_int_equal(s.login.kind, LOGIN_BAD);
    assert_int_equal(s.login_text.n, 0);
}

static void a_recipient_at_rcpt_is_there_even_if_it_is_empty(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE(BEGIN "recipient=\n\n"), &s);
    assert_true(s.has_recipient);
    assert_int_equal(s.recipient_result, ADDRESS_NULL);
}

static void several_recipients_at_data_are_no_recipient(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE("request=smtpd_access_policy\nprotocol_state=DATA\nrecipient=\nrecipient_count=3\n\n"), &s);
    assert_false(s.has_recipient);
    assert_int_equal(s.recipient_count, 3);
}

static void the_address_of_vrfy_is_no_recipient(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE("request=smtpd_access_policy\nprotocol_state=VRFY\nrecipient=a@b.example\n\n"), &s);
    assert_false(s.has_recipient);
}

static void a_client_without_an_address_is_no_client(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE(BEGIN "client_address=unknown\n\n"), &s);
    assert_false(s.has_client);
}

static void the_sender_is_read_as_postfix_writes_it_unquoted(void **state)
{
    struct submission s;

    (void)state;
    translate(SLICE(BEGIN "sender=sean@contoso.example@evil.example\n\n"), &s);
    assert_int_not_equal(s.sender_result, ADDRESS_OK); /* the domain is behind the last @: no mailbox of contoso's */
    translate(SLICE(BEGIN "sender=\n\n"), &s);
    assert_int_equal(s.sender_result, ADDRESS_NULL);
    translate(SLICE(BEGIN "sender=se\tan@contoso.example\n\n"), &s);
    assert_int_equal(s.sender_result, ADDRESS_BAD);
}

static void a_sender_is_the_same_whether_or_not_it_is_the_login(void **state)
{
    static const char *const logins[] = {"Sean@contoso.example",
                                         "sean@contoso.example",
                                         "sean",
                                         "se?an@contoso.example",
                                         "CONTOSO\\sean",
                                         "",
                                         "sean@",
                                         "J\xc3\x9cRGEN@contoso.example"};
    struct policy_request r;
    struct address alone;
    struct submission s;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        for (size_t k = 0; k < sizeof logins / sizeof logins[0]; k++) {
            struct buf b = BUF_OVER(text);

            buf_addf(&b, BEGIN "sender=%s\nsasl_username=%s\n\n", logins[i], logins[k]);
            read_whole(buf_slice(&b), &r);
            memset(&s, 0xa5, sizeof s);
            submission_of_request(&r, NULL, &s);
            assert_int_equal(s.sender_result, address_parse_envelope(slice_of(logins[i]), &alone));
            assert_string_equal(s.sender.text, alone.text);
            assert_int_equal(s.sender.n, alone.n);
            assert_int_equal(s.sender.local_n, alone.local_n);
        }
    }
}

/* With POSTERN_BENCH set: how long a request takes to read. */
static void the_time_of_a_request_can_be_measured(void **state)
{
    struct timespec a, b;
    struct policy_request r;
    const int rounds = getenv("POSTERN_BENCH") != NULL ? 2000000 : 1;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < rounds; i++)
        read_whole(SLICE(POSTFIX_37), &r);
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (rounds > 1)
        printf("%.0f ns a request of %zu bytes\n",
               ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / rounds, sizeof POSTFIX_37 - 1);
    assert_int_equal(r.problem, REQUEST_FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(postfix_s_own_request_is_read),
        cmocka_unit_test(a_request_without_its_empty_line_is_not_complete_however_it_is_cut),
        cmocka_unit_test(only_the_first_request_is_read),
        cmocka_unit_test(every_protocol_state_has_its_stage),
        cmocka_unit_test(what_postfix_may_send_is_fine),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_a_problem),
        cmocka_unit_test(attributes_beyond_64_are_a_problem),
        cmocka_unit_test(a_value_of_8192_bytes_is_fine_and_a_line_beyond_its_bound_is_not),
        cmocka_unit_test(every_problem_has_a_text),
        cmocka_unit_test(a_request_becomes_a_submission),
        cmocka_unit_test(a_mechanism_without_a_user_name_is_a_login_that_names_nobody),
        cmocka_unit_test(a_client_certificate_is_read_as_postfix_writes_it),
        cmocka_unit_test(a_subject_that_is_too_long_names_nobody),
        cmocka_unit_test(the_client_s_own_auth_claim_is_never_an_identity),
        cmocka_unit_test(a_recipient_at_rcpt_is_there_even_if_it_is_empty),
        cmocka_unit_test(a_method_without_a_user_name_is_a_login_that_cannot_be_read),
        cmocka_unit_test(several_recipients_at_data_are_no_recipient),
        cmocka_unit_test(the_address_of_vrfy_is_no_recipient),
        cmocka_unit_test(a_client_without_an_address_is_no_client),
        cmocka_unit_test(the_sender_is_read_as_postfix_writes_it_unquoted),
        cmocka_unit_test(a_sender_is_the_same_whether_or_not_it_is_the_login),
        cmocka_unit_test(the_time_of_a_request_can_be_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
