/* links: cli mirror */
/* What "audit" says of a directory whose file went bad under the running programs. */
#include "tests/unit/directory_fixture.h"

#include "cli/findings_print.h"
#include "core/config/config_table.h"
#include "core/report/audit.h"
#include "core/report/files.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct mailbox_line anna = {
    .number = 1, .smtp_auth = SMTP_AUTH_ENABLED, .primary = "anna@contoso.example"};

struct place {
    struct fixture f;
    struct report_files files;
    struct findings findings;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct writer *w;
    struct error e;
    char text[200];

    assert_non_null(p);
    fixture_make(&p->f);
    w = begin(&p->f);
    put(add_tenant(w, "contoso", 1790000000), &anna);
    (void)finish(w);
    (void)snprintf(text, sizeof text, "directory = \"%s\";", p->f.folder);
    must(config_from_text(slice_of(text), "c", "/", &p->files.config, &e), &e);
    must(files_open_directory(&p->files, &e), &e);
    findings_begin(&p->findings, audit_rules, AUDIT_RULES);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    findings_free(&p->findings);
    files_close(&p->files);
    fixture_remove(&p->f);
    free(p);
    return 0;
}

static bool has(const struct place *p, const char *id)
{
    for (size_t i = 0; i < p->findings.n; i++)
        if (strcmp(p->findings.list[i].rule->id, id) == 0)
            return true;
    return false;
}

static void audit(struct place *p)
{
    struct audit a = {
        .config = p->files.config, .view = p->files.view, .findings = &p->findings, .now_s = 1790000001, .days = 90};
    struct error e;
    char text[600];

    if (p->files.other_generation)
        a.disagreement = files_disagreement(&p->files, text, sizeof text);
    must(audit_directory(&a, &e), &e);
}

static void a_whole_directory_is_no_finding(void **state)
{
    struct place *p = *state;

    audit(p);
    assert_false(has(p, "mirror-damaged"));
    assert_false(has(p, "mirror-missing"));
    assert_true(has(p, "people-enabled"));
}

/* One bit, as a dying disk turns it; the directory that is open was whole when it was opened. */
static void one_bit_that_turned_is_a_finding_and_nothing_is_concluded_from_the_rest(void **state)
{
    struct place *p = *state;
    const char *path = fixture_path(&p->f, "directory-0000000001.mdb");
    struct stat st;
    int fd;
    char c;

    assert_int_equal(chmod(path, 0600), 0);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_int_equal(pread(fd, &c, 1, st.st_size - 1), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, st.st_size - 1), 1);
    (void)close(fd);
    audit(p);
    assert_true(has(p, "mirror-damaged"));
    assert_false(has(p, "people-enabled"));
    assert_int_equal(findings_exit_status(&p->findings), FINDINGS_EXIT_CRITICAL);
}

static void without_a_directory_only_that_is_said(void **state)
{
    struct place *p = *state;

    directory_view_put(p->files.directory, p->files.view);
    p->files.view = NULL;
    audit(p);
    assert_true(has(p, "mirror-missing"));
    assert_int_equal(p->findings.n, 1);
}

/* Of that rule; NULL: none. */
static const char *evidence_of(const struct place *p, const char *id)
{
    for (size_t i = 0; i < p->findings.n; i++)
        if (strcmp(p->findings.list[i].rule->id, id) == 0)
            return p->findings.list[i].evidence;
    return NULL;
}

/* The mailboxes are of today; the organization's setting is of 90 days before. */
static void each_part_has_its_own_age_and_what_never_came_is_named(void **state)
{
    struct place *p = *state;
    struct tenant_facts facts = {.name = "contoso",
                                 .source = "cas.csv",
                                 .smtp_auth = SMTP_AUTH_DISABLED,
                                 .settings_at = 1790000000,
                                 .parts = {[PART_ORGANIZATION] = {1790000000 - 90 * 86400, "transport.json"},
                                           [PART_SETTINGS] = {1790000000, "cas.csv"},
                                           [PART_SECURITY_DEFAULTS] = {1790000000, "defaults.json"}}};
    struct writer *w = begin(&p->f);
    struct error e;
    uint32_t index;

    must(writer_set_tenant(w, &facts, &index, &e), &e);
    (void)finish(w);
    directory_view_put(p->files.directory, p->files.view);
    assert_int_equal(directory_refresh(p->files.directory, &e), 1);
    p->files.view = directory_view_get(p->files.directory);
    audit(p);
    assert_string_equal(evidence_of(p, "mirror-stale"), "older than the 48 hours that they should be at most: the "
                                                        "organization's setting 2160 hours (from transport.json)");
    assert_string_equal(evidence_of(p, "not-mirrored"),
                        "not mirrored: default authentication policy, authentication "
                        "policies, users' own policies, disabled accounts, restricted senders");
}

