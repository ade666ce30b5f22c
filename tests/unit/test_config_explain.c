#include "core/config/config.h"
#include "core/config/config_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct said {
    char text[32768];
    struct buf b;
};

static void add_line(void *arg, const char *text)
{
    struct said *said = arg;

    buf_add(&said->b, slice_of(text));
    buf_add_char(&said->b, '\n');
}

/* What is said about a configuration; answers the number of warnings. */
static unsigned explain(const char *text, struct said *said)
{
    struct config *c;
    struct error e;
    unsigned warnings;

    said->b = BUF_OVER(said->text);
    if (config_from_text(slice_of(text), "c", "/nowhere", &c, &e) != 0)
        fail_msg("%s", e.text);
    config_explain(c, add_line, said, &warnings);
    config_free(c);
    assert_false(said->b.full);
    return warnings;
}

struct row {
    const char *text, *says;
};

static void check_said(const struct row *rows, size_t n)
{
    static struct said said;

    for (size_t i = 0; i < n; i++) {
        (void)explain(rows[i].text, &said);
        if (strstr(said.text, rows[i].says) == NULL)
            fail_msg("%s\n says:\n%s, not:\n%s", rows[i].text, said.text, rows[i].says);
    }
}

#define REJECT "unauthenticated=\"reject\";"

#define IDS "tenant_id=\"7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1\";application=\"0f9b6a52-1d9d-4c3c-8f0e-5a1e2b3c4d5e\";"

static void a_byte_that_is_not_for_a_terminal_is_shown_as_its_number(void **state)
{
    static const struct row rows[] = {
        {"directory=\"/var/\xc2\x9b[J\";", "Directory: /var/\\xc2\\x9b[J."}, /* U+009B begins a command */
        {"state={file=\"/var/\xc3\xa9\";};", "State: /var/\\xc3\\xa9,"},
    };

    (void)state;
    check_said(rows, sizeof rows / sizeof rows[0]);
}

