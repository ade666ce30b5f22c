#include "core/mail/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct list *list_of(const char *text)
{
    struct list *list = NULL;
    struct error e;

    if (list_parse(slice_of(text), "allow", &list, &e) != 0)
        fail_msg("%s", e.text);
    return list;
}

static struct list *pairs_of(const char *text)
{
    struct list *list = NULL;
    struct error e;

    if (list_parse_pairs(slice_of(text), "logins", &list, &e) != 0)
        fail_msg("%s", e.text);
    return list;
}

static struct address address(const char *text)
{
    struct address a;

    assert_int_equal(address_parse_internal(slice_of(text), &a), ADDRESS_OK);
    return a;
}

static struct login login(const char *text)
{
    struct login l;

    login_parse(slice_of(text), &l);
    return l;
}

static void an_entry_is_found_by_its_canonical_text(void **state)
{
    static const struct {
        const char *entry, *canonical;
    } rows[] = {
        {"sean@contoso.example", "sean@contoso.example"},
        {"Sean@CONTOSO.example.", "sean@contoso.example"},
        {"sean@b\xc3\xbc"
         "cher.example",
         "sean@xn--bcher-kva.example"},
        {"sean_fabrikam#EXT#@contoso.example", "sean_fabrikam#ext#@contoso.example"},
        {"@Contoso.Example", "@contoso.example"},
        {"@b\xc3\xbc"
         "cher.example",
         "@xn--bcher-kva.example"},
        {"Sean", "sean"},
        {"sean.doe", "sean.doe"},
        {"CONTOSO\\Sean", "contoso\\sean"},
        {"CONTOSO/Sean", "contoso\\sean"},
        {"  sean@contoso.example\t# the boss", "sean@contoso.example"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct list *list = list_of(rows[i].entry);
        struct list_place place = {NULL, 0};

        if (!list_has(list, slice_of(rows[i].canonical), &place))
            fail_msg("%s: not found as %s", rows[i].entry, rows[i].canonical);
        assert_string_equal(place.path, "allow");
        assert_int_equal(place.line, 1);
        assert_int_equal(list_count(list), 1);
        list_free(list);
    }
}

static void what_is_not_listed_is_not_found(void **state)
{
    static const char *const rows[] = {"",
                                       "sean",
                                       "@",
                                       "@fabrikam.example",
                                       "contoso.example",
                                       "@sub.contoso.example",
                                       "sean@contoso.example2",
                                       "sean@contoso.exampl",
                                       "Sean@contoso.example",
                                       "contoso\\sean"};
    struct list *list = list_of("sean@contoso.example\n@contoso.example\nfabrikam\\sean\n");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (list_has(list, slice_of(rows[i]), NULL))
            fail_msg("%s: found", rows[i]);
    list_free(list);
}

static void an_address_is_listed_itself_or_by_its_domain(void **state)
{
    struct list *list = list_of("@fabrikam.example\nsean@contoso.example\nann@fabrikam.example\n");
    struct address sean = address("Sean@contoso.example"), ann = address("ann@fabrikam.example"),
                   bob = address("bob@Fabrikam.example"), other = address("bob@contoso.example"),
                   sub = address("bob@sub.fabrikam.example"), none = {.n = 0};
    struct list_place place;

    (void)state;
    assert_true(list_has_address(list, &sean, &place));
    assert_int_equal(place.line, 2);
    assert_true(list_has_address(list, &ann, &place));
    assert_int_equal(place.line, 3); /* what says more goes first */
    assert_true(list_has_address(list, &bob, &place));
    assert_int_equal(place.line, 1);
    assert_false(list_has_address(list, &other, &place));
    assert_false(list_has_address(list, &sub, &place)); /* a domain is not its subdomains */
    assert_false(list_has_address(list, &none, &place));
    list_free(list);
}

static void a_login_is_listed_in_the_form_that_it_has(void **state)
{
    static const struct {
        const char *login;
        unsigned line; /* 0: not listed */
    } rows[] = {
        {"sean@contoso.example", 1},
        {"bob@fabrikam.example", 2},
        {"SEAN", 3},
        {"contoso\\Ann", 4},
        {"CONTOSO/ann", 4},
        {"ann", 0},
        {"", 0},
        {"sean?", 0},
        {"fabrikam\\ann", 0},
        {"bob@contoso.example", 0},
        {"contoso\\sean", 0},
    };
    struct list *list = list_of("sean@contoso.example\n@fabrikam.example\nsean\nCONTOSO\\ann\n");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login l = login(rows[i].login);
        struct list_place place = {NULL, 0};

        if (list_has_login(list, &l, &place) != (rows[i].line != 0) || place.line != rows[i].line)
            fail_msg("%s: line %u", rows[i].login, place.line);
        assert_false(list_pair(list, &l, NULL, NULL)); /* no pairs in a plain list */
    }
    list_free(list);
}

