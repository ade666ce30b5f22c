/* links: mirror */
/* What Exchange Online says is closed applies at once, and is told with the names of those who sent lately. */
#include "import_fixture.h"

#include "core/base/clock.h"
#include "core/journal/cloud_use.h"
#include "journal_fixture.h"
#include "mirror/effects.h"
#include "mirror/recent.h"
#include "notice_fixture.h"

#include <sys/stat.h>

#define DAY_NS (UINT64_C(86400) * NS_PER_S)
#define N 40

/* u0 sent yesterday with a password, u1 forty days ago, u2 yesterday with OAuth; the others never. */
static void give_journal(struct fixture *f)
{
    static const struct {
        const char *mailbox, *method;
        unsigned days;
    } sent[] = {
        {"u0@contoso.example", "PLAIN", 1}, {"u1@contoso.example", "PLAIN", 40}, {"u2@contoso.example", "XOAUTH2", 1}};
    char folder[128];
    struct journal *j;

    (void)snprintf(folder, sizeof folder, "%s/journal", f->folder);
    if (journal_open(folder, "policyd", &j, &f->e) != 0)
        fail_msg("%s", f->e.text);
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        struct journal_record r = {.at_ns = clock_wall_ns() - sent[i].days * DAY_NS,
                                   .action = ACTION_PASS,
                                   .reason = REASON_ALLOWED,
                                   .monitored = REASON_NOT_OURS,
                                   .stage = STAGE_END,
                                   .tls = TLS_V1_3,
                                   .counts = true,
                                   .recipients = 1};

        (void)snprintf(r.tenant, sizeof r.tenant, "contoso");
        (void)snprintf(r.mailbox, sizeof r.mailbox, "%s", sent[i].mailbox);
        (void)snprintf(r.login, sizeof r.login, "%s", sent[i].mailbox);
        (void)snprintf(r.method, sizeof r.method, "%s", sent[i].method);
        note_record(j, &r);
    }
    if (journal_flush(j, &f->e) != 0)
        fail_msg("%s", f->e.text);
    journal_close(j);
}

/* N mailboxes: the first `closed` True, then up to `enabled` False, the rest null. */
static void give_cas(struct fixture *f, unsigned n, unsigned closed, unsigned enabled)
{
    static char text[N * 80];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\n");
    for (unsigned i = N - n; i < N; i++)
        buf_addf(&b, "u%u@contoso.example,%s\n", i, i < closed ? "True" : i < enabled ? "False" : "");
    give_bytes(f, "cas.csv", buf_slice(&b));
}

static void give_organization(struct fixture *f, const char *disabled)
{
    char text[128];

    (void)snprintf(text, sizeof text, "{\"Name\":\"Transport Settings\",\"SmtpClientAuthenticationDisabled\":%s}",
                   disabled);
    give(f, "transport.json", text);
}

#define YES "u0@contoso.example (last "
#define NO_NOTICE ""
#define RESTRICTED "SenderAddress,Reason\n"
#define SENDER(who) who "@contoso.example,OutboundSpamLast24Hours=150\n"
#define ACCOUNTS "mail,UserPrincipalName,Enabled\n"
#define DISABLED(who) who "@contoso.example,,False\n"
#define DEFAULTS_ON "[{\"displayName\":\"Security Defaults\",\"isEnabled\":true}]"