/* contoso has anna, a scanner's shared mailbox, and two rooms, of which one may not sign in. */
static void make_devices(struct place *p, const char *settings)
{
    static const struct {
        struct mailbox_line line;
        enum recipient_type type;
    } rows[] = {
        {{.number = 1, .smtp_auth = SMTP_AUTH_ENABLED, .primary = "anna@contoso.example"}, RECIPIENT_USER},
        {{.number = 2,
          .smtp_auth = SMTP_AUTH_ENABLED,
          .primary = "scan@contoso.example",
          .alias = "scanner7",
          .proxies = {"copies@contoso.example"}},
         RECIPIENT_SHARED},
        {{.number = 3, .smtp_auth = SMTP_AUTH_ENABLED, .primary = "atrium@contoso.example"}, RECIPIENT_ROOM},
        {{.number = 4, .smtp_auth = SMTP_AUTH_DISABLED, .primary = "cellar@contoso.example"}, RECIPIENT_ROOM},
    };
    struct writer *w = begin(&p->f);
    uint32_t tenant = add_tenant(w, "contoso", 1790000000);
    struct error e;
    char text[600];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        put_as(tenant, &rows[i].line, rows[i].type);
    (void)finish(w);
    directory_view_put(p->files.directory, p->files.view);
    assert_int_equal(directory_refresh(p->files.directory, &e), 1);
    p->files.view = directory_view_get(p->files.directory);
    config_free(p->files.config);
    p->files.config = NULL;
    (void)snprintf(text, sizeof text, "directory = \"%s\"; default_tenant = \"contoso\"; %s", p->f.folder, settings);
    must(config_from_text(slice_of(text), "c", "/", &p->files.config, &e), &e);
}

static void what_is_no_person_and_may_sign_in_from_anywhere_is_named(void **state)
{
    struct place *p = *state;

    make_devices(p, "");
    audit(p);
    assert_string_equal(evidence_of(p, "login-anywhere"),
                        "2 shared, room, equipment or group mailboxes may sign in from "
                        "anywhere: scan@contoso.example, atrium@contoso.example");
}

static void a_row_by_any_name_of_a_device_is_enough(void **state)
{
    struct place *p = *state;

    make_devices(p, "groups = ({ name = \"rooms\"; members = \"atrium@contoso.example\"; });"
                    "logins_from = ({ user = \"scanner7\"; networks = \"192.0.2.0/24\"; },"
                    "               { group = \"rooms\"; networks = \"192.0.2.0/24\"; });");
    audit(p);
    assert_null(evidence_of(p, "login-anywhere"));
}

static void names_in_logins_from_that_nobody_has_or_that_mean_one_mailbox_are_found(void **state)
{
    struct place *p = *state;
    struct audit a;

    make_devices(p, "logins_from = ({ user = \"sacn@contoso.example\"; networks = \"192.0.2.0/24\"; },"
                    "               { user = \"scan@contoso.example\"; networks = \"192.0.2.0/24\"; },"
                    "               { user = \"copies@contoso.example\"; networks = \"198.51.100.0/24\"; });");
    a = (struct audit){.config = p->files.config, .view = p->files.view, .findings = &p->findings};
    audit_config(&a);
    assert_string_equal(evidence_of(p, "unknown-names"),
                        "no mailbox has the name sacn@contoso.example, so the row keeps nobody out");
    assert_int_equal(findings_of(&p->findings, AUDIT_UNKNOWN_NAMES), 2);
    for (size_t i = 0; i < p->findings.n; i++)
        if (strcmp(p->findings.list[i].where, "logins_from[copies@contoso.example]") == 0)
            assert_string_equal(p->findings.list[i].evidence,
                                "it names the same mailbox as scan@contoso.example, and only one of the two rows "
                                "counts; put all networks into one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_directory_is_no_finding, setup, teardown),
        cmocka_unit_test_setup_teardown(one_bit_that_turned_is_a_finding_and_nothing_is_concluded_from_the_rest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_directory_only_that_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(each_part_has_its_own_age_and_what_never_came_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_person_and_may_sign_in_from_anywhere_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_by_any_name_of_a_device_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(names_in_logins_from_that_nobody_has_or_that_mean_one_mailbox_are_found, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
