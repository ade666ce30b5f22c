/* links: mirror */
/* What "postern-mirror import" refuses although the files are whole, and what it tells of a run. */
#include "import_fixture.h"

#include "mirror/show.h"

#define N 100

/* Get-CASMailbox of mailboxes from..to-1: the first `enabled` of them False, the next `disabled` True, the rest null.
 */
static void give_cas(struct fixture *f, unsigned from, unsigned to, unsigned enabled, unsigned disabled)
{
    static char text[N * 80];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\n");
    for (unsigned i = from; i < to; i++)
        buf_addf(&b, "u%u@contoso.example,%s\n", i,
                 i - from < enabled              ? "False"
                 : i - from < enabled + disabled ? "True"
                                                 : "");
    give_bytes(f, "cas.csv", buf_slice(&b));
}

static void give_organization(struct fixture *f, const char *disabled)
{
    char text[128];
    struct buf b = BUF_OVER(text);

    buf_addf(&b, "{\"Name\":\"Transport Settings\",\"SmtpClientAuthenticationDisabled\":%s}", disabled);
    give_bytes(f, "transport.json", buf_slice(&b));
}

/* ---- the guard ---- */

static const struct {
    const char *what;
    unsigned before_n, before_enabled, before_disabled;
    const char *before_organization;
    unsigned after_from, after_to, after_enabled, after_disabled;
    const char *after_organization; /* NULL: not in the run */
    unsigned max_change;
    enum import_result result;
} changes[] = {
    {"ten of a hundred go", 100, 0, 0, "true", 0, 90, 0, 0, NULL, 10, IMPORT_DONE},
    {"eleven of a hundred go", 100, 0, 0, "true", 0, 89, 0, 0, NULL, 10, IMPORT_REFUSED},
    {"eleven go and eleven come", 100, 0, 0, "true", 11, 100, 0, 0, NULL, 10, IMPORT_REFUSED},
    {"twenty go where twenty may", 100, 0, 0, "true", 0, 80, 0, 0, NULL, 20, IMPORT_DONE},
    {"null becomes False for ten", 100, 0, 0, "true", 0, 100, 10, 0, NULL, 10, IMPORT_DONE},
    {"null becomes False for eleven", 100, 0, 0, "true", 0, 100, 11, 0, NULL, 10, IMPORT_REFUSED},
    {"True becomes False for eleven", 100, 0, 11, "false", 0, 100, 11, 0, NULL, 10, IMPORT_REFUSED},
    {"six go and six open", 100, 0, 0, "true", 6, 100, 6, 0, NULL, 10, IMPORT_REFUSED},
    {"all inherit, and the organization opens", 100, 0, 0, "true", 0, 100, 0, 0, "false", 10, IMPORT_REFUSED},
    {"the organization opens alone", 100, 0, 0, "true", 0, 0, 0, 0, "false", 10, IMPORT_REFUSED},
    {"the organization opens, but hardly anybody inherits", 100, 50, 40, "true", 0, 0, 0, 0, "false", 10, IMPORT_DONE},
    {"null becomes False where the organization was open", 100, 0, 0, "false", 0, 100, 100, 0, NULL, 10, IMPORT_DONE},
    {"all are closed", 100, 100, 0, "false", 0, 100, 0, 100, "true", 10, IMPORT_DONE},
    {"ten lose their own setting", 100, 30, 30, "true", 0, 100, 20, 30, NULL, 10, IMPORT_DONE},
    {"eleven lose their own setting", 100, 30, 30, "true", 0, 100, 30, 19, NULL, 10, IMPORT_REFUSED},
    {"a small tenant loses one", 4, 0, 0, "true", 0, 3, 0, 0, NULL, 10, IMPORT_DONE},
    {"a small tenant loses half", 4, 0, 0, "true", 0, 2, 0, 0, NULL, 10, IMPORT_DONE},
    {"a small tenant loses more than half", 4, 0, 0, "true", 0, 1, 0, 0, NULL, 10, IMPORT_REFUSED},
    {"a tenant of twenty loses five", 20, 0, 0, "true", 0, 15, 0, 0, NULL, 10, IMPORT_DONE},
    {"a tenant of twenty loses six", 20, 0, 0, "true", 0, 14, 0, 0, NULL, 10, IMPORT_REFUSED},
    {"nothing may change and one goes", 100, 0, 0, "true", 0, 99, 0, 0, NULL, 0, IMPORT_REFUSED},
    {"nothing may change and one comes", 99, 0, 0, "true", 0, 100, 0, 0, NULL, 0, IMPORT_DONE},
};