static const struct {
    const char *what, *config;
    const char *before_organization;
    unsigned before_enabled;
    const char *after_organization;
    unsigned after_n, after_closed, after_enabled;
    const char *gates; /* another file of the second run */
    bool dry_run, journal;
    enum import_result result;
    const char *says, *not ; /* in the output, or in the refusal */
    const char *notice;      /* what the notice says; NO_NOTICE: there is none */
} rows[] = {
    {"the organization closes", "", "false", 0, "true", N, 0, 0, NULL, false, true, IMPORT_DONE,
     "notice: contoso: 40 mailboxes are refused from now on; 2 of them sent in the last 30 days: ",
     "u1@contoso.example (last",
     "contoso: Exchange Online closed SMTP AUTH for the organization; 40 are refused from now on, 2 that sent in the "
     "last 30 days among them"},
    {"it closes, and most have a setting of their own", "", "false", 30, "true", N, 0, 30, NULL, false, true,
     IMPORT_DONE, "notice: contoso: 10 mailboxes are refused from now on; 0 of them sent in the last 30 days\n",
     "u0@contoso.example (last", "0 that sent in the last 30 days among them"},
    {"mailboxes that sent are closed", "", "true", N, "true", N, 20, N, NULL, false, true, IMPORT_DONE, YES,
     "u1@contoso.example (last",
     "Exchange Online disabled mailboxes, or has them no longer; 20 are refused from now on, 2 that sent"},
    {"mailboxes that sent nothing are closed", "", "true", 3, "true", N, 0, 3, NULL, false, true, IMPORT_DONE,
     "0 changed", "notice:", NO_NOTICE},
    {"a mailbox that sent is gone", "", "false", 0, "false", N - 1, 0, 0, NULL, false, true, IMPORT_DONE, YES,
     "u2@contoso.example (last", "1 are refused from now on"},
    {"nothing is changed", "", "false", 9, "false", N, 0, 9, NULL, false, true, IMPORT_DONE, "0 changed",
     "notice:", NO_NOTICE},
    {"a policy against passwords meets passwords only", "", "false", 0, "false", N, 0, 0,
     "DefaultAuthenticationPolicy\nBlock\n", false, true, IMPORT_DONE, "1 of them sent in the last 30 days: " YES,
     "u2@contoso.example (last", "closed SMTP AUTH for the organization"},
    {"unless the relay goes on taking them", "smtp_auth = { authentication_policy = false; };", "false", 0, "false", N,
     0, 0, "DefaultAuthenticationPolicy\nBlock\n", false, true, IMPORT_DONE, "none → no passwords",
     "notice:", "closed SMTP AUTH for the organization; 0 are refused"},
    {"nor where the relay has the last word", "tenants = ({ name = \"contoso\"; smtp_auth = \"enabled\"; });", "false",
     0, "true", N, 0, 0, NULL, false, true, IMPORT_DONE, "organization SMTP AUTH enabled → disabled",
     "notice:", "closed SMTP AUTH for the organization; 0 are refused"},
    {"whom the relay's own file lets through is not refused", "smtp_auth = { allow_file = \"allow\"; };", "false", 0,
     "true", N, 0, 0, NULL, false, true, IMPORT_DONE, "39 mailboxes are refused from now on; 1 of them sent",
     "u0@contoso.example (last", "39 are refused from now on, 1 that sent"},
    {"nor whom it refused before", "smtp_auth = { deny_file = \"deny\"; };", "false", 0, "true", N, 0, 0, NULL, false,
     true, IMPORT_DONE, "organization SMTP AUTH enabled → disabled", "notice:", "0 are refused from now on"},
    {"nothing is refused in monitor mode", "mode = \"monitor\";", "false", 0, "true", N, 0, 0, NULL, false, true,
     IMPORT_DONE, "(mode \"monitor\": it is only noted)", "u1@contoso.example (last", "closed SMTP AUTH"},
    {"a dry run", "", "false", 0, "true", N, 0, 0, NULL, true, true, IMPORT_DONE, "40 mailboxes would be refused now",
     "u1@contoso.example (last", NO_NOTICE},
    {"the organization waits", "mirror = { closing = \"wait\"; };", "false", 0, "true", N, 0, 0, NULL, false, true,
     IMPORT_REFUSED, "disabled, restricted or removed 40 of the 40 mailboxes of contoso, more than 5 (--max-change 10)",
     "u1@contoso.example (last", "40 would be refused, but this waits"},
    {"mailboxes wait", "mirror = { closing = \"wait\"; };", "true", N, "true", N, 6, N, NULL, false, true,
     IMPORT_REFUSED, "disabled, restricted or removed 6 of the 40 mailboxes", "u1@contoso.example (last",
     "6 would be refused"},
    {"few mailboxes don't", "mirror = { closing = \"wait\"; };", "true", N, "true", N, 5, N, NULL, false, true,
     IMPORT_DONE, "5 mailboxes are refused from now on", "u1@contoso.example (last", "5 are refused"},
    {"senders that are restricted", "", "false", 0, "false", N, 0, 0, RESTRICTED SENDER("u0") SENDER("u7"), false, true,
     IMPORT_DONE, "2 mailboxes are refused from now on; 1 of them sent in the last 30 days: " YES, "u2@contoso",
     "Exchange Online restricted mailboxes for the mail that they sent; 2 are refused from now on, 1 that sent"},
    {"whoever is restricted is it with every mechanism", "", "false", 0, "false", N, 0, 0, RESTRICTED SENDER("u2"),
     false, true, IMPORT_DONE, "1 of them sent in the last 30 days: u2@contoso.example (last", "u0@contoso",
     "\"restricted\": \"1\""},
    {"and whatever the relay's own file lets through", "smtp_auth = { allow_file = \"allow\"; };", "false", 0, "false",
     N, 0, 0, RESTRICTED SENDER("u0"), false, true, IMPORT_DONE, "1 of them sent in the last 30 days: " YES,
     "u2@contoso", "1 are refused from now on"},
    {"and where only the settings are monitored", "smtp_auth = { mode = \"monitor\"; };", "false", 0, "false", N, 0, 0,
     RESTRICTED SENDER("u0"), false, true, IMPORT_DONE, "1 mailboxes are refused from now on; 1 of them", "monitor",
     "1 are refused from now on, 1 that sent"},
    {"of those that are restricted and those that are disabled it is said which is only noted",
     "smtp_auth = { mode = \"monitor\"; };", "true", N, "true", N, 2, N, RESTRICTED SENDER("u0") SENDER("u9"), false,
     true, IMPORT_DONE,
     "3 mailboxes are refused from now on (smtp_auth.mode \"monitor\": but for the restricted ones it is", "u2@contoso",
     "Exchange Online disabled or restricted mailboxes; 3 are refused from now on (smtp_auth.mode"},
    {"a restricted one that was disabled before is nothing new", "", "true", 3, "true", N, 0, 3,
     RESTRICTED SENDER("u9"), false, true, IMPORT_DONE, "restricted by Exchange Online no → yes", "notice:", NO_NOTICE},
    {"restricted senders wait", "mirror = { closing = \"wait\"; };", "false", 0, "false", N, 0, 0,
     RESTRICTED SENDER("u0") SENDER("u1") SENDER("u2") SENDER("u3") SENDER("u4") SENDER("u5"), false, true,
     IMPORT_REFUSED, "disabled, restricted or removed 6 of the 40 mailboxes of contoso, more than 5", "u1@contoso",
     "6 would be refused, but this waits"},
    {"accounts that are disabled", "", "false", 0, "false", N, 0, 0, ACCOUNTS DISABLED("u0") DISABLED("u7"), false,
     true, IMPORT_DONE, "2 mailboxes are refused from now on; 1 of them sent in the last 30 days: " YES, "u2@contoso",
     "2 are refused from now on, 1 that sent"},
    {"accounts that the relay ignores", "smtp_auth = { disabled_accounts = \"none\"; };", "false", 0, "false", N, 0, 0,
     ACCOUNTS DISABLED("u0"), false, true, IMPORT_DONE, "account unknown → disabled", "notice:", NO_NOTICE},
    {"security defaults", "", "false", 0, "false", N, 0, 0, DEFAULTS_ON, false, true, IMPORT_DONE,
     "40 mailboxes are refused from now on; 2 of them sent in the last 30 days: ", "u1@contoso.example (last",
     "closed SMTP AUTH for the organization; 40 are refused from now on, 2 that sent"},
    {"security defaults that the relay ignores", "smtp_auth = { security_defaults = false; };", "false", 0, "false", N,
     0, 0, DEFAULTS_ON, false, true, IMPORT_DONE, "security defaults",
     "notice:", "closed SMTP AUTH for the organization; 0 are refused"},
    {"security defaults wait", "mirror = { closing = \"wait\"; };", "false", 0, "false", N, 0, 0, DEFAULTS_ON, false,
     true, IMPORT_REFUSED, "disabled, restricted or removed 40 of the 40 mailboxes", "u1@contoso",
     "40 would be refused, but this waits"},
    {"a policy waits", "mirror = { closing = \"wait\"; };", "false", 0, "false", N, 0, 0,
     "DefaultAuthenticationPolicy\nBlock\n", false, true, IMPORT_REFUSED,
     "disabled, restricted or removed 40 of the 40 mailboxes", "u2@contoso.example (last",
     "40 would be refused, but this waits"},
    {"mailboxes that are gone wait together with those that are closed", "mirror = { closing = \"wait\"; };", "true", N,
     "true", N - 3, 6, N, NULL, false, true, IMPORT_REFUSED,
     "disabled, restricted or removed 6 of the 40 mailboxes of contoso, more than 5", "u1@contoso.example (last",
     "6 would be refused, but this waits"},
    {"without a journal nobody knows", "", "false", 0, "true", N, 0, 0, NULL, false, false, IMPORT_DONE,
     "which of them sent lately is not known: no journal is kept", "u0@contoso.example (last",
     "\"senders\": \"not known\""},
};

