/* Use in the cloud, as the history keeps it. */
#include "core/journal/sign_ins.h"
#include "tests/unit/history_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DAY 86400
#define NOW (INT64_C(2000) * DAY)
#define TENANT SLICE("contoso")
#define SEAN SLICE("sean@contoso.example")

static struct history *open_writer(void **state)
{
    const struct history_place *p = *state;
    struct error notice = {""}, e = {""};
    struct history *h = NULL;

    if (history_open(p->folder, true, &h, &notice, &e) != 0 || history_begin(h, &e) != 0)
        fail_msg("%s", e.text);
    return h;
}

static void finish(struct history *h)
{
    struct error e = {""};

    if (history_commit(h, &e) != 0)
        fail_msg("%s", e.text);
    history_close(h);
}

static struct cloud_use one(int64_t at_s, const char *client)
{
    struct cloud_use use = {.first_s = at_s, .last_s = at_s, .number = 1, .basic = 1, .tls = -1};

    use.clients[0].last_s = at_s;
    assert_true(ip_parse(slice_of(client), &use.clients[0].ip));
    return use;
}

static void add(struct history *h, struct slice mailbox, int64_t at_s, const char *client)
{
    struct cloud_use use = one(at_s, client);
    struct error e = {""};

    if (cloud_use_add(h, TENANT, mailbox, CLOUD_SIGN_INS, &use, &e) != 0)
        fail_msg("%s", e.text);
}

static struct cloud_use of(struct history *h, struct slice mailbox, enum cloud_source source)
{
    struct cloud_use use = {.number = 0};
    struct error e = {""};

    assert_true(cloud_use_of(h, TENANT, mailbox, source, &use, &e) >= 0);
    return use;
}

static void sign_ins_add_up_and_the_newest_clients_stay(void **state)
{
    struct history *h = open_writer(state);
    struct cloud_use use;
    char client[32], text[IP_TEXT_MAX];

    for (int i = 0; i < USAGE_CLIENTS + 4; i++) {
        (void)snprintf(client, sizeof client, "192.0.2.%d", i + 1);
        add(h, SEAN, NOW + i, client);
    }
    add(h, SLICE("SEAN@Contoso.example"), NOW - 10, "192.0.2.200"); /* came late */
    use = of(h, SEAN, CLOUD_SIGN_INS);
    assert_int_equal(use.number, USAGE_CLIENTS + 5);
    assert_int_equal(use.basic, USAGE_CLIENTS + 5);
    assert_int_equal(use.first_s, NOW - 10);
    assert_int_equal(use.last_s, NOW + USAGE_CLIENTS + 3);
    assert_true(slice_eq(ip_text(&use.clients[0].ip, text), SLICE("192.0.2.12")));
    assert_true(slice_eq(ip_text(&use.clients[USAGE_CLIENTS - 1].ip, text), SLICE("192.0.2.5")));
    finish(h);
}

static void failures_are_kept_apart(void **state)
{
    struct history *h = open_writer(state);
    struct cloud_use use = one(NOW, "203.0.113.9");
    struct error e = {""};

    assert_int_equal(cloud_use_add(h, TENANT, SEAN, CLOUD_FAILURES, &use, &e), 0);
    assert_int_equal(of(h, SEAN, CLOUD_SIGN_INS).number, 0);
    assert_int_equal(of(h, SEAN, CLOUD_FAILURES).number, 1);
    finish(h);
}