static void a_configuration_is_said_in_plain_words(void **state)
{
    static const struct row rows[] = {
        {"", "Mode: enforce. What the rules refuse is refused.\n"},
        {"", "unknown logins are refused (unlisted = \"reject\").\n"},
        {"", "TLS: required, at least TLS 1.2.\n"},
        {"", "Limit message-rate: at most 150 messages at once, and 30/m in the long run, for each user; over it: "
             "deferred.\n"},
        {"", "Limit recipient-rate: RecipientLimitPerDay of the tenant's outbound policy; where it has none, at most "
             "1000 recipients at once, and 10K/d in the long run, for each user; over it: deferred.\n"},
        {"", "Limit unfamiliar-rate: at most 28 messages at once, and 12/h in the long run, for each user, from "
             "unfamiliar networks (/20, /32); over it: deferred.\n"},
        {"preset=\"exchange-online\";",
         "Limit message-rate: at most 30 messages at once, and 30/m in the long run, for "
         "each user; over it: deferred.\n"},
        {"", "Messages are charged by the program that is asked first about a message's end, once a message.\n"},
        {"smtp_auth={mode=\"monitor\";};", "(unlisted = \"reject\"). Only watched and logged (mode = \"monitor\").\n"},
        {"tenants=({name=\"contoso\";domains=[\"contoso.example\"];netbios=[\"CONTOSO\"];when_stale=\"defer\";});",
         "Tenant contoso: domains contoso.example and those in the directory; NetBIOS contoso; the organization's SMTP "
         "AUTH setting is the mirrored one; settings older than 2d defer its mail (when_stale = \"defer\").\n"},
        {"tenants=({name=\"contoso\";});", "Logins without a domain belong to tenant contoso.\n"},
        {"connectors=({name=\"printers\";networks=[\"192.0.2.0/24\",\"2001:db8:1::/64\"];"
         "senders=[\"@contoso.example\"];recipients=\"internal\";null_sender=false;});",
         "Connector printers: 192.0.2.0/24, 2001:db8:1::/64; only its listed senders (1), no delivery reports; "
         "internal recipients only; TLS not required; where it is used, any version.\n"},
        {"connectors=({name=\"a\";networks=\"192.0.2.0/24\";},{name=\"b\";networks=[\"192.0.2.8/29\",\"192.0.2.32/"
         "29\"];},"
         "{name=\"c\";networks=\"192.0.2.9\";});",
         "Connector b: 192.0.2.8/29 lies within 192.0.2.0/24 of connector a; for its clients connector b counts.\n"
         "Connector c: 192.0.2.9/32 lies within 192.0.2.8/29 of connector b; for its clients connector c counts.\n"
         "Connector b: 192.0.2.32/29 lies within 192.0.2.0/24 of connector a; for its clients connector b counts.\n"},
        {"limits=({name=\"roaming\";per=\"user\";count=\"distinct client_net\";rate=\"6/d\";then=\"block 1h\";});",
         "Limit roaming: at most 6 different client networks at once, and 6/d in the long run, for each user; over it: "
         "refused, and blocked for 1h.\n"},
        {"limits=({name=\"volume\";per=\"client_net+tenant\";count=\"bytes\";rate=\"10M/"
         "h\";burst=\"1M\";for=\"logins\";"
         "except=({user=\"a@b.example\";rate=\"unlimited\";});});",
         "Limit volume: at most 1024 KiB at once, and 10240 KiB in 1h in the long run, for each client network and "
         "tenant (/24, /64) (logins only); over it: deferred.\n"
         "Limit volume, except user a@b.example: any number of bytes.\n"},
        {"policyd={listen={address=\"unix:/run/p\";mode=\"0600\";group=\"postfix\";tls={required=false;};};};",
         "postern-policyd listens at unix:/run/p (mode 0600), group postfix; clients' TLS there has a rule of its "
         "own.\npostern-policyd at unix:/run/p: TLS not required; where it is used, at least TLS 1.2.\n"},
        {"replies={blocked=\"550 5.7.1 Ask us\";};", "Reply for blocked: 550 5.7.1 Ask us\n"},
        {"replies={};recipients={max=0;};", "Recipients: any number in a message.\n"},
        {"tenants=({name=\"contoso\";exchange={" IDS "certificate_file=\"/c\";writeback=true;};});",
         "as application 0f9b6a52-1d9d-4c3c-8f0e-5a1e2b3c4d5e, signed in by a certificate; postern-mirror may change "},
        {"tenants=({name=\"contoso\";exchange={" IDS "secret_file=\"/s\";};});",
         "signed in by a client secret; postern-mirror may not change mailboxes there.\n"},
        {"tenants=({name=\"contoso\";exchange={" IDS "federated_token_file=\"/t\";};});",
         "signed in by a federated token; postern-mirror may not change "},
        {"tenants=({name=\"c\";netbios=[\"A\",\"AB\",\"ABC\",\"D\",\"E\",\"F\",\"G\",\"H\",\"I\",\"J\",\"K\",\"L\"];})"
         ";",
         "NetBIOS a, ab, abc, d, e, f, g, h and 4 more; "},
        {"tenants=({name=\"contoso\";});connectors=({name=\"p\";networks=\"192.0.2.0/24\";recipients=\"internal\";"
         "tenant=\"contoso\";max_recipients=50;});",
         "internal recipients only, internal being the domains of tenant contoso; at most 50 recipients in a message; "
         "TLS"},
        {"limits=({name=\"a\";per=\"client\";count=\"messages\";rate=\"1/m\";for=\"connectors\";});",
         "for each client (connectors only); over it: deferred.\n"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"1/m\";then=\"block 1h, disable\";});",
         "refused, and blocked for 1h, and SMTP AUTH is disabled in Exchange Online, where exchange.writeback allows "
         "it.\n"},
        {"never_block=[\"anna@contoso.example\",\"@fabrikam.example\",\"192.0.2.0/24\"];",
         "Never blocked: 2 logins or domains, 1 networks.\n"},
        {"never_block=\"anna@contoso.example\";", "Never blocked: 1 logins or domains, 0 networks.\n"},
        {"known_networks=[\"192.0.2.0/24\",\"2001:db8::/32\"];", "Known networks, not counted as distinct: 2.\n"},
        {"alerts=({url=\"https://hooks.contoso.example/a\";secret_file=\"/k\";},{url_file=\"/u\";},"
         "{command=[\"/bin/page\",\"me\"];});",
         "Notices 1: the webhook https://hooks.contoso.example/a, signed.\nNotices 2: the webhook /u, not signed.\n"
         "Notices 3: the command /bin/page.\n"},
        {"journal=\"\";", "No journal of decisions and usage is kept: \"postern report\" has nothing to tell.\n"},
    };

    (void)state;
    check_said(rows, sizeof rows / sizeof rows[0]);
}