static void what_is_closed_applies_at_once_and_names_who_sent_lately(void **state)
{
    struct fixture *f = *state;
    char notice[4096];

    give_journal(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config *config;
        struct import_options options = {.kind = KINDS, .max_change = 10, .now = clock_wall_s()};
        unsigned n;
        const char *said;

        fixture_remove(f->directory);
        remove_below(f->folder, "spool/alerts/episodes");
        remove_below(f->folder, "spool/alerts");
        config = config_with(f, rows[i].config);
        if (!rows[i].journal)
            config->journal = "";
        give_cas(f, N, 0, rows[i].before_enabled);
        give_organization(f, rows[i].before_organization);
        give(f, "policy.csv", "Name,AllowBasicAuthSmtp\nBlock,False\n");
        run_ok(f);
        options.config = config;
        options.dry_run = rows[i].dry_run;
        give_cas(f, rows[i].after_n, rows[i].after_closed, rows[i].after_enabled);
        give_organization(f, rows[i].after_organization);
        give(f, "policy.csv", "Name,AllowBasicAuthSmtp\nBlock,False\n");
        if (rows[i].gates != NULL)
            give(f, "org.csv", rows[i].gates);
        if (run(f, &options) != rows[i].result)
            fail_msg("%s: %s", rows[i].what, f->e.text);
        said = rows[i].result == IMPORT_DONE ? f->out : f->e.text;
        if (strstr(said, rows[i].says) == NULL || strstr(said, rows[i].not ) != NULL)
            fail_msg("%s: \"%s\" in \"%s\"", rows[i].what, rows[i].says, said);
        n = notices(f, notice, sizeof notice);
        if (n != (rows[i].notice[0] != '\0') || strstr(notice, rows[i].notice) == NULL)
            fail_msg("%s: %u notices: %s", rows[i].what, n, notice);
        if (n > 0)
            assert_says(notice, "\"event\": \"settings\"");
        config_free(config);
    }
}

