/* links: mirror */
/* What a run opens is told by name, and what it changes of settings is kept in the history. */
#include "import_fixture.h"

#include "core/base/clock.h"
#include "core/journal/journal.h"
#include "core/journal/setting_changes.h"
#include "mirror/forget.h"
#include "notice_fixture.h"

#include <sys/stat.h>

/* ---- what is told ---- */

#define GUID(n) "0a7d6d2c-0001-4b7e-9d55-00000000000" n
#define MAILBOX(n, name, disabled) GUID(n) "," name "@contoso.example," disabled "\n"
#define HEADER "Guid,PrimarySmtpAddress,SmtpClientAuthenticationDisabled\n"
#define OTHERS MAILBOX("3", "cleo", "True") MAILBOX("4", "dora", "True")
#define MAILBOXES(anna, bert) HEADER MAILBOX("1", "anna", anna) MAILBOX("2", "bert", bert) OTHERS
#define ORGANIZATION(disabled) "{\"Name\":\"Transport Settings\",\"SmtpClientAuthenticationDisabled\":" disabled "}"
#define DEFAULTS(on) "[{\"displayName\":\"Security Defaults\",\"isEnabled\":" on "}]"
#define POLICIES "Name,AllowBasicAuthSmtp\nBlock,False\nAllow,True\n"
#define USERS(policy)                                                                                                  \
    "Guid,UserPrincipalName,AuthenticationPolicy,RecipientTypeDetails\n" GUID("1") ",anna@contoso.example," policy     \
                                                                                   ",UserMailbox\n"
#define DEFAULT_POLICY(name) "DefaultAuthenticationPolicy\n" name "\n"

static const struct opening {
    const char *what, *config;
    const char *before[4], *after[4]; /* files of two runs; NULL: no more */
    const char *by;
    const char *notice; /* in it; empty: there is none */
} openings[] = {
    {"a mailbox that is opened",
     "",
     {MAILBOXES("True", ""), ORGANIZATION("true")},
     {MAILBOXES("False", "")},
     NULL,
     "contoso: 1 mailbox may send that might not before: anna@contoso.example"},
    {"it is told who opened it, where that was here",
     "",
     {MAILBOXES("True", ""), ORGANIZATION("true")},
     {MAILBOXES("False", "")},
     "root",
     "\"by\": \"root\", \"mailbox_1\": \"anna@contoso.example\""},
    {"what is closed opens nothing", "", {MAILBOXES("False", ""), ORGANIZATION("true")}, {MAILBOXES("", "")}, NULL, ""},
    {"a mailbox that was open stays so",
     "",
     {MAILBOXES("False", ""), ORGANIZATION("true")},
     {MAILBOXES("False", "True")},
     NULL,
     ""},
    {"one that this relay refuses all the same",
     "smtp_auth = { deny_file = \"deny\"; };",
     {MAILBOXES("True", ""), ORGANIZATION("true")},
     {MAILBOXES("False", "")},
     NULL,
     ""},
    {"security defaults that are switched off",
     "",
     {MAILBOXES("True", ""), ORGANIZATION("true"), DEFAULTS("true")},
     {DEFAULTS("false")},
     NULL,
     "contoso: security defaults were switched off\""},
    {"and whom that lets send",
     "",
     {MAILBOXES("False", ""), ORGANIZATION("true"), DEFAULTS("true")},
     {DEFAULTS("false")},
     NULL,
     "security defaults were switched off; 1 mailbox may send that might not before: anna@contoso.example"},
    {"where the relay ignores them, too",
     "smtp_auth = { security_defaults = false; };",
     {MAILBOXES("False", ""), ORGANIZATION("true"), DEFAULTS("true")},
     {DEFAULTS("false")},
     NULL,
     "contoso: security defaults were switched off\""},
    {"security defaults that are switched on",
     "",
     {MAILBOXES("False", ""), ORGANIZATION("true"), DEFAULTS("false")},
     {DEFAULTS("true")},
     NULL,
     ""},
    {"a default policy that is taken away",
     "",
     {MAILBOXES("True", ""), ORGANIZATION("true"), POLICIES, DEFAULT_POLICY("Block")},
     {POLICIES, DEFAULT_POLICY("")},
     NULL,
     "contoso: the default authentication policy no longer forbids passwords\""},
    {"a mailbox's own policy",
     "",
     {MAILBOXES("False", ""), ORGANIZATION("true"), POLICIES, USERS("Block")},
     {POLICIES, USERS("Allow")},
     NULL,
     "the authentication policies of 1 mailboxes no longer forbid them; 1 mailbox may"},
    {"an organization that opens because of it is one notice",
     "",
     {MAILBOXES("True", ""), ORGANIZATION("false"), DEFAULTS("true")},
     {DEFAULTS("false")},
     NULL,
     "\"security_defaults\": \"switched off\""},
};

