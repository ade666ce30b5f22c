/* The header fields of a message: which are taken for one that names an author, and what is remembered of a bad one. */
#include "core/decide/submission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define BOSS "boss@contoso.example"

struct row {
    struct slice name, value;
    bool from_possible;
    const char *bad; /* a part of it; NULL: nothing is */
    enum header_field field;
    const char *text; /* of the field that is bad */
};

#define ROW(name, value, possible, ...)                                                                                \
    {                                                                                                                  \
        SLICE(name), SLICE(value), (possible), __VA_ARGS__                                                             \
    }
#define FINE(name, value, possible) ROW(name, value, possible, NULL, HEADER_FROM, "")
#define UNSEEN "that don't show"
#define WITHIN "within another field"

static const struct row rows[] = {
    FINE("From", BOSS, true),
    FINE("fROM", BOSS, true),
    FINE("From ", BOSS, true), /* "From :" */
    FINE("From \t", BOSS, true),
    ROW("From ", "(", true, "without an address", HEADER_FROM, "("),
    ROW("Sender\t", " (x\r\n\ty ", false, "without an address", HEADER_SENDER, "(x\r\n\ty"),
    /* a Sender that is nobody's address, and some that might be somebody's for some reader */
    FINE("Sender", "www-data", false),
    FINE("Sender", "Report Server", false),
    FINE("Sender", "anna@web1", false),
    FINE("Sender", "CONTOSO\\anna, Reports", false),
    FINE("Resent-From", "anna", false),
    FINE("Resent-Sender", "root (web)", false),
    ROW("Sender", "=?utf-8?q?boss=40contoso.example?=", false, "without an address", HEADER_SENDER,
        "=?utf-8?q?boss=40contoso.example?="),
    ROW("Sender", "\"" BOSS "\"", false, "without an address", HEADER_SENDER, "\"" BOSS "\""),
    ROW("Sender", "B\xe4r", false, "without an address", HEADER_SENDER, "B\xe4r"),
    ROW("Sender", "(" BOSS ")", false, "without an address", HEADER_SENDER, "(" BOSS ")"),
    ROW("Sender", "www-data (" BOSS ")", false, "without an address", HEADER_SENDER, "www-data (" BOSS ")"),
    ROW("Sender", "(" BOSS ") www-data", false, "without an address", HEADER_SENDER, "(" BOSS ") www-data"),
    ROW("Sender", "www-data <", false, "angle brackets", HEADER_SENDER, "www-data <"),
    ROW("Sender", "www-data <>", false, "angle brackets", HEADER_SENDER, "www-data <>"),
    ROW("From", "www-data", true, "without an address", HEADER_FROM, "www-data"),
    FINE("Reply-To", "(", false),
    FINE("X-From", "(", false),
    FINE("Fromm", BOSS, false),
    FINE("Fro", BOSS, false),
    FINE("", BOSS, false),
    FINE("\xc3\xa4", BOSS, false),
    /* dropped or overlooked by some reader, these are From */
    ROW("From\0", " " BOSS, true, UNSEEN, HEADER_FROM, BOSS),
    ROW("Fr\0om", BOSS, true, UNSEEN, HEADER_FROM, BOSS),
    ROW("\0From", BOSS, true, UNSEEN, HEADER_FROM, BOSS),
    ROW(" From", BOSS, true, UNSEEN, HEADER_FROM, BOSS),
    ROW("From\r", BOSS, true, UNSEEN, HEADER_FROM, BOSS),
    ROW("\xef\xbb\xbf"
        "From",
        BOSS, true, UNSEEN, HEADER_FROM, BOSS),
    ROW("Fr\x7fom", BOSS, true, UNSEEN, HEADER_FROM, BOSS),
    ROW("Sen der", BOSS, false, UNSEEN, HEADER_SENDER, BOSS),
    /* and so are lines that end where only some reader ends them */
    ROW("Subject", "x\rFrom: " BOSS, true, WITHIN, HEADER_FROM, BOSS),
    ROW("Subject", "x\nFrom: " BOSS, true, WITHIN, HEADER_FROM, BOSS),
    ROW("Subject", "x\r\nfrom :" BOSS "\r\nX: y", true, WITHIN, HEADER_FROM, BOSS),
    ROW("Subject", "x\r\r\nFrom:" BOSS, true, WITHIN, HEADER_FROM, BOSS),
    ROW("Subject", "x\rFr\x01om:" BOSS, true, WITHIN, HEADER_FROM, BOSS),
    ROW("Subject", "x\rResent-Sender:" BOSS, false, WITHIN, HEADER_RESENT_SENDER, BOSS),
    FINE("Subject", "x\r\n From: " BOSS, false),
    FINE("Subject", "x\n\tFrom: " BOSS, false),
    FINE("Subject", "x\rFrom", false),
    FINE("Subject", "From: " BOSS, false),
    FINE("Subject", "x\r", false),
    FINE("Subject", "x\rTo: " BOSS, false),
    FINE("Subject", "", false),
};

