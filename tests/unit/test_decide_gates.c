/* links: mirror */
/* What refuses although SMTP AUTH is enabled: disabled accounts, and domains that a tenant has closed. */
#include "tests/unit/world.h"

#include "core/decide/smtp_auth.h"

/* A directory of one tenant, in place of the world's. */
struct gates {
    struct world *w;
    struct directory *directory;
    struct directory_view *view;
};

static const struct account_row {
    const char *primary;
    enum tri sign_in;
    enum recipient_type type;
    /* what becomes of its login: with "people", "all" and "none" */
    enum reason people, all, none;
} accounts[] = {
    {"active@contoso.example", TRI_YES, RECIPIENT_USER, REASON_ALLOWED, REASON_ALLOWED, REASON_ALLOWED},
    {"unsaid@contoso.example", TRI_UNKNOWN, RECIPIENT_USER, REASON_ALLOWED, REASON_ALLOWED, REASON_ALLOWED},
    {"left@contoso.example", TRI_NO, RECIPIENT_USER, REASON_ACCOUNT_DISABLED, REASON_ACCOUNT_DISABLED, REASON_ALLOWED},
    {"untyped@contoso.example", TRI_NO, RECIPIENT_OTHER, REASON_ACCOUNT_DISABLED, REASON_ACCOUNT_DISABLED,
     REASON_ALLOWED},
    {"remote@contoso.example", TRI_NO, RECIPIENT_MAIL_USER, REASON_ACCOUNT_DISABLED, REASON_ACCOUNT_DISABLED,
     REASON_ALLOWED},
    {"info@contoso.example", TRI_NO, RECIPIENT_SHARED, REASON_ALLOWED, REASON_ACCOUNT_DISABLED, REASON_ALLOWED},
    {"room@contoso.example", TRI_NO, RECIPIENT_ROOM, REASON_ALLOWED, REASON_ACCOUNT_DISABLED, REASON_ALLOWED},
    {"beamer@contoso.example", TRI_NO, RECIPIENT_EQUIPMENT, REASON_ALLOWED, REASON_ACCOUNT_DISABLED, REASON_ALLOWED},
    {"team@contoso.example", TRI_NO, RECIPIENT_GROUP, REASON_ALLOWED, REASON_ACCOUNT_DISABLED, REASON_ALLOWED},
    {"search@contoso.example", TRI_NO, RECIPIENT_SYSTEM, REASON_ALLOWED, REASON_ACCOUNT_DISABLED, REASON_ALLOWED},
};
#define ACCOUNTS (sizeof accounts / sizeof accounts[0])

static const struct accepted_domain domains[] = {
    {SLICE("contoso.example"), DOMAIN_AUTHORITATIVE, true, 0},
    {SLICE("legacy.example"), DOMAIN_AUTHORITATIVE, true, DOMAIN_NO_SENDER},
    {SLICE("open.legacy.example"), DOMAIN_AUTHORITATIVE, false, 0},
    {SLICE("plain.example"), DOMAIN_AUTHORITATIVE, false, DOMAIN_NO_SENDER},
    {SLICE("unused.example"), DOMAIN_INTERNAL_RELAY, false, DOMAIN_NO_RECIPIENT},
};

static void fill(struct writer *writer)
{
    struct tenant_facts facts = {.name = "contoso", .smtp_auth = SMTP_AUTH_ENABLED, .settings_at = 1000000};
    uint32_t tenant;
    struct error e;

    facts.parts[PART_ACCOUNTS] = (struct mirrored){.at = 1000000 - 3600, .source = "accounts.csv"};
    if (writer_set_tenant(writer, &facts, &tenant, &e) != 0 ||
        writer_set_domains(writer, tenant, domains, sizeof domains / sizeof domains[0], &e) != 0)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < ACCOUNTS; i++) {
        char packed[128];
        struct buf proxies = BUF_OVER(packed);
        struct mailbox_record m = {.id = world_id((unsigned)i + 1),
                                   .knows = MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_DETAILS,
                                   .smtp_auth = SMTP_AUTH_ENABLED,
                                   .sign_in = accounts[i].sign_in,
                                   .recipient_type = accounts[i].type,
                                   .primary = slice_of(accounts[i].primary)};

        if (i == 0) {
            m.alias = SLICE("alpha");
            m.account = SLICE("$a-1");
            m.upn = SLICE("a.upn@contoso.example");
            packed_add(&proxies, SLICE("active@legacy.example"));
            packed_add(&proxies, SLICE("active@open.legacy.example"));
            packed_add(&proxies, SLICE("active@plain.example"));
            packed_add(&proxies, SLICE("active@sub.legacy.example"));
            packed_add(&proxies, SLICE("active@sub.plain.example"));
        }
        if (i == 1)
            m.alias = SLICE("info");
        m.proxies = buf_slice(&proxies);
        puts_add(tenant, &m);
    }
}

