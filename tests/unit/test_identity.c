/* links: mirror */
/* One identity behind all spellings of a login: for lists, keys and senders. */
#include "tests/unit/world.h"

#include "core/decide/decide_steps.h"
#include "core/decide/sender_forms.h"
#include "core/report/spellings.h"

#define TENANTS "default_tenant = \"contoso\"; tenants = ({ name = \"contoso\"; netbios = [\"CONTOSO\", \"CORP\"]; });"

static void configure(struct world *w, const char *more)
{
    char text[2048];

    (void)snprintf(text, sizeof text, "preset = \"none\"; %s %s", TENANTS, more);
    world_configure(w, text);
}

/* Paul gets every kind of name that a mailbox can have. */
static void name_paul(struct world *w)
{
    struct mailbox_record paul = {.id = world_id(7),
                                  .knows = MAILBOX_KNOWS_SETTINGS | MAILBOX_KNOWS_DETAILS,
                                  .smtp_auth = SMTP_AUTH_ENABLED,
                                  .primary = SLICE("paul@contoso.example"),
                                  .upn = SLICE("p.ulrich@contoso.example"),
                                  .alias = SLICE("pulrich"),
                                  .account = SLICE("$a1b2-c3d4")};
    char packed[128];
    struct buf proxies = BUF_OVER(packed);
    struct writer_summary summary;
    struct writer *writer;
    struct error e;

    packed_add(&proxies, SLICE("paul@contoso.example"));
    packed_add(&proxies, SLICE("paul.u@legacy.example"));
    packed_add(&proxies, SLICE("bob-smith@contoso.example"));
    paul.proxies = buf_slice(&proxies);
    puts_add(directory_tenant_named(w->view, SLICE("contoso"))->tenant, &paul);
    if (writer_begin(world_file(w, "directory"), &writer, &e) != 0 || puts_write(writer, &e) != 0 ||
        writer_finish(writer, &summary, &e) != 0)
        fail_msg("%s", e.text);
    writer_close(writer);
    directory_view_put(w->directory, w->view);
    if (directory_refresh(w->directory, &e) < 0)
        fail_msg("%s", e.text);
    w->view = directory_view_get(w->directory);
    w->context.view = w->view;
}

static int setup(void **state)
{
    struct world *w = world_make();

    name_paul(w);
    world_write(w, "logins", "mfp7 paul@contoso.example\n@contoso.local @contoso.example\n");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

/* Is the login named by a list of that one entry? */
static bool named(struct world *w, const char *entry, const char *login, enum listed_to to)
{
    struct submission s = world_submission(login, "203.0.113.9", "x@contoso.example");
    enum directory_result result;

    world_write(w, "one", entry);
    configure(w, "smtp_auth = { unlisted = \"allow\"; logins_file = \"~/logins\"; deny_file = \"~/one\"; };");
    world_decide(w, &s);
    result = identity_listed(&w->context, &s, &w->verdict.identity, w->config->smtp_auth.deny, to, NULL);
    assert_true(result != DIRECTORY_DAMAGED);
    assert_true((w->verdict.reason == REASON_DENY_FILE) ==
                (identity_listed(&w->context, &s, &w->verdict.identity, w->config->smtp_auth.deny, LISTED_TO_DENY,
                                 NULL) == DIRECTORY_FOUND));
    return result == DIRECTORY_FOUND;
}

static void an_entry_in_whatever_spelling_means_the_mailbox(void **state)
{
    static const char *const names[] = {"paul@contoso.example",
                                        "P.Ulrich@Contoso.Example",
                                        "paul.u@legacy.example",
                                        "pulrich",
                                        "CONTOSO\\pulrich",
                                        "corp/PULRICH",
                                        "$a1b2-c3d4",
                                        "CONTOSO\\$a1b2-c3d4",
                                        "mfp7",
                                        "paul",
                                        "CONTOSO\\paul",
                                        "paul@CONTOSO.LOCAL",
                                        "p.ulrich",
                                        "corp\\p.ulrich"};
    static const size_t n = sizeof names / sizeof names[0];

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (int to = LISTED_TO_DENY; to <= LISTED_TO_PERMIT; to++)
                if (strcmp(names[j], "paul.u@legacy.example") !=
                        0 && /* a domain that no tenant claims signs in nobody */
                    !named(*state, names[i], names[j], (enum listed_to)to))
                    fail_msg("the entry %s does not name the login %s", names[i], names[j]);
}

static void outside_the_directory_all_spellings_are_one_login(void **state)
{
    static const char *const names[] = {"bob",
                                        "CONTOSO\\bob",
                                        "contoso/bob",
                                        "corp\\BOB",
                                        "bob@contoso.example",
                                        "Bob@CONTOSO.Example",
                                        "bob@contoso.local"};
    static const size_t n = sizeof names / sizeof names[0];
    struct world *w = *state;
    uint64_t user = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            if (!named(w, names[i], names[j], LISTED_TO_PERMIT))
                fail_msg("the entry %s does not name the login %s", names[i], names[j]);
            user = i == 0 && j == 0 ? w->verdict.identity.user : user;
            assert_true(w->verdict.identity.user == user && w->verdict.identity.login == user);
        }
}

