/* links: cli */
/* What "audit" and "check-postfix" conclude from what was seen, and how findings are printed. */
#include "cli/findings_print.h"
#include "core/base/clock.h"
#include "core/report/audit.h"
#include "core/report/postfix_check.h"
#include "tests/unit/journal_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_NS (UINT64_C(86400) * NS_PER_S)

struct place {
    char folder[64];
    struct journal *journal;
    struct findings findings;
    uint64_t now_ns;
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct error e;

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-seen-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    if (journal_open(p->folder, "milter", &p->journal, &e) != 0)
        fail_msg("%s", e.text);
    p->now_ns = clock_wall_ns();
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;
    struct dirent *entry;
    DIR *dir;

    findings_free(&p->findings);
    journal_close(p->journal);
    dir = opendir(p->folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

static struct journal_record message(const struct place *p, unsigned days_ago)
{
    struct journal_record r = {.at_ns = p->now_ns - days_ago * DAY_NS,
                               .action = ACTION_PASS,
                               .reason = REASON_ALLOWED,
                               .monitored = REASON_NOT_OURS,
                               .stage = STAGE_END,
                               .tls = TLS_V1_3,
                               .milter = true,
                               .counts = true,
                               .has_client = true,
                               .recipients = 1,
                               .tenant = "contoso",
                               .login = "anna@contoso.example",
                               .mailbox = "anna@contoso.example",
                               .method = "XOAUTH2"};

    assert_true(ip_parse(SLICE("192.0.2.1"), &r.client));
    return r;
}

static void write_down(struct place *p)
{
    struct error e;

    if (journal_flush(p->journal, &e) != 0)
        fail_msg("%s", e.text);
}

static bool has(const struct findings *f, const char *id)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->list[i].rule->id, id) == 0)
            return true;
    return false;
}

/* ---- audit ---- */

static void audit(struct place *p, struct audit *a)
{
    struct error e;

    findings_free(&p->findings);
    findings_begin(&p->findings, audit_rules, AUDIT_RULES);
    *a = (struct audit){
        .journal = p->journal, .findings = &p->findings, .now_s = (int64_t)(p->now_ns / NS_PER_S), .days = 90};
    if (audit_usage(a, &e) != 0)
        fail_msg("%s", e.text);
}