/* sales@ is a group that "active" may send as, partner@ a mail user that he may send on behalf of, and boss@ neither.
 */
static int put_recipients(struct writer *writer, struct error *e)
{
    static const struct {
        unsigned id;
        const char *primary, *proxy;
        enum recipient_type type;
    } rows[] = {{0xb1, "sales@contoso.example", "verkauf@contoso.example", RECIPIENT_GROUP},
                {0xb2, "partner@contoso.example", NULL, RECIPIENT_MAIL_USER},
                {0xb3, "bosses@contoso.example", NULL, RECIPIENT_GROUP}};
    struct mailbox_id active = world_id(1), sales = world_id(0xb1), partner = world_id(0xb2);

    if (writer_replace_recipients(writer, 0, e) != 0)
        return -1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char packed[64];
        struct buf proxies = BUF_OVER(packed);
        struct mailbox_record r = {
            .id = world_id(rows[i].id), .recipient_type = rows[i].type, .primary = slice_of(rows[i].primary)};

        if (rows[i].proxy != NULL)
            packed_add(&proxies, slice_of(rows[i].proxy));
        r.proxies = buf_slice(&proxies);
        if (writer_put_recipient(writer, 0, &r, e) != 0)
            return -1;
    }
    return writer_replace_rights(writer, 0, RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF, e) != 0 ||
                   writer_add_right(writer, 0, &active, &sales, RIGHT_SEND_AS, e) != 0 ||
                   writer_add_right(writer, 0, &active, &partner, RIGHT_SEND_ON_BEHALF, e) != 0
               ? -1
               : 0;
}

static int make(void **state)
{
    struct gates *g = calloc(1, sizeof *g);
    struct writer_summary summary;
    struct writer *writer;
    struct error e;

    assert_non_null(g);
    g->w = world_make();
    if (writer_begin(world_file(g->w, "gates"), &writer, &e) != 0)
        fail_msg("%s", e.text);
    fill(writer);
    if (puts_write(writer, &e) != 0 || put_recipients(writer, &e) != 0 || writer_finish(writer, &summary, &e) != 0)
        fail_msg("%s", e.text);
    writer_close(writer);
    if (directory_open(world_file(g->w, "gates"), &g->directory, &e) != 0 || directory_refresh(g->directory, &e) < 0)
        fail_msg("%s", e.text);
    g->view = directory_view_get(g->directory);
    assert_non_null(g->view);
    g->w->context.view = g->view;
    *state = g;
    return 0;
}

static int unmake(void **state)
{
    struct gates *g = *state;

    directory_view_put(g->directory, g->view);
    directory_close(g->directory);
    world_free(g->w);
    free(g);
    return 0;
}

static void configure(struct gates *g, const char *rules)
{
    char text[600];

    (void)snprintf(text, sizeof text, "preset = \"none\"; %s", rules);
    world_configure(g->w, text);
}

static void a_disabled_account_is_shut_out_but_for_those_that_are_always_disabled(void **state)
{
    static const char *const settings[] = {"", "smtp_auth = { disabled_accounts = \"people\"; };",
                                           "smtp_auth = { disabled_accounts = \"all\"; };",
                                           "smtp_auth = { disabled_accounts = \"none\"; };"};
    struct gates *g = *state;

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        configure(g, settings[i]);
        for (size_t j = 0; j < ACCOUNTS; j++) {
            const struct account_row *row = &accounts[j];
            enum reason expected = i < 2 ? row->people : i == 2 ? row->all : row->none;
            struct submission s = world_submission(row->primary, "203.0.113.9", row->primary);

            world_decide(g->w, &s);
            if (g->w->verdict.reason != expected)
                fail_msg("%s, %s: %s", settings[i], row->primary, reason_row(g->w->verdict.reason)->name);
        }
    }
}