static void a_report_counts_once_however_often_and_in_which_order_reports_are_imported(void **state)
{
    static const struct {
        int64_t first, last;
        uint64_t messages, kept;
    } rows[] = {
        {NOW - 30 * DAY, NOW - DAY, 100, 100}, {NOW - 30 * DAY, NOW - DAY, 100, 100}, /* the same */
        {NOW - 7 * DAY, NOW, 20, 20},                                                 /* part of the days again */
        {NOW - 30 * DAY, NOW - DAY, 100, 20},                                         /* an old one, late */
        {NOW - 90 * DAY, NOW, 300, 300},                                              /* a longer one, same end */
    };
    struct history *h = open_writer(state);
    struct error e = {""};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cloud_use use = {
            .first_s = rows[i].first, .last_s = rows[i].last, .number = rows[i].messages, .tls = TLS_V1_2};

        assert_int_equal(cloud_report_begin(h, TENANT, use.first_s, use.last_s, NOW, &e), 0);
        use.number -= 5;
        assert_int_equal(cloud_use_report(h, TENANT, SEAN, &use, &e), 0);
        use.number = 5; /* a second row of the same mailbox */
        assert_int_equal(cloud_use_report(h, TENANT, SEAN, &use, &e), 0);
        assert_int_equal(of(h, SEAN, CLOUD_REPORT).number, rows[i].kept);
        assert_int_equal(of(h, SEAN, CLOUD_REPORT).tls, TLS_V1_2);
    }
    finish(h);
}

static int take(struct history *h, int64_t at_s, const char *id)
{
    struct error e = {""};

    return sign_in_is_new(h, TENANT, SIGN_IN_SUCCESS, at_s, slice_of(id), &e);
}

static void a_sign_in_is_new_once_until_no_window_reaches_it(void **state)
{
    const struct sign_in_progress progress = {NOW - 30 * DAY, NOW, NOW};
    struct history *h = open_writer(state);
    struct sign_in_progress now;
    struct error e = {""};

    assert_int_equal(take(h, NOW - DAY, "a"), 1);
    assert_int_equal(take(h, NOW - DAY, "b"), 1);
    assert_int_equal(take(h, NOW - DAY, "a"), 0);
    assert_int_equal(sign_in_progress_set(h, TENANT, SIGN_IN_SUCCESS, &progress, NOW - DAY, &e), 0);
    assert_int_equal(take(h, NOW - DAY, "a"), 0);
    assert_int_equal(sign_in_progress_set(h, TENANT, SIGN_IN_SUCCESS, &progress, NOW - DAY + 1, &e), 0);
    assert_int_equal(take(h, NOW - DAY, "a"), 1);
    assert_int_equal(sign_in_progress_of(h, TENANT, SIGN_IN_SUCCESS, &now, &e), 0);
    assert_memory_equal(&now, &progress, sizeof now);
    assert_int_equal(sign_in_progress_of(h, TENANT, SIGN_IN_FAILURE, &now, &e), 0);
    assert_int_equal(now.until_s, 0);
    finish(h);
}

static void what_is_not_committed_is_neither_remembered_nor_counted(void **state)
{
    struct history *h = open_writer(state);
    struct error e = {""};

    assert_int_equal(take(h, NOW, "a"), 1);
    add(h, SEAN, NOW, "192.0.2.1");
    history_rollback(h);
    assert_int_equal(of(h, SEAN, CLOUD_SIGN_INS).number, 0);
    assert_int_equal(history_begin(h, &e), 0);
    assert_int_equal(take(h, NOW, "a"), 1);
    finish(h);
}

static void trouble_has_the_time_when_it_began_and_goes_with_the_next_success(void **state)
{
    struct history *h = open_writer(state);
    struct sign_in_state now;
    struct error e = {""};

    assert_int_equal(sign_in_state_set(h, TENANT, NOW, true, SLICE(""), &e), 0);
    assert_int_equal(sign_in_state_set(h, TENANT, NOW + 1, false, SLICE("no permission"), &e), 0);
    assert_int_equal(sign_in_state_set(h, TENANT, NOW + 2, false, SLICE("no licence"), &e), 0);
    assert_int_equal(sign_in_state_of(h, TENANT, &now, &e), 0);
    assert_int_equal(now.read_s, NOW);
    assert_int_equal(now.trouble_s, NOW + 1);
    assert_string_equal(now.trouble, "no licence");
    assert_int_equal(sign_in_state_set(h, TENANT, NOW + 3, true, SLICE(""), &e), 0);
    assert_int_equal(sign_in_state_of(h, TENANT, &now, &e), 0);
    assert_int_equal(now.read_s, NOW + 3);
    assert_int_equal(now.trouble_s, 0);
    assert_string_equal(now.trouble, "");
    assert_int_equal(sign_in_state_set(h, TENANT, NOW + 4, true, SLICE("failures not"), &e), 0);
    assert_int_equal(sign_in_state_of(h, TENANT, &now, &e), 0);
    assert_int_equal(now.read_s, NOW + 4);
    assert_int_equal(now.trouble_s, NOW + 4);
    finish(h);
}

