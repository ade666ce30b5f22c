/* links: mirror */
/* The line for a monitor: which trouble is critical, which a warning, what is not known. */
#include "tests/unit/directory_fixture.h"

#include "core/report/status_check.h"
#include "tests/unit/lines_printer.h"

#define NOW_S INT64_C(1790000000)

struct place {
    struct picture picture;
    struct report_files files;
    struct config config;
    struct tenant_config tenant;
    char line[8000];
};

/* All is well: one service, one listener. */
static void make_well(struct place *p)
{
    *p = (struct place){.config = {.n_tenants = 0}};
    p->files.config = &p->config;
    p->picture.wall_s = NOW_S;
    p->picture.processes_visible = true;
    p->picture.n_processes = 1;
    p->picture.services[0] = (struct picture_service){"postern-policyd", SERVICE_UP};
    p->picture.n_services = 1;
    p->picture.listeners[0] = (struct picture_listener){"postern-policyd", "unix:/run/p", "answers", true};
    p->picture.n_listeners = 1;
    p->picture.counters = (struct counters_stats){.entries = 1000, .live = 10};
    p->picture.has_journal = true;
}

static enum check_level check(struct place *p)
{
    struct lines_printer out = lines_printer(p->line, sizeof p->line);
    enum check_level level = status_check(&p->picture, &p->files, &out.printer);

    assert_int_equal(out.b.p[out.b.n - 1], '\n');
    assert_ptr_equal(strchr(p->line, '\n'), out.b.p + out.b.n - 1);
    return level;
}

static void says(const struct place *p, const char *wanted)
{
    if (strstr(p->line, wanted) == NULL)
        fail_msg("%s is not said by: %s", wanted, p->line);
}

static void problem(struct place *p, const char *text)
{
    (void)snprintf(p->picture.problems[p->picture.n_problems++].text, sizeof p->picture.problems[0].text, "%s", text);
}

/* ---- one trouble each ---- */

static void nothing(struct place *p)
{
    (void)p;
}

static void monitor_mode(struct place *p)
{
    p->config.mode = MODE_MONITOR;
}

static void service_down(struct place *p)
{
    p->picture.services[0].state = SERVICE_DOWN;
}

static void service_hidden(struct place *p)
{
    p->picture.services[0].state = SERVICE_HIDDEN;
}

static void service_silent(struct place *p)
{
    p->picture.services[0].state = SERVICE_SILENT;
}

static void no_service(struct place *p)
{
    p->picture.n_services = p->picture.n_processes = 0;
}

static void listener_silent(struct place *p)
{
    p->picture.listeners[0] = (struct picture_listener){"postern-policyd", "unix:/run/p", "does not answer", false};
}

static void no_directory(struct place *p)
{
    p->picture.directory = PART_NONE;
}

static void harmed_directory(struct place *p)
{
    p->picture.directory = PART_UNUSABLE;
    problem(p, "directory: checksum");
}

static void closed_directory(struct place *p)
{
    p->picture.directory = PART_CLOSED;
    p->files.may_not_read = true;
    problem(p, "directory: permission denied");
}

static void other_generation(struct place *p)
{
    p->files.other_generation = true;
    p->files.services_generation = 4;
}

static void no_state(struct place *p)
{
    p->picture.state = PART_NONE;
}

static void full_counters(struct place *p)
{
    p->picture.counters.live = 801;
}

static void wrong_config(struct place *p)
{
    (void)snprintf(p->picture.config_problem, sizeof p->picture.config_problem, "line 3: mod: unknown");
}

static void late_notices(struct place *p)
{
    p->picture.notices = (struct notices){.waiting = 2, .oldest_s = NOW_S - 7200};
}

static void young_notices(struct place *p)
{
    p->picture.notices = (struct notices){.waiting = 2, .oldest_s = NOW_S - 60};
}

static void lost_notices(struct place *p)
{
    p->picture.notices.given_up = 3;
}

