/* links: mirror */
/* What the service says, judged and put into words. */
#include "mirror/exchange/service_error.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_warning_that_rows_are_missing_is_told_from_others(void **state)
{
    static const struct {
        const char *text;
        enum warning judgement;
    } rows[] = {
        {"There are more results available than are currently displayed. To view them, increase the value for the "
         "ResultSize parameter.",
         WARNING_CUT},
        {"By default, only the first 1000 items are returned.", WARNING_CUT},
        {"the resultsize is too small", WARNING_CUT},
        {"More Results are available", WARNING_CUT},
        {"The output was truncated.", WARNING_CUT},
        {"Micro delay applied. Actual delayed: 21956 msecs, Enforced: True", WARNING_HARMLESS},
        {"The cmdlet Get-CASMailbox will be deprecated.", WARNING_HARMLESS},
        {"The object contoso.example/Anna has been corrupted, and it's in an inconsistent state.", WARNING_HARMLESS},
        {"", WARNING_HARMLESS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (warning_judge(slice_of(rows[i].text)) != rows[i].judgement)
            fail_msg("%s", rows[i].text);
}

static void the_best_of_several_texts_is_shown(void **state)
{
    static const struct {
        struct slice body;
        const char *shown;
    } rows[] = {
        {SLICE("{\"error\":{\"message\":\"Invalid Operation\",\"details\":[{\"message\":\"Ex1|Some.Exception|The "
               "detail\"}],"
               "\"innererror\":{\"internalexception\":{\"message\":\"The inner text\"}}}}"),
         "The inner text"},
        {SLICE("{\"error\":{\"message\":\"Invalid Operation\",\"details\":[{\"message\":\"Ex1|Some.Exception|The "
               "detail\"}]}}"),
         "The detail"},
        {SLICE("{\"error\":{\"details\":[{\"message\":\"|Some.Exception|a|b\"}]}}"), "a|b"},
        {SLICE("{\"error\":{\"details\":[{\"message\":\"no prefix | at all\"}]}}"), "no prefix | at all"},
        {SLICE("{\"error\":{\"message\":\"Only this\"}}"), "Only this"},
        {SLICE("{\"@odata.error\":{\"message\":\"With another name\"}}"), "With another name"},
        {SLICE("{\"error\":{\"message\":\"two\\nlines\"}}"), "two\\x0alines"},
        {SLICE("{\"error\":{\"message\":7}}"), ""},
        {SLICE("{\"error\":null}"), ""},
        {SLICE("{\"error\":\"text\"}"), ""},
        {SLICE("{\"error\""), ""},
        {SLICE("[]"), ""},
        {SLICE("\0\0\0\0\0\0\0\0"), ""},
        {SLICE(""), ""},
        {SLICE("<html><body>Bad gateway</body></html>"), ""},
        {SLICE("You have reached the maximum number of concurrent requests per tenant.\r\nmore"),
         "You have reached the maximum number of concurrent requests per tenant.\\x0d"},
    };
    char shown[2000];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        service_error_text(rows[i].body, shown, sizeof shown);
        assert_string_equal(shown, rows[i].shown);
    }
}

static void a_page_for_people_is_no_answer_of_the_service(void **state)
{
    static const struct {
        const char *type, *body;
        bool page;
    } rows[] = {
        {"text/html", "", true},
        {"Text/HTML; charset=utf-8", "blocked", true},
        {"application/json", "<html>blocked</html>", true},
        {"", "\r\n <!DOCTYPE html>", true},
        {"application/json", "{\"error\":{}}", false},
        {"text/plain", "You have reached the maximum", false},
        {"", "", false},
    };

    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (service_error_page(slice_of(rows[i].type), slice_of(rows[i].body)) != rows[i].page)
            fail_msg("%s, %s", rows[i].type, rows[i].body);
    assert_false(service_error_page(SLICE("application/json"), SLICE("\0\0\0\0")));
    assert_int_equal(service_error_elsewhere("Get-User", "Exchange Online", 403, SLICE("text/html"), &e), -1);
    assert_non_null(strstr(e.text, "Get-User: HTTP 403 with a page for people (\"text/html\")"));
}

static void a_401_that_names_the_cmdlet_is_about_the_role(void **state)
{
    (void)state;
    assert_true(service_error_role(SLICE("{\"error\":{\"message\":\"User is not allowed to call Get-Mailbox\"}}")));
    assert_false(service_error_role(SLICE("{\"error\":{\"message\":\"Access token validation failure.\"}}")));
    assert_false(service_error_role(SLICE("")));
}

static void an_expired_cursor_is_known_by_its_text(void **state)
{
    (void)state;
    assert_true(service_error_expired(
        SLICE("{\"error\":{\"message\":\"Expired or Invalid pagination request. Default Expiry time is 00:30:00\"}}")));
    assert_false(service_error_expired(SLICE("{\"error\":{\"message\":\"Invalid Operation\"}}")));
    assert_false(service_error_expired(SLICE("")));
}

static void sign_in_errors_say_what_to_do(void **state)
{
    static const struct {
        const char *body, *says;
        bool permission;
    } rows[] = {
        {"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client secret provided. Trace "
         "ID: "
         "1 Correlation ID: 2\",\"error_codes\":[7000215]}",
         "AADSTS7000215): the client secret is wrong", false},
        {"{\"error_description\":\"AADSTS700027: Client assertion failed signature validation.\"}",
         "the certificate is not registered", false},
        {"{\"error_codes\":[700024]}", "clock", false},
        {"{\"error_codes\":[90002]}", "tenant_id", false},
        {"{\"error_codes\":[900432]}", "exchange.cloud", false},
        {"{\"error_codes\":[7000222]}", "expired", false},
        {"{\"error_codes\":[700016]}", "no such application", false},
        {"{\"error_codes\":[53003]}", "Conditional Access", true},
        {"{\"error_codes\":[65001]}", "consented", true},
        {"{\"error_codes\":[7000229]}", "an administrator of the tenant has to consent to it", false},
        {"{\"error_codes\":[123456],\"error_description\":\"AADSTS123456: Something new.\\r\\nTrace ID: 1\"}",
         "HTTP 400). The service says: \"AADSTS123456: Something new.\"", false},
        {"{}", "without an explanation", false},
        {"<html>", "without an explanation", false},
        {"{\"error_codes\":\"7000215\",\"error_description\":7}", "without an explanation", false},
        {"{\"error_codes\":[-1]}", "without an explanation", false},
        {"{\"error_description\":\"AADSTS99999999999999999999: x\"}", "AADSTS99999999999999999999: x", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e;
        bool permission;

        assert_int_equal(signin_error(400, slice_of(rows[i].body), &permission, &e), -1);
        if (strstr(e.text, rows[i].says) == NULL || strstr(e.text, "Trace") != NULL)
            fail_msg("%s: %s", rows[i].body, e.text);
        assert_int_equal(permission, rows[i].permission);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warning_that_rows_are_missing_is_told_from_others),
        cmocka_unit_test(the_best_of_several_texts_is_shown),
        cmocka_unit_test(a_page_for_people_is_no_answer_of_the_service),
        cmocka_unit_test(a_401_that_names_the_cmdlet_is_about_the_role),
        cmocka_unit_test(an_expired_cursor_is_known_by_its_text),
        cmocka_unit_test(sign_in_errors_say_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