static void lists_from_files_are_said_with_their_number_of_entries(void **state)
{
    static struct said said;
    char folder[] = "/tmp/postern-explain-XXXXXX", path[64];
    struct config *c;
    struct error e;
    unsigned warnings;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/list", folder);
    assert_non_null(f = fopen(path, "w"));
    assert_true(fputs("anna@contoso.example\n@fabrikam.example\n", f) >= 0 && fclose(f) == 0);
    (void)snprintf(path, sizeof path, "%s/logins", folder);
    assert_non_null(f = fopen(path, "w"));
    assert_true(fputs("scanner7 anna@contoso.example\n", f) >= 0 && fclose(f) == 0);
    if (config_from_text(SLICE("smtp_auth={deny_file=\"list\";allow_file=\"list\";on_premises_file=\"list\";"
                               "logins_file=\"logins\";};"),
                         "c", folder, &c, &e) != 0)
        fail_msg("%s", e.text);
    said.b = BUF_OVER(said.text);
    config_explain(c, add_line, &said, &warnings);
    config_free(c);
    assert_non_null(strstr(said.text, "deny_file refuses 2 entries, before everything else.\n"));
    assert_non_null(strstr(said.text, "allow_file lets 2 entries through, whatever their settings say.\n"));
    assert_non_null(strstr(said.text, "on_premises_file takes 2 entries out of Exchange Online's settings.\n"));
    assert_non_null(strstr(said.text, "logins_file maps 1 logins to their mailboxes.\n"));
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/list", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void what_few_mean_is_warned_of(void **state)
{
    static const struct row rows[] = {
        {"mode=\"monitor\";", "Warning: mode = \"monitor\": what it would refuse is let through.\n"},
        {"sender={mode=\"monitor\";};", "Warning: sender.mode = \"monitor\""},
        {"tenants=({name=\"a\";mode=\"monitor\";});", "Warning: tenant a is in monitor mode"},
        {"smtp_auth={unlisted=\"allow\";};", "Warning: smtp_auth.unlisted = \"allow\""},
        {"sender={envelope=\"any\";};", "Warning: sender.envelope = \"any\""},
        {"sender={header_from=\"any\";};", "Warning: sender.header_from = \"any\""},
        {"sender={null_sender=\"allow\";};", "Warning: sender.null_sender = \"allow\""},
        {"tls={required=false;};", "Warning: tls.required = false"},
        {"tls={minimum=\"1.0\";};", "Warning: tls.minimum is below 1.2"},
        {"tenants=({name=\"a\";max_age=\"0s\";});", "Warning: tenant a: max_age = \"0s\""},
        {"", "Warning: no connectors, and unauthenticated = \"ignore\""},
        {"connectors=({name=\"p\";networks=\"0.0.0.0/0\";});", "Warning: connector p: 0.0.0.0/0 is a large part"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/7\";});", "Warning: connector p: 10.0.0.0/7 is a large part"},
        {"connectors=({name=\"p\";networks=\"2000::/3\";});", "Warning: connector p: 2000::/3 is a large part"},
        {"connectors=({name=\"p\";networks=[];});", "Warning: connector p has no network"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/8\";});", "Warning: connector p may send as anybody to anybody"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/8\";mode=\"monitor\";});",
         "Warning: connector p is in monitor mode"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"1/m\";then=\"monitor\";});",
         "Warning: limit a only watches"},
        {"limits=({name=\"a\";per=\"tenant\";count=\"denials\";rate=\"1/m\";});",
         "Warning: limit a: one login's refusals count against its whole tenant"},
        {"limits=({name=\"a\";per=\"client_net\";count=\"denials\";rate=\"1/m\";client_net=\"/16 /64\";});",
         "Warning: limit a: refusals count against all of a /16 or an IPv6 /64"},
        {"limits=({name=\"a\";per=\"client\";count=\"deferrals\";rate=\"1/m\";});",
         "Warning: limit a: one login's refusals hold back all others from the same address"},
        {"limits=({name=\"a\";per=\"client\";count=\"denials\";rate=\"1/m\";then=\"block 1h\";});",
         "Warning: limit a: one login's refusals block all others from the same address; name shared ones"},
        {"limits=({name=\"a\";per=\"user\";count=\"recipients\";rate=\"1/m\";});",
         "Warning: limit a: a message with more than 1 recipients can never pass, though recipients.max allows 1000"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"unlimited\";});", "Warning: limit a is unlimited"},
        {"preset=\"none\";", "Limits: none.\n"},
        {"preset=\"none\";", "Warning: there are no limits"},
        {"policyd={listen=\"inet:192.0.2.1:10040\";};",
         "Warning: inet:192.0.2.1:10040 can be reached from the network"},
        {"milter={listen=\"\";}; charge=\"milter\";",
         "Warning: charge = \"milter\", but milter.listen is empty: no message is"},
        {"policyd={listen=();}; charge=\"policyd\";", "Warning: charge = \"policyd\", but policyd.listen is empty"},
        {"policyd={listen=();}; milter={listen=\"\";};", "Warning: neither policyd.listen nor milter.listen"},
        {"milter={listen=\"\";};", "Warning: sender.header_from is set, but milter.listen is empty"},
        {"replies={unlisted=\"535 5.7.139 no\";};", "Warning: replies.unlisted: 535 is a reply to AUTH"},
        {"replies={no-directory=\"550 5.7.1 no\";};", "Warning: replies.no-directory refuses for good"},
    };

    (void)state;
    check_said(rows, sizeof rows / sizeof rows[0]);
}

static void warnings_are_counted_and_the_common_case_has_none(void **state)
{
    static struct said said;

    (void)state;
    assert_int_equal(explain(REJECT, &said), 0);
    assert_null(strstr(said.text, "Warning"));
    assert_int_equal(
        explain("connectors=({name=\"p\";networks=[\"10.0.0.0/8\",\"2001:db8::/32\"];senders=[];});", &said), 0);
    assert_int_equal(explain(REJECT "policyd={listen=\"inet6:[::1]:10040\";};", &said), 0);
    assert_int_equal(explain(REJECT "policyd={listen=\"inet:127.0.0.1:10040\";};", &said), 0);
    assert_int_equal(explain("", &said), 1);
    assert_int_equal(explain("mode=\"monitor\";preset=\"none\";", &said), 3);
}

static void many_nested_networks_are_summed_up(void **state)
{
    static struct said said;
    static char text[8192];
    struct buf b = BUF_OVER(text);

    (void)state;
    buf_add(&b, SLICE("connectors=({name=\"a\";networks=\"192.0.2.0/24\";},{name=\"b\";networks=["));
    for (unsigned i = 0; i < 30; i++)
        buf_addf(&b, "%s\"192.0.2.%u\"", i > 0 ? "," : "", i);
    buf_add(&b, SLICE("];});"));
    (void)explain(text, &said);
    assert_non_null(strstr(said.text, "Connectors: 10 more networks lie within those of other connectors.\n"));
    assert_non_null(strstr(said.text, "192.0.2.7/32 and 22 more networks; any sender"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_that_is_not_for_a_terminal_is_shown_as_its_number),
        cmocka_unit_test(a_configuration_is_said_in_plain_words),
        cmocka_unit_test(lists_from_files_are_said_with_their_number_of_entries),
        cmocka_unit_test(what_few_mean_is_warned_of),
        cmocka_unit_test(warnings_are_counted_and_the_common_case_has_none),
        cmocka_unit_test(many_nested_networks_are_summed_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