static void no_journal(struct place *p)
{
    p->picture.has_journal = false;
    problem(p, "journal: damaged");
}

static void each_trouble_has_its_level(void **state)
{
    static const struct {
        void (*make)(struct place *p);
        enum check_level level;
        const char *text;
    } rows[] = {
        {nothing, CHECK_OK, "POSTERN OK - services: 1, listeners: 1, blocks: 0 | services=1;;;0 blocks=0;;;0 "},
        {monitor_mode, CHECK_OK, "POSTERN OK - services: 1, listeners: 1, blocks: 0; monitor mode refuses nothing | "},
        {young_notices, CHECK_OK, " notices_waiting=2;;;0"},
        {service_down, CHECK_CRITICAL, "POSTERN CRITICAL - postern-policyd is down | "},
        {service_hidden, CHECK_UNKNOWN, "POSTERN UNKNOWN - postern-policyd is not seen"},
        {service_silent, CHECK_CRITICAL, "POSTERN CRITICAL - postern-policyd is silent: it hangs, or its counters are"},
        {no_service, CHECK_CRITICAL, "POSTERN CRITICAL - no service is seen"},
        {listener_silent, CHECK_CRITICAL, "POSTERN CRITICAL - postern-policyd at unix:/run/p: does not answer | "},
        {no_directory, CHECK_CRITICAL, "POSTERN CRITICAL - there is no directory"},
        {harmed_directory, CHECK_CRITICAL, "- the directory cannot be used; directory: checksum | "},
        {closed_directory, CHECK_UNKNOWN, "POSTERN UNKNOWN - directory: permission denied | "},
        {other_generation, CHECK_CRITICAL, "POSTERN CRITICAL - the services use generation 4"},
        {no_state, CHECK_CRITICAL, "POSTERN CRITICAL - there are no counters"},
        {full_counters, CHECK_WARNING, "POSTERN WARNING - 801 of 1000 counters are in use, raise state.entries | "},
        {wrong_config, CHECK_WARNING, "- the configuration is wrong, no service would start with it: line 3"},
        {late_notices, CHECK_WARNING, "POSTERN WARNING - 2 notices are not delivered, the oldest for 2h | "},
        {lost_notices, CHECK_WARNING, "POSTERN WARNING - 3 notices were given up in the last 7 days | "},
        {no_journal, CHECK_WARNING, "POSTERN WARNING - journal: damaged | "},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct place *p = *state;

        make_well(p);
        p->config.directory = "/nowhere";
        rows[i].make(p);
        assert_int_equal(check(p), rows[i].level);
        says(p, rows[i].text);
    }
}

static void the_worst_comes_first_and_decides(void **state)
{
    struct place *p = *state;

    make_well(p);
    late_notices(p);
    service_hidden(p);
    listener_silent(p);
    assert_int_equal(check(p), CHECK_CRITICAL);
    says(p, "POSTERN CRITICAL - postern-policyd at unix:/run/p: does not answer; 2 notices are not delivered, the "
            "oldest for 2h; postern-policyd is not seen");
}

static void what_could_not_be_read_has_no_performance_data(void **state)
{
    struct place *p = *state;

    make_well(p);
    no_state(p);
    no_journal(p);
    p->picture.notices.part = PART_CLOSED;
    (void)check(p);
    assert_string_equal(strstr(p->line, " | "), " | services=1;;;0\n");
}

static void decisions_are_counted_by_action(void **state)
{
    struct place *p = *state;

    make_well(p);
    p->picture.totals[0] = (struct picture_total){"policyd", ACTION_PASS, REASON_ALLOWED, 5};
    p->picture.totals[1] = (struct picture_total){"milter", ACTION_PASS, REASON_ALLOWED, 2};
    p->picture.totals[2] = (struct picture_total){"policyd", ACTION_REJECT, REASON_BLOCKED, 3};
    p->picture.n_totals = 3;
    p->picture.dropped = 1;
    assert_int_equal(check(p), CHECK_OK);
    says(p, " pass=7c;;;0 defer=0c;;;0 reject=3c;;;0 hold=0c;;;0 journal_dropped=1c;;;0\n");
}