static void an_entry_means_nobody_else(void **state)
{
    static const struct {
        const char *entry, *login;
    } rows[] = {
        {"paul", "paul@fabrikam.example"},
        {"paul@fabrikam.example", "paul@contoso.example"},
        {"@fabrikam.example", "paul@contoso.example"},
        {"pau", "paul@contoso.example"},
        {"anna", "anna@fabrikam.example"},          /* a name alone is the default tenant's */
        {"CONTOSO\\anna", "anna@fabrikam.example"}, /* and a domain's, its tenant's */
        {"bob", "bob@both.example"},
        {"bob", "bob@sub.contoso.example"},
        {"@contoso.example", "bob@sub.contoso.example"},
        {"mfp7@contoso.example", "mfp7"},
        {"bert", "anna"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (named(*state, rows[i].entry, rows[i].login, LISTED_TO_DENY))
            fail_msg("the entry %s names the login %s", rows[i].entry, rows[i].login);
}

static void a_domain_denies_every_mailbox_with_an_address_there_and_permits_those_at_home_in_it(void **state)
{
    static const struct {
        const char *entry, *login;
        bool denies, permits;
    } rows[] = {
        {"@contoso.example", "pulrich", true, true},
        {"@contoso.example", "mfp7", true, true},
        {"@contoso.local", "paul@contoso.example", true, true},
        {"@contoso.example", "bob", true, true},
        {"@legacy.example", "pulrich", true, false},
        {"@legacy.example", "bob", false, false},
        {"twin1", "shared@contoso.example", true, false},
        {"shared@contoso.example", "shared@contoso.example", true, true},
        {"shared@contoso.example", "twin2", true, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (named(*state, rows[i].entry, rows[i].login, LISTED_TO_DENY) != rows[i].denies ||
            named(*state, rows[i].entry, rows[i].login, LISTED_TO_PERMIT) != rows[i].permits)
            fail_msg("the entry %s, the login %s", rows[i].entry, rows[i].login);
}

static void an_unknown_domain_is_never_the_default_tenants(void **state)
{
    static const char *const logins[] = {"OTHER\\anna", "contoso.example\\anna", "other/anna", "OTHER\\bob"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        struct submission s = world_submission(logins[i], "203.0.113.9", "anna@contoso.example");

        configure(w, "smtp_auth = { unlisted = \"allow\"; };");
        world_decide(w, &s);
        if (w->verdict.reason != REASON_NO_TENANT)
            fail_msg("%s: %s", logins[i], reason_row(w->verdict.reason)->name);
    }
}

/* A name alone that is nobody's alias is the address of that name: its mailbox's settings hold for it. */
static void a_name_alone_does_not_get_around_the_mailbox_with_that_address(void **state)
{
    static const struct {
        const char *login;
        enum reason reason;
    } rows[] = {{"paul", REASON_ALLOWED}, {"shared", REASON_MAILBOX_DISABLED}, {"news", REASON_RESTRICTED}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = world_submission(rows[i].login, "203.0.113.9", "paul@contoso.example");

        configure(w, "smtp_auth = { unlisted = \"allow\"; }; sender = { envelope = \"any\"; };");
        world_decide(w, &s);
        if (w->verdict.reason != rows[i].reason)
            fail_msg("%s: %s", rows[i].login, reason_row(w->verdict.reason)->name);
    }
}

static void exceptions_and_groups_know_all_names_of_a_mailbox(void **state)
{
    static const char *const entries[] = {"paul@contoso.example", "p.ulrich@contoso.example", "CONTOSO\\pulrich",
                                          "$a1b2-c3d4", "mfp7"};
    struct world *w = *state;
    struct submission s = world_submission("pulrich", "203.0.113.9", "paul@contoso.example");

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        for (int group = 0; group < 2; group++) {
            char escaped[64], rules[512];
            struct limit_rate room;
            struct buf b = BUF_OVER(escaped);

            for (const char *p = entries[i]; *p != '\0'; p++)
                buf_addf(&b, "%s%c", *p == '\\' ? "\\" : "", *p);
            (void)snprintf(rules, sizeof rules,
                           "smtp_auth = { logins_file = \"~/logins\"; };"
                           "groups = ({ name = \"g\"; members = [\"%s\"]; });"
                           "limits = ({ name = \"l\"; per = \"user\"; count = \"messages\"; rate = \"5/d\"; except = ("
                           "{ user = \"anna\"; rate = \"7/d\"; }, { %s = \"%s\"; rate = \"9/d\"; }); });",
                           escaped, group ? "group" : "user", group ? "g" : escaped);
            configure(w, rules);
            world_decide(w, &s);
            assert_int_equal(limit_figure(&w->context, &s, &w->verdict.identity, &w->config->limits[0], &room)->burst,
                             9);
        }
}

/* ---- senders ---- */

static void a_login_outside_the_directory_may_use_sub_addresses_that_are_no_mailboxes(void **state)
{
    static const struct {
        const char *sender;
        enum reason reason;
    } rows[] = {{"bob@contoso.example", REASON_ALLOWED},
                {"bob-shop@contoso.example", REASON_ALLOWED},
                {"bob-smith@contoso.example", REASON_SENDER_NOT_OWN},
                {"bob-smith-x@contoso.example", REASON_SENDER_NOT_OWN},
                {"prvs=1a=bob@contoso.example", REASON_ALLOWED},
                {"srs0=a=b=contoso.example=bob@adatum.example", REASON_SENDER_NOT_OWN}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct submission s = world_submission("CONTOSO\\bob", "203.0.113.9", rows[i].sender);

        configure(w, "smtp_auth = { unlisted = \"allow\"; }; sender = { separator = \"+-\"; };");
        world_decide(w, &s);
        if (w->verdict.reason != rows[i].reason)
            fail_msg("%s: %s", rows[i].sender, reason_row(w->verdict.reason)->name);
    }
}

static void a_sender_stands_for_these_addresses(void **state)
{
    static const struct {
        const char *separators, *sender;
        enum sender_place place;
        const char *forms; /* in order */
    } rows[] = {
        {"+", "anna@contoso.example", SENDER_IN_ENVELOPE, "anna@contoso.example"},
        {"+", "anna+a+b@contoso.example", SENDER_IN_HEADER,
         "anna+a+b@contoso.example anna+a@contoso.example anna@contoso.example"},
        {"", "anna+a@contoso.example", SENDER_IN_ENVELOPE, "anna+a@contoso.example"},
        {"+-", "list-return-1+x@contoso.example", SENDER_IN_HEADER,
         "list-return-1+x@contoso.example list-return-1@contoso.example list-return@contoso.example "
         "list@contoso.example"},
        {"+", "+anna@contoso.example", SENDER_IN_ENVELOPE, "+anna@contoso.example"},
        {"+", "anna.+x@contoso.example", SENDER_IN_ENVELOPE, "anna.+x@contoso.example"},
        {"+", "prvs=1234abcdef=anna@contoso.example", SENDER_IN_ENVELOPE,
         "prvs=1234abcdef=anna@contoso.example anna@contoso.example"},
        {"+", "prvs=1234abcdef=anna@contoso.example", SENDER_IN_HEADER, "prvs=1234abcdef=anna@contoso.example"},
        {"+", "PRVS=12=anna+x@contoso.example", SENDER_IN_ENVELOPE,
         "prvs=12=anna+x@contoso.example prvs=12=anna@contoso.example anna+x@contoso.example anna@contoso.example"},
        {"+", "btv1==489040e8aa2==anna@contoso.example", SENDER_IN_ENVELOPE,
         "btv1==489040e8aa2==anna@contoso.example anna@contoso.example"},
        {"+", "prvs==anna@contoso.example", SENDER_IN_ENVELOPE, "prvs==anna@contoso.example"},
        {"+", "prvs=12=@contoso.example", SENDER_IN_ENVELOPE, "prvs=12=@contoso.example"},
        {"+", "SRS0=guWu=HQ=contoso.example=anna@relay.example", SENDER_IN_ENVELOPE,
         "srs0=guwu=hq=contoso.example=anna@relay.example anna@contoso.example"},
        {"", "srs0+guWu=HQ=contoso.example=a=b@relay.example", SENDER_IN_ENVELOPE,
         "srs0+guwu=hq=contoso.example=a=b@relay.example a=b@contoso.example"},
        {"+", "SRS1=abcd=first.example==guWu=HQ=contoso.example=anna@relay.example", SENDER_IN_ENVELOPE,
         "srs1=abcd=first.example==guwu=hq=contoso.example=anna@relay.example anna@contoso.example"},
        {"+", "srs0=guwu=hq=contoso.example@relay.example", SENDER_IN_ENVELOPE,
         "srs0=guwu=hq=contoso.example@relay.example"},
        {"+", "srs0=a=b=-=anna@relay.example", SENDER_IN_ENVELOPE, "srs0=a=b=-=anna@relay.example"},
        {"+", "prvs=12=srs0=a=b=contoso.example=anna@relay.example", SENDER_IN_ENVELOPE,
         "prvs=12=srs0=a=b=contoso.example=anna@relay.example anna@contoso.example"},
        {"+", "anna+@contoso.example", SENDER_IN_HEADER, "anna+@contoso.example anna@contoso.example"},
        {"+", "+tag@contoso.example", SENDER_IN_HEADER, "+tag@contoso.example"},
        {"+", "j\xc3\xbc+tag@contoso.example", SENDER_IN_HEADER,
         "j\xc3\xbc+tag@contoso.example j\xc3\xbc@contoso.example"},
        /* in quotes some reader sees an address of its own */
        {"+", "anna+boss x@contoso.example", SENDER_IN_HEADER, "anna+boss x@contoso.example"},
        {"+", "anna+boss x@contoso.example", SENDER_IN_ENVELOPE, "anna+boss x@contoso.example"},
        {"-", "a-1-2-3-4-5-6-7-8-9-0@contoso.example", SENDER_IN_HEADER,
         "a-1-2-3-4-5-6-7-8-9-0@contoso.example a-1-2-3-4-5-6-7@contoso.example a-1-2-3-4-5-6@contoso.example "
         "a-1-2-3-4-5@contoso.example a-1-2-3-4@contoso.example a-1-2-3@contoso.example a-1-2@contoso.example "
         "a-1@contoso.example a@contoso.example"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sender_config config = {.null_sender = NULL_DSN};
        struct sender_forms forms;
        struct address sender, form;
        char text[2048];
        struct buf b = BUF_OVER(text);

        (void)snprintf(config.separator, sizeof config.separator, "%s", rows[i].separators);
        assert_int_equal(address_parse_envelope(slice_of(rows[i].sender), &sender), ADDRESS_OK);
        sender_forms_start(&forms, &config, &sender, rows[i].place);
        while (sender_forms_next(&forms, &form))
            buf_addf(&b, "%s%s", b.n > 0 ? " " : "", form.text);
        if (strcmp(text, rows[i].forms) != 0)
            fail_msg("%s\n%s, expected\n%s", rows[i].sender, text, rows[i].forms);
    }
}

static void a_sender_counts_as_the_last_address_that_it_stands_for(void **state)
{
    static const struct {
        const char *sender, *counts_as;
    } rows[] = {{"scan+1@contoso.example", "scan@contoso.example"},
                {"scan.+1@contoso.example", "scan.+1@contoso.example"}, /* "scan." is no name */
                {"prvs=1a=scan+x+y@contoso.example", "scan@contoso.example"},
                {"SRS0=a=b=adatum.example=x@contoso.example", "x@adatum.example"}};
    struct sender_config config = {.separator = "+"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address sender, out;

        assert_int_equal(address_parse_internal(slice_of(rows[i].sender), &sender), ADDRESS_OK);
        sender_plain(&config, &sender, &out);
        assert_string_equal(out.text, rows[i].counts_as);
    }
}

static void the_null_sender_stands_for_nothing(void **state)
{
    struct sender_config config = {.separator = "+"};
    struct address none = {0}, out;
    struct sender_forms forms;

    (void)state;
    sender_forms_start(&forms, &config, &none, SENDER_IN_ENVELOPE);
    assert_false(sender_forms_next(&forms, &out));
    sender_plain(&config, &none, &out);
    assert_int_equal(out.n, 0);
}

static void a_login_of_a_record_is_known_in_every_spelling(void **state)
{
    static const struct {
        const char *login, *record;
        bool directory, same;
    } rows[] = {
        {"guest@contoso.example", "Guest@Contoso.Example", true, true},
        {"guest@contoso.example", "guest", true, true},
        {"guest@contoso.example", "CONTOSO\\guest", true, true},
        {"guest@contoso.example", "corp/GUEST", true, true},
        {"CONTOSO\\guest", "guest@contoso.example", true, true},
        {"CONTOSO\\guest", "CORP\\guest", true, true},
        {"GUEST", "contoso\\guest", true, true},
        {"guest@contoso.example", "guest@fabrikam.example", true, false},
        {"guest@fabrikam.example", "guest", true, false},
        {"guest@fabrikam.example", "CONTOSO\\guest", true, false},
        {"guest@contoso.example", "FABRIKAM\\guest", true, false},
        {"guest@contoso.example", "guest2", true, false},
        {"guest@contoso.example", "", true, false},
        {"guest@contoso.example", "guest@contoso.example ", true, false},
        /* a mailbox, of what it was before it was one */
        {"paul@contoso.example", "CORP\\paul", true, true},
        /* the logins file */
        {"mfp7", "paul@contoso.example", true, true},
        {"guest@contoso.example", "guest@contoso.local", true, true},
        {"guest@contoso.local", "CORP\\guest", true, true},
        {"paul@contoso.example", "mfp7", true, true},
        /* what can be told without a directory */
        {"Guest@contoso.example", "guest@contoso.example", false, true},
        {"guest@contoso.example", "guest", false, false},
        {"GUEST", "guest", false, true},
        {"CONTOSO\\guest", "corp\\Guest", false, true},
        {"guest", "CONTOSO\\guest", false, false},
    };
    struct world *w = *state;

    configure(w, "smtp_auth = { logins_file = \"~/logins\"; };");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct decide_context c = w->context;
        struct spellings spellings;
        struct spelled record;

        c.view = rows[i].directory ? w->view : NULL;
        assert_true(spellings_of(&c, slice_of(rows[i].login), &spellings));
        spelled_read(w->config, slice_of(rows[i].record), &record);
        if (spellings_have(w->config, &spellings, &record) != rows[i].same)
            fail_msg("%s and %s", rows[i].login, rows[i].record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_login_of_a_record_is_known_in_every_spelling, setup, teardown),
        cmocka_unit_test(an_entry_in_whatever_spelling_means_the_mailbox),
        cmocka_unit_test(outside_the_directory_all_spellings_are_one_login),
        cmocka_unit_test(an_entry_means_nobody_else),
        cmocka_unit_test(a_domain_denies_every_mailbox_with_an_address_there_and_permits_those_at_home_in_it),
        cmocka_unit_test(an_unknown_domain_is_never_the_default_tenants),
        cmocka_unit_test(a_name_alone_does_not_get_around_the_mailbox_with_that_address),
        cmocka_unit_test(exceptions_and_groups_know_all_names_of_a_mailbox),
        cmocka_unit_test(a_login_outside_the_directory_may_use_sub_addresses_that_are_no_mailboxes),
        cmocka_unit_test(a_sender_stands_for_these_addresses),
        cmocka_unit_test(a_sender_counts_as_the_last_address_that_it_stands_for),
        cmocka_unit_test(the_null_sender_stands_for_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
