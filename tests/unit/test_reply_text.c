/* What a client is told: Exchange Online's words, and what an operator's text may name. */
#include "core/mail/reply_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* The codes and words are those of Exchange Online's submission service; only the code of AUTH is not. */
static void refusals_have_the_words_of_exchange_online(void **state)
{
    static const struct {
        enum reason reason;
        const char *reply;
    } rows[] = {
        {REASON_MAILBOX_DISABLED,
         "550 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit "
         "https://aka.ms/smtp_auth_disabled for more information."},
        {REASON_ORGANIZATION_DISABLED,
         "550 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit "
         "https://aka.ms/smtp_auth_disabled for more information."},
        {REASON_SECURITY_DEFAULTS, "550 5.7.139 Authentication unsuccessful, user is locked by your organization's "
                                   "security defaults policy. Contact your administrator."},
        {REASON_BASIC_FORBIDDEN,
         "550 5.7.139 Authentication unsuccessful, basic authentication is disabled. Use OAuth."},
        {REASON_TLS_TOO_OLD, "421 4.7.66 TLS 1.0 and 1.1 are not supported"},
        {REASON_EXTERNAL_RECIPIENT, "550 5.7.64 TenantAttribution; Relay Access Denied: internal recipients only"},
        {REASON_UNAUTHENTICATED, "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail"},
        {REASON_RESTRICTED, "550 5.1.8 Access denied, bad outbound sender"},
        {REASON_SENDER_NOT_OWN, "550 5.7.60 SMTP; Client does not have permissions to send as this sender"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(reason_row(rows[i].reason)->reply, rows[i].reply);
}

/* RFC 4954 6: 535 is a reply to AUTH, so only those have it that are never said to MAIL or RCPT. */
static void only_replies_at_auth_have_its_code_and_each_can_be_sent(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        struct slice reply = slice_of(reason_row((enum reason)i)->reply);

        assert_int_equal(slice_starts_with(reply, SLICE("535")),
                         i == REASON_AUTH_FAILED || i == REASON_AUTH_TOKEN_FAILED);
        if (reply.n > 0)
            assert_int_equal(reply_check(reply, NULL), 0);
        assert_int_equal(reply_text_check(reply, NULL), 0);
    }
}

static const struct ip client = {{[10] = 0xff, 0xff, 192, 0, 2, 7}};

static void a_reply_names_what_its_placeholders_stand_for(void **state)
{
    static const struct reply_facts all = {"per-user", 5400, &client, {"anna@contoso.example", 20}}, none;
    static const struct {
        const struct reply_facts *facts;
        const char *text, *filled;
    } rows[] = {
        {&all, "451 4.7.1 Too fast, try again later", "451 4.7.1 Too fast, try again later"},
        {&all, "451 4.7.1 {login} at {client}: limit {limit}, again in {retry}",
         "451 4.7.1 anna@contoso.example at 192.0.2.7: limit per-user, again in 1h30m"},
        {&none, "451 4.7.1 {login} at {client}: limit {limit}, again in {retry}",
         "451 4.7.1 none at unknown: limit none, again in a while"},
        {&none, "451 4.7.1 {limit}", "451 4.7.1 none"},
        {&all, "451 4.7.1 {} { limit} {limit", "451 4.7.1 {} { limit} {limit"},
        {&all, "451 4.7.1 {{limit}}", "451 4.7.1 {per-user}"},
    };
    char mem[REPLY_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice filled = reply_text_fill(slice_of(rows[i].text), rows[i].facts, mem);

        assert_int_equal(reply_text_check(slice_of(rows[i].text), NULL), 0);
        if (!slice_eq(filled, slice_of(rows[i].filled)))
            fail_msg("\"%.*s\" instead of \"%s\"", SLICE_ARG(filled), rows[i].filled);
        assert_int_equal(reply_check(filled, NULL), 0);
    }
}

/* Whatever a client says of itself: one line, printable, not too long, and no placeholder within a value. */
static void what_comes_from_outside_cannot_make_a_reply_another_one(void **state)
{
    static const char *const logins[] = {"\r\n250 2.0.0 Ok", "a\n\naction=DUNNO", "{client}{limit}{retry}",
                                         "J\xc3\xbcrgen \"x\"", "\x7f\x01\xff"};
    char mem[REPLY_MAX + 1], text[REPLY_MAX + 1], all[256];

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    for (size_t i = 0; i <= sizeof logins / sizeof logins[0]; i++) {
        bool last = i == sizeof logins / sizeof logins[0];
        struct reply_facts facts = {.login = last ? (struct slice){all, sizeof all} : slice_of(logins[i])};
        struct slice filled = reply_text_fill(SLICE("550 5.7.1 {login} may not"), &facts, mem);

        assert_int_equal(reply_check(filled, NULL), 0);
        assert_null(memchr(filled.p, '\n', filled.n));
        assert_true(filled.n < 450);
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "550 5.7.1 {login}{login}", 24);
    assert_int_equal(reply_text_fill((struct slice){text, REPLY_MAX},
                                     &(struct reply_facts){.login = (struct slice){all, sizeof all}}, mem)
                         .n,
                     REPLY_MAX);
    assert_int_equal(reply_check((struct slice){mem, REPLY_MAX}, NULL), 0);
}

static void a_word_in_braces_that_stands_for_nothing_is_an_error(void **state)
{
    struct error e;

    (void)state;
    assert_int_equal(reply_text_check(SLICE("451 4.7.1 {limt}"), &e), -1);
    assert_string_equal(e.text, "a reply with {limt}; what it can name is {limit}, {retry}, {client} and {login}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_have_the_words_of_exchange_online),
        cmocka_unit_test(only_replies_at_auth_have_its_code_and_each_can_be_sent),
        cmocka_unit_test(a_reply_names_what_its_placeholders_stand_for),
        cmocka_unit_test(what_comes_from_outside_cannot_make_a_reply_another_one),
        cmocka_unit_test(a_word_in_braces_that_stands_for_nothing_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
