/* The addresses of a From field: the table of what is read, and what is refused because it could be read two ways. */
#include "core/header_from.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define SEAN "sean@contoso.example"
#define BOSS "boss@fabrikam.example"

struct row {
    struct slice value;
    const char *addresses; /* with a blank behind each */
    const char *why;       /* a part of the reason for FROM_BAD behind them; NULL for FROM_END */
};

#define ALL(value, addresses)                                                                                          \
    {                                                                                                                  \
        SLICE(value), addresses, NULL                                                                                  \
    }
#define BAD(value, why)                                                                                                \
    {                                                                                                                  \
        SLICE(value), "", why                                                                                          \
    }
#define BAD_BEHIND(value, addresses, why)                                                                              \
    {                                                                                                                  \
        SLICE(value), addresses, why                                                                                   \
    }

static const struct row plain[] = {
    ALL("", ""),
    ALL(" ", ""),
    ALL("(" SEAN ")", ""),
    ALL(",", ""),
    ALL(" , ,, ", ""),
    ALL(SEAN, SEAN " "),
    ALL(" SEAN@Contoso.Example ", SEAN " "),
    ALL("<" SEAN ">", SEAN " "),
    ALL("Sean <" SEAN ">", SEAN " "),
    ALL("Sean Smith <" SEAN ">", SEAN " "),
    ALL("Sean<" SEAN ">", SEAN " "),
    ALL("Sean Q. Smith Jr. <" SEAN ">", SEAN " "),
    ALL("S.O'Brien-Smith! <" SEAN ">", SEAN " "),
    ALL("\"Smith, Sean\" <" SEAN ">", SEAN " "),
    ALL("\"Sean \\\"the man\\\" Smith\" <" SEAN ">", SEAN " "),
    ALL("\"\" <" SEAN ">", SEAN " "),
    ALL("\"Sean\"Smith <" SEAN ">", SEAN " "),
    ALL("J\xc3\xbcrgen <" SEAN ">", SEAN " "),
    ALL("J\xfcrgen <" SEAN ">", SEAN " "), /* Latin-1, as old scanners write it */
    ALL("[Server 1] Alerts <" SEAN ">", SEAN " "),
    ALL("Sean <" SEAN "> (Smith)", SEAN " "),
    ALL(SEAN " (Sean Smith)", SEAN " "),
    ALL("(a(b))Sean(c)<(d)sean(e)@(f)contoso.example(g)>(h)", SEAN " "),
    ALL("sean @ contoso . example", SEAN " "),
    ALL("\"sean\"@contoso.example", SEAN " "),
    ALL("Sean <\"sean\"@contoso.example>", SEAN " "),
    ALL("sean@contoso.example.", SEAN " "),
    ALL("j\xc3\xbcrgen@b\xc3\xbc"
        "cher.example",
        "j\xc3\xbcrgen@xn--bcher-kva.example "),
    ALL("Sean <@a.example,@b.example:" SEAN ">", SEAN " "),
};

static const struct row several[] = {
    ALL(SEAN ", " BOSS, SEAN " " BOSS " "),
    ALL("Sean <" SEAN ">,Boss <" BOSS ">", SEAN " " BOSS " "),
    ALL("," SEAN ",, ," BOSS ",", SEAN " " BOSS " "),
    ALL("Team: " SEAN ", " BOSS ";", SEAN " " BOSS " "),
    ALL("Team:Sean <" SEAN ">;", SEAN " "),
    ALL("boss:;", ""),
    ALL("Undisclosed recipients:;", ""),
    ALL("\"A, B\": ,, " SEAN " , ; (c)", SEAN " "),
    ALL("A:" SEAN ";, B:" BOSS ";", SEAN " " BOSS " "),
    ALL("A:;, " SEAN ", B:" BOSS ";", SEAN " " BOSS " "),
    BAD(":;", "group without a name"),
    BAD(": " SEAN ";", "group without a name"),
    BAD_BEHIND("Team: " SEAN, SEAN " ", "without its closing ;"),
    BAD_BEHIND("Team: " SEAN ", A:" BOSS ";;", SEAN " ", "inside of a group"),
    BAD_BEHIND("Team: " SEAN "; " BOSS, SEAN " ", "behind a group"),
    BAD_BEHIND("Team: " SEAN ";;", SEAN " ", "behind a group"),
    BAD_BEHIND("Team: " SEAN ";, ;", SEAN " ", "outside of a group"),
    BAD(";", "outside of a group"),
    BAD(SEAN "; " BOSS, "text behind an address"),
    BAD(SEAN " Team: " BOSS ";", "text behind an address"),
    BAD("Team <" SEAN ">: " BOSS ";", "text behind an address"),
    BAD_BEHIND(SEAN ", boss", SEAN " ", "name without an address"),
    BAD_BEHIND("<" SEAN ">, boss@", SEAN " ", "could name a mailbox"),
};

