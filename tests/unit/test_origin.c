/* links: mirror */
/* Where a link to a next page may lead: the token goes with it. */
#include "mirror/exchange/origin.h"

#include "core/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST "outlook.office365.com"
#define TENANT "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1"
#define PATH "/adminapi/beta/" TENANT "/"
#define GOOD_PATH PATH "InvokeCommand?$skiptoken=AbC%3D%3D"

static const char *const good[] = {
    "https://" HOST GOOD_PATH,
    "https://" HOST ":443" GOOD_PATH,
    "HTTPS://OUTLOOK.OFFICE365.COM" GOOD_PATH,
    "https://eur01." HOST GOOD_PATH,
    "https://a.b-c.d1." HOST GOOD_PATH,
    "https://" HOST "/AdminApi/beta/7A5D1C3E-52b0-4f0e-9c7d-2f6a10b4e8d1/InvokeCommand?x=1",
    "https://" HOST PATH "InvokeCommand?a=../..&b=https://evil.example/",
    "https://" HOST PATH "InvokeCommand",
};

static const char *const bad[] = {
    "",
    "https://",
    "http://" HOST GOOD_PATH,
    "ftp://" HOST GOOD_PATH,
    "file:///etc/passwd",
    "file://" HOST GOOD_PATH,
    "gopher://" HOST GOOD_PATH,
    "//" HOST GOOD_PATH,
    GOOD_PATH,
    "InvokeCommand?$skiptoken=A",
    "?$skiptoken=A",
    "https:" HOST GOOD_PATH,
    "https:/" HOST GOOD_PATH,
    "https:///" HOST GOOD_PATH,
    "https://evil.example" GOOD_PATH,
    "https://evil.example/" HOST GOOD_PATH,
    "https://" HOST ".evil.example" GOOD_PATH,
    "https://evil" HOST GOOD_PATH,
    "https://office365.com" GOOD_PATH,
    "https://other.office365.com" GOOD_PATH,
    "https://" HOST "@evil.example" GOOD_PATH,
    "https://user:password@" HOST GOOD_PATH,
    "https://@" HOST GOOD_PATH,
    "https://evil.example\\@" HOST GOOD_PATH,
    "https://" HOST "\\@evil.example" GOOD_PATH,
    "https://evil.example\\." HOST GOOD_PATH,
    "https://evil.example#." HOST GOOD_PATH,
    "https://evil.example?." HOST GOOD_PATH,
    "https://evil.example/." HOST GOOD_PATH,
    "https://evil.example%2f." HOST GOOD_PATH,
    "https://evil.example%00." HOST GOOD_PATH,
    "https://%6futlook.office365.com" GOOD_PATH,
    "https://." HOST GOOD_PATH,
    "https://-." HOST GOOD_PATH,
    "https://a.." HOST GOOD_PATH,
    "https://a_b." HOST GOOD_PATH,
    "https://\xc3\xbc." HOST GOOD_PATH,
    "https://" HOST "." GOOD_PATH,
    "https://" HOST ":444" GOOD_PATH,
    "https://" HOST ":80" GOOD_PATH,
    "https://" HOST ":0" GOOD_PATH,
    "https://" HOST ":99999" GOOD_PATH,
    "https://" HOST ":443:443" GOOD_PATH,
    "https://127.0.0.1" GOOD_PATH,
    "https://2130706433" GOOD_PATH,
    "https://[::1]" GOOD_PATH,
    "https://[::1%25eth0]" GOOD_PATH,
    "https://169.254.169.254/metadata/identity",
    "https://" HOST,
    "https://" HOST "/",
    "https://" HOST PATH,
    "https://" HOST "/owa/",
    "https://" HOST "/adminapi/beta/c0ffee00-6d1f-4c55-8a8e-90d1b2c3a4f5/InvokeCommand?x",
    "https://" HOST PATH "../c0ffee00-6d1f-4c55-8a8e-90d1b2c3a4f5/InvokeCommand",
    "https://" HOST PATH "%2e%2e/other/InvokeCommand",
    "https://" HOST PATH "..%2fother/InvokeCommand",
    "https://" HOST "/x/.." PATH "InvokeCommand",
    "https://" HOST "//adminapi/beta/" TENANT "/InvokeCommand",
    "https://" HOST GOOD_PATH "#fragment",
    "https://" HOST GOOD_PATH " ",
    " https://" HOST GOOD_PATH,
    "https://" HOST GOOD_PATH "\r\nHost: evil.example",
    "https://" HOST GOOD_PATH "\t",
    "https://" HOST "\t.evil.example" GOOD_PATH,
    "javascript:alert(1)",
    "https;//" HOST GOOD_PATH,
};

static bool judged(const struct origin *o, const char *link)
{
    struct error e = {"?"};
    CURLU *url = origin_judge(o, slice_of(link), &e);

    if (url == NULL && strcmp(e.text, "?") == 0)
        fail_msg("\"%s\": refused without a word", link);
    curl_url_cleanup(url);
    return url != NULL;
}

static void a_link_is_followed_to_the_configured_host_and_names_under_it_only(void **state)
{
    struct origin o;
    struct error e;

    (void)state;
    assert_int_equal(origin_make(&o, HOST, PATH, &e), 0);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!judged(&o, good[i]))
            fail_msg("\"%s\" was refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (judged(&o, bad[i]))
            fail_msg("\"%s\" was let through", bad[i]);
}

static void a_port_that_was_configured_must_be_the_links_port(void **state)
{
    struct origin o;
    struct error e;

    (void)state;
    assert_int_equal(origin_make(&o, "Localhost:8443", PATH, &e), 0);
    assert_true(judged(&o, "https://localhost:8443" GOOD_PATH));
    assert_true(judged(&o, "https://eur01.localhost:8443" GOOD_PATH));
    assert_false(judged(&o, "https://localhost" GOOD_PATH));
    assert_false(judged(&o, "https://localhost:8444" GOOD_PATH));
}

static void an_address_has_no_names_under_it(void **state)
{
    struct origin o;
    struct error e;

    (void)state;
    assert_int_equal(origin_make(&o, "127.0.0.1:8443", PATH, &e), 0);
    assert_true(judged(&o, "https://127.0.0.1:8443" GOOD_PATH));
    assert_false(judged(&o, "https://a.127.0.0.1:8443" GOOD_PATH));
    assert_false(judged(&o, "https://1.127.0.0.1:8443" GOOD_PATH));
}

static void a_link_has_a_length(void **state)
{
    char *link = calloc(1, LINK_MAX_BYTES + 2);
    struct buf b;
    struct origin o;
    struct error e;

    (void)state;
    assert_non_null(link);
    assert_int_equal(origin_make(&o, HOST, PATH, &e), 0);
    b = buf_over(link, LINK_MAX_BYTES + 2);
    buf_add(&b, slice_of(good[0]));
    while (b.n < LINK_MAX_BYTES)
        buf_add_char(&b, 'a');
    assert_true(judged(&o, link));
    buf_add_char(&b, 'a');
    assert_false(judged(&o, link));
    free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_followed_to_the_configured_host_and_names_under_it_only),
        cmocka_unit_test(a_port_that_was_configured_must_be_the_links_port),
        cmocka_unit_test(an_address_has_no_names_under_it),
        cmocka_unit_test(a_link_has_a_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
