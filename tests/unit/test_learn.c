/* links: mirror */
/* What is learnt from earlier mail: whose it is, how large its hours and days, what is left out, which networks. */
#include "core/decide/familiar.h"
#include "core/decide/habit.h"
#include "core/journal/sign_ins.h"
#include "core/report/learn.h"
#include "tests/unit/world.h"

#define DAY_S INT64_C(86400)
/* 2026-11-30 07:00:00 UTC; state time is far from its beginning, as it always is */
#define NOW INT64_C(1796022000)
#define STATE_NOW (UINT64_C(500) * 86400 * NS_PER_S)

#define HABITS                                                                                                         \
    "preset = \"none\"; smtp_auth = { unlisted = \"reject\"; login_names = [\"upn\", \"primary\", \"proxy\", "         \
    "\"alias\"]; }; known_networks = [\"198.51.100.0/24\"]; limits = ("                                                \
    "{ name = \"hour\"; per = \"user\"; count = \"messages\"; rate = \"20/h\"; beyond = \"habit\"; ceiling = 300; "    \
    "learning = 60; learning_known = 100; },"                                                                          \
    "{ name = \"day\"; per = \"user\"; count = \"messages\"; rate = \"100/d\"; beyond = \"habit\"; },"                 \
    "{ name = \"far\"; per = \"user\"; count = \"messages\"; rate = \"60/d\"; from = \"unfamiliar\"; });"

struct lesson {
    struct world *w;
    struct learn learn;
    struct decide_context context;
};

static int begin(void **state)
{
    struct lesson *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->w = world_make();
    world_configure(s->w, HABITS);
    s->context = s->w->context;
    s->context.now_ns = STATE_NOW;
    s->context.wall_s = NOW;
    s->learn.context = &s->context;
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct lesson *s = *state;

    learn_free(&s->learn);
    world_free(s->w);
    free(s);
    return 0;
}

/* So many messages of that login, a minute apart. */
static void sent(struct lesson *s, const char *login, const char *client, int64_t at_s, unsigned n, unsigned recipients)
{
    struct mail_message m = {.login = mail_seen_login(&s->learn.mail, slice_of(login)), .recipients = recipients};

    m.has_client = ip_parse(slice_of(client), &m.client);
    for (unsigned i = 0; i < n; i++) {
        m.at_s = (uint32_t)(at_s + 60 * i);
        mail_seen_add(&s->learn.mail, &m);
    }
}

static void judge(struct lesson *s)
{
    struct error e;

    if (learn_judge(&s->learn, &e) != 0)
        fail_msg("%s", e.text);
}

static const struct learn_login *login_named(const struct lesson *s, const char *name)
{
    for (size_t i = 0; i < s->learn.n_logins; i++)
        if (strcmp(s->learn.logins[i].name, name) == 0)
            return &s->learn.logins[i];
    fail_msg("%s is not among them", name);
    return NULL;
}

static struct learn_taken take(struct lesson *s)
{
    return learn_take(&s->learn, state_habits(s->w->state), state_counters(s->w->state));
}

static struct habit habit_of(const struct lesson *s, const char *login)
{
    struct learn_login one = {.name = NULL};
    struct habit habit;

    assert_true(learn_find(&s->learn, "user", login, &one));
    habits_look(s->context.habits, one.key, s->context.now_ns, &habit);
    free(one.name);
    return habit;
}

static void a_mailbox_is_one_under_all_its_names(void **state)
{
    struct lesson *s = *state;

    sent(s, "anna@contoso.example", "192.0.2.1", NOW - 3 * DAY_S, 5, 2);
    sent(s, "A.Berg@contoso.example", "192.0.2.1", NOW - 3 * DAY_S + 600, 5, 1);
    sent(s, "tom@tailspin.example", "192.0.2.1", NOW - 3 * DAY_S, 1, 1);
    judge(s);
    assert_int_equal(s->learn.n_logins, 2);
    assert_int_equal(login_named(s, "anna@contoso.example")->most.of[HABIT_MESSAGES][HABIT_HOUR], 10);
    assert_int_equal(login_named(s, "anna@contoso.example")->most.of[HABIT_RECIPIENTS][HABIT_DAY], 15);
    assert_int_equal(take(s).logins, 2);
    assert_true(habit_of(s, "a.berg@contoso.example").learnt);
    assert_int_equal(habit_of(s, "anna@contoso.example").most.of[HABIT_MESSAGES][HABIT_DAY], 10);
    assert_false(habit_of(s, "cleo@contoso.example").learnt);
}

