#include "core/config/config.h"
#include "core/config/config_table.h"
#include "core/report/config_report.h"
#include "core/report/config_rules.h"
#include "tests/unit/lines_printer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct said {
    char text[32768];
    unsigned warnings;
};

static void report(const struct config *c, struct said *said)
{
    struct lines_printer lines = lines_printer(said->text, sizeof said->text);
    const char *end;

    config_report(c, NULL, &lines.printer);
    assert_false(lines.b.full);
    said->warnings = 0;
    if ((end = strstr(said->text, ": OK, with ")) != NULL)
        assert_int_equal(sscanf(end, ": OK, with %u warning", &said->warnings), 1);
}

/* What is said about a configuration; returns the number of warnings. */
static unsigned explain(const char *text, struct said *said)
{
    struct config *c;
    struct error e;

    if (config_from_text(slice_of(text), "c", "/nowhere", &c, &e) != 0)
        fail_msg("%s", e.text);
    report(c, said);
    config_free(c);
    return said->warnings;
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

#define ALERT "alerts=({command=[\"/bin/true\"];});"
#define FINGERPRINT "01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67"
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
        {"smtp_auth = { login_names = [\"upn\", \"primary\", \"proxy\"]; };",
         "A mailbox's names that nobody signs in with: aliases, account names.\n"},
        {"smtp_auth = { disabled_accounts = \"none\"; };", "Disabled accounts are ignored.\n"},
        {"", "Disabled accounts are refused, but for shared and resource mailboxes, whose accounts always are.\n"},
        {"", "Mode\nenforce: what the rules refuse is refused.\n\nTenants\n"},
        {"", "unknown logins are refused (unlisted = \"reject\").\n"},
        {"", "TLS: required, at least TLS 1.2.\n"},
        {"", "message-rate: at most 150 messages at once, and 30/m in the long run, for each user; over it: "
             "deferred.\n"},
        {"", "recipient-rate: RecipientLimitPerDay of the tenant's outbound policy; where it has none, at most "
             "1000 recipients at once, and 10K/d in the long run, for each user; over it: deferred.\n"},
        {"", "unfamiliar-rate: at most 28 messages at once, and 12/h in the long run, for each user, from "
             "unfamiliar networks (/20, /32); over it: deferred.\n"},
        {"",
         "habit-hour: in any hour at most 20 messages beside 1.5 times the largest that is usual, up to 10000; while "
         "that is being learnt, 60 from elsewhere and 100 from known networks, for each user (logins only); over "
         "it: deferred.\n"},
        {"", "habit-again: at most 500 deferred messages at once beside 0.5 times the usual day's messages, of an "
             "application 4 times, and 10/h in the long run, for each user (logins only); over it: held back, and "
             "deferred for 1d.\n"},
        {"", "connector-day: in any day at most 2000 messages beside 3 times the largest that is usual, for each "
             "connector; over it: deferred.\n"},
        {"", "unfamiliar-again: at most 2500 deferred messages at once, and 40/h in the long run, for each user, from "
             "unfamiliar networks (/20, /32); over it: refused, and blocked for 1h.\n"},
        {"", "known_networks is empty: until a login is learnt, all networks but private and familiar ones are "
             "elsewhere. Name your offices and servers.\n"},
        {"preset=\"exchange-online\";", "message-rate: at most 30 messages at once, and 30/m in the long run, for "
                                        "each user; over it: deferred.\n"},
        {"", "Messages are charged by the program that is asked first about a message's end, once a message.\n"},
        {"smtp_auth={mode=\"monitor\";};", "(unlisted = \"reject\"). Only watched and logged (mode = \"monitor\").\n"},
        {"tenants=({name=\"contoso\";domains=[\"contoso.example\"];netbios=[\"CONTOSO\"];when_stale=\"defer\";});",
         "contoso: domains contoso.example and those in the directory; NetBIOS contoso; the organization's SMTP "
         "AUTH setting is the mirrored one; settings older than 2d defer its mail (when_stale = \"defer\").\n"},
        {"tenants=({name=\"contoso\";});", "Logins without a domain belong to tenant contoso.\n"},
        {"connectors=({name=\"printers\";networks=[\"192.0.2.0/24\",\"2001:db8:1::/64\"];"
         "senders=[\"@contoso.example\"];recipients=\"internal\";null_sender=false;});",
         "printers: 192.0.2.0/24, 2001:db8:1::/64; only its listed senders (1), no delivery reports; "
         "internal recipients only; TLS not required; where it is used, any version.\n"},
        {"connectors=({name=\"a\";networks=\"192.0.2.0/24\";},{name=\"b\";networks=[\"192.0.2.8/29\",\"192.0.2.32/"
         "29\"];},"
         "{name=\"c\";networks=\"192.0.2.9\";});",
         "b: 192.0.2.8/29 is within 192.0.2.0/24 of connector a; its clients belong to connector b.\n"
         "c: 192.0.2.9/32 is within 192.0.2.8/29 of connector b; its clients belong to connector c.\n"
         "b: 192.0.2.32/29 is within 192.0.2.0/24 of connector a; its clients belong to connector b.\n"},
        {"limits=({name=\"roaming\";per=\"user\";count=\"distinct client_net\";rate=\"6/d\";then=\"block 1h\";});",
         "roaming: at most 6 different client networks at once, and 6/d in the long run, for each user; over it: "
         "refused, and blocked for 1h.\n"},
        {"limits=({name=\"volume\";per=\"client_net+tenant\";count=\"bytes\";rate=\"10M/"
         "h\";burst=\"1M\";for=\"logins\";"
         "except=({user=\"a@b.example\";rate=\"unlimited\";});});",
         "volume: at most 1024 KiB at once, and 10240 KiB in 1h in the long run, for each client network and "
         "tenant (/24, /64) (logins only); over it: deferred.\n"
         "volume, except user a@b.example: any number of bytes.\n"},
        {"policyd={listen={address=\"unix:/run/p\";mode=\"0600\";group=\"postfix\";tls={required=false;};};};",
         "postern-policyd listens at unix:/run/p (mode 0600), group postfix; clients' TLS there has a rule of its "
         "own.\npostern-policyd at unix:/run/p: TLS not required; where it is used, at least TLS 1.2.\n"},
        {"sasl={listen=(\"unix:/run/s\",\"inet6:[::1]:10050\");};",
         "postern-sasl listens at unix:/run/s (mode 0660).\npostern-sasl listens at inet6:[::1]:10050.\n"
         "postern-sasl has passwords checked by the server at unix:/run/dovecot/auth-postern.\n"},
        {"replies={blocked=\"550 5.7.1 Ask us\";};", "Replies\nblocked: 550 5.7.1 Ask us\n"},
        {"replies={};recipients={max=0;};", "Recipients: any number in a message.\n"},
        {"tenants=({name=\"contoso\";exchange={" IDS "certificate_file=\"/c\";writeback=true;};});",
         "as application 0f9b6a52-1d9d-4c3c-8f0e-5a1e2b3c4d5e, signed in by a certificate; postern-mirror may change "},
        {"tenants=({name=\"contoso\";exchange={" IDS "certificate_file=\"/c\";sign_ins=true;};});",
         "reads it from Exchange Online, and who signs in there by SMTP AUTH, as application "},
        {"other_relays=[\"mx2.contoso.example\",\"mx3\"];",
         "Other relays whose usage is not in it: mx2.contoso.example, mx3.\n"},
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
        {"limits=({name=\"a\";per=\"tenant\";count=\"messages\";rate=\"1/m\";then=\"reject\";"
         "only={sender_domain=[\"@.contoso.example\"];group=\"g\";};reply=\"550 5.7.1 {limit} is full\";});"
         "groups=({name=\"g\";members=[];});",
         "a: at most 1 messages at once, and 1/m in the long run, for each tenant, only from senders in "
         "@.contoso.example, only for group g; over it: refused.\na replies: 550 5.7.1 {limit} is full\n"},
        {"connectors=({name=\"p\";networks=\"192.0.2.0/24\";senders=[];},{name=\"q\";networks=\"192.0.3.0/"
         "24\";senders=[];});"
         "limits=({name=\"a\";per=\"connector\";count=\"messages\";rate=\"1/m\";only={connector=[\"p\",\"q\"];};});",
         "for each connector, only for connector p, q; over it: deferred.\n"},
        {"preset=\"exchange-online\";",
         "onmicrosoft-rate: at most 100 external recipients at once, and 100/d in the long run, for each tenant, only "
         "from senders in @.onmicrosoft.com; over it: refused.\nonmicrosoft-rate replies: 550 5.7.236 "},
        {"preset=\"exchange-online\";",
         "tenant-external-rate: the tenant's external_recipients_per_day; where it has none, any number of external "
         "recipients, for each tenant; over it: refused.\n"},
        {"never_block=[\"anna@contoso.example\",\"@fabrikam.example\",\"192.0.2.0/24\"];",
         "Never blocked: 2 logins or domains, 1 networks.\n"},
        {"never_block=\"anna@contoso.example\";", "Never blocked: 1 logins or domains, 0 networks.\n"},
        {"known_networks=[\"192.0.2.0/24\",\"2001:db8::/32\"];", "Known networks, not counted as distinct: 2.\n"},
        {"alerts=({url=\"https://hooks.contoso.example/a\";secret_file=\"/k\";},{url_file=\"/u\";},"
         "{command=[\"/bin/page\",\"me\"];});",
         "Notices\n1: the webhook https://hooks.contoso.example/a, signed.\n2: the webhook /u, not signed.\n"
         "3: the command /bin/page.\n"},
        {"groups=({name=\"g\";members=[\"a@b.example\",\"c@b.example\"];});"
         "logins_from=({user=\"scan@contoso.example\";networks=[\"192.0.2.0/24\",\"2001:db8::/64\"];},"
         "{group=\"g\";networks=\"198.51.100.0/24\";mode=\"monitor\";},{domain=\"d.example\";networks=[];});",
         "Networks of logins\n"
         "User scan@contoso.example: from 192.0.2.0/24, 2001:db8::/64 only.\n"
         "Group g (2 members): from 198.51.100.0/24 only. Only watched and logged (mode = \"monitor\").\n"
         "All of @d.example: from nowhere.\n"
         "One row counts for a login: a user's before a group's, a group's before a domain's; of several groups, the "
         "first.\nThere is no directory to read here, so nobody knows whether a mailbox has these names.\n"},
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
    report(c, &said);
    config_free(c);
    assert_non_null(strstr(said.text, "deny_file refuses 2 entries, before everything else.\n"));
    assert_non_null(strstr(said.text, "allow_file lets 2 entries through, whatever the settings say.\n"));
    assert_non_null(strstr(said.text, "on_premises_file takes 2 entries out of Exchange Online's settings.\n"));
    assert_non_null(strstr(said.text, "logins_file maps 1 login to mailboxes.\n"));
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/list", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void what_few_mean_is_warned_of(void **state)
{
    static const struct row rows[] = {
        {"mode=\"monitor\";",
         "Warnings\nmode: \"monitor\", so what it would refuse is only logged, and let through.\n"},
        {"sender={mode=\"monitor\";};", "sender.mode: \"monitor\", so "},
        {"tenants=({name=\"a\";mode=\"monitor\";});", "tenants[a].mode: \"monitor\", so "},
        {"smtp_auth={unlisted=\"allow\";};", "smtp_auth.unlisted: \"allow\" lets "},
        {"smtp_auth={unlisted=\"tenant\";};", "smtp_auth.unlisted: with \"tenant\", "},
        {"sender={envelope=\"any\";};", "sender.envelope: with \"any\", "},
        {"sender={header_from=\"any\";};", "sender.header_from: with \"any\", "},
        {"sender={null_sender=\"allow\";};", "sender.null_sender: with \"allow\", "},
        {"tls={required=false;};", "tls.required: false, "},
        {"tls={minimum=\"1.0\";};", "tls.minimum: it is below 1.2"},
        {"tenants=({name=\"a\";max_age=\"0s\";});", "tenants[a].max_age: \"0s\", "},
        {"", "unauthenticated: \"ignore\", and there are no connectors"},
        {"connectors=({name=\"p\";networks=\"0.0.0.0/0\";});",
         "connectors[p].networks: 0.0.0.0/0 is a large part of the Internet"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/7\";});", "10.0.0.0/7 is a large part of the Internet"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/8\";});", "10.0.0.0/8 is more than a site's"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/16\";});",
         "10.0.0.0/16 holds more than the devices of a building"},
        {"connectors=({name=\"p\";networks=\"2000::/3\";});", "2000::/3 is a large part of the Internet"},
        {"connectors=({name=\"p\";networks=\"2001:db8::/32\";});", "2001:db8::/32 is more than a site's"},
        {"connectors=({name=\"p\";networks=[];});", "connectors[p]: it has no network"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/24\";});",
         "connectors[p]: its devices may send as anybody to anybody"},
        {"connectors=({name=\"p\";networks=\"10.0.0.0/24\";mode=\"monitor\";});",
         "connectors[p].mode: \"monitor\", so "},
        {"connectors=({name=\"p\";ccert_fingerprints=[\"" FINGERPRINT "\"];});",
         "connectors[p].ccert_fingerprints: the milter is told no fingerprint of a certificate, and takes its clients "
         "for anybody's"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"1/m\";then=\"monitor\";});",
         "limits[a].then: \"monitor\", so it only watches"},
        {"limits=({name=\"a\";per=\"tenant\";count=\"denials\";rate=\"1/m\";});",
         "limits[a]: one login's refusals count against its whole tenant"},
        {"limits=({name=\"a\";per=\"client_net\";count=\"denials\";rate=\"1/m\";client_net=\"/16 /64\";});",
         "limits[a]: refusals count against all of a /16 or an IPv6 /64"},
        {"limits=({name=\"a\";per=\"client\";count=\"deferrals\";rate=\"1/m\";});",
         "limits[a]: one login's refusals hold back all others from the same address"},
        {"limits=({name=\"a\";per=\"client\";count=\"denials\";rate=\"1/m\";then=\"block 1h\";});",
         "limits[a]: one login's refusals block all others from the same address; name shared ones"},
        {"limits=({name=\"a\";per=\"user\";count=\"recipients\";rate=\"1/m\";});",
         "limits[a]: a message with more than 1 recipients can never pass, though recipients.max allows 1000"},
        {"limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"unlimited\";});", "limits[a]: it is unlimited"},
        {"preset=\"none\";", "Limits\nNone.\n"},
        {"preset=\"none\";", "limits: there are none"},
        {"preset=\"none\";limits=({name=\"a\";per=\"user\";count=\"messages\";rate=\"1/m\";"
         "only={sender_domain=\"@b.example\";};});",
         "limits: none bounds how many messages or recipients a login may send"},
        {"preset=\"none\";limits=({name=\"a\";per=\"client\";count=\"messages\";rate=\"1/m\";});",
         "limits: none bounds how many messages or recipients a login may send"},
        {"policyd={listen=\"inet:192.0.2.1:10040\";};",
         "policyd.listen: inet:192.0.2.1:10040 can be reached from the network"},
        {"milter={listen=\"\";}; charge=\"milter\";", "charge: \"milter\", but milter.listen is empty: no message is"},
        {"policyd={listen=();}; charge=\"policyd\";", "charge: \"policyd\", but policyd.listen is empty"},
        {"policyd={listen=();}; milter={listen=\"\";};", "policyd.listen, milter.listen: both are empty"},
        {"milter={listen=\"\";};", "sender.header_from: it is set, but milter.listen is empty"},
        {"logins_from=({user=\"a@b.example\";networks=\"0.0.0.0/0\";});",
         "logins_from[a@b.example].networks: 0.0.0.0/0 is a large part of the Internet, so the row keeps hardly"},
        {"logins_from=({user=\"a@b.example\";networks=[\"192.0.2.0/24\",\"::/0\"];});",
         "logins_from[a@b.example].networks: ::/0 is a large part of the Internet"},
        {"logins_from=({user=\"a@b.example\";networks=[];});",
         "logins_from[a@b.example].networks: there are none, so these logins are refused wherever they come from"},
        {"logins_from=({user=\"a@b.example\";networks=\"192.0.2.0/24\";mode=\"monitor\";});",
         "logins_from[a@b.example].mode: \"monitor\", so a login from elsewhere is only logged, and let through"},
        {"groups=({name=\"g\";members=\"a@b.example\";});logins_from=({group=\"g\";networks=\"192.0.2.0/24\";},"
         "{user=\"A@b.example\";networks=\"192.0.2.0/24\";});",
         "logins_from[g]: it never counts: each member of the group has a row of its own or is in a group whose row "
         "comes first"},
        {"groups=({name=\"g\";members=[];});logins_from=({group=\"g\";networks=\"192.0.2.0/24\";});",
         "logins_from[g]: it never counts: the group has no members"},
        {"groups=({name=\"g\";members=[\"a@b.example\",\"c@b.example\"];},"
         "{name=\"h\";members=[\"c@b.example\",\"d@b.example\"];});"
         "logins_from=({group=\"g\";networks=\"192.0.2.0/24\";},{group=\"h\";networks=\"192.0.2.0/24\";});",
         "logins_from[h]: 1 of the group's members (c@b.example, for one) are in group g, too, whose row comes first "
         "and counts for them"},
        {"groups=({name=\"g\";members=\"@b.example\";});logins_from=({group=\"g\";networks=\"192.0.2.0/24\";},"
         "{domain=\"b.example\";networks=\"192.0.2.0/24\";});",
         "logins_from[@b.example]: it never counts: group g has the whole domain"},
        {"replies={unlisted=\"535 5.7.139 no\";};", "replies.unlisted: 535 is a reply to AUTH"},
        {"replies={no-directory=\"550 5.7.1 no\";};", "replies.no-directory: it permanently refuses"},
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
    assert_non_null(strstr(said.text, "\n\nc: OK\n"));
    assert_int_equal(
        explain("connectors=({name=\"p\";networks=[\"10.20.30.0/24\",\"2001:db8:1:2::/64\"];senders=[];});", &said), 0);
    assert_int_equal(explain(REJECT "policyd={listen=\"inet6:[::1]:10040\";};", &said), 0);
    assert_int_equal(explain(REJECT "policyd={listen=\"inet:127.0.0.1:10040\";};", &said), 0);
    assert_int_equal(explain(REJECT "preset=\"exchange-online\";", &said), 0);
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
    assert_non_null(strstr(said.text, "10 more networks are within those of other connectors.\n"));
    assert_non_null(strstr(said.text, "192.0.2.7/32 and 22 more networks; any sender"));
}

struct weighed {
    const char *text; /* what check says of the configuration */
    size_t n;
};

static void look_for_warning(void *arg, const struct config_condition *condition)
{
    struct weighed *w = arg;
    char sentence[1200];

    (void)snprintf(sentence, sizeof sentence, "\n%s: %s.\n", condition->where, condition->text);
    if (condition->warns != (strstr(w->text, sentence) != NULL))
        fail_msg("%s%s is said by:\n%s", condition->warns ? "not " : "", sentence, w->text);
    w->n += condition->rule < AUDIT_RULES;
}

static void check_and_audit_find_the_same_at_the_same_places(void **state)
{
    static const struct {
        const char *text, *ids; /* audit's findings, in the order of the table */
    } rows[] = {
        {REJECT ALERT, ""},
        {REJECT, "no-alerts "},
        {REJECT ALERT "mode=\"monitor\";tls={mode=\"monitor\";};", "monitor monitor "},
        {REJECT ALERT "smtp_auth={unlisted=\"tenant\";};", "unlisted "},
        {REJECT ALERT "sender={envelope=\"any\";header_from=\"any\";};", "sender-rule sender-rule "},
        {REJECT ALERT "tls={required=false;minimum=\"1.1\";};", "tls-rule tls-rule "},
        {ALERT "connectors=({name=\"p\";networks=[\"10.0.0.0/23\",\"10.4.0.0/24\"];});",
         "connector-wide connector-open "},
        {REJECT ALERT "limits=({name=\"message-rate\";per=\"user\";count=\"messages\";rate=\"60/m\";});",
         "limit-above-service "},
        {REJECT ALERT "preset=\"none\";", "no-limit "},
        {REJECT ALERT "logins_from=({user=\"a@b.example\";networks=[];mode=\"monitor\";});", "monitor "},
    };
    static struct said said;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct findings findings;
        struct audit a = {.findings = &findings};
        struct weighed w = {.text = said.text};
        struct config *c;
        struct error e;
        char ids[200];
        struct buf b = BUF_OVER(ids);

        if (config_from_text(slice_of(rows[i].text), "c", "/nowhere", &c, &e) != 0)
            fail_msg("%s", e.text);
        report(c, &said);
        config_conditions(c, NULL, look_for_warning, &w);
        findings_begin(&findings, audit_rules, AUDIT_RULES);
        a.config = c;
        audit_config(&a);
        for (size_t j = 0; j < findings.n; j++)
            buf_addf(&b, "%s ", findings.list[j].rule->id);
        assert_string_equal(ids, rows[i].ids);
        assert_int_equal(w.n, findings.n);
        findings_free(&findings);
        config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_that_is_not_for_a_terminal_is_shown_as_its_number),
        cmocka_unit_test(a_configuration_is_said_in_plain_words),
        cmocka_unit_test(lists_from_files_are_said_with_their_number_of_entries),
        cmocka_unit_test(what_few_mean_is_warned_of),
        cmocka_unit_test(warnings_are_counted_and_the_common_case_has_none),
        cmocka_unit_test(check_and_audit_find_the_same_at_the_same_places),
        cmocka_unit_test(many_nested_networks_are_summed_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