static void a_list_that_is_not_configured_holds_nothing(void **state)
{
    struct address a = address("sean@contoso.example");
    struct login l = login("sean@contoso.example");

    (void)state;
    assert_false(list_has(NULL, SLICE("sean"), NULL));
    assert_false(list_has_address(NULL, &a, NULL));
    assert_false(list_has_login(NULL, &l, NULL));
    assert_false(list_pair(NULL, &l, NULL, NULL));
    assert_int_equal(list_count(NULL), 0);
    list_free(NULL);
}

static void what_stands_twice_counts_once_where_it_stood_first(void **state)
{
    struct list *list = list_of("# none\nsean@contoso.example\nSEAN@Contoso.Example\n");
    struct list_place place;

    (void)state;
    assert_int_equal(list_count(list), 1);
    assert_true(list_has(list, SLICE("sean@contoso.example"), &place));
    assert_int_equal(place.line, 2);
    list_free(list);
}

static void an_entry_that_names_nobody_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *entry, *says;
    } rows[] = {
        {"@", "begins with \"@\", but what follows is not a domain"},
        {"@@contoso.example", "but what follows is not a domain"},
        {"@contoso..example", "but what follows is not a domain"},
        {"@[192.0.2.1]", "but what follows is not a domain"},
        {"@contoso.example x", "but what follows is not a domain"},
        {"sean@", "\"sean@\" is neither an address"},
        {"sean doe", "\"sean\\x20doe\" is neither an address"},
        {"sean?", "is neither an address"},
        {"\xc3", "\"\\xc3\" is neither an address"},
        {"*", "\"*\": \"*\" is not a pattern here; a whole domain is written \"@contoso.example\""},
        {"*@contoso.example", "is not a pattern here"},
        {"sales-*@contoso.example", "is not a pattern here"},
        {"@.contoso.example", "only a list of senders can name all domains beneath one"},
        {"sean\x01@contoso.example", "control character 0x01"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128];
        struct list *list = NULL;
        struct error e = {""};

        (void)snprintf(text, sizeof text, "bob\n\n%s\nann\n", rows[i].entry);
        assert_int_equal(list_parse(slice_of(text), "allow", &list, &e), -1);
        assert_null(list);
        assert_int_equal(strncmp(e.text, "allow:3: ", 9), 0);
        if (strstr(e.text, rows[i].says) == NULL)
            fail_msg("%s: said \"%s\", not \"%s\"", rows[i].entry, e.text, rows[i].says);
    }
}

/* ---- senders ---- */

static void a_sender_is_listed_by_itself_its_domain_or_one_above(void **state)
{
    static const struct {
        const char *sender;
        bool listed;
    } rows[] = {
        {"scan@contoso.example", true},      {"other@contoso.example", false},
        {"root@web1.contoso.example", true}, {"root@a.b.c.contoso.example", true},
        {"x@fabrikam.example", true},        {"x@mail.fabrikam.example", false},
        {"x@notcontoso.example", false},     {"x@example", false},
    };
    struct list *list = NULL;
    struct error e;

    (void)state;
    if (list_parse_senders(SLICE("Scan@contoso.example\n@.CONTOSO.example\n@fabrikam.example\n"), "senders", &list,
                           &e) != 0)
        fail_msg("%s", e.text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a = address(rows[i].sender);

        if (list_has_sender(list, &a, NULL) != rows[i].listed)
            fail_msg("%s", rows[i].sender);
        assert_false(list_has_sender(NULL, &a, NULL));
    }
    list_free(list);
}