static const struct row doubtful[] = {
    /* members that are no address */
    BAD("sean", "name without an address"),
    BAD("Sean Smith", "name without an address"),
    BAD("\"" SEAN "\"", "name without an address"),
    BAD("Smith, Sean <" SEAN ">", "name without an address"),
    BAD("<>", "empty address"),
    BAD("Sean < >", "empty address"),
    BAD("<sean>", "without a domain"),
    BAD("sean@", "could name a mailbox"),
    BAD("@contoso.example", "could name a mailbox"),
    BAD("<@contoso.example>", "source route"),
    BAD("a@b@c", "text behind an address"),
    BAD("sean@[192.0.2.1]", "could name a mailbox"),
    BAD("\"sean@contoso.example\"@evil.example", "could name a mailbox"),
    BAD("\"\"@contoso.example", "could name a mailbox"),
    BAD(".sean@contoso.example", "could name a mailbox"),
    BAD("sean@contoso..example", "text behind an address"),
    BAD("se\xff"
        "an@contoso.example",
        "could name a mailbox"),
    BAD("se\\an@contoso.example", "needs quotes"),
    BAD("<se\\an@contoso.example>", "no closing >"),
    /* two readings */
    BAD(BOSS " <" SEAN ">", "in front of an angle address"),
    BAD("Boss @ Fabrikam <" SEAN ">", "in front of an angle address"),
    BAD("Boss " BOSS " <" SEAN ">", "without angle brackets"),
    BAD("Sean " SEAN, "without angle brackets"),
    BAD("\"Sean\" " SEAN, "without angle brackets"),
    BAD("[tag] " SEAN, "could name a mailbox"),
    BAD("<" BOSS "> <" SEAN ">", "two angle addresses"),
    BAD("<" BOSS ">" SEAN, "text behind an address"),
    BAD("<" BOSS "> Sean", "text behind an address"),
    BAD(BOSS " " SEAN, "text behind an address"),
    BAD("<<" SEAN ">>", "could name a mailbox"),
    BAD("<" BOSS ", " SEAN ">", "no closing >"),
    BAD("Sean <" SEAN, "no closing >"),
    BAD("Sean <Boss <" SEAN ">>", "no closing >"),
    BAD(SEAN ">", "text behind an address"),
    BAD("> " SEAN, "needs quotes"),
    BAD("Sean \\<" BOSS "> <" SEAN ">", "needs quotes"),
    BAD("Sean ] <" SEAN ">", "needs quotes"),
    BAD("Sean [a <" SEAN ">", "square bracket"),
    BAD("[" BOSS "] <" SEAN ">", "square bracket"),
    BAD("Sean\x1b <" SEAN ">", "needs quotes"),
    BAD("\"Sean <" SEAN ">", "quote without end"),
    BAD("\"Sean\\", "quote without end"),
    BAD("Sean (c <" SEAN ">", "comment without end"),
    BAD("Sean (c\\) <" SEAN ">", "comment without end"),
    BAD(SEAN " (c", "could name a mailbox"),
    BAD("<" SEAN "> (c", "comment without end"),
    BAD("(c", "comment without end"),
    BAD("<(c", "comment without end"),
    BAD("A:;(c", "comment without end"),
    BAD("[Server", "square bracket"),
    BAD("Sean ) <" SEAN ">", "needs quotes"),
    BAD("(((((((((((((((((((((((((((((((((33)))))))))))))))))))))))))))))))))" SEAN, "nested too deep"),
    /* encoded words: words of a display name, poison in an address */
    ALL("=?utf-8?q?boss=40fabrikam.example?= <" SEAN ">", SEAN " "),
    ALL("=?utf-8?b?Ym9zc0BmYWJyaWthbS5leGFtcGxl?= =?utf-8?q?_Sean?= <" SEAN ">", SEAN " "),
    ALL("\"=?utf-8?q?boss=40fabrikam.example?=\" <" SEAN ">", SEAN " "),
    ALL("\"" BOSS "\" <" SEAN ">", SEAN " "),
    ALL("a=?b@contoso.example", "a=?b@contoso.example "),
    BAD("=?utf-8?q?boss=40fabrikam.example?=", "name without an address"),
    BAD("=?utf-8?q?boss=40fabrikam.example?=, <" SEAN ">", "name without an address"),
    BAD("=?utf-8?q?boss?=@contoso.example", "encoded word"),
    BAD("<=?utf-8?b?Ym9zcw==?=@contoso.example>", "encoded word"),
    BAD("<\"=?utf-8?q?boss?=\"@contoso.example>", "encoded word"),
    BAD("sean@=?utf-8?q?contoso?=.example", "could name a mailbox"),
    BAD("=?utf-8?q?boss@fabrikam.example?= <" SEAN ">", "in front of an angle address"),
    BAD("<=?utf-8?q?boss=40fabrikam.example=3E?= " SEAN ">", "no closing >"),
};

