/* links: mirror */
/* The steps that "postern explain" shows: each of them names what decided, and whence it came. */
#include "tests/unit/world.h"

#include "core/decide/block_keys.h"
#include "core/decide/keys.h"

#define CLIENT "203.0.113.9"

static int setup(void **state)
{
    struct world *w = world_make();

    world_write(w, "logins", "scanner7 anna@contoso.example\n");
    world_write(w, "list", "anna@contoso.example\nlocal@contoso.example\n");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static char steps[16384];

/* The steps of the decision about this submission; returns its reason. */
static enum reason explain(struct world *w, const char *rules, const struct submission *s)
{
    struct buf out = BUF_OVER(steps);
    struct trace trace = {.out = &out};
    char text[2048];

    if (rules != NULL) {
        (void)snprintf(text, sizeof text, "%s\n%s", strstr(rules, "preset") != NULL ? "" : "preset = \"none\";", rules);
        world_configure(w, text);
    }
    world_explain(w, s, &trace);
    assert_false(out.full);
    return w->verdict.reason;
}

static void expect_step(const char *step)
{
    if (strstr(steps, step) == NULL)
        fail_msg("%s is not among:\n%s", step, steps);
}

static void who_it_is_and_whose_setting_counted_are_named(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *rules, *login;
        enum reason reason;
        const char *steps[2];
    } rows[] = {
        {"",
         "anna@contoso.example",
         REASON_ALLOWED,
         {"who: tenant contoso, mailbox anna@contoso.example, found by its primary address and user principal name",
          "SMTP AUTH: setting of mailbox anna@contoso.example says enabled, as mirrored (from "}},
        {"",
         "a.berg@contoso.example",
         REASON_ALLOWED,
         {"mailbox anna@contoso.example, found by its proxy address", ""}},
        {"default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; });",
         "anna",
         REASON_ALLOWED,
         {"found by its alias", ""}},
        {"smtp_auth = { logins_file = \"~/logins\"; };",
         "scanner7",
         REASON_ALLOWED,
         {"who: mapped to anna@contoso.example by /", "/logins:1; tenant contoso, mailbox anna@contoso.example"}},
        {"",
         "shared@contoso.example",
         REASON_MAILBOX_DISABLED,
         {"; also mailbox twin", "; the stricter verdict holds"}},
        {"", "ghost@contoso.example", REASON_UNLISTED, {"tenant contoso, which has no mailbox of that name", ""}},
        {"", "x@adatum.example", REASON_NO_TENANT, {"who: tenant unknown", ""}},
        {"", "guest@both.example", REASON_NO_TENANT, {"who: the domain is claimed by more than one tenant", ""}},
        {"",
         "cleo@contoso.example",
         REASON_ORGANIZATION_DISABLED,
         {"setting of mailbox cleo@contoso.example inherits the organization's",
          "SMTP AUTH: setting of organization contoso says disabled, as mirrored (from "}},
        {"",
         "new@contoso.example",
         REASON_SETTING_UNKNOWN,
         {"setting of mailbox new@contoso.example was never mirrored", ""}},
        {"",
         "eva@contoso.example",
         REASON_BASIC_FORBIDDEN,
         {"SMTP AUTH: the mailbox's authentication policy forbids passwords, as mirrored (from ", ""}},
        {"tenants = ({ name = \"contoso\"; smtp_auth = \"enabled\"; });",
         "cleo@contoso.example",
         REASON_ALLOWED,
         {"setting of organization contoso says enabled (smtp_auth of the tenant in /", "/postern.conf)"}},
        {"smtp_auth = { on_premises_file = \"~/list\"; };",
         "local@contoso.example",
         REASON_ALLOWED,
         {"; on premises", "SMTP AUTH: allowed, on premises by /"}},
        {"smtp_auth = { deny_file = \"~/list\"; };", "anna@contoso.example", REASON_DENY_FILE, {"/list:1", ""}},
        {"smtp_auth = { allow_file = \"~/list\"; };", "anna@contoso.example", REASON_ALLOWED, {"/list:1", ""}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct submission s = world_submission(rows[i].login, CLIENT, "anna@contoso.example");

        s.sender_text = s.login.kind == LOGIN_ADDRESS ? s.login_text : SLICE("anna@contoso.example");
        s.sender_result = address_parse_internal(s.sender_text, &s.sender);
        assert_int_equal(explain(w, rows[i].rules, &s), rows[i].reason);
        expect_step(rows[i].steps[0]);
        expect_step(rows[i].steps[1]);
    }
}

static void how_old_the_settings_are_is_said(void **state)
{
    struct world *w = *state;
    static const struct {
        int64_t age_s;
        const char *says;
    } rows[] = {
        {0, ", as of 0s ago)"},
        {-5, ", as of 0s ago)"},
        {59, ", as of 59s ago)"},
        {7261, ", as of 2h2m ago)"},
        {3 * 86400 + 1, "as of 3d1h ago)"},
        {500 * 86400, ", as of 500d ago)"},
    };
    struct submission s = world_submission("anna@contoso.example", CLIENT, "anna@contoso.example");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        w->context.wall_s = 1000000 + rows[i].age_s; /* when the world's settings were brought in */
        (void)explain(w, "", &s);
        expect_step(rows[i].says);
    }
    w->context.wall_s = 1000000;
}

