/* Where a program hands a message to Postfix: from what postconf says, and from what people write. */
#include "core/report/postfix_entrance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char *copy_of(const char *text)
{
    char *copy = strdup(text);

    assert_non_null(copy);
    return copy;
}

/* "HOST:PORT" with ", tls" where it is from the first byte, for a login and without one; "-": there is none. */
static void find(const char *main_cf, const char *services, const char *own, bool login, char out[400])
{
    struct postfix p = {.texts = {[POSTCONF_ALL] = copy_of(main_cf),
                                  [POSTCONF_SERVICES] = copy_of(services),
                                  [POSTCONF_SERVICE_SETTINGS] = copy_of(own),
                                  [POSTCONF_SERVICE_RAW] = copy_of(own),
                                  [POSTCONF_RAW] = copy_of("")}};
    struct entrance at;
    struct error e;

    assert_int_equal(postfix_parse(&p, &e), 0);
    if (entrance_find(&p, login, &at, &e) == 0) {
        (void)snprintf(out, 400, "%s:%u%s", at.host, at.port, at.implicit_tls ? ", tls" : "");
        assert_string_equal(at.name, "relay.contoso.example");
    } else {
        (void)snprintf(out, 400, "-");
        assert_non_null(strstr(e.text, "--server"));
    }
    postfix_free(&p);
}

#define MAIN_CF                                                                                                        \
    "myhostname = relay.contoso.example\nsmtpd_sasl_auth_enable = no\nsmtpd_tls_wrappermode = no\n"                    \
    "smtpd_upstream_proxy_protocol =\ninet_protocols = all\n"
#define SMTPD(name) name " inet n - y - - smtpd\n"

static void the_best_service_of_master_cf_is_found(void **state)
{
    static const struct {
        const char *interfaces, *services, *own, *login, *none;
    } rows[] = {
        {"all", SMTPD("smtp") SMTPD("submission"), "submission/inet/smtpd_sasl_auth_enable = yes\n", "127.0.0.1:587",
         "127.0.0.1:25"},
        {"loopback-only", SMTPD("smtps") SMTPD("smtp"),
         "smtps/inet/smtpd_sasl_auth_enable = yes\nsmtps/inet/smtpd_tls_wrappermode = yes\n", "127.0.0.1:465, tls",
         "127.0.0.1:25"},
        {"192.0.2.1, 127.0.0.1", SMTPD("25") SMTPD("smtps") SMTPD("587"),
         "587/inet/smtpd_sasl_auth_enable = yes\nsmtps/inet/smtpd_sasl_auth_enable = yes\n", "192.0.2.1:587",
         "192.0.2.1:25"},
        {"[::1]", SMTPD("smtp"), "smtp/inet/smtpd_sasl_auth_enable = yes\n", "::1:25", "::1:25"},
        {"all", SMTPD("192.0.2.7:2525") SMTPD("[2001:db8::1]:submission"),
         "[2001:db8::1]:submission/inet/smtpd_sasl_auth_enable = yes\n", "2001:db8::1:587", "192.0.2.7:2525"},
        {"all", SMTPD(":587"), ":587/inet/smtpd_sasl_auth_enable = yes\n", "127.0.0.1:587", "127.0.0.1:587"},
        /* what talks to a proxy alone, what has no port, what is no smtpd, what is no inet */
        {"all", SMTPD("submission"),
         "submission/inet/smtpd_sasl_auth_enable = yes\nsubmission/inet/smtpd_upstream_proxy_protocol = haproxy\n", "-",
         "-"},
        {"all", SMTPD("no-such-port") SMTPD("192.0.2.7:"), "", "-", "-"},
        {"all", "smtp unix n - y - - smtp\nsmtpd pass n - y - - smtpd\nsmtp inet n - y - 1 postscreen\n", "", "-", "-"},
        {"all", "", "", "-", "-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char main_cf[400], got[400];

        (void)snprintf(main_cf, sizeof main_cf, MAIN_CF "inet_interfaces = %s\n", rows[i].interfaces);
        find(main_cf, rows[i].services, rows[i].own, true, got);
        assert_string_equal(got, rows[i].login);
        find(main_cf, rows[i].services, rows[i].own, false, got);
        assert_string_equal(got, rows[i].none);
    }
}

static void where_only_ipv6_is_spoken_so_is_it_on_loopback(void **state)
{
    char got[400];

    (void)state;
    find("myhostname = relay.contoso.example\ninet_interfaces = all\ninet_protocols = ipv6\n", SMTPD("smtp"), "", false,
         got);
    assert_string_equal(got, "::1:25");
}

static void a_server_is_named_as_people_write_it(void **state)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
        unsigned port;
    } rows[] = {
        {"relay.contoso.example", "relay.contoso.example", 587},
        {"relay.contoso.example:25", "relay.contoso.example", 25},
        {"192.0.2.1:submission", "192.0.2.1", 587},
        {"[2001:db8::1]", "2001:db8::1", 587},
        {"[2001:db8::1]:25", "2001:db8::1", 25},
        {"2001:db8::1", "2001:db8::1", 587},
        {"", NULL, 0},
        {"relay.contoso.example:", NULL, 0},
        {"relay.contoso.example:0", NULL, 0},
        {"relay.contoso.example:65536", NULL, 0},
        {"relay.contoso.example:no-such-port", NULL, 0},
        {"relay.contoso.example:a-name-that-is-longer-than-any-service-in-etc-services", NULL, 0},
        {"relay.contoso.example/x", NULL, 0},
        {"anna@relay.contoso.example", NULL, 0},
        {"re lay", NULL, 0},
        {"[2001:db8::1", NULL, 0},
        {"[2001:db8::1]25", NULL, 0},
        {":25", NULL, 0},
    };
    char longest[ENTRANCE_HOST_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entrance at;
        bool taken = entrance_parse(slice_of(rows[i].text), 587, &at);

        if (taken != (rows[i].host != NULL))
            fail_msg("\"%s\" is %s", rows[i].text, taken ? "taken" : "refused");
        if (taken) {
            assert_string_equal(at.host, rows[i].host);
            assert_int_equal(at.port, rows[i].port);
        }
    }
    memset(longest, 'a', sizeof longest);
    assert_true(entrance_parse((struct slice){longest, ENTRANCE_HOST_MAX}, 25, &(struct entrance){.port = 0}));
    assert_false(entrance_parse((struct slice){longest, ENTRANCE_HOST_MAX + 1}, 25, &(struct entrance){.port = 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_service_of_master_cf_is_found),
        cmocka_unit_test(where_only_ipv6_is_spoken_so_is_it_on_loopback),
        cmocka_unit_test(a_server_is_named_as_people_write_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