static void give_all(struct fixture *f, const char *const files[4])
{
    for (size_t i = 0; i < 4 && files[i] != NULL; i++) {
        char name[24];

        (void)snprintf(name, sizeof name, "%zu.%s", i, files[i][0] == '{' || files[i][0] == '[' ? "json" : "csv");
        give(f, name, files[i]);
    }
}

/* Nobody sent lately, and that is known. */
static void make_journal(struct fixture *f)
{
    char folder[128];
    struct journal *j;

    (void)snprintf(folder, sizeof folder, "%s/journal", f->folder);
    assert_int_equal(journal_open(folder, "policyd", &j, &f->e), 0);
    assert_int_equal(journal_flush(j, &f->e), 0);
    journal_close(j);
}

static void what_is_opened_is_told_by_name(void **state)
{
    struct fixture *f = *state;
    char notice[4096];

    make_journal(f);
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        const struct opening *o = &openings[i];
        struct import_options options = {.kind = KINDS, .force = true, .now = clock_wall_s(), .by = o->by};
        struct config *config;
        unsigned n;

        fixture_remove(f->directory);
        remove_below(f->folder, "spool/alerts/episodes");
        remove_below(f->folder, "spool/alerts");
        config = config_with(f, o->config);
        give_all(f, o->before);
        if (run(f, NULL) != IMPORT_DONE)
            fail_msg("%s: %s", o->what, f->e.text);
        options.config = config;
        give_all(f, o->after);
        if (run(f, &options) != IMPORT_DONE)
            fail_msg("%s: %s", o->what, f->e.text);
        n = notices(f, notice, sizeof notice);
        if (n != (o->notice[0] != '\0') || strstr(notice, o->notice) == NULL)
            fail_msg("%s: %u notices: %s", o->what, n, notice);
        config_free(config);
    }
}

static void more_than_a_few_are_counted(void **state)
{
    struct fixture *f = *state;
    struct import_options options = {.kind = KINDS, .force = true, .now = clock_wall_s()};
    struct config *config = config_with(f, "");
    char before[600], after[600], notice[4096];
    struct buf b = BUF_OVER(before), a = BUF_OVER(after);

    buf_addf(&b, "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\n");
    buf_addf(&a, "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\n");
    for (unsigned i = 0; i < 9; i++) {
        buf_addf(&b, "u%u@contoso.example,True\n", i);
        buf_addf(&a, "u%u@contoso.example,False\n", i);
    }
    give(f, "cas.csv", before);
    run_ok(f);
    options.config = config;
    give(f, "cas.csv", after);
    assert_int_equal(run(f, &options), IMPORT_DONE);
    assert_int_equal(notices(f, notice, sizeof notice), 1);
    assert_says(notice, "9 mailboxes may send that might not before: ");
    assert_says(notice, " and 4 more");
    config_free(config);
}

/* ---- what is kept ---- */

static bool add_change(void *arg, const struct setting_run *run, const struct setting_change *c)
{
    buf_addf(arg, "%.*s %.*s %.*s: %.*s > %.*s [%.*s] %.*s\n", SLICE_ARG(run->how), SLICE_ARG(run->tenant),
             SLICE_ARG(c->mailbox), SLICE_ARG(c->before), SLICE_ARG(c->after), SLICE_ARG(c->source),
             SLICE_ARG(run->by));
    return true;
}

/* All changes, newest first; "-": there is no history. */
static const char *history(struct fixture *f, char *text, size_t cap)
{
    struct buf b = buf_over(text, cap);
    struct setting_query query = {.generation = generation(f)};
    struct error notice = {.text = ""};
    struct history *h;

    if (history_open(f->directory, false, &h, &notice, &f->e) != 0)
        return "-";
    if (setting_changes(h, &query, add_change, &b, &f->e) != 0)
        fail_msg("%s", f->e.text);
    history_close(h);
    return text;
}

