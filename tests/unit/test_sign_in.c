/* links: mirror */
/* One sign-in as Microsoft Graph writes it. */
#include "mirror/read/sign_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID "\"id\":\"66ea54eb-6301-4ee5-be62-ff5a759b0100\""
#define AT "\"createdDateTime\":\"2026-11-30T03:15:41.6195833Z\""
#define USER "\"userPrincipalName\":\"sean@contoso.example\""
#define APP "\"clientAppUsed\":\"Authenticated SMTP\""
#define GOOD "\"status\":{\"errorCode\":0,\"failureReason\":\"Other.\"}"
#define FROM "\"ipAddress\":\"203.0.113.7\""

static void a_sign_in_tells_who_when_whence_and_whether_he_got_in(void **state)
{
    static const char *const rows[] = {
        "{" ID "," AT "," USER "," APP "," GOOD "," FROM "}",
        "{" FROM "," GOOD ",\"location\":{\"geoCoordinates\":{\"altitude\":null}}," APP "," USER "," AT "," ID "}",
        "{" ID "," AT "," USER ",\"clientAppUsed\":\"SMTP\"," GOOD "," FROM "}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {""};
        struct sign_in s;

        if (sign_in_read(slice_of(rows[i]), &s, &e) != 1)
            fail_msg("row %zu: %s", i, e.text);
        assert_true(slice_eq(s.id, SLICE("66ea54eb-6301-4ee5-be62-ff5a759b0100")));
        assert_true(slice_eq(s.user, SLICE("sean@contoso.example")));
        assert_true(slice_eq(s.address, SLICE("203.0.113.7")));
        assert_int_equal(s.at_s, 1796008541);
        assert_true(s.success);
        assert_false(s.token);
        sign_in_free(&s);
    }
}

static void failures_tokens_and_other_clients_are_told_apart(void **state)
{
    static const struct {
        const char *row;
        int result;
        bool success, token;
    } rows[] = {
        {"{" ID "," AT "," USER "," APP ",\"status\":{\"errorCode\":50126}}", 1, false, false},
        {"{" ID "," AT "," USER "," APP "," GOOD ",\"authenticationProtocol\":\"oAuth2\"}", 1, true, true},
        {"{" ID "," AT "," USER "," APP "," GOOD ",\"authenticationProtocol\":\"none\"}", 1, true, false},
        {"{" ID "," AT "," USER ",\"clientAppUsed\":\"IMAP4\"," GOOD "}", 0, false, false},
        {"{" ID "," AT "," USER ",\"clientAppUsed\":null," GOOD "}", 0, false, false},
        {"{}", 0, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {""};
        struct sign_in s;

        assert_int_equal(sign_in_read(slice_of(rows[i].row), &s, &e), rows[i].result);
        if (rows[i].result != 1)
            continue;
        assert_int_equal(s.success, rows[i].success);
        assert_int_equal(s.token, rows[i].token);
        sign_in_free(&s);
    }
}

/* Never a success by default. */
static void what_lacks_something_is_no_sign_in(void **state)
{
    static const struct {
        const char *row, *error;
    } rows[] = {
        {"{" AT "," USER "," APP "," GOOD "}", "no id"},
        {"{\"id\":\"\"," AT "," USER "," APP "," GOOD "}", "no id"},
        {"{" ID "," USER "," APP "," GOOD "}", "no createdDateTime"},
        {"{" ID ",\"createdDateTime\":\"yesterday\"," USER "," APP "," GOOD "}", "no createdDateTime"},
        {"{" ID "," AT "," APP "," GOOD "}", "no userPrincipalName"},
        {"{" ID "," AT "," USER "," APP "}", "no status.errorCode"},
        {"{" ID "," AT "," USER "," APP ",\"status\":{\"errorCode\":null}}", "no status.errorCode"},
        {"{" ID "," AT "," USER "," APP ",\"status\":{\"errorCode\":\"0\"}}", "no status.errorCode"},
        {"{" ID "," AT "," USER "," APP ",\"status\":{\"errorCode\":1,\"errorCode\":0}}", "not a JSON object"},
        {"[1]", "not a JSON object"},
        {"{", "not a JSON object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {""};
        struct sign_in s;

        assert_int_equal(sign_in_read(slice_of(rows[i].row), &s, &e), -1);
        if (strstr(e.text, rows[i].error) == NULL)
            fail_msg("row %zu: %s", i, e.text);
    }
}

static void times_are_rfc_3339_in_utc(void **state)
{
    static const struct {
        const char *text;
        int64_t at_s; /* 0: none */
    } rows[] = {
        {"2026-11-30T03:15:41Z", 1796008541},
        {"2026-11-30T03:15:41.6195833Z", 1796008541},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2026-02-29T00:00:00Z", 0},
        {"2026-13-01T00:00:00Z", 0},
        {"2026-11-30T24:00:00Z", 0},
        {"2026-11-30T03:15:41", 0},
        {"2026-11-30T03:15:41+01:00", 0},
        {"2026-11-30 03:15:41Z", 0},
        {"1969-12-31T23:59:59Z", 0},
        {" 2026-11-30T03:15:41Z", 0},
        {"2026-11-30T03:15:41.Zx", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t at_s = 0;
        bool right = sign_in_time(slice_of(rows[i].text), &at_s);

        if (right != (rows[i].at_s > 0) || (right && at_s != rows[i].at_s))
            fail_msg("%s: %lld", rows[i].text, (long long)at_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sign_in_tells_who_when_whence_and_whether_he_got_in),
        cmocka_unit_test(failures_tokens_and_other_clients_are_told_apart),
        cmocka_unit_test(what_lacks_something_is_no_sign_in),
        cmocka_unit_test(times_are_rfc_3339_in_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
