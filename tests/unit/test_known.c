/* links: mirror */
/* Does a name that somebody typed exist, and which one was probably meant? */
#include "tests/unit/directory_fixture.h"

#include "core/base/guid.h"
#include "core/config/config_table.h"
#include "core/report/known.h"

static const struct mailbox_line mailboxes[] = {
    {.number = 1,
     .smtp_auth = SMTP_AUTH_ENABLED,
     .primary = "anna@contoso.example",
     .alias = "anna",
     .account = "aberg"},
    {.number = 2,
     .smtp_auth = SMTP_AUTH_ENABLED,
     .primary = "bert@contoso.example",
     .upn = "bertram@contoso.example",
     .name = "Bert Brandt"},
    {.number = 3, .smtp_auth = SMTP_AUTH_ENABLED, .primary = "scan1@contoso.example", .name = "Scanner"},
    {.number = 4, .smtp_auth = SMTP_AUTH_ENABLED, .primary = "scan2@contoso.example", .name = "Scanner"},
    {.number = 5, .smtp_auth = SMTP_AUTH_ENABLED, .primary = "hall@contoso.example", .name = "printers"},
};

struct place {
    struct fixture f;
    struct report_files files;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct writer *w;
    struct error e;
    char text[1400], list[600];
    FILE *f;

    assert_non_null(p);
    fixture_make(&p->f);
    w = begin(&p->f);
    (void)add_tenant(w, "contoso", 1790000000);
    for (size_t i = 0; i < sizeof mailboxes / sizeof mailboxes[0]; i++)
        put(0, &mailboxes[i]);
    (void)finish(w);
    (void)snprintf(list, sizeof list, "%s", fixture_path(&p->f, "deny"));
    assert_non_null(f = fopen(list, "w"));
    assert_true(fputs("gone@contoso.example\n", f) >= 0 && fclose(f) == 0);
    (void)snprintf(text, sizeof text,
                   "directory = \"%s\"; journal = \"\"; smtp_auth = { deny_file = \"%s\"; };"
                   "connectors = ({ name = \"printers\"; networks = \"192.0.2.0/24\"; });",
                   p->f.folder, list);
    must(config_from_text(slice_of(text), "c", "/", &p->files.config, &e), &e);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    files_close(&p->files);
    fixture_remove(&p->f);
    free(p);
    return 0;
}

static void a_name_is_somebodys_or_near_somebodys(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *name;
        bool exists;
        const char *mailbox, *near;
    } rows[] = {
        {"anna@contoso.example", true, "anna@contoso.example", ""},
        {"ANNA@Contoso.example", true, "anna@contoso.example", ""},
        {"aberg", true, "anna@contoso.example", ""},
        {"bertram@contoso.example", true, "bert@contoso.example", ""},
        {"gone@contoso.example", true, "", ""}, /* in a list of ours */
        {"printers", true, "", ""},             /* a connector */
        {"ana@contoso.example", false, "", "anna@contoso.example"},
        {"bertran@contoso.example", false, "", "bertram@contoso.example"},
        {"anna@contosso.example", false, "", "anna@contoso.example"},
        {"@contosso.example", false, "", "@contoso.example"},
        {"somebody@fabrikam.example", false, "", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct known known;
        char hint[400], wanted[400];

        known_look(&p->files, SLICE(SCOPE_ALL), slice_of(rows[i].name), true, &known);
        assert_true(known.checked);
        if (known.exists != rows[i].exists || strcmp(known.mailbox, rows[i].mailbox) != 0 ||
            (!known.exists && strcmp(known.near, rows[i].near) != 0))
            fail_msg("%s: exists %d, mailbox \"%s\", near \"%s\"", rows[i].name, known.exists, known.mailbox,
                     known.near);
        (void)snprintf(wanted, sizeof wanted, "; did you mean %s?", rows[i].near);
        if (!known.exists)
            assert_string_equal(known_hint(&known, hint, sizeof hint), rows[i].near[0] != '\0' ? wanted : "");
    }
}

