/* The addresses of a From field: the table of what is read, and of what is refused because nobody knows how. */
#include "core/mail/header_from.h"

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
    ALL("(sean)", ""),
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
    ALL("Team: " SEAN "; " BOSS, SEAN " " BOSS " "),
    ALL("Team: " SEAN, SEAN " "),
    ALL("Team: " SEAN ", A:" BOSS ";;", SEAN " " BOSS " "),
    ALL(SEAN "; " BOSS, SEAN " " BOSS " "), /* as Outlook divides them */
    ALL("Team <" SEAN ">: " BOSS ";", SEAN " " BOSS " "),
    ALL("<" BOSS ">" SEAN, BOSS " " SEAN " "),
    BAD(SEAN " Team: " BOSS ";", "runs into other words"),
    BAD(":;", "without an address"),
    BAD(";", "without an address"),
    BAD_BEHIND("<" BOSS "> <" SEAN ">", BOSS " ", "two angle addresses"),
    BAD_BEHIND("<" BOSS ", " SEAN ">", BOSS " ", "within angle brackets"),
};

/* Names that need quotes and have none. What could be an address in them is one. */
static const struct row names[] = {
    ALL("Smith, Sean <" SEAN ">", SEAN " "),
    ALL("Contoso, Inc., Berlin <" SEAN ">", SEAN " "),
    ALL(SEAN ", boss", SEAN " "),
    ALL("<" SEAN ">, boss@", SEAN " "),
    ALL("Backup: nightly <" SEAN ">", SEAN " "),
    ALL("ERP:Billing <" SEAN ">", SEAN " "),
    ALL("db1: /dev/sda1: 91 % <" SEAN ">", SEAN " "),
    ALL("Contoso; Billing <" SEAN ">", SEAN " "),
    ALL("CONTOSO\\sean <" SEAN ">", SEAN " "),
    ALL("Sean :) <" SEAN ">", SEAN " "),
    ALL("Sean ] <" SEAN ">", SEAN " "),
    ALL("Sean [a <" SEAN ">", SEAN " "),
    ALL("[PROD: db1] Alerts <" SEAN ">", SEAN " "),
    ALL("Sean <" SEAN ">;", SEAN " "),
    ALL("Sean <" SEAN "> via App", SEAN " "),
    ALL("Sean <" SEAN, SEAN " "),
    ALL(SEAN ">", SEAN " "),
    ALL("<<" SEAN ">>", SEAN " "),
    /* the name is an address */
    ALL(SEAN " <" SEAN ">", SEAN " " SEAN " "),
    ALL(BOSS " <" SEAN ">", BOSS " " SEAN " "),
    ALL("'" SEAN "' <" SEAN ">", SEAN " " SEAN " "),
    ALL("Smith, " BOSS " <" SEAN ">", BOSS " " SEAN " "),
    ALL(BOSS "\n (c) <" SEAN ">", BOSS " " SEAN " "),
    BAD("Boss " BOSS " <" SEAN ">", "runs into other words"),
    BAD("\"Boss\" " BOSS " <" SEAN ">", "runs into other words"),
    BAD(BOSS " Boss <" SEAN ">", "runs into other words"),
    BAD("[" BOSS "] <" SEAN ">", "runs into other words"),
    BAD("boss @fabrikam.example <" SEAN ">", "runs into other words"),
    BAD("boss@ fabrikam.example <" SEAN ">", "runs into other words"),
    BAD("boss@fabrikam .example <" SEAN ">", "runs into other words"),
    BAD("boss@fabrikam(c).example <" SEAN ">", "runs into other words"),
    BAD("boss(c)@fabrikam.example <" SEAN ">", "runs into other words"),
    BAD("\"boss\"@fabrikam.example <" SEAN ">", "runs into other words"),
    BAD("boss\"x\"@fabrikam.example <" SEAN ">", "runs into other words"),
    BAD("x\\boss@fabrikam.example <" SEAN ">", "runs into other words"),
    BAD("boss@fabrikam.example: <" SEAN ">", "runs into other words"),
    BAD("boss@fabrikam.example. <" SEAN ">", "runs into other words"),
    BAD("boss@fabrikam\xe3\x80\x82"
        "example x <" SEAN ">",
        "runs into other words"), /* ideographic full stop */
    BAD("mailto:x:boss@=?utf-8?q?fabrikam.example?= <" SEAN ">", "could name a mailbox"),
    BAD("boss@fabrikam..example <" SEAN ">", "could name a mailbox"),
    ALL("boss@fabrikam\xe3\x80\x82"
        "example <" SEAN ">",
        BOSS " " SEAN " "), /* ideographic full stop */
    /* without a dotted domain it is nobody's, however its words are joined */
    ALL("Boss @ Fabrikam <" SEAN ">", SEAN " "),
    ALL("Boss@Fabrikam <" SEAN ">", SEAN " "),
    ALL("Boss @ Fabrikam Ltd. <" SEAN ">", SEAN " "),
    ALL("Boss Smith/Sales/Fabrikam@Fabrikam <" SEAN ">", SEAN " "),
    ALL("Boss @ M\xc3\xbcller & Co <" SEAN ">", SEAN " "),
    ALL("\"Boss\"@Fabrikam, Sean <" SEAN ">; x", SEAN " "),
    ALL("Cron @ web1: backup <" SEAN ">", SEAN " "),
    ALL("@here <" SEAN ">", SEAN " "),
    BAD("Boss @ Fabrikam . example <" SEAN ">", "runs into other words"),
    BAD("Boss @ Fabrikam Ltd. x <" SEAN ">", "runs into other words"),
    BAD("Boss @ M\xc3\xbcller\xef\xbc\x8e"
        "example <" SEAN ">",
        "runs into other words"), /* full-width dot */
    BAD("Boss @ \"fabrikam.example\" <" SEAN ">", "needs quotes"),
    BAD("Boss @ [192.0.2.1] <" SEAN ">", "needs quotes"),
    BAD("a@b@c <" SEAN ">", "needs quotes"),
    BAD("<Boss@Fabrikam, " SEAN, "within angle brackets"),
    BAD("Sean <Boss <" SEAN ">>", "within angle brackets"),
    BAD_BEHIND("<" SEAN " <" SEAN ">>", SEAN " ", "within angle brackets"),
    BAD("<boss>, " SEAN, "within angle brackets"), /* a server may add its domain */
    BAD("<>, " SEAN, "within angle brackets"),
    BAD("< " SEAN " x>, " SEAN, "within angle brackets"),
    /* some readers show a name that is no address's name as an address */
    BAD("\"" BOSS "\", <" SEAN ">", "without an address"),
    BAD_BEHIND("<" SEAN "> \"" BOSS "\"", SEAN " ", "without an address"),
    BAD("=?utf-8?q?boss=40fabrikam.example?=, <" SEAN ">", "without an address"),
    BAD("\"" BOSS "\": " SEAN, "without an address"),
    BAD("\"" BOSS "\": " SEAN ";", "without an address"),
    ALL("\"Smith\", Sean <" SEAN ">", SEAN " "),
    ALL("=?utf-8?q?Smith,_Sean?= <" SEAN ">", SEAN " "),
};