static void a_message_that_two_files_tell_of_counts_once(void **state)
{
    struct lesson *s = *state;
    struct mail_message m = {.login = mail_seen_login(&s->learn.mail, SLICE("anna@contoso.example")),
                             .at_s = (uint32_t)(NOW - 3 * DAY_S),
                             .mark = {1, 2, 3}};

    /* The first file ended before the second of its recipients got it. */
    for (m.recipients = 1; m.recipients <= 2; m.recipients++)
        mail_seen_add(&s->learn.mail, &m);
    m.mark[0]++; /* another one of that second */
    mail_seen_add(&s->learn.mail, &m);
    judge(s);
    assert_int_equal(s->learn.repeated, 1);
    assert_int_equal(login_named(s, "anna@contoso.example")->most.of[HABIT_MESSAGES][HABIT_HOUR], 2);
    assert_int_equal(login_named(s, "anna@contoso.example")->most.of[HABIT_RECIPIENTS][HABIT_HOUR], 5);
}

static void who_the_directory_does_not_know_is_left_out(void **state)
{
    struct lesson *s = *state;

    sent(s, "nobody@contoso.example", "192.0.2.1", NOW - 3 * DAY_S, 5, 1);
    sent(s, "gone", "192.0.2.1", NOW - 3 * DAY_S, 5, 1);
    sent(s, "anna@contoso.example", "192.0.2.1", NOW - 3 * DAY_S, 5, 1);
    (void)mail_seen_login(&s->learn.mail, SLICE("cleo@contoso.example")); /* none of its messages arrived */
    judge(s);
    assert_int_equal(s->learn.n_logins, 3);
    assert_int_equal(login_named(s, "nobody@contoso.example")->verdict, LEARN_UNKNOWN);
    assert_int_equal(login_named(s, "gone")->verdict, LEARN_UNKNOWN);
    assert_int_equal(learn_count_logins(&s->learn), 1);
    assert_int_equal(take(s).logins, 1);
    assert_false(habit_of(s, "nobody@contoso.example").learnt);
}