static const struct row folded[] = {
    ALL("Sean\r\n <" SEAN ">", SEAN " "),
    ALL("Sean\n\t<" SEAN ">", SEAN " "),
    ALL("\n " SEAN, SEAN " "),
    ALL(SEAN ",\r\n\t" BOSS, SEAN " " BOSS " "),
    ALL("\"Sean\n Smith\" <" SEAN ">", SEAN " "),
    ALL("(Sean\n Smith) sean@\n contoso.example", SEAN " "),
    BAD("\"se\n an\"@contoso.example", "could name a mailbox"),
    BAD("Sean\n<" SEAN ">", "does not fold"),
    BAD("Sean\r\n<" SEAN ">", "does not fold"),
    BAD(SEAN "\n", "does not fold"),
    BAD(SEAN "\r\n", "does not fold"),
    BAD(SEAN "\nFrom: " BOSS, "does not fold"),
    BAD("Sean\r <" SEAN ">", "bare CR"),
    BAD("Sean\r\r\n <" SEAN ">", "bare CR"),
    BAD(SEAN "\r", "bare CR"),
    BAD("\"Sean\rSmith\" <" SEAN ">", "bare CR"),
    BAD("Sean\n \n <" SEAN ">", "blank line"),
    BAD("Sean\r\n\t \r\n <" SEAN ">", "blank line"),
    BAD(SEAN "\n ", "blank line"),
    BAD(SEAN "\0", "NUL"),
    BAD(SEAN "\0, " BOSS, "NUL"),
    BAD("\"\0\" <" SEAN ">", "NUL"),
    BAD("\0", "NUL"),
};