static void a_block_says_whom_by_what_why_and_for_how_long(void **state)
{
    struct world *w = *state;
    static const struct {
        enum limit_key_part part;
        uint64_t lasts_s; /* 0: for ever */
        const char *says;
    } rows[] = {
        {PER_USER, 5400, "blocked: user anna@contoso.example, by flood (over 1/d), for another 1h30m\n"},
        {PER_LOGIN, 0, "blocked: login a.berg@contoso.example, by flood (over 1/d), until it is lifted\n"},
        {PER_CLIENT, 90, "blocked: client 203.0.113.9, by flood (over 1/d), for another 1m30s\n"},
        {PER_CLIENT_NET, 3 * 86400 - 5, "blocked: network 203.0.113.0/24, by flood (over 1/d), for another 3d\n"},
    };
    struct submission s = world_submission("a.berg@contoso.example", CLIENT, "anna@contoso.example");

    (void)explain(w, "", &s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ends = w->context.now_ns + rows[i].lasts_s * NS_PER_S;
        struct block block = {
            .limit = "flood", .reason = "over 1/d", .until_ns = rows[i].lasts_s == 0 ? BLOCK_FOREVER : ends};
        struct network net;
        struct error e;

        assert_int_equal(network_parse(SLICE("203.0.113.0/24"), &net, &e), 0);
        if (rows[i].part == PER_CLIENT_NET)
            key_of_block_on_network(&w->context, &net, &block);
        else
            key_of_block_on(&w->context, &s, &w->verdict.identity, rows[i].part, &block);
        assert_int_equal(blocks_add(state_blocks(w->state), &block, w->context.now_ns, &e), 0);
        assert_int_equal(explain(w, "", &s), REASON_BLOCKED);
        expect_step(rows[i].says);
        assert_true(blocks_lift(state_blocks(w->state), block.key, w->context.now_ns));
    }
}

static void blocks_on_others_are_not_shown(void **state)
{
    struct world *w = *state;
    struct submission bert = world_submission("bert@contoso.example", "198.51.100.1", "bert@contoso.example");
    struct submission anna = world_submission("anna@contoso.example", CLIENT, "anna@contoso.example");
    struct block block = {.limit = "flood", .reason = "over 1/d", .until_ns = BLOCK_FOREVER};
    struct network net;
    struct error e;

    (void)explain(w, "", &bert);
    key_of_block_on(&w->context, &bert, &w->verdict.identity, PER_USER, &block);
    assert_int_equal(blocks_add(state_blocks(w->state), &block, w->context.now_ns, &e), 0);
    assert_int_equal(network_parse(SLICE("2001:db8::/32"), &net, &e), 0);
    key_of_block_on_network(&w->context, &net, &block);
    assert_int_equal(blocks_add(state_blocks(w->state), &block, w->context.now_ns, &e), 0);
    assert_int_equal(explain(w, "", &anna), REASON_ALLOWED);
    expect_step("blocked: no\n");
    assert_int_equal(explain(w, NULL, &bert), REASON_BLOCKED);
}

#define LIMIT(rest) "limits = ({ name = \"l\"; per = \"user\"; " rest " });"

