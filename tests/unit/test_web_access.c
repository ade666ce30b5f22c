/* links: web */
/* Who may use the web program: the file of accounts, scopes, sessions, tries of passwords, rows of tenants. */
#include "core/access/accounts.h"
#include "core/base/clock.h"
#include "web/rows.h"
#include "web/sessions.h"
#include "web/tries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HASH "$y$j9T$.GhdUDNRqd/4JmsilFvDY1$w0yCh5lG9ZVy4AGKoq8KoUlNE8TV0nvjUSAKnjIhvw8"
#define DIGEST "d621205551bad2595896831a4ae8d41e8d54c827c1d2ac9b71bf643950d5a178"

/* ---- the file ---- */

static void a_line_is_an_account_or_the_file_is_wrong(void **state)
{
    static const struct {
        const char *text, *says; /* NULL: it is right */
    } rows[] = {
        {"anna:admin:*:" HASH "\n# a comment\n\nbert:reader:contoso,fabrikam:" HASH " # by root\n", NULL},
        {"m:metrics:*:sha256$" DIGEST ":0\n", NULL},
        {"", NULL},
        {"anna@contoso.example:viewer:*:" HASH, NULL},
        {"\nanna:boss:*:" HASH, "f:2: \"boss\" is no role"},
        {"anna:anybody:*:" HASH, "is no role"},
        {"an na:admin:*:" HASH, "is no name of an account"},
        {"-a:admin:*:" HASH, "is no name of an account"},
        {":admin:*:" HASH, "is no name of an account"},
        {"anna:admin::" HASH, "expected names of tenants"},
        {"anna:admin:*,contoso:" HASH, "expected names of tenants"},
        {"anna:admin:contoso,:" HASH, "expected names of tenants"},
        {"anna:viewer:contoso:" HASH, "it can't be bound to some"},
        {"m:metrics:contoso:sha256$" DIGEST ":0", "it can't be bound to some"},
        {"anna:admin:*:", "expected a password's"},
        {"anna:admin:*", "expected"},
        {"anna", "is no role"},
        {"anna:admin:*:secret", "expected a password's"},
        {"anna:admin:*:$6$salt$abcdefghijklmnopqrstuvwxyz", "expected a password's"},
        {"anna:admin:*:" HASH ":0", "expected a password's"},
        {"anna:admin:*:$y$j9T$*$abcdefghijklmnopqrstuvwxyz", "expected a password's"},
        {"m:metrics:*:sha256$" DIGEST, "64 HEX DIGITS"},
        {"m:metrics:*:sha256$" DIGEST ":-1", "64 HEX DIGITS"},
        {"m:metrics:*:sha256$D" DIGEST ":0", "64 HEX DIGITS"},
        {"anna:admin:*:" HASH "\nanna:reader:*:" HASH, "f:2: anna is there twice"},
        {"anna:admin:*:" HASH "\x01", "f:1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct accounts accounts;
        struct error e = {""};
        int rc = accounts_parse(slice_of(rows[i].text), "f", &accounts, &e);

        if ((rc == 0) != (rows[i].says == NULL) || (rc != 0 && strstr(e.text, rows[i].says) == NULL))
            fail_msg("%s\n says: %s", rows[i].text, e.text);
        accounts_free(&accounts);
    }
}

static void an_account_is_found_by_its_whole_name_and_a_token_until_it_ends(void **state)
{
    char text[400], digest[DIGEST_TEXT_MAX];
    struct accounts accounts;
    struct error e;

    (void)state;
    access_digest(SLICE("postern_"), SLICE("x"), digest);
    (void)snprintf(text, sizeof text, "anna:admin:*:" HASH "\nm:metrics:*:sha256$%s:1000\n", digest);
    assert_int_equal(accounts_parse(slice_of(text), "f", &accounts, &e), 0);
    assert_int_equal(accounts_named(&accounts, SLICE("anna"))->role, ROLE_ADMIN);
    assert_null(accounts_named(&accounts, SLICE("Anna")));
    assert_null(accounts_named(&accounts, SLICE("ann")));
    assert_ptr_equal(accounts_with_token(&accounts, SLICE("postern_x"), 999), accounts_named(&accounts, SLICE("m")));
    assert_null(accounts_with_token(&accounts, SLICE("postern_x"), 1000));
    assert_null(accounts_with_token(&accounts, SLICE("postern_y"), 0));
    assert_null(accounts_with_token(&accounts, slice_of(digest), 0));
    accounts_free(&accounts);
}

static void a_file_that_others_may_open_is_not_taken(void **state)
{
    char path[] = "/tmp/postern-accounts-XXXXXX";
    int fd = mkstemp(path);
    struct accounts accounts;
    struct error e;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "anna:admin:*:" HASH "\n", sizeof("anna:admin:*:" HASH)), sizeof("anna:admin:*:" HASH));
    assert_int_equal(fchmod(fd, 0640), 0);
    assert_int_equal(accounts_load(path, &accounts, &e), 0);
    assert_int_equal(accounts.n, 1);
    accounts_free(&accounts);
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(accounts_load(path, &accounts, &e), -1);
    assert_non_null(strstr(e.text, "others may open it"));
    assert_int_equal(accounts.n, 0);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(accounts_load(path, &accounts, &e), -1);
}