static void a_field_that_some_reader_could_take_for_from_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct headers h = {0};
        const struct row *r = &rows[i];

        headers_add(&h, SLICE("To"), SLICE(BOSS));
        headers_add(&h, r->name, r->value);
        if (h.from_possible != r->from_possible || (h.bad == NULL) != (r->bad == NULL) ||
            (h.bad != NULL && strstr(h.bad, r->bad) == NULL))
            fail_msg("row %zu <%.*s: %.*s>: %s, %s", i, SLICE_ARG(r->name), SLICE_ARG(r->value),
                     h.from_possible ? "possible" : "impossible", h.bad != NULL ? h.bad : "fine");
        assert_int_equal(h.bad_field, r->field);
        assert_true(slice_eq((struct slice){h.bad_text, h.bad_n}, slice_of(r->text)));
        headers_clear(&h);
        assert_false(h.from_possible);
    }
}

static void a_sender_at_a_host_without_a_domain_is_nobodys_unless_it_shows_an_address(void **state)
{
    static const struct {
        struct slice value;
        size_t n; /* addresses that are somebody's */
    } table[] = {
        {SLICE("www-data@web1"), 0},
        {SLICE("Web Server <www-data@web1>"), 0},
        {SLICE("www-data@web1 (Web Server)"), 0},
        {SLICE("www-data@web1.contoso.example"), 1},
        {SLICE("www-data@web1, " BOSS), 2},
        {SLICE("www-data@web1 (" BOSS ")"), 1},
        {SLICE("\"" BOSS "\" <www-data@web1>"), 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct headers h = {0};

        headers_add(&h, SLICE("Sender"), table[i].value);
        assert_null(h.bad);
        assert_int_equal(h.n, table[i].n);
        headers_add(&h, SLICE("From"), SLICE("anna@web1"));
        assert_int_equal(h.n, table[i].n + 1);
        headers_clear(&h);
    }
}

static void the_first_field_that_is_bad_is_the_one_that_is_told_of(void **state)
{
    struct headers h = {0};
    char longer[HEADER_BAD_TEXT_MAX + 9];

    (void)state;
    memset(longer, '(', sizeof longer);
    headers_add(&h, SLICE("From"), SLICE("a@contoso.example"));
    headers_add(&h, SLICE("Sender"), (struct slice){longer, sizeof longer});
    headers_add(&h, SLICE("From"), SLICE("\""));
    headers_add(&h, SLICE("From"), SLICE("b@contoso.example"));
    assert_string_equal(h.bad, "name without an address");
    assert_string_equal(header_field_name(h.bad_field), "Sender");
    assert_int_equal(h.bad_n, HEADER_BAD_TEXT_MAX);
    assert_memory_equal(h.bad_text, longer, HEADER_BAD_TEXT_MAX);
    assert_int_equal(h.from_fields, 3);
    assert_int_equal(h.n, 2); /* the addresses of the others are there all the same */
    headers_clear(&h);
}

static void fields_that_repeat_stay_apart_for_readers_that_join_them(void **state)
{
    static const struct {
        const char *first, *second;
        bool bad;
    } table[] = {
        {"a@contoso.example", "b@contoso.example", false},
        {"A, B <a@contoso.example>", "B: <b@contoso.example>", false},
        {"\"A <a@contoso.example>", "\"" BOSS "\" <b@contoso.example>", true},
        {"b@contoso.example (" BOSS ")", "A ) ( <a@contoso.example>", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct headers h = {0};

        headers_add(&h, SLICE("From"), slice_of(table[i].first));
        headers_add(&h, SLICE("Sender"), SLICE("\"A <a@contoso.example>"));
        assert_null(h.bad);
        headers_add(&h, SLICE("From"), slice_of(table[i].second));
        assert_int_equal(h.bad != NULL, table[i].bad);
        headers_clear(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_that_some_reader_could_take_for_from_is_noticed),
        cmocka_unit_test(fields_that_repeat_stay_apart_for_readers_that_join_them),
        cmocka_unit_test(a_sender_at_a_host_without_a_domain_is_nobodys_unless_it_shows_an_address),
        cmocka_unit_test(the_first_field_that_is_bad_is_the_one_that_is_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
