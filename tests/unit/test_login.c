/* SASL user names, and the entries of a mailbox's EmailAddresses. */
#include "core/mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct login_row {
    struct slice raw;
    enum login_kind kind;
    const char *name;    /* the address or the account */
    const char *netbios; /* LOGIN_NETBIOS */
};

#define ADDRESS(raw, name)                                                                                             \
    {                                                                                                                  \
        SLICE(raw), LOGIN_ADDRESS, name, ""                                                                            \
    }
#define ACCOUNT(raw, name)                                                                                             \
    {                                                                                                                  \
        SLICE(raw), LOGIN_ACCOUNT, name, ""                                                                            \
    }
#define NETBIOS(raw, netbios, name)                                                                                    \
    {                                                                                                                  \
        SLICE(raw), LOGIN_NETBIOS, name, netbios                                                                       \
    }
#define BAD(raw)                                                                                                       \
    {                                                                                                                  \
        SLICE(raw), LOGIN_BAD, "", ""                                                                                  \
    }

static const struct login_row logins[] = {
    {SLICE(""), LOGIN_NONE, "", ""},
    ADDRESS("sean@contoso.example", "sean@contoso.example"),
    ADDRESS("SEAN@Contoso.Example.", "sean@contoso.example"),
    ADDRESS("sean+tag@contoso.example", "sean+tag@contoso.example"),
    ADDRESS("sean/admin@contoso.example", "sean/admin@contoso.example"),
    ADDRESS("J\xc3\x9cRGEN@b\xc3\xbc"
            "cher.example",
            "j\xc3\xbcrgen@xn--bcher-kva.example"),
    ADDRESS("a=b@contoso.example", "a=b@contoso.example"),
    ACCOUNT("sean", "sean"),
    ACCOUNT("Sean.Smith", "sean.smith"),
    ACCOUNT("PRINTER-3$", "printer-3$"),
    ACCOUNT("J\xc3\x9cRGEN", "j\xc3\xbcrgen"),
    ACCOUNT("ju\xcc\x88rgen", "j\xc3\xbcrgen"),
    ACCOUNT(A64, A64),
    ACCOUNT("sean\xef\xbc\xa0"
            "contoso",
            "sean\xef\xbc\xa0"
            "contoso"), /* a full-width @ parts nothing */
    NETBIOS("CONTOSO\\sean", "contoso", "sean"),
    NETBIOS("contoso\\SEAN", "contoso", "sean"),
    NETBIOS("CONTOSO/sean", "contoso", "sean"),
    NETBIOS("Contoso.Example\\sean", "contoso.example", "sean"),
    NETBIOS("B\xc3\x9c"
            "CHER\\J\xc3\x9cRGEN",
            "b\xc3\xbc"
            "cher",
            "j\xc3\xbcrgen"),
    /* what can never name a mailbox */
    BAD(" sean"),
    BAD("sean "),
    BAD(" "),
    BAD("sean smith"),
    BAD("sean\t"),
    BAD("sean@contoso.example "),
    BAD(" sean@contoso.example"),
    BAD("CONTOSO\\ sean"),
    BAD("CONTOSO \\sean"),
    BAD("?"),
    BAD("a?b"),
    BAD("se?an@contoso.example"),
    BAD("sean@contoso?.example"),
    BAD("CONTOSO\\se?an"),
    BAD("CON?TOSO\\sean"),
    BAD("a\nb"),
    BAD("sean\r\n"),
    BAD("a\x01"
        "b"),
    BAD("sean\x7f"),
    BAD("sean\0"),
    BAD("\0"),
    BAD("sean\0@contoso.example"),
    BAD("sean@contoso.example\0"),
    BAD("CONTOSO\\sean\0"),
    BAD("sean\nsasl_username=boss"),
    BAD("\xff\xfe"),
    BAD("se\xc0\x80"
        "an"),
    BAD("sean\xc2\xa0"),
    BAD("\xe2\x84\xaa"
        "evin"),
    BAD("@contoso.example"),
    BAD("sean@"),
    BAD("@"),
    BAD("sean@contoso.example@evil.example"),
    BAD("\"sean\"@contoso.example"),
    BAD("<sean@contoso.example>"),
    BAD("sean@[192.0.2.1]"),
    BAD("CONTOSO\\sean@contoso.example"),
    BAD("CONTOSO\\"),
    BAD("\\sean"),
    BAD("\\"),
    BAD("/"),
    BAD(".\\sean"),
    BAD("CONTOSO\\\\sean"),
    BAD("CONTOSO\\sean\\boss"),
    BAD("CONTOSO/sean/boss"),
    BAD("CONTOSO/sean\\boss"),
    BAD("CONTOSO\\sean/boss"),
    BAD("sean."),
    BAD(".sean"),
    BAD("se..an"),
    BAD("sean,boss"),
    BAD(A64 "a"),
    BAD(A64 "a@contoso.example"),
    BAD(A64 "a\\sean"),
    BAD("CONTOSO\\" A64 "a"),
};