static void a_run_that_drops_or_opens_too_much_is_refused(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct import_options options = {.kind = KINDS, .max_change = changes[i].max_change};
        unsigned before;
        enum import_result result;

        fixture_remove(f->directory);
        give_cas(f, 0, changes[i].before_n, changes[i].before_enabled, changes[i].before_disabled);
        give_organization(f, changes[i].before_organization);
        run_ok(f);
        before = generation(f);
        for (unsigned force = 0; force < 2; force++) {
            if (changes[i].after_to > 0)
                give_cas(f, changes[i].after_from, changes[i].after_to, changes[i].after_enabled,
                         changes[i].after_disabled);
            if (changes[i].after_organization != NULL)
                give_organization(f, changes[i].after_organization);
            options.force = force == 1;
            result = run(f, &options);
            if (result != (force ? IMPORT_DONE : changes[i].result))
                fail_msg("%s: %d, %s", changes[i].what, (int)result, f->e.text);
            if (result != IMPORT_REFUSED)
                continue;
            assert_string_equal(f->out, "");
            assert_says(f->e.text, "--force");
            assert_int_equal(generation(f), before);
        }
    }
}

static void a_refusal_tells_the_figures(void **state)
{
    struct fixture *f = *state;

    give_cas(f, 0, 100, 0, 0);
    give_organization(f, "true");
    run_ok(f);
    give_cas(f, 20, 100, 5, 0);
    assert_int_equal(run(f, NULL), IMPORT_REFUSED);
    assert_says(f->e.text,
                "of the 100 mailboxes of contoso this run would drop 20, let 5 send that may not, take its own setting "
                "from 0, and touch 25 in all; more than 10 (--max-change 10) are refused");
}

static void security_defaults_and_policies_that_fall_away_open_too(void **state)
{
    struct fixture *f = *state;
    const char *const opened[] = {"{\"isEnabled\":false}", "{\"isEnabled\":true}"};

    give_cas(f, 0, 100, 100, 0);
    give(f, "defaults.json", opened[1]);
    run_ok(f);
    give(f, "defaults.json", opened[0]);
    assert_int_equal(run(f, NULL), IMPORT_REFUSED);
    give(f, "policy.csv", "Name,AllowBasicAuthSmtp\nBlock,False\n");
    give(f, "org.csv", "DefaultAuthenticationPolicy\nBlock\n");
    run_ok(f);
    assert_says(f->out, "default authentication policy none → no passwords");
    give(f, "defaults.json", opened[0]);
    run_ok(f); /* the policy still holds */
    give(f, "org.json", "{\"DefaultAuthenticationPolicy\":null}");
    assert_int_equal(run(f, NULL), IMPORT_REFUSED);
}

/* Rows 0..n-1 of Get-CASMailbox, all False; bad_setting and bad_address are rows with those at fault (n: none). */
static void give_many(struct fixture *f, unsigned n, unsigned bad_setting, unsigned bad_address)
{
    char *text = malloc(n * 64 + 128);
    struct buf b = buf_over(text, n * 64 + 128);

    assert_non_null(text);
    buf_addf(&b, "PrimarySmtpAddress,Name,SmtpClientAuthenticationDisabled\n");
    for (unsigned i = 0; i < n; i++)
        buf_addf(&b, "u%u%scontoso.example,n%u,%s\n", i, i == bad_address ? " at " : "@", i,
                 i == bad_setting ? "Perhaps" : "False");
    give_bytes(f, "cas.csv", buf_slice(&b));
    free(text);
}

static void one_bad_row_in_a_thousand_stops_nobody_and_is_told(void **state)
{
    struct fixture *f = *state;

    give_many(f, 1000, 1000, 1000);
    run_ok(f);
    give_many(f, 999, 17, 999);
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_says(f->e.text, "line 19: SmtpClientAuthenticationDisabled is \"Perhaps\"; expected True, False or nothing "
                           "(u17@contoso.example)");
    give_many(f, 1000, 17, 1000);
    run_ok(f);
    assert_says(f->out, "warning: 1 rows of Get-CASMailbox could not be read; the first: ");
    assert_says(f->out, "warning: the setting of 1 mailboxes is not known, so their mail is deferred");
    assert_setting(f, "u17@contoso.example", SMTP_AUTH_UNKNOWN);
    assert_setting(f, "u18@contoso.example", SMTP_AUTH_ENABLED);
    give_many(f, 1000, 1000, 18);
    run_ok(f);
    assert_says(f->out, "PrimarySmtpAddress is \"u18 at contoso.example\"; expected a mail address (n18)");
    assert_says(f->out, "the mailbox of a row is not known, so no mailbox was removed in this run");
    assert_setting(f, "u17@contoso.example", SMTP_AUTH_ENABLED);
    assert_setting(f, "u18@contoso.example", SMTP_AUTH_ENABLED);
}

