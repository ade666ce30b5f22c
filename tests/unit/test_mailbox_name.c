/* links: mirror */
/* A mailbox by any name that people have for it. */
#include "tests/unit/directory_fixture.h"

#include "core/base/guid.h"
#include "core/directory/mailbox_name.h"
#include "core/directory/mailbox_search.h"

static const struct mailbox_line contoso[] = {
    {.number = 1,
     .primary = "anna@contoso.example",
     .upn = "a.berg@contoso.example",
     .alias = "anna",
     .account = "aberg",
     .proxies = {"anna.berg@contoso.example"},
     .name = "Anna Berg"},
    {.number = 2, .primary = "bert@contoso.example", .alias = "bert", .name = "anna"}, /* as another's alias */
    {.number = 3, .primary = "mueller@contoso.example", .name = "Jörg Müller"},
    {.number = 4, .primary = "scan1@contoso.example", .name = "Scanner"},
    {.number = 5, .primary = "scan2@contoso.example", .name = "scanner"},
    {.number = 6, .primary = "twin1@contoso.example", .proxies = {"twins@contoso.example"}},
    {.number = 7, .primary = "twin2@contoso.example", .proxies = {"twins@contoso.example"}},
};

static const struct mailbox_line fabrikam[] = {
    {.number = 11, .primary = "dora@fabrikam.example", .alias = "anna", .name = "Dora Dahl"},
    {.number = 12, .primary = "annaberg@fabrikam.example", .name = "ANNA BERG"},
};

struct place {
    struct fixture f;
    struct directory *d;
    struct directory_view *v;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct writer *w;

    assert_non_null(p);
    fixture_make(&p->f);
    w = begin(&p->f);
    assert_int_equal(add_tenant(w, "contoso", 1790000000), 0);
    assert_int_equal(add_tenant(w, "fabrikam", 1790000000), 1);
    for (size_t i = 0; i < sizeof contoso / sizeof contoso[0]; i++)
        put(0, &contoso[i]);
    for (size_t i = 0; i < sizeof fabrikam / sizeof fabrikam[0]; i++)
        put(1, &fabrikam[i]);
    (void)finish(w);
    p->d = open_directory(&p->f);
    p->v = directory_view_get(p->d);
    assert_non_null(p->v);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    directory_view_put(p->d, p->v);
    directory_close(p->d);
    fixture_remove(&p->f);
    free(p);
    return 0;
}

/* The Guid of a mailbox of the tables above, as text. */
static const char *guid_of(unsigned number)
{
    static char text[GUID_TEXT_MAX + 2];
    struct mailbox_id id = mailbox_number(number);

    guid_write(id.b, text);
    return text;
}

static void a_mailbox_is_found_by_each_of_its_names(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *given;
        enum mailbox_name name;
        uint64_t n;
        const char *first;
    } rows[] = {
        {"anna@contoso.example", MAILBOX_NAME_LOGIN, 1, "anna@contoso.example"},
        {" Anna@CONTOSO.example ", MAILBOX_NAME_LOGIN, 1, "anna@contoso.example"},
        {"a.berg@contoso.example", MAILBOX_NAME_LOGIN, 1, "anna@contoso.example"},
        {"anna.berg@contoso.example", MAILBOX_NAME_LOGIN, 1, "anna@contoso.example"},
        {"ABERG", MAILBOX_NAME_LOGIN, 1, "anna@contoso.example"},
        {"CONTOSO\\aberg", MAILBOX_NAME_LOGIN, 1, "anna@contoso.example"},
        /* An alias comes before another's display name; two tenants may have the same. */
        {"anna", MAILBOX_NAME_LOGIN, 2, "anna@contoso.example"},
        {"twins@contoso.example", MAILBOX_NAME_LOGIN, 2, NULL},
        {"jörg müller", MAILBOX_NAME_DISPLAY, 1, "mueller@contoso.example"},
        {"JÖRG MU\xcc\x88LLER", MAILBOX_NAME_DISPLAY, 1, "mueller@contoso.example"}, /* the marks apart */
        {"JO\xcc\x88RG M\xc3\xbcller", MAILBOX_NAME_DISPLAY, 1, "mueller@contoso.example"},
        {"Jorg Muller", MAILBOX_NAME_NONE, 0, NULL},
        {"Dora Dahl", MAILBOX_NAME_DISPLAY, 1, "dora@fabrikam.example"},
        {"Anna Berg", MAILBOX_NAME_DISPLAY, 2, "anna@contoso.example"},
        {"Scanner", MAILBOX_NAME_DISPLAY, 2, NULL},
        {"nobody@contoso.example", MAILBOX_NAME_NONE, 0, NULL},
        {"", MAILBOX_NAME_NONE, 0, NULL},
        {"  ", MAILBOX_NAME_NONE, 0, NULL},
        {"Anna", MAILBOX_NAME_LOGIN, 2, "anna@contoso.example"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mailbox_found found;
        enum directory_result result = mailbox_named(p->v, EVERY_TENANT, slice_of(rows[i].given), &found);

        if (result != (rows[i].n > 0 ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND) || found.name != rows[i].name ||
            found.n != rows[i].n)
            fail_msg("\"%s\": result %d, a %s, %llu mailboxes", rows[i].given, result, mailbox_name_word(found.name),
                     (unsigned long long)found.n);
        if (rows[i].first != NULL)
            assert_string_equal(found.first[0].primary, rows[i].first);
    }
}