static void a_day_far_above_the_others_leaves_a_login_out_unless_it_is_named(void **state)
{
    static const struct {
        unsigned days, usual, busiest, recipients;
        const char *include;
        enum learn_verdict verdict;
    } rows[] = {
        {10, 30, 300, 1, NULL, LEARN_TAKEN}, /* ten times as many */
        {10, 30, 301, 1, NULL, LEARN_OUTLIER},
        {10, 2, 200, 1, NULL, LEARN_TAKEN}, /* which the limits let pass anyway */
        {10, 2, 201, 1, NULL, LEARN_OUTLIER},
        {10, 2, 2, 200, NULL, LEARN_TAKEN},
        {10, 2, 20, 100, NULL, LEARN_TAKEN}, /* 2,000 recipients, usually 200 */
        {10, 2, 21, 100, NULL, LEARN_OUTLIER},
        {2, 150, 500, 1, NULL, LEARN_FEW_DAYS},
        {1, 150, 500, 1, NULL, LEARN_FEW_DAYS},
        {2, 20, 200, 1, NULL, LEARN_TAKEN},
        {10, 2, 500, 1, "anna@contoso.example", LEARN_TAKEN},
        {10, 2, 500, 1, "A.BERG@contoso.example", LEARN_TAKEN},
        {10, 2, 500, 1, "cleo@contoso.example", LEARN_OUTLIER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *one;
        struct lesson *s;
        const struct learn_login *anna;

        (void)begin(&one);
        s = one;
        for (unsigned day = 0; day < rows[i].days; day++)
            sent(s, "anna@contoso.example", "192.0.2.1", NOW - (int64_t)(20 - day) * DAY_S,
                 day + 1 == rows[i].days ? rows[i].busiest : rows[i].usual, rows[i].recipients);
        if (rows[i].include != NULL)
            s->learn.include[s->learn.n_include++].name = rows[i].include;
        judge(s);
        anna = login_named(s, "anna@contoso.example");
        if (anna->verdict != rows[i].verdict)
            fail_msg("row %zu: %d", i, (int)anna->verdict);
        if (rows[i].verdict == LEARN_OUTLIER) {
            assert_int_equal(anna->busiest, rows[i].busiest * rows[i].recipients);
            assert_int_equal(anna->median, rows[i].usual * rows[i].recipients);
        }
        (void)end(&one);
    }
}

static void figures_fade_with_the_weeks_and_end_at_the_ceiling(void **state)
{
    struct lesson *s = *state;

    for (unsigned day = 0; day < 5; day++) {
        sent(s, "anna@contoso.example", "192.0.2.1", NOW - (140 - day) * DAY_S, 100, 1);
        sent(s, "anna@contoso.example", "192.0.2.1", NOW - (10 - day) * DAY_S, 20, 1);
        sent(s, "cleo@contoso.example", "192.0.2.1", NOW - (69 - day) * DAY_S, 59, 1);
        sent(s, "bert@contoso.example", "192.0.2.1", NOW - (9 - day) * DAY_S, 350, 1);
    }
    for (unsigned day = 0; day < 5; day++) /* six at once: 360 an hour */
        for (unsigned i = 0; i < 6; i++)
            sent(s, "dora@fabrikam.example", "192.0.2.1", NOW - (9 - day) * DAY_S, 60, 1);
    judge(s);
    assert_true(login_named(s, "anna@contoso.example")->most.of[HABIT_MESSAGES][HABIT_DAY] > 20);
    assert_true(login_named(s, "anna@contoso.example")->most.of[HABIT_MESSAGES][HABIT_DAY] < 50);
    assert_int_equal(login_named(s, "cleo@contoso.example")->most.of[HABIT_MESSAGES][HABIT_DAY], 59);
    assert_int_equal(login_named(s, "bert@contoso.example")->most.of[HABIT_MESSAGES][HABIT_DAY], 350);
    assert_int_equal(login_named(s, "dora@fabrikam.example")->most.of[HABIT_MESSAGES][HABIT_HOUR], 300);
}

static bool is_familiar(const struct lesson *s, const char *login, const char *client)
{
    struct submission m = world_submission(login, client, login);
    struct verdict v;

    decide_smtp_auth(&s->context, &m, &v);
    return network_known(&s->context, &m, &v.identity);
}

static bool is_unfamiliar(const struct lesson *s, const char *login, const char *client)
{
    struct submission m = world_submission(login, client, login);
    struct verdict v;

    decide_smtp_auth(&s->context, &m, &v);
    return network_unfamiliar(&s->context, &m, &v.identity, &s->context.config->limits[2]);
}

static void networks_of_several_days_a_week_apart_become_familiar(void **state)
{
    static const struct {
        const char *client;
        int days_ago[4]; /* 0: none */
        bool familiar;
    } rows[] = {
        {"203.0.113.9", {20, 15, 13}, true},   {"192.0.2.9", {20, 19, 14}, false}, /* six days */
        {"192.0.3.9", {20, 10}, false},                                            /* two days */
        {"192.0.4.9", {120, 110, 100}, false},                                     /* long ago */
        {"192.0.5.9", {95, 92, 88}, true},     {"2001:db8:1::9", {20, 15, 10, 5}, true},
    };
    struct lesson *s = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < 4 && rows[i].days_ago[j] != 0; j++)
            sent(s, "anna@contoso.example", rows[i].client, NOW - rows[i].days_ago[j] * DAY_S, 2, 1);
    judge(s);
    assert_false(is_unfamiliar(s, "cleo@contoso.example", "203.0.113.200"));
    assert_int_equal(take(s).networks, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_familiar(s, "cleo@contoso.example", rows[i].client) != rows[i].familiar)
            fail_msg("%s", rows[i].client);
    /* The whole network, for the whole tenant and no other; and others are unfamiliar from now on. */
    assert_true(is_familiar(s, "cleo@contoso.example", "203.0.113.200"));
    assert_true(is_familiar(s, "cleo@contoso.example", "2001:db8:1::1:2:3"));
    assert_false(is_familiar(s, "dora@fabrikam.example", "203.0.113.9"));
    assert_true(is_unfamiliar(s, "cleo@contoso.example", "192.0.2.9"));
    assert_false(is_unfamiliar(s, "dora@fabrikam.example", "192.0.2.9"));
    /* As long as it would be, had it been learnt then. */
    s->context.now_ns += UINT64_C(3) * 86400 * NS_PER_S;
    assert_false(is_familiar(s, "cleo@contoso.example", "192.0.5.9"));
    assert_true(is_familiar(s, "cleo@contoso.example", "203.0.113.9"));
}