static void foreign_text_begins_neither_performance_data_nor_a_line(void **state)
{
    struct place *p = *state;

    make_well(p);
    problem(p, "cannot read \"a|b\nOK\033[2J\"");
    assert_int_equal(check(p), CHECK_WARNING);
    says(p, "POSTERN WARNING - cannot read \"a/b\\x0aOK\\x1b[2J\" | services");
}

static void more_than_fits_is_cut_and_keeps_its_performance_data(void **state)
{
    struct place *p = *state;

    make_well(p);
    for (size_t i = 0; i < PICTURE_PROBLEMS_MAX; i++) {
        char text[sizeof p->picture.problems[0].text];

        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        problem(p, text);
    }
    assert_int_equal(check(p), CHECK_WARNING);
    says(p, "x ... | services=1;;;0 ");
}

static void a_tenant_older_than_max_age_is_told(void **state)
{
    struct place *p = *state;
    struct fixture f;
    struct directory *d;
    struct writer *w;

    fixture_make(&f);
    w = begin(&f);
    put(add_tenant(w, "contoso", NOW_S - 86400),
        &(struct mailbox_line){.number = 1, .smtp_auth = SMTP_AUTH_ENABLED, .primary = "anna@contoso.example"});
    (void)finish(w);
    d = open_directory(&f);
    make_well(p);
    p->files.view = directory_view_get(d);
    p->config.tenants = &p->tenant;
    p->config.n_tenants = 1;
    p->tenant = (struct tenant_config){.name = "contoso"};

    p->tenant.max_age_s = 86400;
    assert_int_equal(check(p), CHECK_OK);
    says(p, " settings_age=86400s;;;0 ");
    p->tenant.max_age_s = 86399;
    assert_int_equal(check(p), CHECK_WARNING);
    says(p, " are 1d old, more than max_age | ");
    p->tenant.when_stale = STALE_DEFER;
    assert_int_equal(check(p), CHECK_CRITICAL);
    says(p, " are 1d old, more than max_age, and its mail is deferred | ");
    p->config.n_tenants = 0;
    assert_int_equal(check(p), CHECK_OK);
    p->picture.wall_s = NOW_S + 86401;
    assert_int_equal(check(p), CHECK_WARNING);
    says(p, "POSTERN WARNING - tenant contoso: the mailboxes' settings are 2d old, more than max_age | ");
    p->picture.wall_s = NOW_S;
    p->config.n_tenants = 1;
    p->tenant.name = "fabrikam";
    assert_int_equal(check(p), CHECK_WARNING);
    says(p, "settings of tenant fabrikam were never mirrored | ");

    directory_view_put(d, p->files.view);
    directory_close(d);
    fixture_remove(&f);
}

static void without_a_picture_it_says_why(void **state)
{
    struct place *p = *state;
    struct lines_printer out = lines_printer(p->line, sizeof p->line);

    assert_int_equal(status_check_failed("no such file", &out.printer), CHECK_UNKNOWN);
    assert_string_equal(p->line, "POSTERN UNKNOWN - no such file\n");
}

static int set_up(void **state)
{
    *state = malloc(sizeof(struct place));
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_trouble_has_its_level),
        cmocka_unit_test(the_worst_comes_first_and_decides),
        cmocka_unit_test(what_could_not_be_read_has_no_performance_data),
        cmocka_unit_test(decisions_are_counted_by_action),
        cmocka_unit_test(foreign_text_begins_neither_performance_data_nor_a_line),
        cmocka_unit_test(more_than_fits_is_cut_and_keeps_its_performance_data),
        cmocka_unit_test(a_tenant_older_than_max_age_is_told),
        cmocka_unit_test(without_a_picture_it_says_why),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