static void a_sender_that_nobody_has_is_refused_with_what_was_meant(void **state)
{
    static const struct {
        const char *entry, *says;
    } rows[] = {
        {"contoso.example", "\"contoso.example\" is not a sender; a whole domain is written \"@contoso.example\""},
        {".contoso.example", "all domains below contoso.example are written \"@.contoso.example\""},
        {"scan", "\"scan\" is not a sender; expected user@domain"},
        {"CONTOSO\\scan", "is not a sender; expected user@domain"},
        {"*@contoso.example", "is not a pattern here"},
        {"@.", "begins with \"@.\", but what follows is not a domain"},
        {"scan@", "is not a sender"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct list *list = NULL;
        struct error e = {""};

        assert_int_equal(list_parse_senders(slice_of(rows[i].entry), "senders", &list, &e), -1);
        if (strstr(e.text, rows[i].says) == NULL)
            fail_msg("%s: said \"%s\", not \"%s\"", rows[i].entry, e.text, rows[i].says);
    }
}

/* ---- pairs ---- */

static void a_pair_leads_a_login_to_its_mailbox(void **state)
{
    static const struct {
        const char *line, *login, *mailbox;
    } rows[] = {
        {"sdoe sean@contoso.example", "sdoe", "sean@contoso.example"},
        {"SDoe\t \tSean@Contoso.Example", "SDOE", "sean@contoso.example"},
        {"sdoe=sean@contoso.example", "sdoe", "sean@contoso.example"},
        {"sdoe = sean@contoso.example # comment", "sdoe", "sean@contoso.example"},
        {"sdoe =sean@contoso.example", "sdoe", "sean@contoso.example"},
        {"sdoe= sean@contoso.example", "sdoe", "sean@contoso.example"},
        {"CONTOSO\\sdoe sean@contoso.example", "contoso/sdoe", "sean@contoso.example"},
        {"sdoe@ad.contoso.example sean@contoso.example", "sdoe@AD.contoso.example", "sean@contoso.example"},
        {"a=b@fabrikam.example sean@contoso.example", "a=b@fabrikam.example", "sean@contoso.example"},
        {"sdoe a=b@contoso.example", "sdoe", "a=b@contoso.example"},
        {"sdoe sean@b\xc3\xbc"
         "cher.example",
         "sdoe", "sean@xn--bcher-kva.example"},
        {"@contoso.local @contoso.example", "Sean@CONTOSO.LOCAL", "sean@contoso.example"},
        {"@CONTOSO = @contoso.example", "sean@contoso", "sean@contoso.example"},
        {"@contoso.local=@contoso.example", "http/relay@contoso.local", "http/relay@contoso.example"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct list *list = pairs_of(rows[i].line);
        struct login l = login(rows[i].login);
        struct address mailbox, expected = address(rows[i].mailbox);
        struct list_place place = {NULL, 0};

        if (!list_pair(list, &l, &mailbox, &place))
            fail_msg("%s: %s not found", rows[i].line, rows[i].login);
        assert_string_equal(mailbox.text, rows[i].mailbox);
        assert_int_equal(mailbox.n, expected.n);
        assert_int_equal(mailbox.local_n, expected.local_n);
        assert_string_equal(place.path, "logins");
        assert_int_equal(place.line, 1);
        assert_true(list_pair(list, &l, NULL, NULL));
        list_free(list);
    }
}

static void a_login_without_a_pair_has_no_mailbox(void **state)
{
    static const char *const rows[] = {"", "sd", "sdoe@contoso.example", "contoso\\sdoe", "sean@contoso.example", "?"};
    struct list *list = pairs_of("sdoe sean@contoso.example\n");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct login l = login(rows[i]);
        struct address mailbox;

        if (list_pair(list, &l, &mailbox, NULL))
            fail_msg("%s: found", rows[i]);
    }
    list_free(list);
}

static void a_login_of_its_own_goes_before_its_domain(void **state)
{
    struct list *list = pairs_of("@contoso.local @contoso.example\nsean@contoso.local boss@contoso.example\n");
    struct login sean = login("sean@contoso.local"), bob = login("bob@contoso.local"), bare = login("bob");
    struct address mailbox;

    (void)state;
    assert_true(list_pair(list, &sean, &mailbox, NULL));
    assert_string_equal(mailbox.text, "boss@contoso.example");
    assert_true(list_pair(list, &bob, &mailbox, NULL));
    assert_string_equal(mailbox.text, "bob@contoso.example");
    assert_false(list_pair(list, &bare, &mailbox, NULL));
    list_free(list);
}

static void an_entry_means_the_mailbox_that_its_login_is_mapped_to(void **state)
{
    static const struct {
        const char *entry;
        unsigned line; /* 0: not there any more */
    } rows[] = {{"sean@contoso.example", 1},
                {"sdoe", 0},
                {"bob", 2},
                {"ann@contoso.example", 3},
                {"ann@contoso.local", 0},
                {"@contoso.example", 4},
                {"@contoso.local", 0},
                {"@fabrikam.example", 5}};
    struct list *logins = pairs_of("sdoe sean@contoso.example\n@contoso.local @contoso.example\n");
    struct list *list = list_of("sdoe\nbob\nann@contoso.local\n@contoso.local\n@fabrikam.example\n");
    struct error e;

    (void)state;
    assert_int_equal(list_map(&list, logins, &e), 0);
    assert_int_equal(list_count(list), 5);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct list_place place = {NULL, 0};

        if (list_has(list, slice_of(rows[i].entry), &place) != (rows[i].line > 0) || place.line != rows[i].line)
            fail_msg("%s", rows[i].entry);
    }
    list_free(list);
    list_free(logins);
}