static void a_disabled_account_is_a_gate_whatever_the_mechanism_and_behind_the_operators_lists(void **state)
{
    static const struct {
        const char *rules, *mechanism;
        enum reason reason;
    } rows[] = {
        {"", "PLAIN", REASON_ACCOUNT_DISABLED},
        {"", "XOAUTH2", REASON_ACCOUNT_DISABLED},
        {"smtp_auth = { allow_file = \"~/list\"; };", "PLAIN", REASON_ALLOWED},
        {"smtp_auth = { deny_file = \"~/list\"; };", "PLAIN", REASON_DENY_FILE},
        {"smtp_auth = { on_premises_file = \"~/list\"; };", "PLAIN", REASON_ALLOWED},
        {"tenants = ({ name = \"contoso\"; smtp_auth = \"disabled\"; });", "PLAIN", REASON_ACCOUNT_DISABLED},
    };
    struct gates *g = *state;

    world_write(g->w, "list", "left@contoso.example\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = world_submission("left@contoso.example", "203.0.113.9", "left@contoso.example");

        configure(g, rows[i].rules);
        s.mechanism = slice_of(rows[i].mechanism);
        world_decide(g->w, &s);
        if (g->w->verdict.reason != rows[i].reason)
            fail_msg("row %zu: %s", i, reason_row(g->w->verdict.reason)->name);
    }
    configure(g, "smtp_auth = { mode = \"monitor\"; };");
    {
        struct submission s = world_submission("left@contoso.example", "203.0.113.9", "left@contoso.example");

        world_decide(g->w, &s);
        assert_int_equal(g->w->verdict.action, ACTION_PASS);
        assert_int_equal(g->w->verdict.monitored_reason, REASON_ACCOUNT_DISABLED);
    }
}

static void the_reply_says_nothing_of_the_account(void **state)
{
    struct gates *g = *state;
    struct submission s = world_submission("left@contoso.example", "203.0.113.9", "left@contoso.example");

    configure(g, "");
    world_decide(g->w, &s);
    assert_int_equal(g->w->verdict.action, ACTION_REJECT);
    assert_null(memmem(g->w->verdict.reply.p, g->w->verdict.reply.n, "isabled", 7));
}

static void explain_names_the_account_and_whence_it_is_known(void **state)
{
    static const struct {
        const char *login, *says;
    } rows[] = {
        {"left@contoso.example",
         "SMTP AUTH: the account behind the mailbox is disabled, as mirrored (from accounts.csv, as of 1h ago)\n"},
        {"info@contoso.example", "disabled, which smtp_auth.disabled_accounts does not heed here, as mirrored"},
    };
    struct gates *g = *state;

    configure(g, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = world_submission(rows[i].login, "203.0.113.9", rows[i].login);
        char text[4096];
        struct buf b = BUF_OVER(text);
        struct trace trace = {.out = &b};

        world_explain(g->w, &s, &trace);
        if (strstr(text, rows[i].says) == NULL)
            fail_msg("%s", text);
    }
}

/* ---- closed domains ---- */

#define CONNECTOR(more) "connectors = ({ name = \"app\"; networks = \"192.0.2.0/24\"; " more " });"

static void nothing_is_sent_from_a_closed_domain(void **state)
{
    static const struct {
        const char *rules, *login, *sender;
        enum reason reason;
    } rows[] = {
        {"", "active@contoso.example", "active@contoso.example", REASON_ALLOWED},
        {"", "active@contoso.example", "active@legacy.example", REASON_SENDER_DOMAIN},
        {"", "active@contoso.example", "prvs=0123456789=active@legacy.example", REASON_SENDER_DOMAIN},
        {"", "active@contoso.example", "active+tag@plain.example", REASON_SENDER_DOMAIN},
        /* MatchSubDomains, or not; and a domain of its own beneath one */
        {"", "active@contoso.example", "active@sub.legacy.example", REASON_SENDER_DOMAIN},
        {"", "active@contoso.example", "active@sub.plain.example", REASON_ALLOWED},
        {"", "active@contoso.example", "active@open.legacy.example", REASON_ALLOWED},
        {"", "active@legacy.example", "active@contoso.example", REASON_ALLOWED}, /* it may still sign in so */
        {"", "active@contoso.example", "", REASON_ALLOWED},
        {"sender = { envelope = \"any\"; };", "active@contoso.example", "x@legacy.example", REASON_SENDER_DOMAIN},
        {"sender = { envelope = \"domain\"; };", "active@contoso.example", "x@plain.example", REASON_SENDER_DOMAIN},
        /* whoever may not send as somebody learns nothing of the domain */
        {"", "info@contoso.example", "active@legacy.example", REASON_SENDER_NOT_OWN},
        /* the operator's own word goes before */
        {"sender = { except = ({ user = \"active@contoso.example\"; senders = [\"@legacy.example\"]; }); };",
         "active@contoso.example", "active@legacy.example", REASON_ALLOWED},
        {"sender = { except = ({ user = \"info@contoso.example\"; senders = [\"@legacy.example\"]; }); };",
         "active@contoso.example", "active@legacy.example", REASON_SENDER_DOMAIN},
        {CONNECTOR(""), NULL, "app@contoso.example", REASON_CONNECTOR},
        {CONNECTOR(""), NULL, "app@legacy.example", REASON_SENDER_DOMAIN},
        {CONNECTOR("senders = [\"@legacy.example\"];"), NULL, "app@legacy.example", REASON_CONNECTOR},
    };
    struct gates *g = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = world_submission(rows[i].login, "192.0.2.9", rows[i].sender);

        configure(g, rows[i].rules);
        s.stage = STAGE_MAIL;
        world_decide(g->w, &s);
        if (g->w->verdict.reason != rows[i].reason)
            fail_msg("row %zu: %s", i, reason_row(g->w->verdict.reason)->name);
    }
}