static void a_walk_comes_by_tenant_and_mailbox_and_leaves_out_what_was_not_asked_for(void **state)
{
    const struct cloud_query query = {.since_s = NOW - DAY, .sources = 1u << CLOUD_SIGN_INS};
    struct history *h = open_writer(state);
    struct cloud_use use = one(NOW, "203.0.113.9");
    struct cloud_walk *w = NULL;
    struct slice tenant, mailbox;
    enum cloud_source source;
    struct error e = {""};

    add(h, SLICE("z@contoso.example"), NOW, "192.0.2.1");
    add(h, SLICE("a@contoso.example"), NOW, "192.0.2.1");
    add(h, SLICE("old@contoso.example"), NOW - 2 * DAY, "192.0.2.1");
    assert_int_equal(cloud_use_add(h, TENANT, SEAN, CLOUD_FAILURES, &use, &e), 0);
    assert_int_equal(cloud_walk_open(h, &query, &w, &e), 0);
    assert_int_equal(cloud_walk_next(w, &tenant, &mailbox, &source, &use, &e), 1);
    assert_true(slice_eq(mailbox, SLICE("a@contoso.example")));
    assert_int_equal(cloud_walk_next(w, &tenant, &mailbox, &source, &use, &e), 1);
    assert_true(slice_eq(mailbox, SLICE("z@contoso.example")));
    assert_int_equal(cloud_walk_next(w, &tenant, &mailbox, &source, &use, &e), 0);
    cloud_walk_close(w);
    finish(h);
}

static void use_is_forgotten_as_the_relays_own_is(void **state)
{
    struct history *h = open_writer(state);
    struct error e = {""};

    add(h, SEAN, NOW - USAGE_DAYS * DAY - 1, "192.0.2.1");
    add(h, SLICE("cara@contoso.example"), NOW - USAGE_DAYS * DAY, "192.0.2.1");
    assert_int_equal(cloud_use_forget(h, NOW, &e), 0);
    assert_int_equal(of(h, SEAN, CLOUD_SIGN_INS).number, 0);
    assert_int_equal(of(h, SLICE("cara@contoso.example"), CLOUD_SIGN_INS).number, 1);
    finish(h);
}

static void a_tenant_is_forgotten_with_all_that_is_known_of_it(void **state)
{
    const struct sign_in_progress progress = {NOW - 30 * DAY, NOW, NOW};
    struct history *h = open_writer(state);
    struct cloud_use use = one(NOW, "192.0.2.1");
    struct cloud_reach reach;
    struct sign_in_state now;
    struct error e = {""};

    add(h, SEAN, NOW, "192.0.2.1");
    assert_int_equal(cloud_use_add(h, SLICE("fabrikam"), SEAN, CLOUD_SIGN_INS, &use, &e), 0);
    assert_int_equal(cloud_report_begin(h, TENANT, NOW - 7 * DAY, NOW, NOW, &e), 0);
    assert_int_equal(take(h, NOW, "a"), 1);
    assert_int_equal(sign_in_progress_set(h, TENANT, SIGN_IN_SUCCESS, &progress, 0, &e), 0);
    assert_int_equal(sign_in_state_set(h, TENANT, NOW, true, SLICE(""), &e), 0);
    assert_int_equal(cloud_use_forget_tenant(h, TENANT, &e), 0);
    assert_int_equal(of(h, SEAN, CLOUD_SIGN_INS).number, 0);
    assert_int_equal(take(h, NOW, "a"), 1);
    assert_int_equal(cloud_reach_of(h, TENANT, NOW, &reach, &e), 0);
    assert_int_equal(reach.since_s + reach.report_s + reach.sign_ins_s, 0);
    assert_int_equal(sign_in_state_of(h, TENANT, &now, &e), 0);
    assert_int_equal(now.read_s, 0);
    assert_int_equal(cloud_use_of(h, SLICE("fabrikam"), SEAN, CLOUD_SIGN_INS, &use, &e), 1);
    finish(h);
}