static void a_login_has_one_mailbox(void **state)
{
    struct list *list = NULL;
    struct error e;

    (void)state;
    list = pairs_of("sdoe sean@contoso.example\nbob bob@contoso.example\nSDOE = Sean@contoso.example\n");
    assert_int_equal(list_count(list), 2);
    list_free(list);

    list = NULL;
    assert_int_equal(
        list_parse_pairs(SLICE("sdoe sean@contoso.example\n\nSDOE ann@contoso.example\n"), "logins", &list, &e), -1);
    assert_null(list);
    assert_string_equal(e.text, "logins:3: login \"sdoe\" has the mailbox \"ann@contoso.example\" here and "
                                "\"sean@contoso.example\" in line 1; keep one");
}

static void a_line_that_is_no_pair_is_refused(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"sdoe", "expected a login and the address of its mailbox"},
        {"=", "\"\" is neither an address"},
        {"sdoe=", "\"\": the mailbox of login \"sdoe\" must be an address"},
        {"=sean@contoso.example", "\"\" is neither an address"},
        {"= sean@contoso.example", "\"\" is neither an address"},
        {"sdoe sean", "\"sean\": the mailbox of login \"sdoe\" must be an address"},
        {"sdoe @contoso.example", "a whole domain is mapped to a whole domain"},
        {"sdoe sean@contoso.example x", "expected a login and the address of its mailbox"},
        {"sean doe sean@contoso.example", "expected a login and the address of its mailbox"},
        {"a=b@fabrikam.example=sean@contoso.example", "with a blank between"},
        {"sd?oe sean@contoso.example", "is neither an address (user@domain) nor an account name"},
        {"@contoso.example sean@contoso.example", "a whole domain is mapped to a whole domain"},
        {"*@contoso.local sean@contoso.example", "a whole domain is written \"@contoso.local @contoso.example\""},
        {"@ @contoso.example", "what follows is not a domain"},
        {"@contoso.local @", "what follows is not a domain"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct list *list = NULL;
        struct error e = {""};

        assert_int_equal(list_parse_pairs(slice_of(rows[i].line), "logins", &list, &e), -1);
        assert_null(list);
        if (strncmp(e.text, "logins:1: ", 10) != 0 || strstr(e.text, rows[i].says) == NULL)
            fail_msg("%s: said \"%s\", not \"%s\"", rows[i].line, e.text, rows[i].says);
    }
}

/* ---- files ---- */