/* Rows with Guids; the first mailbox has the given one, and one row may be without any address. */
static void give_with_guids(struct fixture *f, char first, bool one_bad)
{
    char *text = malloc(1100 * 96 + 128);
    struct buf b = buf_over(text, 1100 * 96 + 128);

    assert_non_null(text);
    buf_addf(&b, "PrimarySmtpAddress,Guid,SmtpClientAuthenticationDisabled\n");
    for (unsigned i = 0; i < 1100; i++) {
        if (!one_bad || i != 5)
            buf_addf(&b, "u%u@contoso.example,", i);
        else
            buf_addf(&b, ",");
        buf_addf(&b, "%c%07x-52b0-4f0e-9c7d-2f6a10b4e8d1,True\n", i == 0 ? first : '1', i);
    }
    give_bytes(f, "cas.csv", buf_slice(&b));
    free(text);
}

/* Where nothing may be dropped, the mailbox's record under its old id stays beside the new one, until the next run. */
static void a_mailbox_with_a_new_id_in_an_incomplete_run_is_kept_under_both(void **state)
{
    struct fixture *f = *state;

    give_with_guids(f, 'a', false);
    run_ok(f);
    give_with_guids(f, '0', true);
    run_ok(f);
    assert_says(f->out, "contoso: 1101 mailboxes, 1 changed, 0 added, 0 removed");
    assert_says(f->out, "\"u0@contoso.example\" is claimed by 2 mailboxes");
    give_with_guids(f, '0', false);
    run_ok(f);
    assert_says(f->out, "contoso: 1100 mailboxes, 0 changed, 0 added, 1 removed");
    give_with_guids(f, 'f', false); /* in a complete one it moves, upwards as downwards */
    run_ok(f);
    assert_says(f->out, "contoso: 1100 mailboxes, 1 changed, 0 added, 0 removed");
}

static void the_first_settings_of_a_tenant_have_nothing_to_be_compared_with(void **state)
{
    struct fixture *f = *state;

    give(f, "mailbox.csv", "PrimarySmtpAddress,UserPrincipalName\nu0@contoso.example,u0@contoso.example\n");
    run_ok(f);
    give_cas(f, 0, 1, 1, 0);
    run_ok(f);
    assert_setting(f, "u0@contoso.example", SMTP_AUTH_ENABLED);
}

static const struct {
    const char *text;
    enum kind kind;
} empty[] = {
    {"", KINDS},
    {"[]", KINDS},
    {"{\"value\":[]}", KINDS},
    {"{\"value\":null}", KINDS},
    {"PrimarySmtpAddress,SmtpClientAuthenticationDisabled\n", KINDS},
    {"\"PrimarySmtpAddress\",\"UserPrincipalName\"\n", KINDS},
    {"", KIND_CAS_MAILBOX},
    {"[]", KIND_CAS_MAILBOX},
    {"# nobody\n\n", KIND_LIST},
    {"DomainName,DomainType\n", KINDS},
};

static void an_empty_export_is_refused(void **state)
{
    struct fixture *f = *state;

    for (unsigned first = 0; first < 2; first++) {
        for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
            struct import_options options = {.kind = empty[i].kind, .max_change = 100};
            enum import_result result;

            give(f, "empty", empty[i].text);
            result = run(f, &options);
            if (result == IMPORT_DONE || strstr(f->e.text, "empty") == NULL)
                fail_msg("row %zu: %d, %s", i, (int)result, f->e.text);
        }
        if (first == 0) {
            assert_int_equal(generation(f), 0);
            give_cas(f, 0, 10, 0, 0);
            run_ok(f);
        }
    }
    assert_int_equal(generation(f), 1);
    assert_setting(f, "u9@contoso.example", SMTP_AUTH_INHERIT);
}