static void each_change_of_a_setting_is_kept_with_its_source(void **state)
{
    struct fixture *f = *state;
    struct import_options by = {.kind = KINDS, .force = true};
    char text[4096];

    give(f, "cas.csv", MAILBOXES("True", ""));
    run_ok(f); /* a new tenant's mailboxes are no change, and an organization that nothing is said of is none */
    assert_string_equal(history(f, text, sizeof text), "-");
    give(f, "transport.json", ORGANIZATION("true"));
    give(f, "defaults.json", DEFAULTS("true"));
    run_ok(f);
    assert_string_equal(history(f, text, sizeof text),
                        "import contoso : unknown > on [defaults.json (identitySecurityDefaultsEnforcementPolicy)] \n"
                        "import contoso : unknown > disabled [transport.json (Get-TransportConfig)] \n");
    give(f, "cas.csv", MAILBOXES("False", ""));
    assert_int_equal(run(f, &by), IMPORT_DONE);
    give(f, "policy.csv", POLICIES);
    give(f, "users.csv", USERS("Block"));
    give(f, "org.csv", DEFAULT_POLICY("Block"));
    give(f, "blocked.csv", "SenderAddress,Reason\nanna@contoso.example,OutboundSpamLast24Hours=150\n");
    run_ok(f);
    give(f, "cas.csv", HEADER MAILBOX("1", "anna", "False") MAILBOX("5", "eric", "False") OTHERS);
    assert_int_equal(run(f, &by), IMPORT_DONE);
    (void)history(f, text, sizeof text);
    assert_says(text, "import contoso anna@contoso.example: disabled > enabled [cas.csv (Get-CASMailbox)] \n");
    assert_says(text, "import contoso anna@contoso.example: no policy > forbidden [users.csv (Get-User)] \n");
    assert_says(text, "import contoso anna@contoso.example: no > yes [blocked.csv (Get-BlockedSenderAddress)] \n");
    assert_says(text, "import contoso : no policy > forbidden [org.csv (Get-OrganizationConfig)] \n");
    assert_says(text, "import contoso eric@contoso.example: none > enabled [cas.csv (Get-CASMailbox)] \n");
    assert_says(text, "import contoso bert@contoso.example: inherit > none [cas.csv (Get-CASMailbox)] \n");
}

static void what_changed_nothing_or_was_refused_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct import_options dry = {.kind = KINDS, .force = true, .dry_run = true}, strict = {.kind = KINDS};
    char text[4096];

    give(f, "cas.csv", MAILBOXES("True", "True"));
    run_ok(f);
    give(f, "cas.csv", MAILBOXES("True", "True"));
    run_ok(f);
    give(f, "cas.csv", MAILBOXES("False", "False"));
    assert_int_equal(run(f, &dry), IMPORT_DONE);
    give(f, "cas.csv", MAILBOXES("False", "False"));
    assert_int_equal(run(f, &strict), IMPORT_REFUSED); /* max_change 0 */
    assert_string_equal(history(f, text, sizeof text), "-");
}

static void a_tenant_that_is_forgotten_leaves_its_history(void **state)
{
    struct fixture *f = *state;
    struct forget_options options = {.directory = f->directory, .tenant = "contoso", .yes = true, .in = stdin};
    char text[4096];

    give(f, "cas.csv", MAILBOXES("True", ""));
    give(f, "transport.json", ORGANIZATION("true"));
    run_ok(f);
    assert_non_null(options.out = fopen("/dev/null", "w"));
    assert_int_equal(forget_run(&options, &f->e), 0);
    assert_int_equal(fclose(options.out), 0);
    assert_string_equal(history(f, text, sizeof text),
                        "forget-tenant contoso : mirrored > forgotten [] \n"
                        "import contoso : unknown > disabled [transport.json (Get-TransportConfig)] \n");
}

static void a_history_that_cannot_be_written_holds_no_setting_up(void **state)
{
    struct fixture *f = *state;
    struct import_options options = {.kind = KINDS, .force = true};
    char path[160];

    give(f, "cas.csv", MAILBOXES("True", ""));
    run_ok(f);
    (void)snprintf(path, sizeof path, "%s/" HISTORY_NAME, f->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    give(f, "cas.csv", MAILBOXES("False", ""));
    assert_int_equal(run(f, &options), IMPORT_DONE);
    assert_says(f->out, "warning: the history of settings lacks what changed in this run: ");
    assert_setting(f, "anna@contoso.example", SMTP_AUTH_ENABLED);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, notice_teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_opened_is_told_by_name),
        T(more_than_a_few_are_counted),
        T(each_change_of_a_setting_is_kept_with_its_source),
        T(what_changed_nothing_or_was_refused_is_not_kept),
        T(a_tenant_that_is_forgotten_leaves_its_history),
        T(a_history_that_cannot_be_written_holds_no_setting_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