static const struct row doubtful[] = {
    /* members that are no address */
    BAD("sean", "name without an address"),
    BAD("Sean Smith", "name without an address"),
    BAD("\"" SEAN "\"", "name without an address"),
    ALL("Sean @ Contoso", "sean@contoso "),
    BAD("(" SEAN ") Sean", "name without an address"),
    /* Nothing but a comment where an address could stand, or a name in a group that doesn't end. */
    BAD("(" SEAN ")", "name without an address"),
    BAD("(boss@contoso.example), " SEAN, "name without an address"),
    BAD_BEHIND(SEAN ", (boss@contoso.example)", SEAN " ", "name without an address"),
    BAD("Team: (boss@contoso.example); " SEAN, "name without an address"),
    BAD_BEHIND("Team: " SEAN "; (boss@contoso.example)", SEAN " ", "name without an address"),
    BAD("Berg (boss@contoso.example), Sean <" SEAN ">", "name without an address"),
    BAD("Team: \"boss@contoso.example\" <" SEAN ">", "name without an address"),
    BAD("Team: x, \"boss@contoso.example\" <" SEAN ">", "name without an address"),
    BAD("Team: (boss@contoso.example) <" SEAN ">", "name without an address"),
    BAD("<sean(boss@contoso.example)@contoso.example>", "no plain address within angle brackets"),
    BAD("<sean@contoso.example (boss@contoso.example)>", "no plain address within angle brackets"),
    ALL(SEAN " (boss@contoso.example)", SEAN " "),
    ALL("<" SEAN "> (boss@contoso.example), " SEAN, SEAN " " SEAN " "),
    ALL("(boss@contoso.example) " SEAN, SEAN " "),
    ALL("Team: \"boss@contoso.example\" <" SEAN ">;", SEAN " "),
    ALL("Smith, Sean <" SEAN "> (via boss@contoso.example)", SEAN " "),
    ALL("Smith, Sean (via boss@contoso.example) <" SEAN ">", SEAN " "),
    BAD("<>", "within angle brackets"),
    BAD("Sean < >", "within angle brackets"),
    BAD("<sean>", "within angle brackets"),
    BAD("sean@", "name without an address"),
    BAD("@contoso.example", "needs quotes"),
    BAD("sean@[192.0.2.1]", "needs quotes"),
    BAD("\"sean@contoso.example\"@evil.example", "runs into other words"),
    BAD("\"\"@contoso.example", "runs into other words"),
    ALL(".se..an.@contoso.example", ".se..an.@contoso.example "), /* a stranger, and no more */
    ALL("\"se an\"@contoso.example", "se an@contoso.example "),
    BAD("\"boss@fabrikam.example\"@contoso.example", "runs into other words"),
    BAD("sean@contoso..example", "could name a mailbox"),
    BAD("sean@contoso.example..", "runs into other words"),
    BAD("se\\an@contoso.example", "runs into other words"),
    BAD("<se\\an@contoso.example>", "within angle brackets"),
    BAD("Sean " SEAN, "runs into other words"),
    BAD("\"Sean\" " SEAN, "runs into other words"),
    BAD("[tag] " SEAN, "runs into other words"),
    BAD(BOSS " " SEAN, "runs into other words"),
    BAD("<mailto:" SEAN ">", "within angle brackets"),
    ALL("<" BOSS "> Sean", BOSS " "),
    BAD("> " SEAN, "within angle brackets"),
    BAD_BEHIND(SEAN ">.x", SEAN " ", "within angle brackets"),
    ALL(SEAN ">, x", SEAN " "),
    /* routes */
    BAD("<@a.example,@b.example:" SEAN ">", "a route"),
    BAD("Sean <@a.example:" SEAN ">", "a route"),
    BAD("<@x," BOSS ":" SEAN ">", "a route"),
    BAD("<@" BOSS ":" SEAN ">", "a route"),
    BAD("< (c) @x:" SEAN ">", "a route"),
    BAD("<@contoso.example>", "a route"),
    BAD("<@x>, " SEAN, "a route"),
    BAD("@x:" SEAN, "a route"),
    BAD("@x, @y:" SEAN, "a route"),
    BAD("Sean <, @x:" SEAN ">", "within angle brackets"),
    BAD("<x@y:" SEAN ">", "within angle brackets"),
    /* encoded words: words of a display name, poison in an address */
    ALL("=?utf-8?q?boss=40fabrikam.example?= <" SEAN ">", SEAN " "),
    ALL("=?utf-8?b?Ym9zc0BmYWJyaWthbS5leGFtcGxl?= =?utf-8?q?_Sean?= <" SEAN ">", SEAN " "),
    ALL("\"=?utf-8?q?boss=40fabrikam.example?=\" <" SEAN ">", SEAN " "),
    ALL("\"" BOSS "\" <" SEAN ">", SEAN " "),
    ALL("a=?b@contoso.example", "a=?b@contoso.example "),
    BAD("=?utf-8?q?boss=40fabrikam.example?=", "name without an address"),
    BAD("=?utf-8?q?boss?=@contoso.example", "encoded word"),
    BAD("<=?utf-8?b?Ym9zcw==?=@contoso.example>", "encoded word"),
    BAD("<\"=?utf-8?q?boss?=\"@contoso.example>", "within angle brackets"),
    BAD("sean@=?utf-8?q?contoso?=.example", "could name a mailbox"),
    ALL("=?utf-8?q?" SEAN "?= <" SEAN ">", SEAN " " SEAN " "),
    ALL("=?utf-8?Q?" BOSS "?= <" SEAN ">", BOSS " " SEAN " "),
    BAD("=?utf-8?q?=62" BOSS "?= <" SEAN ">", "could name a mailbox"),
    BAD("=?utf-8?q?" SEAN "_x?= <" SEAN ">", "could name a mailbox"),
    BAD("=?utf-8?b?" SEAN "?= <" SEAN ">", "could name a mailbox"),
    BAD("=?q?" SEAN "?= <" SEAN ">", "could name a mailbox"),
    BAD("=?" SEAN "?= <" SEAN ">", "could name a mailbox"),
    BAD("<=?utf-8?q?boss=40fabrikam.example=3E?= " SEAN ">", "within angle brackets"),
};