static void a_password_is_right_for_what_was_made_of_it_and_for_nothing_else(void **state)
{
    char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];
    struct error e;

    (void)state;
    assert_int_equal(password_hash("correct horse", hash, &e), 0);
    assert_int_equal(password_hash("correct horse", again, &e), 0);
    assert_true(strncmp(hash, "$y$", 3) == 0);
    assert_string_not_equal(hash, again);
    assert_true(password_is_right("correct horse", hash));
    assert_false(password_is_right("correct hors", hash));
    assert_false(password_is_right("", hash));
    assert_false(password_is_right("correct horse", ""));
    assert_false(password_is_right("*0", "*0"));
}

/* ---- scopes ---- */

static void a_scope_holds_the_tenants_that_it_names(void **state)
{
    static const struct {
        const char *scope, *tenant;
        bool has;
    } rows[] = {{"*", "contoso", true},           {"*", "", true},        {"contoso", "contoso", true},
                {"contoso", "conto", false},      {"contoso", "", false}, {"a,contoso,b", "contoso", true},
                {"a,contosob", "contoso", false}, {"", "contoso", false}, {"", "", false},
                {"contoso", "Contoso", false},    {"contoso", "*", false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (scope_has(slice_of(rows[i].scope), slice_of(rows[i].tenant)) != rows[i].has)
            fail_msg("%s and %s", rows[i].scope, rows[i].tenant);
}

/* A printer that keeps the names of those who pass. */
struct keeping {
    struct printer printer; /* first */
    char names[64];
};

static void keep_row(struct printer *p, const struct value *cells)
{
    struct keeping *k = (struct keeping *)p;

    (void)snprintf(k->names + strlen(k->names), sizeof k->names - strlen(k->names), "%.*s ", SLICE_ARG(cells[0].text));
}

static void take_table(struct printer *p, const struct table *table)
{
    (void)p;
    (void)table;
}

static void take_tree(struct printer *p, const char *name, enum tree tree)
{
    (void)p;
    (void)name;
    (void)tree;
}

static void take_value(struct printer *p, const char *name, struct value value)
{
    (void)p;
    (void)name;
    (void)value;
}

static void take_end(struct printer *p)
{
    (void)p;
}

static const struct keeping kept = {.printer = {.table = take_table,
                                                .row = keep_row,
                                                .end = take_end,
                                                .open = take_tree,
                                                .value = take_value,
                                                .close = take_end}};

static void rows_of_other_tenants_are_left_out_and_tables_without_tenants_refused(void **state)
{
    static const struct column with[] = {{"mailbox", VALUE_TEXT}, {"tenant", VALUE_TEXT}};
    static const struct column without[] = {{"mailbox", VALUE_TEXT}, {"domain", VALUE_TEXT}};
    static const struct {
        const char *scope, *names;
        const struct column *columns;
        int status;
    } rows[] = {{"*", "a b c d ", with, PAGE_OK},
                {"contoso", "a c ", with, PAGE_OK},
                {"fabrikam", "b ", with, PAGE_OK},
                {"contoso,fabrikam", "a b c ", with, PAGE_OK},
                {"adatum", "", with, PAGE_OK},
                {"*", "a b c d ", without, PAGE_OK},
                {"contoso", "", without, PAGE_NOT_FOR_YOU}};
    static const struct value cells[][2] = {
        {{VALUE_TEXT, {{"a", 1}}}, {VALUE_TEXT, {{"contoso", 7}}}},
        {{VALUE_TEXT, {{"b", 1}}}, {VALUE_TEXT, {{"fabrikam", 8}}}},
        {{VALUE_TEXT, {{"c", 1}}}, {VALUE_TEXT, {{"contoso", 7}}}},
        {{VALUE_TEXT, {{"d", 1}}}, {VALUE_NONE, {{NULL, 0}}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct keeping to = kept;
        struct rows *w = calloc(1, sizeof *w);
        struct page page = {.next = ""};

        assert_non_null(w);
        rows_begin(w, &to.printer, 0, 100, slice_of(rows[i].scope));
        w->printer.table(&w->printer, &(struct table){.columns = rows[i].columns, .n = 2});
        for (size_t n = 0; n < 4; n++)
            w->printer.row(&w->printer, cells[n]);
        w->printer.end(&w->printer);
        assert_string_equal(to.names, rows[i].names);
        assert_int_equal(rows_judge(w, &page), rows[i].status);
        free(w);
    }
}

static void a_tree_is_for_who_sees_its_tenant(void **state)
{
    static const struct {
        const char *scope, *tenant; /* NULL: it has none */
        int status;
    } rows[] = {{"*", NULL, PAGE_OK},
                {"*", "contoso", PAGE_OK},
                {"contoso", "contoso", PAGE_OK},
                {"contoso", "fabrikam", PAGE_NOT_FOUND},
                {"contoso", NULL, PAGE_NOT_FOUND}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct keeping to = kept;
        struct rows *w = calloc(1, sizeof *w);
        struct page page = {.next = ""};

        assert_non_null(w);
        rows_begin(w, &to.printer, 0, 100, slice_of(rows[i].scope));
        w->printer.open(&w->printer, NULL, TREE_OBJECT);
        if (rows[i].tenant != NULL)
            w->printer.value(&w->printer, "tenant", value_word(rows[i].tenant));
        /* Of something inside it says nothing. */
        w->printer.open(&w->printer, "usage", TREE_OBJECT);
        w->printer.value(&w->printer, "tenant", value_word("contoso"));
        w->printer.close(&w->printer);
        w->printer.close(&w->printer);
        assert_int_equal(rows_judge(w, &page), rows[i].status);
        free(w);
    }
}

/* ---- sessions ---- */

static struct accounts accounts_of(const char *text)
{
    struct accounts accounts;
    struct error e;

    assert_int_equal(accounts_parse(slice_of(text), "f", &accounts, &e), 0);
    return accounts;
}

static void a_session_ends_when_idle_when_old_and_when_it_is_ended(void **state)
{
    struct accounts accounts = accounts_of("anna:admin:*:" HASH);
    struct sessions *sessions = sessions_new();
    uint64_t now_ns = 1000 * NS_PER_S;
    char id[DIGEST_TEXT_MAX];
    struct error e;

    (void)state;
    assert_non_null(sessions);
    assert_int_equal(sessions_begin(sessions, &accounts.rows[0], now_ns, id, &e), 0);
    assert_null(sessions_use(sessions, SLICE(""), &accounts, now_ns));
    assert_null(sessions_use(sessions, SLICE(DIGEST), &accounts, now_ns));
    /* Used again and again it lasts twelve hours, and not longer. */
    for (unsigned s = 0; s < SESSION_WHOLE_S; s += SESSION_IDLE_S - 1) {
        assert_true(sessions_has(sessions, slice_of(id), &accounts, now_ns + s * NS_PER_S));
        assert_string_equal(sessions_use(sessions, slice_of(id), &accounts, now_ns + s * NS_PER_S)->name, "anna");
    }
    assert_null(sessions_use(sessions, slice_of(id), &accounts, now_ns + SESSION_WHOLE_S * NS_PER_S));
    assert_int_equal(sessions_begin(sessions, &accounts.rows[0], now_ns, id, &e), 0);
    assert_false(sessions_has(sessions, slice_of(id), &accounts, now_ns + SESSION_IDLE_S * NS_PER_S));
    assert_null(sessions_use(sessions, slice_of(id), &accounts, now_ns + SESSION_IDLE_S * NS_PER_S));
    assert_int_equal(sessions_begin(sessions, &accounts.rows[0], now_ns, id, &e), 0);
    sessions_end(sessions, slice_of(id));
    assert_null(sessions_use(sessions, slice_of(id), &accounts, now_ns));
    sessions_free(sessions);
    accounts_free(&accounts);
}

static void any_change_of_its_account_ends_a_session(void **state)
{
    static const char *const changed[] = {"", "anna:reader:*:" HASH, "anna:admin:contoso:" HASH, "bert:admin:*:" HASH};
    struct accounts before = accounts_of("anna:admin:*:" HASH);
    struct sessions *sessions = sessions_new();
    char id[DIGEST_TEXT_MAX];
    struct error e;

    (void)state;
    assert_non_null(sessions);
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        struct accounts after = accounts_of(changed[i]);

        assert_int_equal(sessions_begin(sessions, &before.rows[0], 1, id, &e), 0);
        assert_non_null(sessions_use(sessions, slice_of(id), &before, 2));
        assert_null(sessions_use(sessions, slice_of(id), &after, 3));
        /* For good: the line of before does not bring it back. */
        assert_null(sessions_use(sessions, slice_of(id), &before, 4));
        accounts_free(&after);
    }
    sessions_free(sessions);
    accounts_free(&before);
}

static void in_a_full_table_the_idlest_session_gives_way(void **state)
{
    struct accounts accounts = accounts_of("anna:admin:*:" HASH);
    struct sessions *sessions = sessions_new();
    char first[DIGEST_TEXT_MAX], second[DIGEST_TEXT_MAX], id[DIGEST_TEXT_MAX];
    struct error e;

    (void)state;
    assert_non_null(sessions);
    assert_int_equal(sessions_begin(sessions, &accounts.rows[0], 1, first, &e), 0);
    assert_int_equal(sessions_begin(sessions, &accounts.rows[0], 2, second, &e), 0);
    for (unsigned i = 2; i < SESSIONS_MOST; i++)
        assert_int_equal(sessions_begin(sessions, &accounts.rows[0], 3, id, &e), 0);
    assert_non_null(sessions_use(sessions, slice_of(first), &accounts, 4));
    assert_int_equal(sessions_begin(sessions, &accounts.rows[0], 5, id, &e), 0);
    assert_non_null(sessions_use(sessions, slice_of(first), &accounts, 6));
    assert_null(sessions_use(sessions, slice_of(second), &accounts, 6));
    assert_non_null(sessions_use(sessions, slice_of(id), &accounts, 6));
    sessions_free(sessions);
    accounts_free(&accounts);
}

/* ---- tries ---- */

static void ten_tries_a_minute_and_one_more_each_six_seconds(void **state)
{
    uint64_t now_ns = 100 * NS_PER_S;
    struct tries *tries = tries_new();

    (void)state;
    assert_non_null(tries);
    for (unsigned i = 0; i < TRIES_MOST; i++)
        assert_int_equal(tries_take(tries, "name", SLICE("anna"), now_ns), 0);
    assert_int_equal(tries_take(tries, "name", SLICE("anna"), now_ns), 6);
    assert_int_equal(tries_take(tries, "name", SLICE("anna"), now_ns + 5 * NS_PER_S), 1);
    assert_int_equal(tries_take(tries, "name", SLICE("anna"), now_ns + 6 * NS_PER_S), 0);
    assert_int_equal(tries_take(tries, "name", SLICE("anna"), now_ns + 6 * NS_PER_S), 6);
    /* Others have their own. */
    assert_int_equal(tries_take(tries, "name", SLICE("bert"), now_ns), 0);
    assert_int_equal(tries_take(tries, "peer", SLICE("anna"), now_ns), 0);
    /* What was none is given back. */
    tries_return(tries, "name", SLICE("anna"));
    assert_int_equal(tries_take(tries, "name", SLICE("anna"), now_ns + 6 * NS_PER_S), 0);
    assert_int_equal(tries_take(tries, "name", SLICE("anna"), now_ns + 600 * NS_PER_S), 0);
    tries_free(tries);
}

static void who_tried_most_is_not_pushed_out_by_others(void **state)
{
    struct tries *tries = tries_new();
    char name[16];

    (void)state;
    assert_non_null(tries);
    for (unsigned i = 0; i < TRIES_MOST; i++)
        assert_int_equal(tries_take(tries, "name", SLICE("anna"), NS_PER_S), 0);
    for (unsigned i = 0; i < 3 * TRIES_PLACES; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(tries_take(tries, "name", slice_of(name), NS_PER_S), 0);
    }
    assert_true(tries_take(tries, "name", SLICE("anna"), NS_PER_S) > 0);
    tries_free(tries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_an_account_or_the_file_is_wrong),
        cmocka_unit_test(an_account_is_found_by_its_whole_name_and_a_token_until_it_ends),
        cmocka_unit_test(a_file_that_others_may_open_is_not_taken),
        cmocka_unit_test(a_password_is_right_for_what_was_made_of_it_and_for_nothing_else),
        cmocka_unit_test(a_scope_holds_the_tenants_that_it_names),
        cmocka_unit_test(rows_of_other_tenants_are_left_out_and_tables_without_tenants_refused),
        cmocka_unit_test(a_tree_is_for_who_sees_its_tenant),
        cmocka_unit_test(a_session_ends_when_idle_when_old_and_when_it_is_ended),
        cmocka_unit_test(any_change_of_its_account_ends_a_session),
        cmocka_unit_test(in_a_full_table_the_idlest_session_gives_way),
        cmocka_unit_test(ten_tries_a_minute_and_one_more_each_six_seconds),
        cmocka_unit_test(who_tried_most_is_not_pushed_out_by_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