static void nor_with_such_an_address_in_the_header(void **state)
{
    static const struct {
        const char *from, *sender;
        enum reason reason;
    } rows[] = {
        {"active@contoso.example", NULL, REASON_ALLOWED},
        {"active@legacy.example", NULL, REASON_FROM_DOMAIN},
        {"active@contoso.example", "active@plain.example", REASON_FROM_DOMAIN},
        {"left@contoso.example", NULL, REASON_FROM_NOT_OWN},
    };
    struct gates *g = *state;

    configure(g, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = world_submission("active@contoso.example", "192.0.2.9", "active@contoso.example");
        struct headers headers = {.seen = true};

        headers_add(&headers, SLICE("From"), slice_of(rows[i].from));
        if (rows[i].sender != NULL)
            headers_add(&headers, SLICE("Sender"), slice_of(rows[i].sender));
        s.headers = &headers;
        world_decide(g->w, &s);
        if (g->w->verdict.reason != rows[i].reason)
            fail_msg("row %zu: %s", i, reason_row(g->w->verdict.reason)->name);
        if (rows[i].reason == REASON_FROM_DOMAIN)
            assert_string_equal(g->w->verdict.fault, "its domain has SendingFromDomainDisabled");
        headers_clear(&headers);
    }
}

static void nothing_is_sent_to_a_closed_domain(void **state)
{
    static const struct {
        const char *login, *recipient;
        enum reason reason;
    } rows[] = {
        {"active@contoso.example", "x@contoso.example", REASON_ALLOWED},
        {"active@contoso.example", "x@adatum.example", REASON_ALLOWED},
        {"active@contoso.example", "x@legacy.example", REASON_ALLOWED},
        {"active@contoso.example", "x@unused.example", REASON_RECIPIENT_DOMAIN},
        {"active@contoso.example", "X@Unused.Example", REASON_RECIPIENT_DOMAIN},
        {"active@contoso.example", "x@sub.unused.example", REASON_ALLOWED},
        {NULL, "x@unused.example", REASON_RECIPIENT_DOMAIN},
        {NULL, "x@contoso.example", REASON_CONNECTOR},
    };
    struct gates *g = *state;

    configure(g, CONNECTOR(""));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int at_end = 0; at_end < 2; at_end++) {
            struct submission s = world_submission(rows[i].login, "192.0.2.9", "active@contoso.example");

            s.stage = at_end ? STAGE_END : STAGE_RCPT;
            s.recipient_count = at_end ? 1 : 0;
            s.has_recipient = true;
            s.recipient_text = slice_of(rows[i].recipient);
            s.recipient_result = address_parse_internal(s.recipient_text, &s.recipient);
            world_decide(g->w, &s);
            if (g->w->verdict.reason != rows[i].reason)
                fail_msg("row %zu: %s", i, reason_row(g->w->verdict.reason)->name);
        }
}

/* What becomes of a message of that login under these rules. */
struct gate_row {
    const char *rules, *login, *sender;
    enum reason reason;
};

static void expect_rows(struct gates *g, const struct gate_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct submission s = world_submission(rows[i].login, "203.0.113.9", rows[i].sender);

        configure(g, rows[i].rules);
        world_decide(g->w, &s);
        if (g->w->verdict.reason != rows[i].reason)
            fail_msg("row %zu: %s", i, reason_row(g->w->verdict.reason)->name);
    }
}

/* ---- names that one may sign in with ---- */

#define BARE "default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; domains = [\"contoso.example\"]; }); "