/* Where readers disagree on quotes and comments, everything is looked at. */
static const struct row unsettled[] = {
    ALL("J\xfcrgen <" SEAN ">", SEAN " "), /* Latin-1, as old scanners write it */
    ALL("\"J\xfcrgen\" <" SEAN ">", SEAN " "),
    ALL(SEAN " (J\xfcrgen M.)", SEAN " "), /* and sendmail */
    ALL(SEAN "\r\n\t(\xe1\xce\xce\xc1) ", SEAN " "),
    BAD(SEAN " (\xe9).evil.example", "runs into other words"),
    BAD(SEAN " (\xe9) x", "runs into other words"),
    BAD(SEAN " (\xe9)" BOSS, "runs into other words"),
    BAD(SEAN " (\xe9) <" BOSS ">", "runs into other words"),
    BAD(SEAN " (\xe9) (x)", "runs into other words"),
    BAD(SEAN " (\xe9(" BOSS "))", "runs into other words"),
    BAD(SEAN " (\xe9 " BOSS ")", "runs into other words"),
    BAD(SEAN " (\xe9 \\)", "runs into other words"),
    BAD(SEAN " (\xe9", "runs into other words"),
    BAD_BEHIND(SEAN " (=?utf-8?q?boss=40x.example?= \xe9)", SEAN " ", "without an address"),
    ALL("\"\x93\x63\x92\x86\" <" SEAN ">", SEAN " "), /* Shift JIS */
    BAD_BEHIND("\"\x81\\\" <" BOSS ">, \" <" SEAN ">", BOSS " ", "two angle"),
    BAD_BEHIND("\"\xe3\x80\\\" <" BOSS ">, \" <" SEAN ">", BOSS " ", "two angle"),
    BAD_BEHIND("\"\xe3\x81\x82\\\" <" BOSS ">, \" <" SEAN ">", BOSS " ", "two angle"), /* valid UTF-8, but not only */
    BAD_BEHIND("(\xe3\x81\x82\\) <" BOSS ">, (x) <" SEAN ">", BOSS " ", "two angle"),
    BAD_BEHIND("\"~{!\"~} <" BOSS ">, \" <" SEAN ">", BOSS " ", "two angle"), /* HZ */
    BAD("\"" BOSS " \xe6\x97\xa5\" <" SEAN ">", "runs into other words"),
    ALL("\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\" <" SEAN ">", SEAN " "),
    ALL("\"" BOSS " \xe6\x97\xa5.\" <" SEAN ">", SEAN " "),
    BAD("se\xff"
        "an@contoso.example",
        "could name a mailbox"),
    BAD("Boss @ M\xfcller <" SEAN ">", "runs into other words"),
    ALL("\"Sean <" SEAN ">", SEAN " "),
    ALL("Sean 5\" disk <" SEAN ">", SEAN " "),
    BAD("\"" SEAN "> <" BOSS ">", "runs into other words"),
    ALL("Sean (c <" SEAN ">", SEAN " "),
    ALL("Sean (c\\) <" SEAN ">", SEAN " "),
    ALL("<" SEAN "> (c", SEAN " "),
    BAD(SEAN " (c", "runs into other words"),
    BAD("\"Sean\\", "name without an address"),
    BAD("(c", "name without an address"),
    BAD("<(c", "within angle brackets"),
    BAD_BEHIND("Sean \\<" BOSS "> <" SEAN ">", BOSS " ", "two angle addresses"),
    BAD_BEHIND("\\\" <" BOSS ">, \" <" SEAN ">", BOSS " ", "two angle"),
    BAD_BEHIND("[ \" ] <" BOSS ">, \" <" SEAN ">", BOSS " ", "two angle"),
    ALL("((((((((((((((((((((((((((((((((33)))))))))))))))))))))))))))))))) <" SEAN ">", SEAN " "),
    BAD("(((((((((((((((((((((((((((((((((33)))))))))))))))))))))))))))))))))" SEAN, "runs into other words"),
};