static void a_change_that_waits_is_told_once_and_applied_with_force(void **state)
{
    struct fixture *f = *state;
    struct config *config;
    struct import_options options = {.kind = KINDS, .max_change = 10, .now = clock_wall_s()};
    char notice[4096];

    give_journal(f);
    config = config_with(f, "mirror = { closing = \"wait\"; };");
    options.config = config;
    give_cas(f, N, 0, 0);
    give_organization(f, "false");
    run_ok(f);
    for (unsigned i = 0; i < 2; i++) {
        give_organization(f, "true");
        assert_int_equal(run(f, &options), IMPORT_REFUSED);
        assert_says(f->e.text, "--force");
        assert_int_equal(notices(f, notice, sizeof notice), 1);
        assert_int_equal(facts(f).smtp_auth, SMTP_AUTH_ENABLED);
    }
    options.force = true;
    give_organization(f, "true");
    assert_int_equal(run(f, &options), IMPORT_DONE);
    assert_int_equal(facts(f).smtp_auth, SMTP_AUTH_DISABLED);
    assert_int_equal(notices(f, notice, sizeof notice), 2);
    config_free(config);
}

static void an_organization_that_opens_is_told_too(void **state)
{
    struct fixture *f = *state;
    struct config *config;
    struct import_options options = {.kind = KINDS, .force = true, .now = clock_wall_s()};
    char notice[4096];

    give_journal(f);
    config = config_with(f, "");
    options.config = config;
    give_cas(f, N, 0, 0);
    give_organization(f, "true");
    run_ok(f);
    give_organization(f, "false");
    assert_int_equal(run(f, &options), IMPORT_DONE);
    assert_says(f->out, "notice: contoso: 40 mailboxes may send from now on; 2 of them sent in the last 30 days: ");
    assert_int_equal(notices(f, notice, sizeof notice), 1);
    assert_says(notice, "contoso: Exchange Online opened SMTP AUTH for the organization; 40 may send from now on");
    assert_says(notice, "\"before\": \"disabled\", \"after\": \"enabled\", \"mailboxes\": \"40\", \"senders\": \"2\"");
    assert_says(notice, "\"sender_1\": \"u");
    config_free(config);
}