#define ENVELOPE(guid, address)                                                                                        \
    "{\"@odata.context\":\"https://outlook.office365.com/adminapi/beta/" guid "/$metadata#x\",\"value\":["             \
    "{\"PrimarySmtpAddress\":\"" address "\",\"SmtpClientAuthenticationDisabled\":null}]}"

static void files_of_another_tenant_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct import_options all = {.kind = KINDS, .max_change = 100};

    give(f, "cas.json", ENVELOPE("7A5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1", "anna@contoso.example"));
    run_ok(f);
    give(f, "cas.json", ENVELOPE("11111111-52b0-4f0e-9c7d-2f6a10b4e8d1", "anna@contoso.example"));
    assert_int_equal(run(f, &all), IMPORT_REFUSED);
    assert_says(f->e.text, "another organization: the tenant contoso is 7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1");
    give(f, "cas.csv", "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\nx@fabrikam.example,\n");
    assert_int_equal(run(f, &all), IMPORT_REFUSED);
    assert_says(f->e.text, "look like another tenant's");
    give(f, "domains.csv", "DomainName,DomainType\nfabrikam.example,Authoritative\n");
    assert_int_equal(run(f, &all), IMPORT_REFUSED);
    assert_says(f->e.text, "look like another tenant's");
    give(f, "a.json", ENVELOPE("7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1", "anna@contoso.example"));
    give(f, "b.json", ENVELOPE("11111111-52b0-4f0e-9c7d-2f6a10b4e8d1", "x@contoso.example"));
    assert_int_equal(run(f, &all), IMPORT_REFUSED);
    assert_says(f->e.text, "but another file of this run from 7a5d1c3e");
    assert_int_equal(generation(f), 1);
}

/* ---- lists of those allowed ---- */

static void a_list_allows_whom_it_names_and_nobody_else(void **state)
{
    struct fixture *f = *state;
    struct mailbox_ref ref;

    give(f, "allowed.txt",
         "\357\273\277# printers\r\nscan@contoso.example\r\n  Erp@Contoso.Example # billing\r\n\r\n"
         "guest#EXT#@contoso.example\r\na@contoso.example\r\nb@contoso.example");
    run_ok(f);
    assert_says(f->out, "contoso: organization SMTP AUTH unknown → disabled\n");
    assert_says(f->out, "contoso: 5 mailboxes (5 enabled, 0 disabled, 0 inherit, 0 unknown)");
    assert_setting(f, "erp@contoso.example", SMTP_AUTH_ENABLED);
    assert_setting(f, "guest#ext#@contoso.example", SMTP_AUTH_ENABLED);
    assert_int_equal(facts(f).smtp_auth, SMTP_AUTH_DISABLED);
    give(f, "allowed.txt",
         "scan@contoso.example\nguest#EXT#@contoso.example\na@contoso.example\nb@contoso.example\n"
         "new@contoso.example\n");
    run_ok(f);
    assert_says(f->out, "removed erp@contoso.example (SMTP AUTH enabled)\n");
    assert_says(f->out, "added new@contoso.example (SMTP AUTH enabled)\n");
    assert_false(find(f, "erp@contoso.example", &ref));
}

static void a_list_and_exports_dont_mix(void **state)
{
    struct fixture *f = *state;
    const struct import_options force = {.kind = KINDS, .force = true};

    give(f, "allowed.txt", "u0@contoso.example\n");
    give_cas(f, 0, 1, 0, 0);
    assert_int_equal(run(f, &force), IMPORT_FAILED);
    assert_says(f->e.text, "a tenant is kept from one or the other");
    give(f, "allowed.txt", "u0@contoso.example\n");
    run_ok(f);
    give_cas(f, 0, 1, 0, 0);
    assert_int_equal(run(f, NULL), IMPORT_REFUSED);
    assert_says(f->e.text, "was made from a list of those allowed");
    give_cas(f, 0, 1, 0, 0);
    assert_int_equal(run(f, &force), IMPORT_DONE);
    assert_setting(f, "u0@contoso.example", SMTP_AUTH_INHERIT);
    give(f, "allowed.txt", "u0@contoso.example\n");
    assert_int_equal(run(f, NULL), IMPORT_REFUSED);
    assert_says(f->e.text, "was made from exports (files cas.csv)");
    give(f, "domains.csv", "DomainName,DomainType\ncontoso.example,Authoritative\n");
    run_ok(f);
}

/* ---- what a run tells ---- */