static void the_cloud_is_known_as_far_back_as_there_is_no_gap(void **state)
{
    static const struct {
        int since, until;  /* sign-ins, days ago; 0: never read */
        int reports[3][2]; /* first and last, days ago; 0, 0: none */
        int reach;         /* days; 0: not known */
    } rows[] = {
        {0, 0, {{0, 0}}, 0},
        {30, 0, {{0, 0}}, 30},
        {30, 1, {{0, 0}}, 30},
        {30, 3, {{0, 0}}, 0}, /* not read for too long */
        {0, 0, {{7, 1}}, 7},
        {0, 0, {{90, 1}}, 90},
        {0, 0, {{90, 3}}, 0},
        {0, 0, {{90, 30}, {37, 1}}, 90}, /* one goes on where the other ends */
        {0, 0, {{90, 38}, {37, 1}}, 37}, /* a gap of a day */
        {30, 1, {{90, 25}}, 90},         /* reports for what sign-ins no longer tell */
        {30, 1, {{90, 31}}, 30},
        {60, 40, {{45, 1}}, 60}, /* and the other way round */
        {0, 0, {{90, 60}, {61, 20}, {21, 1}}, 90},
        {5, 5, {{0, 0}}, 0}, /* of which nothing is known yet */
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sign_in_progress p = {NOW - rows[i].since * DAY, NOW - rows[i].until * DAY, 0};
        struct cloud_reach reach;
        struct history *h = open_writer(state);
        char name[16];
        struct slice tenant;
        struct error e = {""};

        (void)snprintf(name, sizeof name, "tenant%zu", i);
        tenant = slice_of(name);
        if (rows[i].since > 0)
            assert_int_equal(sign_in_progress_set(h, tenant, SIGN_IN_SUCCESS, &p, 0, &e), 0);
        for (size_t j = 0; j < 3 && rows[i].reports[j][0] > 0; j++)
            assert_int_equal(cloud_report_begin(h, tenant, NOW - rows[i].reports[j][0] * DAY,
                                                NOW - rows[i].reports[j][1] * DAY, NOW, &e),
                             0);
        assert_int_equal(cloud_reach_of(h, tenant, NOW, &reach, &e), 0);
        assert_true(rows[i].reports[0][0] > 0 || reach.tokens_s == 0); /* sign-ins tell nothing of tokens */
        assert_true(reach.tokens_s == 0 || reach.tokens_s >= reach.since_s);
        if (rows[i].since == 0)
            assert_int_equal(reach.tokens_s, reach.since_s);
        if (reach.since_s != (rows[i].reach > 0 ? NOW - rows[i].reach * DAY : 0))
            fail_msg("row %zu: %lld days", i, (long long)(NOW - reach.since_s) / DAY);
        finish(h);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, history_place_make, history_place_remove)
    const struct CMUnitTest tests[] = {
        TEST(sign_ins_add_up_and_the_newest_clients_stay),
        TEST(failures_are_kept_apart),
        TEST(a_report_counts_once_however_often_and_in_which_order_reports_are_imported),
        TEST(a_sign_in_is_new_once_until_no_window_reaches_it),
        TEST(what_is_not_committed_is_neither_remembered_nor_counted),
        TEST(trouble_has_the_time_when_it_began_and_goes_with_the_next_success),
        TEST(a_walk_comes_by_tenant_and_mailbox_and_leaves_out_what_was_not_asked_for),
        TEST(use_is_forgotten_as_the_relays_own_is),
        TEST(a_tenant_is_forgotten_with_all_that_is_known_of_it),
        TEST(the_cloud_is_known_as_far_back_as_there_is_no_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