/* The walk's answers as a row has them; *why stays NULL without FROM_BAD. */
static void walk_all(struct slice value, char *addresses, size_t cap, const char **why)
{
    struct header_from walk;
    enum from_result result;
    struct address a;
    size_t n = 0;

    *why = NULL;
    addresses[0] = '\0';
    header_from_start(&walk, value);
    while ((result = header_from_next(&walk, &a, why)) == FROM_ADDRESS) {
        assert_null(*why);
        assert_true(a.n > 0);
        n += (size_t)snprintf(addresses + n, cap - n, "%s ", a.text);
        assert_true(n < cap);
    }
    assert_int_equal(a.n, 0);
    assert_int_equal(result == FROM_BAD, *why != NULL);
    for (int again = 0; again < 2; again++) {
        const char *same = NULL;

        assert_int_equal(header_from_next(&walk, &a, &same), result);
        assert_ptr_equal(same, *why);
        assert_int_equal(a.n, 0);
    }
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char addresses[1024];
        const char *why;

        walk_all(rows[i].value, addresses, sizeof addresses, &why);
        if (strcmp(addresses, rows[i].addresses) != 0 || (why == NULL) != (rows[i].why == NULL) ||
            (why != NULL && strstr(why, rows[i].why) == NULL))
            fail_msg("row %zu <%.*s>: <%s>, %s", i, SLICE_ARG(rows[i].value), addresses, why != NULL ? why : "end");
    }
}
#define CHECK(rows) check_rows((rows), sizeof(rows) / sizeof(rows)[0])

static void only_the_addr_spec_counts(void **state)
{
    (void)state;
    CHECK(plain);
}

static void every_address_of_lists_and_groups_is_found(void **state)
{
    (void)state;
    CHECK(several);
}

static void what_can_be_read_two_ways_is_refused(void **state)
{
    (void)state;
    CHECK(doubtful);
}

static void folded_lines_are_blanks_and_other_line_breaks_are_refused(void **state)
{
    (void)state;
    CHECK(folded);
}

static void no_bytes_at_all_are_no_address(void **state)
{
    char addresses[8];
    const char *why;

    (void)state;
    walk_all((struct slice){NULL, 0}, addresses, sizeof addresses, &why);
    assert_string_equal(addresses, "");
    assert_null(why);
}

static void the_hundredth_address_is_the_last(void **state)
{
    char value[FROM_MAX_ADDRESSES * 4 + 8];
    struct header_from walk;
    const char *why = NULL;
    struct address a;

    (void)state;
    for (size_t i = 0; i <= FROM_MAX_ADDRESSES; i++)
        memcpy(value + 4 * i, "a@b,", 4);
    header_from_start(&walk, (struct slice){value, FROM_MAX_ADDRESSES * 4});
    for (int i = 0; i < FROM_MAX_ADDRESSES; i++)
        assert_int_equal(header_from_next(&walk, &a, &why), FROM_ADDRESS);
    assert_int_equal(header_from_next(&walk, &a, &why), FROM_END);

    header_from_start(&walk, (struct slice){value, FROM_MAX_ADDRESSES * 4 + 4});
    for (int i = 0; i < FROM_MAX_ADDRESSES; i++)
        assert_int_equal(header_from_next(&walk, &a, &why), FROM_ADDRESS);
    assert_int_equal(header_from_next(&walk, &a, &why), FROM_BAD);
    assert_string_equal(why, "more than 100 addresses");
}

static void a_field_longer_than_a_person_writes_is_refused(void **state)
{
    static char value[FROM_MAX_BYTES + 1];
    struct header_from walk;
    const char *why = NULL;
    struct address a;

    (void)state;
    memset(value, ' ', sizeof value);
    memcpy(value, "a@b", 3);
    header_from_start(&walk, (struct slice){value, FROM_MAX_BYTES});
    assert_int_equal(header_from_next(&walk, &a, &why), FROM_ADDRESS);
    header_from_start(&walk, (struct slice){value, FROM_MAX_BYTES + 1});
    assert_int_equal(header_from_next(&walk, &a, &why), FROM_BAD);
    assert_string_equal(why, "field longer than 8192 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_addr_spec_counts),
        cmocka_unit_test(every_address_of_lists_and_groups_is_found),
        cmocka_unit_test(what_can_be_read_two_ways_is_refused),
        cmocka_unit_test(folded_lines_are_blanks_and_other_line_breaks_are_refused),
        cmocka_unit_test(no_bytes_at_all_are_no_address),
        cmocka_unit_test(the_hundredth_address_is_the_last),
        cmocka_unit_test(a_field_longer_than_a_person_writes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