static void every_change_is_told_in_its_own_line(void **state)
{
    struct fixture *f = *state;

    give(f, "cas.csv",
         "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\nanna@contoso.example,\n"
         "sean@contoso.example,False\nold@contoso.example,True\nx1@contoso.example,\nx2@contoso.example,\n");
    give_organization(f, "true");
    run_ok(f);
    assert_null(strstr(f->out, "added "));
    give(f, "cas.csv",
         "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\nanna@contoso.example,False\n"
         "sean@contoso.example,True\nnew@contoso.example,\nx1@contoso.example,\nx2@contoso.example,\n");
    run_ok(f);
    assert_says(f->out, "anna@contoso.example: SMTP AUTH inherit → enabled\n");
    assert_says(f->out, "sean@contoso.example: SMTP AUTH enabled → disabled\n");
    assert_says(f->out, "added new@contoso.example (SMTP AUTH inherit)\n");
    assert_says(f->out, "removed old@contoso.example (SMTP AUTH disabled)\n");
    assert_says(f->out, "contoso: 5 mailboxes, 2 changed, 1 added, 1 removed, generation 2\n");
}

static void many_changes_of_names_are_told_by_their_number(void **state)
{
    struct fixture *f = *state;
    static char text[N * 80];
    struct buf b = BUF_OVER(text);
    unsigned lines = 0;

    give_cas(f, 0, 50, 0, 0);
    run_ok(f);
    buf_addf(&b, "PrimarySmtpAddress,UserPrincipalName\n");
    for (unsigned i = 0; i < 50; i++)
        buf_addf(&b, "u%u@contoso.example,upn%u@contoso.example\n", i, i);
    give_bytes(f, "mailbox.csv", buf_slice(&b));
    run_ok(f);
    for (const char *p = f->out;
         (p = strstr(p, "@contoso.example: names, addresses or type, user principal name \"\" → \"upn")) != NULL; p++)
        lines++;
    assert_int_equal(lines, 20);
    assert_says(f->out, "\n30 more mailboxes: names, addresses or type\n");
    assert_says(f->out, "contoso: 50 mailboxes, 50 changed");
}

static void an_unchanged_export_confirms_the_time_and_publishes_nothing(void **state)
{
    struct fixture *f = *state;
    const struct import_options later = {.kind = KINDS, .max_change = 10, .now = 1790003600};

    give_cas(f, 0, 10, 3, 3);
    run_ok(f);
    give_cas(f, 0, 10, 3, 3);
    assert_int_equal(run(f, &later), IMPORT_DONE);
    assert_says(f->out, "contoso: 10 mailboxes, 0 changed, 0 added, 0 removed, generation 1 confirmed\n");
    assert_int_equal(generation(f), 1);
    assert_int_equal(facts(f).settings_at, 1790003600);
}

static void each_kind_of_export_has_its_own_age(void **state)
{
    struct fixture *f = *state;
    const struct import_options later = {.kind = KINDS, .max_change = 10, .now = 1790003600};
    enum mirrored_part oldest;
    struct tenant_facts t;

    give_cas(f, 0, 10, 3, 3);
    give_organization(f, "true");
    run_ok(f);
    assert_says(f->out, "contoso: not mirrored yet: security defaults, default authentication policy, authentication "
                        "policies, users' own policies, disabled accounts, restricted senders; what these forbid");
    give_cas(f, 0, 10, 3, 3);
    assert_int_equal(run(f, &later), IMPORT_DONE);
    t = facts(f);
    assert_int_equal(t.parts[PART_SETTINGS].at, 1790003600);
    assert_int_equal(t.parts[PART_ORGANIZATION].at, 1790000000);
    assert_string_equal(t.parts[PART_ORGANIZATION].source, "transport.json");
    assert_int_equal(t.parts[PART_SECURITY_DEFAULTS].at, 0);
    assert_int_equal(tenant_oldest(&t, &oldest), 1790000000);
    assert_int_equal(oldest, PART_ORGANIZATION);
}

static void a_dry_run_tells_the_same_and_writes_nothing(void **state)
{
    struct fixture *f = *state;
    const struct import_options dry = {.kind = KINDS, .max_change = 10, .dry_run = true};

    give_cas(f, 0, 10, 0, 0);
    assert_int_equal(run(f, &dry), IMPORT_DONE);
    assert_int_equal(generation(f), 0);
    give_cas(f, 0, 10, 0, 0);
    run_ok(f);
    give_cas(f, 0, 11, 1, 0);
    assert_int_equal(run(f, &dry), IMPORT_DONE);
    assert_says(f->out, "u0@contoso.example: SMTP AUTH inherit → enabled\n");
    assert_says(f->out, "added u10@contoso.example");
    assert_says(f->out, "nothing was written (--dry-run)\n");
    assert_int_equal(generation(f), 1);
    assert_setting(f, "u0@contoso.example", SMTP_AUTH_INHERIT);
}