static void a_display_name_or_guid_leads_to_the_one_mailbox_that_has_it(void **state)
{
    struct place *p = *state;
    char guid[GUID_TEXT_MAX];
    struct mailbox_id id = mailbox_number(1);
    const struct {
        const char *name;
        enum mailbox_name named;
        const char *mailbox, *several;
    } rows[] = {
        {"Bert Brandt", MAILBOX_NAME_DISPLAY, "bert@contoso.example", ""},
        {"bert brandt", MAILBOX_NAME_DISPLAY, "bert@contoso.example", ""},
        {guid, MAILBOX_NAME_GUID, "anna@contoso.example", ""},
        {"scanner", MAILBOX_NAME_NONE, "", "the display name of "},
        {"printers", MAILBOX_NAME_NONE, "", ""}, /* a connector of ours comes first */
        {"aberg", MAILBOX_NAME_NONE, "anna@contoso.example", ""},
    };

    guid_write(id.b, guid);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct known known;

        known_look(&p->files, SLICE(SCOPE_ALL), slice_of(rows[i].name), true, &known);
        if (known.named != rows[i].named || strcmp(known.mailbox, rows[i].mailbox) != 0 ||
            !slice_starts_with(slice_of(known.several), slice_of(rows[i].several)) ||
            (rows[i].several[0] == '\0') != (known.several[0] == '\0') || known.exists != (known.several[0] == '\0'))
            fail_msg("%s: a %s of \"%s\", several \"%s\", exists %d", rows[i].name, mailbox_name_word(known.named),
                     known.mailbox, known.several, known.exists);
        if (rows[i].named != MAILBOX_NAME_NONE) {
            assert_true(known.spelled);
            assert_string_equal(known.spellings.address.text, rows[i].mailbox);
        }
    }
}

static void of_other_tenants_nothing_is_told_and_of_similar_names_on_demand(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *scope, *name, *mailbox, *several;
    } rows[] = {
        {"*", "Bert Brandt", "bert@contoso.example", ""},
        {"adatum,contoso", "Bert Brandt", "bert@contoso.example", ""},
        {"contoso", "aberg", "anna@contoso.example", ""},
        {"contoso", "scanner", "", "the display name of "},
        {"contoso", "ana@contoso.example", "", ""},
        {"fabrikam", "Bert Brandt", "", ""},
        {"fabrikam", "anna@contoso.example", "", ""},
        {"fabrikam", "aberg", "", ""},
        {"fabrikam", "scanner", "", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct known known;

        known_look(&p->files, slice_of(rows[i].scope), slice_of(rows[i].name), false, &known);
        if (strcmp(known.mailbox, rows[i].mailbox) != 0 || known.near[0] != '\0' ||
            known.exists != (rows[i].mailbox[0] != '\0') ||
            !slice_starts_with(slice_of(known.several), slice_of(rows[i].several)) ||
            (rows[i].several[0] == '\0') != (known.several[0] == '\0'))
            fail_msg("%s for %s: \"%s\", several \"%s\", near \"%s\", exists %d", rows[i].name, rows[i].scope,
                     known.mailbox, known.several, known.near, known.exists);
    }
}

static void without_a_directory_nothing_is_checked(void **state)
{
    struct report_files files = {.config_path = "/nonexistent"};
    struct known known;
    struct error e;

    (void)state;
    must(
        config_from_text(SLICE("directory = \"/nonexistent/directory\"; journal = \"\";"), "c", "/", &files.config, &e),
        &e);
    known_look(&files, SLICE(SCOPE_ALL), SLICE("anna@contoso.example"), true, &known);
    assert_false(known.checked);
    assert_false(known.exists);
    files_close(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_is_somebodys_or_near_somebodys, setup, teardown),
        cmocka_unit_test_setup_teardown(a_display_name_or_guid_leads_to_the_one_mailbox_that_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(of_other_tenants_nothing_is_told_and_of_similar_names_on_demand, setup,
                                        teardown),
        cmocka_unit_test(without_a_directory_nothing_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