static void a_list_is_loaded_from_its_file(void **state)
{
    char dir[] = "/tmp/test_list.XXXXXX", path[64];
    struct list *list = NULL;
    struct list_place place;
    struct login l = login("sdoe");
    struct address mailbox;
    struct error e;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/logins", dir);
    assert_int_equal(list_load(path, &list, &e), -1);
    assert_non_null(strstr(e.text, "/logins: cannot be opened: No such file"));
    assert_int_equal(list_load_pairs(path, &list, &e), -1);
    assert_null(list);

    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("\xef\xbb\xbf# who\r\nsdoe sean@contoso.example\r\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(list_load_pairs(path, &list, &e), 0);
    assert_true(list_pair(list, &l, &mailbox, &place));
    assert_string_equal(mailbox.text, "sean@contoso.example");
    assert_string_equal(place.path, path);
    assert_int_equal(place.line, 2);
    list_free(list);

    list = NULL;
    assert_int_equal(list_load(path, &list, &e), -1); /* pairs are no plain list */
    assert_null(list);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void a_list_of_any_length_knows_what_it_does_not_hold(void **state)
{
    char text[8192] = "";
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        struct list *list;

        n += (size_t)snprintf(text + n, sizeof text - n, "user%u\n", i);
        list = list_of(text);
        assert_int_equal(list_count(list), i + 1);
        for (unsigned k = 0; k < 50; k++) {
            char other[32];

            (void)snprintf(other, sizeof other, "other%u", k);
            assert_false(list_has(list, slice_of(other), NULL));
        }
        list_free(list);
    }
}

static void a_hundred_thousand_entries_are_all_found(void **state)
{
    enum { ENTRIES = 100000, ROOM = 64 };
    char *text = malloc((size_t)ENTRIES * ROOM), key[ROOM];
    struct list *list;
    size_t n = 0;

    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < ENTRIES; i++)
        n += (size_t)snprintf(text + n, ROOM, "user%u@contoso.example\n", i);
    list = list_of(text);
    assert_int_equal(list_count(list), ENTRIES);
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct list_place place;

        (void)snprintf(key, sizeof key, "user%u@contoso.example", i);
        assert_true(list_has(list, slice_of(key), &place));
        assert_int_equal(place.line, i + 1);
        (void)snprintf(key, sizeof key, "user%u@contoso.example", i + ENTRIES);
        assert_false(list_has(list, slice_of(key), NULL));
    }
    list_free(list);
    free(text);
}

static void joined_lists_have_what_either_has(void **state)
{
    struct list *own, *others, *both;
    struct list_place place;
    struct slice text;
    size_t n = 0;

    (void)state;
    assert_int_equal(list_parse(SLICE("anna@contoso.example\n"), "own", &own, NULL), 0);
    assert_int_equal(list_parse(SLICE("\n@fabrikam.example\nbert\n"), "others", &others, NULL), 0);
    both = list_join(own, others);
    assert_ptr_equal(both, own);
    assert_string_equal(list_path(both), "own");
    assert_int_equal(list_count(both), 3);
    assert_true(list_has(both, SLICE("anna@contoso.example"), &place));
    assert_string_equal(place.path, "own");
    assert_true(list_has(both, SLICE("@fabrikam.example"), &place));
    assert_string_equal(place.path, "others");
    assert_int_equal(place.line, 2);
    assert_false(list_has(both, SLICE("cleo"), NULL));
    for (size_t at = 0; list_next(both, &at, &text, &place);)
        n++;
    assert_int_equal(n, 3);
    list_free(both);
    assert_int_equal(list_parse(SLICE("bert\n"), "others", &others, NULL), 0);
    both = list_join(NULL, others);
    assert_true(list_has(both, SLICE("bert"), NULL));
    assert_null(list_path(both)); /* nobody's to edit */
    assert_ptr_equal(list_join(both, NULL), both);
    assert_null(list_join(NULL, NULL));
    list_free(both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_found_by_its_canonical_text),
        cmocka_unit_test(what_is_not_listed_is_not_found),
        cmocka_unit_test(an_address_is_listed_itself_or_by_its_domain),
        cmocka_unit_test(a_login_is_listed_in_the_form_that_it_has),
        cmocka_unit_test(a_list_that_is_not_configured_holds_nothing),
        cmocka_unit_test(what_stands_twice_counts_once_where_it_stood_first),
        cmocka_unit_test(an_entry_that_names_nobody_is_refused_with_its_line),
        cmocka_unit_test(a_pair_leads_a_login_to_its_mailbox),
        cmocka_unit_test(a_login_without_a_pair_has_no_mailbox),
        cmocka_unit_test(a_sender_is_listed_by_itself_its_domain_or_one_above),
        cmocka_unit_test(a_sender_that_nobody_has_is_refused_with_what_was_meant),
        cmocka_unit_test(a_login_of_its_own_goes_before_its_domain),
        cmocka_unit_test(an_entry_means_the_mailbox_that_its_login_is_mapped_to),
        cmocka_unit_test(a_login_has_one_mailbox),
        cmocka_unit_test(a_line_that_is_no_pair_is_refused),
        cmocka_unit_test(a_list_is_loaded_from_its_file),
        cmocka_unit_test(a_list_of_any_length_knows_what_it_does_not_hold),
        cmocka_unit_test(a_hundred_thousand_entries_are_all_found),
        cmocka_unit_test(joined_lists_have_what_either_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