static void only_the_names_that_count_are_logins(void **state)
{
    static const struct gate_row rows[] = {
        {BARE, "alpha", "active@contoso.example", REASON_ALLOWED},                    /* an alias */
        {BARE, "$a-1", "active@contoso.example", REASON_ALLOWED},                     /* an account name */
        {BARE, "active", "active@contoso.example", REASON_ALLOWED},                   /* a primary address */
        {BARE, "active@sub.plain.example", "active@contoso.example", REASON_ALLOWED}, /* a proxy address */
        {BARE, "a.upn@contoso.example", "active@contoso.example", REASON_ALLOWED},
        {BARE "smtp_auth = { login_names = [\"upn\", \"primary\", \"proxy\"]; };", "alpha", "active@contoso.example",
         REASON_UNLISTED},
        {BARE "smtp_auth = { login_names = [\"upn\", \"primary\", \"proxy\"]; };", "$a-1", "active@contoso.example",
         REASON_UNLISTED},
        {BARE "smtp_auth = { login_names = [\"upn\", \"primary\", \"proxy\"]; };", "active", "active@contoso.example",
         REASON_ALLOWED},
        {BARE "smtp_auth = { login_names = \"upn\"; };", "active@contoso.example", "active@contoso.example",
         REASON_UNLISTED},
        {BARE "smtp_auth = { login_names = \"upn\"; };", "a.upn@contoso.example", "active@contoso.example",
         REASON_ALLOWED},
        {BARE "smtp_auth = { login_names = \"primary\"; };", "active@sub.plain.example", "active@contoso.example",
         REASON_UNLISTED},
        /* what the operator maps is mapped, to whichever name */
        {BARE "smtp_auth = { login_names = \"upn\"; logins_file = \"~/logins\"; };", "CORP\\a1",
         "active@contoso.example", REASON_ALLOWED},
        /* the alias of "unsaid" is in front of the "@" of "active": whoever it is may send as neither */
        {"tenants = ({ name = \"contoso\"; domains = [\"plain.example\"]; }); default_tenant = \"contoso\";", "active",
         "active@contoso.example", REASON_ALLOWED},
        {BARE, "info", "unsaid@contoso.example", REASON_SENDER_NOT_OWN},
        {BARE, "info", "info@contoso.example", REASON_SENDER_NOT_OWN},
        {BARE "smtp_auth = { login_names = [\"upn\", \"primary\", \"proxy\"]; };", "info", "info@contoso.example",
         REASON_ALLOWED},
    };
    struct gates *g = *state;

    world_write(g->w, "logins", "corp\\a1 active@contoso.example\n");
    expect_rows(g, rows, sizeof rows / sizeof rows[0]);
}

/* ---- groups and mail users ---- */

static void one_sends_as_a_group_or_mail_user_by_the_right_to_do_so(void **state)
{
    static const struct gate_row rows[] = {
        {"", "active@contoso.example", "sales@contoso.example", REASON_ALLOWED},
        {"", "active@contoso.example", "VERKAUF@contoso.example", REASON_ALLOWED},
        {"", "active@contoso.example", "sales+news@contoso.example", REASON_ALLOWED},
        {"", "active@contoso.example", "partner@contoso.example", REASON_SENDER_NOT_OWN}, /* on behalf: From alone */
        {"", "active@contoso.example", "bosses@contoso.example", REASON_SENDER_NOT_OWN},
        {"", "unsaid@contoso.example", "sales@contoso.example", REASON_SENDER_NOT_OWN},
        /* nobody signs in as one */
        {"", "sales@contoso.example", "sales@contoso.example", REASON_UNLISTED},
        {"", "partner@contoso.example", "partner@contoso.example", REASON_UNLISTED},
        /* a login without a mailbox doesn't get a group's address for its own sub-address */
        {"smtp_auth = { unlisted = \"allow\"; }; sender = { separator = \"-\"; };", "ghost@contoso.example",
         "ghost-x@contoso.example", REASON_ALLOWED},
        {"smtp_auth = { on_premises_file = \"~/list\"; };", "partner@contoso.example", "partner@contoso.example",
         REASON_ALLOWED},
    };
    struct gates *g = *state;

    world_write(g->w, "list", "partner@contoso.example\n");
    expect_rows(g, rows, sizeof rows / sizeof rows[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disabled_account_is_shut_out_but_for_those_that_are_always_disabled),
        cmocka_unit_test(a_disabled_account_is_a_gate_whatever_the_mechanism_and_behind_the_operators_lists),
        cmocka_unit_test(the_reply_says_nothing_of_the_account),
        cmocka_unit_test(explain_names_the_account_and_whence_it_is_known),
        cmocka_unit_test(nothing_is_sent_from_a_closed_domain),
        cmocka_unit_test(nor_with_such_an_address_in_the_header),
        cmocka_unit_test(nothing_is_sent_to_a_closed_domain),
        cmocka_unit_test(only_the_names_that_count_are_logins),
        cmocka_unit_test(one_sends_as_a_group_or_mail_user_by_the_right_to_do_so),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