static void a_login_is_an_address_an_account_a_domain_account_or_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        const struct login_row *row = &logins[i];
        struct slice name;
        struct login l;

        memset(&l, 'x', sizeof l);
        login_parse(row->raw, &l);
        name = l.kind == LOGIN_ADDRESS ? address_slice(&l.address) : login_account(&l);
        if (l.kind != row->kind || !slice_eq(name, slice_of(row->name)) ||
            !slice_eq(login_netbios(&l), slice_of(row->netbios)))
            fail_msg("row %zu <%.*s>: kind %d, name <%.*s>", i, SLICE_ARG(row->raw), l.kind, SLICE_ARG(name));
        assert_true(l.kind == LOGIN_ADDRESS || l.address.n == 0);
        assert_true(l.account[l.account_n] == '\0' && l.netbios[l.netbios_n] == '\0');
    }
}

static void no_login_at_all_is_none(void **state)
{
    struct login l;

    (void)state;
    login_parse((struct slice){NULL, 0}, &l);
    assert_int_equal(l.kind, LOGIN_NONE);
}

struct proxy_row {
    struct slice raw;
    enum proxy_kind kind;
    const char *address; /* "" where there is none */
};

static const struct proxy_row proxies[] = {
    {SLICE("SMTP:Sean@contoso.example"), PROXY_PRIMARY, "sean@contoso.example"},
    {SLICE("smtp:sean@fabrikam.example"), PROXY_SMTP, "sean@fabrikam.example"},
    {SLICE("Smtp:sean@fabrikam.example"), PROXY_SMTP, "sean@fabrikam.example"},
    {SLICE("sMTP:sean@fabrikam.example"), PROXY_SMTP, "sean@fabrikam.example"},
    {SLICE("sean@contoso.example"), PROXY_SMTP, "sean@contoso.example"},
    {SLICE("smtp:o'brien@contoso.example"), PROXY_SMTP, "o'brien@contoso.example"},
    {SLICE("SMTP:J\xc3\x9cRGEN@b\xc3\xbc"
           "cher.example"),
     PROXY_PRIMARY, "j\xc3\xbcrgen@xn--bcher-kva.example"},
    {SLICE("SIP:sean@contoso.example"), PROXY_OTHER, ""},
    {SLICE("SPO:SPO_1b2c@SPO_9f8e"), PROXY_OTHER, ""},
    {SLICE("X500:/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn=sean"), PROXY_OTHER, ""},
    {SLICE("x500:/o=contoso/cn=a@b"), PROXY_OTHER, ""},
    {SLICE("x400:C=us;A= ;P=Contoso;S=sean;"), PROXY_OTHER, ""},
    {SLICE("EUM:4711;phone-context=contoso"), PROXY_OTHER, ""},
    {SLICE("MS-Mail:contoso"), PROXY_OTHER, ""},
    {SLICE("smtps:sean@contoso.example"), PROXY_OTHER, ""},
    {SLICE("mailto:sean@contoso.example"), PROXY_OTHER, ""},
    {SLICE("SIP:"), PROXY_OTHER, ""},
    {SLICE(""), PROXY_BAD, ""},
    {SLICE(":"), PROXY_BAD, ""},
    {SLICE(":sean@contoso.example"), PROXY_BAD, ""},
    {SLICE("SMTP:"), PROXY_BAD, ""},
    {SLICE("SMTP:sean"), PROXY_BAD, ""},
    {SLICE("sean"), PROXY_BAD, ""},
    {SLICE("smtp: sean@contoso.example"), PROXY_BAD, ""},
    {SLICE(" smtp:sean@contoso.example"), PROXY_BAD, ""},
    {SLICE("smtp :sean@contoso.example"), PROXY_BAD, ""},
    {SLICE("smtp:smtp:sean@contoso.example"), PROXY_BAD, ""},
    {SLICE("smtp:\"sean\"@contoso.example"), PROXY_BAD, ""},
    {SLICE("smtp:sean@contoso.example\n"), PROXY_BAD, ""},
    {SLICE("smtp\0:sean@contoso.example"), PROXY_BAD, ""},
    {SLICE("smtp:sean@contoso.example\0"), PROXY_BAD, ""},
    {SLICE("sean@contoso.example:25"), PROXY_BAD, ""},
    {SLICE("System.Collections.ArrayList"), PROXY_BAD, ""},
};

static void only_smtp_entries_are_identities_and_capitals_mark_the_primary(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        struct address a;
        enum proxy_kind kind;

        memset(&a, 'x', sizeof a);
        kind = proxy_parse(proxies[i].raw, &a);
        if (kind != proxies[i].kind)
            fail_msg("row %zu <%.*s>: kind %d, expected %d", i, SLICE_ARG(proxies[i].raw), kind, proxies[i].kind);
        assert_string_equal(a.text, proxies[i].address);
        assert_int_equal(a.n, strlen(proxies[i].address));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_is_an_address_an_account_a_domain_account_or_nothing),
        cmocka_unit_test(no_login_at_all_is_none),
        cmocka_unit_test(only_smtp_entries_are_identities_and_capitals_mark_the_primary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