static void the_networks_of_who_is_left_out_are_not_learnt(void **state)
{
    struct lesson *s = *state;

    for (unsigned day = 0; day < 12; day++)
        sent(s, "anna@contoso.example", day < 11 ? "192.0.2.1" : "203.0.113.9", NOW - (15 - day) * DAY_S,
             day < 11 ? 3 : 900, 1);
    for (unsigned day = 0; day < 12; day++)
        sent(s, "nobody@contoso.example", "203.0.113.9", NOW - (15 - day) * DAY_S, 3, 1);
    for (unsigned day = 0; day < 12; day++)
        sent(s, "cleo@contoso.example", "198.51.100.7", NOW - (15 - day) * DAY_S, 3, 1);
    judge(s);
    assert_int_equal(learn_count_networks(&s->learn), 0);
    assert_int_equal(s->learn.networks_known, 1); /* that of known_networks */
}

static int64_t tenant_learning(const struct lesson *s, const char *name)
{
    struct habit habit;

    habits_look(s->context.habits, key_of_tenants_habit(hash_slice(s->context.secret, slice_of(name))),
                s->context.now_ns, &habit);
    return habit.learnt ? 0 : 1;
}

static void a_tenant_whose_log_spans_two_weeks_is_not_new_any_more(void **state)
{
    struct lesson *s = *state;

    sent(s, "anna@contoso.example", "192.0.2.1", NOW - 15 * DAY_S, 1, 1);
    sent(s, "cleo@contoso.example", "192.0.2.1", NOW - DAY_S, 1, 1);
    sent(s, "dora@fabrikam.example", "192.0.2.1", NOW - 14 * DAY_S, 1, 1);
    sent(s, "dora@fabrikam.example", "192.0.2.1", NOW - DAY_S, 1, 1);
    judge(s);
    (void)take(s);
    assert_int_equal(tenant_learning(s, "contoso"), 0);
    assert_int_equal(tenant_learning(s, "fabrikam"), 1);
    assert_int_equal(tenant_learning(s, "tailspin"), 1);
}

/* ---- another relay ---- */

static void what_another_relay_has_learnt_is_taken(void **state)
{
    static const char json[] =
        "[{\"login\": \"anna@contoso.example\", \"messages_hour\": 12, \"messages_day\": 40, \"recipients_hour\": 50, "
        "\"recipients_day\": 90, \"kind\": \"user\", \"learnt\": true, \"last\": \"2026-11-29T07:04:48Z\", "
        "\"networks\": "
        "\"203.0.113.0/24 2001:db8::/64 198.18.0.0/15 0.0.0.0/0\"},"
        "{\"login\": \"cleo@contoso.example\", \"messages_day\": 40, \"kind\": \"user\", \"learnt\": false},"
        "{\"login\": \"gone@contoso.example\", \"messages_day\": 40, \"kind\": \"user\", \"learnt\": true},"
        "{\"login\": \"no such printer\", \"messages_day\": 40, \"kind\": \"connector\", \"learnt\": true}]";
    struct lesson *s = *state;
    struct error e;

    if (learn_export(&s->learn, slice_of(json), &e) != 0)
        fail_msg("%s", e.text);
    judge(s);
    assert_int_equal(login_named(s, "cleo@contoso.example")->verdict, LEARN_NO_HABIT);
    assert_int_equal(login_named(s, "gone@contoso.example")->verdict, LEARN_UNKNOWN);
    assert_int_equal(login_named(s, "no such printer")->verdict, LEARN_UNKNOWN);
    assert_int_equal(learn_count_networks(&s->learn), 2);
    assert_int_equal(s->learn.networks_of_other_size, 2);
    assert_int_equal(take(s).logins, 1);
    /* The tenant is not new either, here as there. */
    assert_true(is_unfamiliar(s, "anna@contoso.example", "192.0.2.9"));
    assert_true(tenant_learning(s, "contoso") == 0);
    assert_int_equal(habit_of(s, "anna@contoso.example").most.of[HABIT_MESSAGES][HABIT_HOUR], 12);
    assert_int_equal(habit_of(s, "anna@contoso.example").most.of[HABIT_RECIPIENTS][HABIT_DAY], 90);
    assert_true(is_familiar(s, "anna@contoso.example", "203.0.113.4"));
}