static void passwords_and_old_tls_that_were_used_lately_are_found(void **state)
{
    static const struct {
        const char *method;
        enum tls_version tls;
        unsigned days_ago;
        bool basic, old;
    } rows[] = {
        {"XOAUTH2", TLS_V1_2, 1, false, false}, {"PLAIN", TLS_V1_3, 1, true, false},
        {"login", TLS_V1_1, 1, true, true},     {"OAUTHBEARER", TLS_NONE, 29, false, true},
        {"PLAIN", TLS_NONE, 40, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *fresh = NULL;
        struct journal_record r;
        struct buf method;
        struct place *p;
        struct audit a;

        (void)begin(&fresh);
        p = fresh;
        r = message(p, rows[i].days_ago);
        method = BUF_OVER(r.method);
        buf_add(&method, slice_of(rows[i].method));
        r.tls = rows[i].tls;
        note_record(p->journal, &r);
        write_down(p);
        audit(p, &a);
        if (has(&p->findings, "basic-used") != rows[i].basic || has(&p->findings, "old-tls-used") != rows[i].old)
            fail_msg("row %zu: %s", i, rows[i].method);
        assert_int_equal(a.seen_days, rows[i].days_ago);
        (void)end(&fresh);
    }
}

static void a_name_from_outside_cannot_move_the_cursor(void **state)
{
    struct audit_names names;

    (void)state;
    audit_names_begin(&names);
    audit_names_add(&names, SLICE("a\033[2J@contoso.example"));
    for (unsigned i = 0; i < 9; i++)
        audit_names_add(&names, SLICE("b@contoso.example"));
    assert_null(strchr(audit_names_end(&names), '\033'));
    assert_non_null(strstr(names.text, " and 4 more"));
}

/* ---- check-postfix ---- */

static void seen(struct place *p)
{
    struct postfix_setting own[] = {{SLICE("smtpd_sasl_auth_enable"), SLICE("yes")}};
    struct postfix_service submission = {
        .name = SLICE("submission"), .type = SLICE("inet"), .command = SLICE("smtpd"), .own = own, .n_own = 1};
    struct postfix postfix = {.services = &submission, .n_services = 1};
    struct postfix_check c = {.findings = &p->findings, .p = &postfix};
    struct error e;

    findings_free(&p->findings);
    findings_begin(&p->findings, postfix_rules, PF_RULES);
    if (postfix_check_seen(&c, p->journal, p->now_ns - 7 * DAY_NS, &e) != 0)
        fail_msg("%s", e.text);
}

static void note_many(struct place *p, const struct journal_record *r)
{
    for (unsigned i = 0; i < 30; i++)
        note_record(p->journal, r);
    write_down(p);
}

static void silence_is_found(void **state)
{
    struct place *p = *state;

    seen(p);
    assert_true(has(&p->findings, "seen-nothing"));
    assert_int_equal(p->findings.n, 1);
}

static void messages_that_were_seen_to_their_end_are_no_finding(void **state)
{
    struct place *p = *state;
    struct journal_record r = message(p, 0);

    note_many(p, &r);
    seen(p);
    assert_int_equal(p->findings.n, 0);
}

static void a_postfix_that_never_asks_at_the_end_is_found(void **state)
{
    struct place *p = *state;
    struct journal_record r = message(p, 0);

    r.stage = STAGE_RCPT;
    r.action = ACTION_REJECT;
    r.reason = REASON_UNLISTED;
    note_many(p, &r);
    seen(p);
    assert_true(has(&p->findings, "seen-no-end"));
    assert_int_equal(findings_exit_status(&p->findings), FINDINGS_EXIT_HIGH);
}

static void a_milter_that_is_not_told_of_tls_is_found(void **state)
{
    struct place *p = *state;
    struct journal_record r = message(p, 0);

    r.tls = TLS_NONE;
    note_many(p, &r);
    r.tls = TLS_V1_3;
    r.milter = false;
    note_many(p, &r);
    seen(p);
    assert_true(has(&p->findings, "seen-no-tls"));
}

static void a_proxy_in_front_is_found(void **state)
{
    struct place *p = *state;
    struct journal_record r = message(p, 0);

    assert_true(ip_parse(SLICE("127.0.0.1"), &r.client));
    note_many(p, &r);
    seen(p);
    assert_true(has(&p->findings, "seen-loopback"));
}

/* n different logins, six messages of each, from that client. */
static void note_logins(struct place *p, const char *client, unsigned n)
{
    struct journal_record r = message(p, 0);

    assert_true(ip_parse(slice_of(client), &r.client));
    for (unsigned i = 0; i < 6 * n; i++) {
        (void)snprintf(r.login, sizeof r.login, "user%u@contoso.example", i % n);
        note_record(p->journal, &r);
    }
    write_down(p);
}

static void a_balancer_that_hides_the_clients_is_found(void **state)
{
    struct place *p = *state;

    note_logins(p, "198.51.100.7", 1);
    note_logins(p, "10.1.2.3", 20);
    seen(p);
    assert_true(has(&p->findings, "seen-hidden"));
}

/* Others come from elsewhere; few logins, which may be one application's; a public address, which may be an office. */
static void clients_that_are_not_hidden_are_no_finding(void **state)
{
    struct place *p = *state;

    note_logins(p, "10.1.2.3", 4);
    seen(p);
    assert_false(has(&p->findings, "seen-hidden"));
    note_logins(p, "198.51.100.7", 4);
    note_logins(p, "10.1.2.3", 10);
    seen(p);
    assert_false(has(&p->findings, "seen-hidden"));
    note_logins(p, "203.0.113.9", 300);
    seen(p);
    assert_false(has(&p->findings, "seen-hidden"));
}

/* ---- Postfix's lists ---- */

static void words_of_postfix_keep_their_braces_together(void **state)
{
    struct slice rest =
        SLICE("check_policy_service { unix:/a, timeout=20s, { default_action = 451 4.3.5 a, b } },permit");
    struct slice word, value;
    struct postfix_target target;

    (void)state;
    assert_true(postfix_word(&rest, &word));
    assert_true(slice_eq(word, SLICE("check_policy_service")));
    assert_true(postfix_word(&rest, &word));
    target = postfix_target(word);
    assert_true(slice_eq(target.endpoint, SLICE("unix:/a")));
    assert_true(postfix_option(&target, SLICE("timeout"), &value, NULL));
    assert_true(slice_eq(value, SLICE("20s")));
    assert_true(postfix_option(&target, SLICE("default_action"), &value, NULL));
    assert_true(slice_eq(value, SLICE("451 4.3.5 a, b")));
    assert_false(postfix_option(&target, SLICE("action"), &value, NULL));
    assert_true(postfix_word(&rest, &word));
    assert_true(slice_eq(word, SLICE("permit")));
    assert_false(postfix_word(&rest, &word));
}

static void times_of_postfix_have_units(void **state)
{
    (void)state;
    assert_int_equal(postfix_time(SLICE("100s"), 7), 100);
    assert_int_equal(postfix_time(SLICE("5m"), 7), 300);
    assert_int_equal(postfix_time(SLICE("1000"), 7), 1000);
    assert_int_equal(postfix_time(SLICE("2d"), 7), 172800);
    assert_int_equal(postfix_time(SLICE("${x}"), 7), 7);
    assert_int_equal(postfix_time(SLICE(""), 7), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_and_old_tls_that_were_used_lately_are_found),
        cmocka_unit_test(a_name_from_outside_cannot_move_the_cursor),
        cmocka_unit_test_setup_teardown(silence_is_found, begin, end),
        cmocka_unit_test_setup_teardown(messages_that_were_seen_to_their_end_are_no_finding, begin, end),
        cmocka_unit_test_setup_teardown(a_postfix_that_never_asks_at_the_end_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_milter_that_is_not_told_of_tls_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_proxy_in_front_is_found, begin, end),
        cmocka_unit_test_setup_teardown(a_balancer_that_hides_the_clients_is_found, begin, end),
        cmocka_unit_test_setup_teardown(clients_that_are_not_hidden_are_no_finding, begin, end),
        cmocka_unit_test(words_of_postfix_keep_their_braces_together),
        cmocka_unit_test(times_of_postfix_have_units),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