static void a_tenant_that_is_named_is_the_only_one_looked_at(void **state)
{
    struct place *p = *state;
    struct mailbox_found found;

    assert_int_equal(mailbox_named(p->v, 1, SLICE("Anna Berg"), &found), DIRECTORY_FOUND);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.first[0].primary, "annaberg@fabrikam.example");
    assert_int_equal(found.first[0].tenant, 1);
    assert_int_equal(mailbox_named(p->v, 1, SLICE("bert"), &found), DIRECTORY_NOT_FOUND);
    assert_int_equal(mailbox_named(p->v, 0, SLICE("Dora Dahl"), &found), DIRECTORY_NOT_FOUND);
}

static void a_guid_names_its_mailbox_with_and_without_braces(void **state)
{
    struct place *p = *state;
    struct mailbox_found found;
    char braced[GUID_TEXT_MAX + 4];

    assert_int_equal(mailbox_named(p->v, EVERY_TENANT, slice_of(guid_of(3)), &found), DIRECTORY_FOUND);
    assert_int_equal(found.name, MAILBOX_NAME_GUID);
    assert_string_equal(found.first[0].primary, "mueller@contoso.example");
    (void)snprintf(braced, sizeof braced, "{%s}", guid_of(11));
    assert_int_equal(mailbox_named(p->v, EVERY_TENANT, slice_of(braced), &found), DIRECTORY_FOUND);
    assert_string_equal(found.first[0].primary, "dora@fabrikam.example");
    assert_int_equal(found.first[0].tenant, 1);
    assert_int_equal(mailbox_named(p->v, EVERY_TENANT, slice_of(guid_of(99)), &found), DIRECTORY_NOT_FOUND);
}

static void several_are_listed_with_their_addresses(void **state)
{
    struct place *p = *state;
    struct mailbox_found found;
    char text[400];
    struct buf b = BUF_OVER(text);

    assert_int_equal(mailbox_named(p->v, EVERY_TENANT, SLICE("Anna Berg"), &found), DIRECTORY_FOUND);
    mailbox_found_add(&b, &found);
    assert_string_equal(text, "the display name of anna@contoso.example and annaberg@fabrikam.example");
}