static void what_is_no_export_is_refused_with_its_row(void **state)
{
    static const struct {
        const char *json, *why;
    } rows[] = {
        {"[", "line 1: "},
        {"{}", "is not what \"postern report habits --json\" writes"},
        {"[1]", "row 1: has no kind, login and messages_day"},
        {"[{\"login\": \"a\", \"kind\": \"user\", \"messages_day\": \"9\"}]", "row 1: has no kind"},
        {"[{\"login\": \"a\", \"kind\": \"thing\", \"messages_day\": 9}]", "row 1: has no kind"},
        {"[{\"login\": \"anna@contoso.example\", \"kind\": \"user\", \"messages_day\": 9, \"learnt\": true, \"last\": "
         "\"2026-11-29T07:04:48Z\", \"networks\": \"everywhere\"}]",
         "row 1: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *one;
        struct error e = {""};

        (void)begin(&one);
        assert_int_equal(learn_export(&((struct lesson *)one)->learn, slice_of(rows[i].json), &e), -1);
        if (strstr(e.text, rows[i].why) != e.text)
            fail_msg("%s: %s", rows[i].json, e.text);
        (void)end(&one);
    }
}

/* ---- sign-ins at Exchange Online ---- */

static void networks_of_sign_ins_on_seven_days_become_familiar(void **state)
{
    struct lesson *s = *state;
    struct history *h;
    struct error e, notice;
    struct ip ip;

    if (history_open(world_file(s->w, "directory"), true, &h, &notice, &e) != 0 || history_begin(h, &e) != 0)
        fail_msg("%s", e.text);
    for (unsigned day = 0; day < 7; day++) {
        assert_true(ip_parse(SLICE("203.0.113.9"), &ip));
        assert_int_equal(sign_in_network_add(h, SLICE("contoso"), &ip, NOW - day * DAY_S, &e), 0);
        assert_int_equal(sign_in_network_add(h, SLICE("contoso"), &ip, NOW - day * DAY_S, &e), 0);
        assert_true(ip_parse(SLICE("192.0.2.9"), &ip));
        assert_int_equal(sign_in_network_add(h, SLICE("contoso"), &ip, NOW - day % 6 * DAY_S, &e), 0);
        assert_int_equal(sign_in_network_add(h, SLICE("nobody"), &ip, NOW - day * DAY_S, &e), 0);
        assert_true(ip_parse(SLICE("192.0.3.9"), &ip));
        assert_int_equal(sign_in_network_add(h, SLICE("contoso"), &ip, NOW - (95 + day) * DAY_S, &e), 0);
    }
    assert_int_equal(sign_in_networks_forget(h, NOW, &e), 0);
    assert_int_equal(history_commit(h, &e), 0);
    assert_int_equal(learn_sign_ins(&s->learn, h, &e), 0);
    history_close(h);
    judge(s);
    assert_int_equal(take(s).networks, 1);
    assert_true(is_familiar(s, "anna@contoso.example", "203.0.113.77"));
    assert_false(is_familiar(s, "anna@contoso.example", "192.0.2.9"));
    assert_int_equal(learn_count_logins(&s->learn), 0); /* and no figures */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_mailbox_is_one_under_all_its_names),
        TEST(a_message_that_two_files_tell_of_counts_once),
        TEST(who_the_directory_does_not_know_is_left_out),
        cmocka_unit_test(a_day_far_above_the_others_leaves_a_login_out_unless_it_is_named),
        TEST(figures_fade_with_the_weeks_and_end_at_the_ceiling),
        TEST(networks_of_several_days_a_week_apart_become_familiar),
        TEST(the_networks_of_who_is_left_out_are_not_learnt),
        TEST(a_tenant_whose_log_spans_two_weeks_is_not_new_any_more),
        TEST(what_another_relay_has_learnt_is_taken),
        cmocka_unit_test(what_is_no_export_is_refused_with_its_row),
        TEST(networks_of_sign_ins_on_seven_days_become_familiar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