static const struct row folded[] = {
    ALL("Sean\r\n <" SEAN ">", SEAN " "),
    ALL("Sean\n\t<" SEAN ">", SEAN " "),
    ALL("\n " SEAN, SEAN " "),
    ALL(SEAN ",\r\n\t" BOSS, SEAN " " BOSS " "),
    ALL("\"Sean\n Smith\" <" SEAN ">", SEAN " "),
    ALL("(Sean\n Smith) sean@\n contoso.example", SEAN " "),
    BAD("\"se\n an\"@contoso.example", "runs into other words"),
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
    BAD("Sean\x1b <" SEAN ">", "control character"),
    BAD("\"\x1b$B!\"\x1b(B\" <" SEAN ">", "control character"), /* ISO-2022-JP without an encoded word */
    BAD("(\x0e) <" SEAN ">", "control character"),
    BAD("Sean\x7f <" SEAN ">", "control character"),
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

static void a_name_that_needs_quotes_is_a_name_unless_it_could_be_an_address(void **state)
{
    (void)state;
    CHECK(names);
}

static void where_readers_disagree_on_quotes_nothing_is_taken_for_a_name(void **state)
{
    (void)state;
    CHECK(unsettled);
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
        cmocka_unit_test(a_name_that_needs_quotes_is_a_name_unless_it_could_be_an_address),
        cmocka_unit_test(where_readers_disagree_on_quotes_nothing_is_taken_for_a_name),
        cmocka_unit_test(what_can_be_read_two_ways_is_refused),
        cmocka_unit_test(folded_lines_are_blanks_and_other_line_breaks_are_refused),
        cmocka_unit_test(no_bytes_at_all_are_no_address),
        cmocka_unit_test(the_hundredth_address_is_the_last),
        cmocka_unit_test(a_field_longer_than_a_person_writes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