static void a_name_that_very_many_have_is_counted_and_not_listed_whole(void **state)
{
    struct fixture f;
    struct writer *w;
    struct directory *d;
    struct directory_view *v;
    struct mailbox_found found;
    char primary[64], text[1000];
    struct buf b = BUF_OVER(text);

    (void)state;
    fixture_make(&f);
    w = begin(&f);
    (void)add_tenant(w, "contoso", 1790000000);
    for (unsigned i = 1; i <= 300; i++) {
        (void)snprintf(primary, sizeof primary, "room%03u@contoso.example", i);
        put(0, &(const struct mailbox_line){.number = i, .primary = primary, .name = "Room"});
    }
    (void)finish(w);
    d = open_directory(&f);
    v = directory_view_get(d);
    assert_int_equal(mailbox_named(v, EVERY_TENANT, SLICE("room"), &found), DIRECTORY_FOUND);
    assert_int_equal(found.n, 300);
    mailbox_found_add(&b, &found);
    assert_false(b.full);
    assert_non_null(strstr(text, " and 292 more"));
    directory_view_put(d, v);
    directory_close(d);
    fixture_remove(&f);
}

/* ---- searching ---- */

struct found_list {
    char text[400]; /* the local parts of what was found, in order */
    size_t most, n;
    uint32_t tenant;
    struct mailbox_id last;
};

static bool take_found(void *arg, uint32_t tenant, const struct mailbox_record *m)
{
    struct found_list *list = arg;
    size_t n = strlen(list->text);
    struct slice local;

    (void)slice_cut(m->primary, '@', &local, NULL);
    if (list->n == list->most)
        return false;
    list->n++;
    list->tenant = tenant;
    list->last = m->id;
    (void)snprintf(list->text + n, sizeof list->text - n, "%s%.*s", n > 0 ? " " : "", SLICE_ARG(local));
    return true;
}

static void a_search_finds_beginnings_of_names_and_parts_of_four_letters(void **state)
{
    static const struct {
        const char *text, *found;
        uint32_t tenant;
    } rows[] = {
        {"ann", "bert anna dora annaberg", EVERY_TENANT},
        {"ANNA", "bert anna dora annaberg", EVERY_TENANT},
        {"ann", "bert anna", 0},
        {"ann", "dora annaberg", 1},
        {"aberg", "anna annaberg", EVERY_TENANT}, /* an account name; a part of an address */
        {"erg", "", EVERY_TENANT},                /* three letters: no part */
        {"berg", "anna annaberg", EVERY_TENANT},
        {"a.berg@", "anna", EVERY_TENANT},      /* a UPN */
        {"twins", "twin2 twin1", EVERY_TENANT}, /* a proxy address */
        {"J\xc3\xb6rg", "mueller", EVERY_TENANT},
        {"fabrikam.example", "dora annaberg", EVERY_TENANT},
        {"annaannaanna", "", EVERY_TENANT},
        {"\001\002\003\004", "", EVERY_TENANT}, /* in a record, but in no name */
        {"%", "", EVERY_TENANT},
    };
    struct place *p = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mailbox_search search = {.text = slice_of(rows[i].text), .tenant = rows[i].tenant};
        struct found_list list = {.most = 100};

        assert_int_equal(mailbox_search(p->v, &search, take_found, &list), DIRECTORY_FOUND);
        assert_string_equal(list.text, rows[i].found);
    }
}

static void a_search_goes_on_behind_where_it_ended(void **state)
{
    static const char *const pages[] = {"bert anna", "dora annaberg", ""};
    struct mailbox_search search = {.text = SLICE("ann"), .tenant = EVERY_TENANT};
    struct place *p = *state;

    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        struct found_list list = {.most = 2};

        assert_int_equal(mailbox_search(p->v, &search, take_found, &list), DIRECTORY_FOUND);
        assert_string_equal(list.text, pages[i]);
        search.goes_on = true;
        search.after_tenant = list.n > 0 ? list.tenant : search.after_tenant;
        search.after = list.n > 0 ? list.last : search.after;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mailbox_is_found_by_each_of_its_names, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tenant_that_is_named_is_the_only_one_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guid_names_its_mailbox_with_and_without_braces, setup, teardown),
        cmocka_unit_test_setup_teardown(several_are_listed_with_their_addresses, setup, teardown),
        cmocka_unit_test(a_name_that_very_many_have_is_counted_and_not_listed_whole),
        cmocka_unit_test_setup_teardown(a_search_finds_beginnings_of_names_and_parts_of_four_letters, setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_goes_on_behind_where_it_ended, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