static void nothing_is_left_beside_the_directory(void **state)
{
    struct fixture *f = *state;
    unsigned others = 0;
    struct dirent *entry;
    DIR *dir;

    give_cas(f, 0, 10, 0, 0);
    run_ok(f);
    dir = opendir(f->directory);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "current") != 0 && strcmp(entry->d_name, "lock") != 0 &&
            strcmp(entry->d_name, "directory-0000000001.mdb") != 0)
            others++;
    closedir(dir);
    assert_int_equal(others, 0);
}

static void foreign_text_cannot_speak_to_the_terminal(void **state)
{
    struct fixture *f = *state;

    give(f, "\033[31mcas.csv",
         "PrimarySmtpAddress,UserPrincipalName,SmtpClientAuthenticationDisabled,DisplayName\n"
         "anna@contoso.example,anna@contoso.example,,\"\033]0;x\007\"\n");
    run_ok(f);
    assert_null(memchr(f->out, '\033', f->out_n));
    assert_null(memchr(facts(f).source, '\033', sizeof facts(f).source));
    unlink(f->paths[0]);
    give(f, "\033[31mbad.csv", "PrimarySmtpAddress,SmtpClientAuthenticationDisabled\nanna@contoso.example,\033[2J\n");
    assert_int_equal(run(f, NULL), IMPORT_FAILED);
    assert_null(strchr(f->e.text, '\033'));
    assert_says(f->e.text, "\\x1b[2J");
}

static void show_tells_what_was_mirrored(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    size_t n = 0;
    FILE *out;

    give(f, "cas.csv",
         "PrimarySmtpAddress,UserPrincipalName,SmtpClientAuthenticationDisabled\n"
         "anna@contoso.example,berg@contoso.example,\n");
    give_organization(f, "true");
    run_ok(f);
    out = open_memstream(&text, &n);
    assert_non_null(out);
    assert_int_equal(show_directory(f->directory, NULL, NULL, out, &f->e), 0);
    assert_int_equal(show_directory(f->directory, "contoso", "berg@contoso.example", out, &f->e), 0);
    assert_int_equal(show_directory(f->directory, "contoso", "who@contoso.example", out, &f->e), -1);
    assert_int_equal(show_directory(f->directory, "fabrikam", NULL, out, &f->e), -1);
    assert_int_equal(show_directory(f->folder, NULL, NULL, out, &f->e), -1);
    assert_says(f->e.text, "holds no directory yet");
    assert_int_equal(fclose(out), 0);
    assert_says(text, "organization SMTP AUTH         disabled\n");
    assert_says(text, "source                         files cas.csv, transport.json\n");
    assert_says(text, "mailboxes' settings            2026-09-21 14:13:20 UTC, from cas.csv\n");
    assert_says(text, "SMTP AUTH                      inherit, from the organization: disabled\n");
    assert_says(text, "user principal name            berg@contoso.example\n");
    free(text);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_run_that_drops_or_opens_too_much_is_refused),
        T(a_refusal_tells_the_figures),
        T(security_defaults_and_policies_that_fall_away_open_too),
        T(one_bad_row_in_a_thousand_stops_nobody_and_is_told),
        T(a_mailbox_with_a_new_id_in_an_incomplete_run_is_kept_under_both),
        T(the_first_settings_of_a_tenant_have_nothing_to_be_compared_with),
        T(an_empty_export_is_refused),
        T(files_of_another_tenant_are_refused),
        T(a_list_allows_whom_it_names_and_nobody_else),
        T(a_list_and_exports_dont_mix),
        T(every_change_is_told_in_its_own_line),
        T(many_changes_of_names_are_told_by_their_number),
        T(an_unchanged_export_confirms_the_time_and_publishes_nothing),
        T(each_kind_of_export_has_its_own_age),
        T(a_dry_run_tells_the_same_and_writes_nothing),
        T(nothing_is_left_beside_the_directory),
        T(foreign_text_cannot_speak_to_the_terminal),
        T(show_tells_what_was_mirrored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