/* Takes that many units of the only limit. */
static void use(struct world *w, const struct submission *s, uint64_t units)
{
    const struct limit_config *limit = &w->config->limits[0];
    struct limit_rate room;
    struct charge charge;
    struct charge_answer answer;
    uint64_t key;

    assert_true(key_of_limit(&w->context, s, &w->verdict.identity, limit, &key));
    charge = limit_charge_of(limit_figure(&w->context, s, &w->verdict.identity, limit, &room), key, units);
    assert_int_equal(counters_charge(state_counters(w->state), &charge, 1, w->context.now_ns, &answer), 1);
}

static void a_limit_says_what_was_used_what_is_left_and_when_it_is_free(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *login, *rules;
        uint64_t used;
        enum reason reason;
        const char *says;
    } rows[] = {
        {"anna@contoso.example", LIMIT("count = \"messages\"; rate = \"60/h\"; burst = 10;"), 0, REASON_ALLOWED,
         "limit l: 0 used, 10 left of 10 at 60/h; this message costs 1\n"},
        {"anna@contoso.example", LIMIT("count = \"messages\"; rate = \"60/h\"; burst = 10;"), 4, REASON_ALLOWED,
         "limit l: 4 used, 6 left of 10 at 60/h, all free again in 4m; this message costs 1\n"},
        {"dora@fabrikam.example", LIMIT("count = \"messages\"; rate = \"60/h\"; burst = 10;"), 10, REASON_LIMIT,
         "limit l: 10 used, 0 left of 10 at 60/h, all free again in 10m; this message costs 1: over, has room in 1m\n"},
        {"p.ulrich@contoso.example", LIMIT("count = \"bytes\"; rate = \"10M/h\"; burst = \"20K\";"), 0, REASON_ALLOWED,
         "limit l: 0 used, 20 left of 20 KiB at 10240 KiB in 1h"},
        {"twin1@contoso.example", LIMIT("count = \"recipients\"; rate = \"1/d\"; burst = 1;"), 0, REASON_LIMIT_NEVER,
         "; this message costs 2: more than the whole burst\n"},
        {"anna@contoso.example", LIMIT("count = \"messages\"; rate = \"unlimited\";"), 0, REASON_ALLOWED,
         "limit l: unlimited\n"},
        {"anna@contoso.example",
         "limits = ({ name = \"d\"; per = \"user\"; count = \"denials\"; rate = \"20/h\"; then = \"block 1h\"; });", 3,
         REASON_ALLOWED, "limit d: 3 used, 17 left of 20 at 20/h, all free again in 9m\n"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct submission s = world_submission(rows[i].login, CLIENT, rows[i].login);

        s.sender_text =
            strcmp(rows[i].login, "p.ulrich@contoso.example") == 0 ? SLICE("paul@contoso.example") : s.sender_text;
        s.sender_result = address_parse_internal(s.sender_text, &s.sender);
        s.recipient_count = rows[i].reason == REASON_LIMIT_NEVER ? 2 : 1;
        (void)explain(w, rows[i].rules, &s);
        if (rows[i].used > 0)
            use(w, &s, rows[i].used);
        if (explain(w, NULL, &s) != rows[i].reason)
            fail_msg("row %zu: %s\n%s", i, reason_row(w->verdict.reason)->name, steps);
        expect_step(rows[i].says);
    }
}

static void a_message_that_was_charged_before_meets_no_limit_again(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("anna@contoso.example", CLIENT, "anna@contoso.example");

    w->context.charged = CHARGED_ALL;
    assert_int_equal(explain(w, LIMIT("count = \"messages\"; rate = \"1/h\"; burst = 1;"), &s), REASON_ALLOWED);
    expect_step("limits: the message was charged before\n");
    w->context.charged = CHARGED_NOTHING;
}

static void foreign_texts_are_shown_without_their_control_characters(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("x\nwho: tenant contoso", CLIENT, "e\033[31m@contoso.example");

    (void)explain(w, "", &s);
    for (const char *p = steps; *p != '\0'; p++)
        assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
    assert_null(strstr(steps, "\nwho: tenant contoso"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_it_is_and_whose_setting_counted_are_named),
        cmocka_unit_test(how_old_the_settings_are_is_said),
        cmocka_unit_test(a_block_says_whom_by_what_why_and_for_how_long),
        cmocka_unit_test(blocks_on_others_are_not_shown),
        cmocka_unit_test(a_limit_says_what_was_used_what_is_left_and_when_it_is_free),
        cmocka_unit_test(a_message_that_was_charged_before_meets_no_limit_again),
        cmocka_unit_test(foreign_texts_are_shown_without_their_control_characters),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