/* A report of the last week, in which u0 and u9 used SMTP AUTH at Exchange Online itself. */
static void give_cloud_report(struct fixture *f)
{
    static const char *const mailboxes[] = {"u0@contoso.example", "u9@contoso.example"};
    struct cloud_use row = {.first_s = clock_wall_s() - 7 * 86400, .last_s = clock_wall_s(), .number = 3, .tls = -1};
    struct error notice = {""};
    struct history *h;

    if (history_open(f->directory, true, &h, &notice, &f->e) != 0 || history_begin(h, &f->e) != 0 ||
        cloud_report_begin(h, SLICE("contoso"), row.first_s, row.last_s, row.last_s, &f->e) != 0)
        fail_msg("%s", f->e.text);
    for (size_t i = 0; i < sizeof mailboxes / sizeof mailboxes[0]; i++)
        if (cloud_use_report(h, SLICE("contoso"), slice_of(mailboxes[i]), &row, &f->e) != 0)
            fail_msg("%s", f->e.text);
    if (history_commit(h, &f->e) != 0)
        fail_msg("%s", f->e.text);
    history_close(h);
}

static void use_at_exchange_online_itself_is_recent_use_too(void **state)
{
    struct fixture *f = *state;
    struct config *config = config_with(f, "");
    struct slice tenant = SLICE("contoso");
    int64_t now = clock_wall_s();
    struct recent *recent;
    struct recent_use use;

    give_journal(f);
    assert_int_equal(recent_open(config, tenant, now, &recent, &f->e), 0);
    assert_int_equal(recent_add_cloud(recent, f->directory, tenant, now, &f->e), -1);
    give_cloud_report(f);
    assert_int_equal(recent_add_cloud(recent, f->directory, SLICE("fabrikam"), now, &f->e), 0);
    assert_false(recent_find(recent, SLICE("u9@contoso.example"), &use));
    assert_int_equal(recent_add_cloud(recent, f->directory, tenant, now, &f->e), 1);
    assert_true(recent_find(recent, SLICE("u9@contoso.example"), &use));
    assert_false(use.password);
    /* The later of both, and what either says of passwords. */
    assert_true(recent_find(recent, SLICE("u0@contoso.example"), &use));
    assert_true(use.password && use.last_s >= now - 10);
    assert_true(recent_find(recent, SLICE("u2@contoso.example"), &use));
    assert_false(recent_find(recent, SLICE("u1@contoso.example"), &use));
    recent_close(recent);
    config_free(config);
}

static void the_newest_senders_are_named_first_and_the_others_counted(void **state)
{
    struct effect effect = {0};
    char text[4096];
    struct buf b = BUF_OVER(text);

    (void)state;
    effect_add(&effect, SLICE("silent@contoso.example"), 0);
    for (unsigned i = 0; i < 3 * EFFECT_NAMED; i++) {
        char address[64];

        (void)snprintf(address, sizeof address, "s%u@contoso.example", i);
        effect_add(&effect, slice_of(address), 1790000000 + (int64_t)(i * 7 % (3 * EFFECT_NAMED)) * 86400);
    }
    assert_int_equal(effect.mailboxes, 3 * EFFECT_NAMED + 1);
    assert_int_equal(effect.senders, 3 * EFFECT_NAMED);
    assert_int_equal(effect.n_named, EFFECT_NAMED);
    for (size_t i = 1; i < EFFECT_NAMED; i++)
        assert_true(effect.named[i - 1].last_s > effect.named[i].last_s);
    effect_names(&effect, 2, &b);
    assert_string_equal(text,
                        "s17@contoso.example (last 2026-11-19), s34@contoso.example (last 2026-11-18) and 58 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_closed_applies_at_once_and_names_who_sent_lately, fixture_setup,
                                        notice_teardown),
        cmocka_unit_test_setup_teardown(a_change_that_waits_is_told_once_and_applied_with_force, fixture_setup,
                                        notice_teardown),
        cmocka_unit_test_setup_teardown(an_organization_that_opens_is_told_too, fixture_setup, notice_teardown),
        cmocka_unit_test_setup_teardown(use_at_exchange_online_itself_is_recent_use_too, fixture_setup,
                                        notice_teardown),
        cmocka_unit_test(the_newest_senders_are_named_first_and_the_others_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
