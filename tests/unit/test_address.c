/* Addresses: the table of what names one mailbox, what names a stranger, and what names nobody. */
#include "core/mail/address_scan.h"
#include "core/mail/local_part.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <unistr.h>

#include <cmocka.h>

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A300 A60 A60 A60 A60 A60
#define LABEL63 A60 "aaa"
#define DOMAIN255 LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 /* 4 * 63 + 3 */

/* Cyrillic small es, which looks like a c. */
#define CYRILLIC_ES "\xd1\x81"
#define ZWSP "\xe2\x80\x8b"

struct row {
    struct slice raw;
    enum address_result result;
    const char *canonical; /* for ADDRESS_OK */
};

#define OK(raw, canonical)                                                                                             \
    {                                                                                                                  \
        SLICE(raw), ADDRESS_OK, canonical                                                                              \
    }
#define BAD(raw)                                                                                                       \
    {                                                                                                                  \
        SLICE(raw), ADDRESS_BAD, NULL                                                                                  \
    }
#define NO_DOMAIN(raw)                                                                                                 \
    {                                                                                                                  \
        SLICE(raw), ADDRESS_NO_DOMAIN, NULL                                                                            \
    }
#define NOTHING(raw)                                                                                                   \
    {                                                                                                                  \
        SLICE(raw), ADDRESS_NULL, NULL                                                                                 \
    }

typedef enum address_result parser(struct slice raw, struct address *out);

static void check_parts(const struct address *a)
{
    assert_int_equal(a->text[a->n], '\0');
    assert_int_equal(a->text[a->local_n], '@');
    assert_int_equal(address_local(a).n + 1 + address_domain(a).n, a->n);
    assert_ptr_equal(address_domain(a).p, a->text + a->local_n + 1);
}

static void check_rows(parser *parse, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct address a;
        enum address_result result;

        memset(&a, 'x', sizeof a);
        result = parse(rows[i].raw, &a);
        if (result != rows[i].result)
            fail_msg("row %zu <%.*s>: result %d, expected %d", i, SLICE_ARG(rows[i].raw), result, rows[i].result);
        if (result == ADDRESS_OK) {
            check_parts(&a);
            assert_string_equal(a.text, rows[i].canonical);
        } else {
            assert_int_equal(a.n, 0);
            assert_int_equal(a.local_n, 0);
            assert_string_equal(a.text, "");
            assert_int_equal(address_domain(&a).n, 0);
        }
    }
}
#define CHECK(parse, rows) check_rows((parse), (rows), sizeof(rows) / sizeof(rows)[0])

static const struct row both_forms[] = {
    /* case */
    OK("sean@contoso.example", "sean@contoso.example"),
    OK("SEAN@Contoso.EXAMPLE", "sean@contoso.example"),
    OK("a@b", "a@b"),
    /* atext, percent hacks and bang paths are ordinary; so is "?", which Postfix may have put there */
    OK("o'brien+tag!#$%&*-/=?^_`{|}~9@contoso.example", "o'brien+tag!#$%&*-/=?^_`{|}~9@contoso.example"),
    OK("sean%contoso.example@evil.example", "sean%contoso.example@evil.example"),
    OK("contoso.example!sean@evil.example", "contoso.example!sean@evil.example"),
    NO_DOMAIN("contoso.example!sean"),
    OK("sean?@contoso.example", "sean?@contoso.example"),
    OK("%n%s%n@contoso.example", "%n%s%n@contoso.example"),
    OK("sean+tag@contoso.example", "sean+tag@contoso.example"),
    /* dots */
    OK("s.e.a.n@contoso.example", "s.e.a.n@contoso.example"),
    OK("sean@contoso.example.", "sean@contoso.example"),
    BAD("sean@contoso.example.."),
    BAD("sean@.contoso.example"),
    BAD("sean@contoso..example"),
    BAD("sean@."),
    /* missing and surplus parts */
    NOTHING(""),
    NO_DOMAIN("sean"),
    NO_DOMAIN("SEAN+tag"),
    BAD("@contoso.example"),
    BAD("sean@"),
    BAD("@"),
    BAD("@@"),
    BAD("a@b@c"),
    BAD("sean@contoso.example@"),
    BAD("@sean@contoso.example"),
    /* what could only stand in quotes, or nowhere */
    BAD("sean\x01@contoso.example"),
    BAD("sean\n@contoso.example"),
    BAD("sean\x7f@contoso.example"),
    BAD("sean\0@contoso.example"),
    BAD("sean@contoso.example\0"),
    BAD("sean@contoso.example\0.evil.example"),
    BAD("sean@contoso\0.example"),
    BAD("sean\0"),
    /* domains */
    OK("sean@CONTOSO-1.example", "sean@contoso-1.example"),
    OK("sean@mail_1.contoso.example", "sean@mail_1.contoso.example"),
    OK("sean@a--b.example", "sean@a--b.example"),
    BAD("sean@-contoso.example"),
    BAD("sean@contoso-.example"),
    BAD("sean@contoso.example-"),
    BAD("sean@con toso.example"),
    BAD("sean@contoso.example/evil"),
    BAD("sean@contoso%2e.example"),
    BAD("sean@[127.0.0.1]"),
    BAD("sean@[IPv6:2001:db8::1]"),
    BAD("sean@[contoso.example]"),
    OK("sean@192.0.2.1", "sean@192.0.2.1"),
    /* lengths */
    OK(A60 "aaaa@b.example", A60 "aaaa@b.example"),
    OK("a@" DOMAIN255, "a@" DOMAIN255),
    OK(A60 "aaaa@" DOMAIN255 ".", A60 "aaaa@" DOMAIN255),
    BAD("a@" LABEL63 "a.example"),
    BAD("a@b." LABEL63 "." LABEL63 "." LABEL63 "." LABEL63),
    NO_DOMAIN(A60 "aaaa"),
    /* local parts outside of ASCII: NFC, lowered one to one, nothing folded */
    OK("j\xc3\xbcrgen@contoso.example", "j\xc3\xbcrgen@contoso.example"),
    OK("J\xc3\x9cRGEN@contoso.example", "j\xc3\xbcrgen@contoso.example"),
    OK("ju\xcc\x88rgen@contoso.example", "j\xc3\xbcrgen@contoso.example"),
    OK("JU\xcc\x88RGEN@contoso.example", "j\xc3\xbcrgen@contoso.example"),
    OK("\xd0\x98\xd0\x92\xd0\x90\xd0\x9d@contoso.example", "\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xbd@contoso.example"),
    OK("\xe2\x84\xabke@contoso.example", "\xc3\xa5ke@contoso.example"), /* Angstrom sign = A with ring */
    OK("h\xcc\xb1@contoso.example", "\xe1\xba\x96@contoso.example"),    /* h + macron below */
    OK("H\xcc\xb1@contoso.example", "\xe1\xba\x96@contoso.example"),    /* no capital in one piece */
    OK("\xef\xbd\x93"
       "ean@contoso.example",
       "\xef\xbd\x93"
       "ean@contoso.example"), /* full-width s */
    OK("\xc5\xbf"
       "ean@contoso.example",
       "\xc5\xbf"
       "ean@contoso.example"), /* long s */
    OK("\xd1\x95"
       "ean@contoso.example",
       "\xd1\x95"
       "ean@contoso.example"), /* Cyrillic dze */
    OK("se" ZWSP "an@contoso.example", "se" ZWSP "an@contoso.example"),
    OK("\xc4\xb1@contoso.example", "\xc4\xb1@contoso.example"),   /* dotless i */
    OK("\xc4\xb0@contoso.example", "i\xcc\x87@contoso.example"),  /* dotted capital I is no i */
    OK("I\xcc\x87@contoso.example", "i\xcc\x87@contoso.example"), /* the same in two pieces */
    OK("stra\xc3\x9f"
       "e@contoso.example",
       "stra\xc3\x9f"
       "e@contoso.example"),                                            /* sharp s is not ss */
    OK("\xe1\xba\x9e@contoso.example", "\xe1\xba\x9e@contoso.example"), /* capital sharp s stays */
    OK("\xcf\xb4@contoso.example", "\xcf\xb4@contoso.example"),         /* theta symbol is no theta */
    OK("\xef\xac\x81@contoso.example", "\xef\xac\x81@contoso.example"), /* ligature fi */
    OK("\xf0\x9f\x98\x80@contoso.example", "\xf0\x9f\x98\x80@contoso.example"),
    BAD("\xe2\x84\xaa"
        "evin@contoso.example"),          /* Kelvin sign: NFC makes a K */
    BAD("a\xe1\xbf\xaf@contoso.example"), /* Greek varia: NFC makes a ` */
    BAD("a\xcd\xbe@contoso.example"),     /* Greek question mark */
    BAD("se\xc2\xa0"
        "an@contoso.example"), /* no-break space */
    BAD("se\xe3\x80\x80"
        "an@contoso.example"), /* ideographic space */
    BAD("se\xe2\x80\xa8"
        "an@contoso.example"), /* line separator */
    BAD("se\xc2\x85"
        "an@contoso.example"), /* NEL */
    BAD("se\xef\xbf\xbf"
        "an@contoso.example"), /* U+FFFF */
    NO_DOMAIN("\xc3\x9c"),
    /* no UTF-8: a lone byte, overlong, surrogate, above the last code point, cut */
    BAD("se\xff"
        "an@contoso.example"),
    BAD("se\xc0\xae"
        "an@contoso.example"),
    BAD("se\xed\xa0\x80"
        "an@contoso.example"),
    BAD("se\xf4\x90\x80\x80"
        "an@contoso.example"),
    BAD("sean\xc3@contoso.example"),
    BAD("sean@contoso\xc3.example"),
    BAD("sean@\xff.example"),
    /* a local part that grows over the limit by its canonical form, and one that shrinks below it */
    OK("\xc4\xb0\xc4\xb0\xc4\xb0\xc4\xb0\xc4\xb0" A10 A10 A10 A10 "aaaaaaaaa@d",
       "i\xcc\x87i\xcc\x87i\xcc\x87i\xcc\x87i\xcc\x87" A10 A10 A10 A10 "aaaaaaaaa@d"),
    /* domains outside of ASCII: U-label and A-label are one domain */
    OK("sean@b\xc3\xbc"
       "cher.example",
       "sean@xn--bcher-kva.example"),
    OK("sean@B\xc3\x9c"
       "CHER.example",
       "sean@xn--bcher-kva.example"),
    OK("sean@bu\xcc\x88"
       "cher.example",
       "sean@xn--bcher-kva.example"),
    OK("sean@XN--BCHER-KVA.example", "sean@xn--bcher-kva.example"),
    OK("sean@xn--bcher-kva.example.", "sean@xn--bcher-kva.example"),
    OK("sean@b\xc3\xbc"
       "cher.example.",
       "sean@xn--bcher-kva.example"),
    OK("sean@stra\xc3\x9f"
       "e.example",
       "sean@xn--strae-oqa.example"), /* non-transitional */
    OK("sean@contoso\xe3\x80\x82"
       "example",
       "sean@contoso.example"), /* ideographic full stop */
    OK("sean@contoso\xef\xbc\x8e"
       "example\xe3\x80\x82",
       "sean@contoso.example"),                                              /* full-width one, trailing one */
    OK("sean@\xef\xbd\x83ontoso.example", "sean@contoso.example"),           /* full-width c */
    OK("sean@" CYRILLIC_ES "ontoso.example", "sean@xn--ontoso-hrf.example"), /* a stranger */
    BAD("sean@contoso.example\xe3\x80\x82."),
    BAD("sean@contoso\xe3\x80\x82\xe3\x80\x82"
        "example"),
    BAD("sean@evil.example\xef\xbc\xa0"
        "contoso.example"), /* full-width @ */
    BAD("sean@contoso.example\xef\xbc\x8f"
        "evil"),                      /* full-width / */
    BAD("sean@\xe2\x84\x80.example"), /* a/c in one character */
    BAD("sean@a\xc2\xa0"
        "b.example"),
    BAD("sean@\xc2\xad"), /* soft hyphen: nothing left */
    BAD("sean@\xe2\x80\x8b.example"),
    BAD("sean@contoso\0\xe3\x80\x82"
        "example"),
    /* A-labels that are none */
    BAD("sean@xn--.example"),
    BAD("sean@xn--contoso-.example"),
    BAD("sean@xn--a.example"),
    BAD("sean@xn--\xc3\xbc.example"),
    BAD("sean@xn--99999999.example"),
    BAD("sean@xn--bcher-2pa.example"), /* a capital U with diaeresis */
    BAD("sean@\xef\xbd\x98n--contoso-.example"),
};

static const struct row paths[] = {
    /* the null reverse-path and other nothings */
    NOTHING("<>"),
    NOTHING(" < > "),
    NOTHING("  "),
    NOTHING("(nobody)<(here)>"),
    /* brackets and blanks */
    OK("<Sean@contoso.example>", "sean@contoso.example"),
    OK(" < sean @ contoso . example > ", "sean@contoso.example"),
    OK("\tsean@contoso.example\t", "sean@contoso.example"),
    OK("s . smith@contoso.example", "s.smith@contoso.example"),
    BAD("<sean@contoso.example"),
    BAD("sean@contoso.example>"),
    BAD("<<sean@contoso.example>>"),
    BAD("<sean@contoso.example> x"),
    BAD("<sean@contoso.example> SIZE=1"),
    BAD("<sean@contoso.example><boss@contoso.example>"),
    BAD("Sean <sean@contoso.example>"),
    BAD("<"),
    BAD(">"),
    NO_DOMAIN("<sean>"),
    NO_DOMAIN("<\"sean\">"),
    BAD("<@contoso.example>"),
    BAD("<sean@>"),
    BAD("<sean@[192.0.2.1]>"),
    BAD("sean@contoso. [192.0.2.1]"),
    OK("<sean@contoso.example.>", "sean@contoso.example"),
    BAD("<sean@contoso.example. .>"),
    BAD("<sean@\ncontoso.example>"),
    BAD("<sean@contoso.example>\r\n"),
    /* quotes */
    OK("\"sean\"@contoso.example", "sean@contoso.example"),
    OK("<\"SEAN\"@contoso.example>", "sean@contoso.example"),
    OK("\"se\\an\"@contoso.example", "sean@contoso.example"),
    OK("se\\an@contoso.example", "sean@contoso.example"),
    OK("\\sean@contoso.example", "sean@contoso.example"),
    OK("\"sean.smith\"@contoso.example", "sean.smith@contoso.example"),
    OK("\"sean\".\"smith\"@contoso.example", "sean.smith@contoso.example"),
    OK("sean.\"smith\"@contoso.example", "sean.smith@contoso.example"),
    OK("\"j\xc3\x9crgen\"@contoso.example", "j\xc3\xbcrgen@contoso.example"),
    OK("\"sean smith\"@contoso.example", "sean smith@contoso.example"),
    OK("sean\\ smith@contoso.example", "sean smith@contoso.example"),
    OK("\"Smith, Sean (1)\"@contoso.example", "smith, sean (1)@contoso.example"),
    OK("\"a:b;c(d)[e]\"@contoso.example", "a:b;c(d)[e]@contoso.example"),
    OK("\"\xc3\x9c X\"@contoso.example", "\xc3\xbc x@contoso.example"),
    BAD("sean smith@contoso.example"),
    BAD("sean,boss@contoso.example"),
    BAD("sean;@contoso.example"),
    BAD("sean:boss@contoso.example"),
    BAD("sean[1]@contoso.example"),
    BAD("sean>@contoso.example"),
    BAD("\"sean\tsmith\"@contoso.example"),
    BAD("\"\"@contoso.example"),
    OK("\" \"@contoso.example", " @contoso.example"),
    OK("\"sean \"@contoso.example", "sean @contoso.example"),
    OK("\".sean\"@contoso.example", ".sean@contoso.example"),
    OK("\"sean.\"@contoso.example", "sean.@contoso.example"),
    OK("\"a.\".\"b\"@contoso.example", "a..b@contoso.example"),
    OK("\"se..an\"@contoso.example", "se..an@contoso.example"),
    OK("se . . an@contoso.example", "se..an@contoso.example"),
    BAD("\"sean@contoso.example\"@evil.example"),
    BAD("<\"sean@contoso.example\"@evil.example>"),
    BAD("\"sean\\@contoso.example\"@evil.example"),
    BAD("sean\\@contoso.example@evil.example"),
    BAD("\"sean@contoso.example\""),
    BAD("\"se\\\"an\"@contoso.example"),
    BAD("\"se\\\\an\"@contoso.example"),
    BAD("\"sean\"smith@contoso.example"),
    BAD("sean\"smith\"@contoso.example"),
    BAD("\"sean\"\"smith\"@contoso.example"),
    BAD("\"sean@contoso.example"),
    BAD("\"sean\\"),
    BAD("sean\\"),
    BAD("\"sean\0\"@contoso.example"),
    BAD("\"sean\"@\"contoso.example\""),
    OK("\"" A60 "aaaa\"@b.example", A60 "aaaa@b.example"),
    OK("\"" A60 "aaaaa\"@b.example", A60 "aaaaa@b.example"),
    /* source routes, ended by the first colon */
    OK("<@a.example,@b.example:sean@contoso.example>", "sean@contoso.example"),
    OK("@a.example:sean@contoso.example", "sean@contoso.example"),
    OK("< @a.example , @b.example : \"sean\"@contoso.example >", "sean@contoso.example"),
    BAD("<@a.example,@b.example>"),
    BAD("<@a.example:>"),
    OK("<@a.example(c),\t@b.example. :sean@contoso.example>", "sean@contoso.example"),
    OK("<@b\xc3\xbc"
       "cher.example:sean@contoso.example>",
       "sean@contoso.example"),
    BAD("<@x,boss@contoso.example:sean@contoso.example>"),
    BAD("<@x,@boss@contoso.example:sean@contoso.example>"),
    BAD("<@boss@contoso.example:sean@contoso.example>"),
    BAD("<@a.example,:sean@contoso.example>"),
    BAD("<@a.example,,@b.example:sean@contoso.example>"),
    BAD("<@a.example @b.example:sean@contoso.example>"),
    BAD("<@a example:sean@contoso.example>"),
    BAD("<@:sean@contoso.example>"),
    BAD("<@-a.example:sean@contoso.example>"),
    BAD("<@[192.0.2.1]:sean@contoso.example>"),
    BAD("<@a.example"),
    BAD("<@boss@contoso.example>"),
    BAD("<@a.example:@b.example:sean@contoso.example>"),
    BAD("<\"@a.example:sean\"@contoso.example>"),
    /* comments */
    OK("sean(c)@contoso.example", "sean@contoso.example"),
    OK("(a)sean(b)@(c)contoso(d).(e)example(f)", "sean@contoso.example"),
    OK("(a(b(c)))<sean@contoso.example>(d)", "sean@contoso.example"),
    OK("sean(\\)boss@fabrikam.example)@contoso.example", "sean@contoso.example"),
    OK("sean(\")@contoso.example", "sean@contoso.example"),
    OK("\"sean(c)\"@contoso.example", "sean(c)@contoso.example"),
    BAD("sean(c@contoso.example"),
    BAD("sean)@contoso.example"),
    BAD("sean@contoso.example(\\"),
    BAD("sean@contoso.example(c"),
    BAD("se(c)an@contoso.example"),
    BAD("(c"),
    BAD("<(c"),
    BAD("(c)<sean@contoso.example>(c"),
    BAD("sean@(c"),
    BAD("sean@contoso(c"),
    BAD("sean.(c"),
    BAD("sean@(c)"),
    OK("((((((((((((((((((((((((((((((((32))))))))))))))))))))))))))))))))a@b", "a@b"),
    BAD("(((((((((((((((((((((((((((((((((33)))))))))))))))))))))))))))))))))a@b"),
};

/* Of mail, in internal form: what Postfix takes. None of these is a name that a mailbox could have. */
static const struct row mail_only[] = {
    OK(".sean@contoso.example", ".sean@contoso.example"),
    OK("Sean.@contoso.example", "sean.@contoso.example"),
    OK("se..an@contoso.example", "se..an@contoso.example"),
    OK(".@contoso.example", ".@contoso.example"),
    OK(A60 "aaaaa@b.example", A60 "aaaaa@b.example"),
    OK(A300 A300 A300 A300 A300 A60 "@" DOMAIN255, A300 A300 A300 A300 A300 A60 "@" DOMAIN255),
    OK("\xc4\xb0\xc4\xb0\xc4\xb0\xc4\xb0\xc4\xb0" A60 "@d", "i\xcc\x87i\xcc\x87i\xcc\x87i\xcc\x87i\xcc\x87" A60 "@d"),
    OK("u\xcc\x88" A60 "aa@d", "\xc3\xbc" A60 "aa@d"),
    NO_DOMAIN(A60 "aaaaa"),
    NO_DOMAIN("se..an"),
};

static const struct row mail_in_quotes[] = {
    OK("scan room 3@contoso.example", "scan room 3@contoso.example"),
    OK(" Sean@contoso.example", " sean@contoso.example"),
    OK("sean @contoso.example", "sean @contoso.example"),
    OK("Smith, Sean@contoso.example", "smith, sean@contoso.example"),
    OK("sean;@contoso.example", "sean;@contoso.example"),
    OK("a:b@contoso.example", "a:b@contoso.example"),
    OK("sean[1]@contoso.example", "sean[1]@contoso.example"),
    OK("sean(c)@contoso.example", "sean(c)@contoso.example"),
    NO_DOMAIN(" "),
    NO_DOMAIN("scan room"),
};

static const struct row never_mail[] = {
    BAD("sean@contoso.example@evil.example"),
    BAD("@a.example:sean@contoso.example"),
    BAD("\"sean\"@contoso.example"),
    BAD("se\\an@contoso.example"),
    BAD("scan\troom@contoso.example"),
    BAD("<sean>@contoso.example"),
    BAD("sean>@contoso.example"),
    BAD("sean@contoso.example "),
    BAD("@contoso.example"),
    BAD("sc\xc2\xa0"
        "an room@contoso.example"),
};

static const struct row internal_only[] = {
    /* the domain begins behind the last "@", whatever is in front of it */
    BAD("sean@contoso.example@evil.example"),
    BAD("\"sean\"@contoso.example"),
    BAD("<sean@contoso.example>"),
    BAD("<>"),
    BAD("sean(c)@contoso.example"),
    BAD("@a.example:sean@contoso.example"),
    BAD("se\\an@contoso.example"),
    BAD(" sean@contoso.example"),
    BAD("sean@contoso.example "),
    BAD(" "),
    BAD("sean @contoso.example"),
};

static void one_mailbox_has_one_spelling_in_internal_form(void **state)
{
    (void)state;
    CHECK(address_parse_internal, both_forms);
}

static void no_mailbox_has_a_name_that_needs_quotes_or_is_too_long(void **state)
{
    struct address a;

    (void)state;
    for (size_t i = 0; i < sizeof mail_only / sizeof mail_only[0]; i++)
        assert_int_equal(address_parse_internal(mail_only[i].raw, &a), ADDRESS_BAD);
    for (size_t i = 0; i < sizeof mail_in_quotes / sizeof mail_in_quotes[0]; i++)
        assert_int_equal(address_parse_internal(mail_in_quotes[i].raw, &a), ADDRESS_BAD);
}

static void mail_may_go_to_whatever_postfix_takes(void **state)
{
    static char longest[LOCAL_PART_MAX + 3];
    struct address a;

    (void)state;
    CHECK(address_parse_envelope, both_forms);
    CHECK(address_parse_envelope, mail_only);
    CHECK(address_parse_path, mail_only);
    CHECK(address_parse_envelope, mail_in_quotes);
    CHECK(address_parse_envelope, never_mail);
    memset(longest, 'A', LOCAL_PART_MAX + 1);
    memcpy(longest + LOCAL_PART_MAX, "@d", 3);
    assert_int_equal(address_parse_envelope(slice_of(longest), &a), ADDRESS_OK);
    assert_int_equal(a.local_n, LOCAL_PART_MAX);
    memcpy(longest + LOCAL_PART_MAX - 1, "A@d", 4);
    assert_int_equal(address_parse_path(slice_of(longest), &a), ADDRESS_OK);
    memmove(longest + 1, longest, LOCAL_PART_MAX + 2);
    longest[LOCAL_PART_MAX + 2] = 'd';
    assert_int_equal(address_parse_envelope((struct slice){longest, sizeof longest}, &a), ADDRESS_BAD);
    assert_int_equal(address_parse_path((struct slice){longest, sizeof longest}, &a), ADDRESS_BAD);
}

static void one_mailbox_has_one_spelling_as_a_path(void **state)
{
    (void)state;
    CHECK(address_parse_path, both_forms);
}

static void a_path_is_freed_of_quotes_routes_comments_and_blanks(void **state)
{
    (void)state;
    CHECK(address_parse_path, paths);
}

static void the_internal_form_knows_no_quotes_routes_comments_or_blanks(void **state)
{
    (void)state;
    CHECK(address_parse_internal, internal_only);
}

static void no_bytes_at_all_are_no_address(void **state)
{
    const struct slice nothing = {NULL, 0};
    char out[8];
    size_t n;
    struct address a;

    (void)state;
    assert_int_equal(address_parse_internal(nothing, &a), ADDRESS_NULL);
    assert_int_equal(address_parse_path(nothing, &a), ADDRESS_NULL);
    assert_false(domain_canonical(nothing, out, sizeof out, &n));
}

static void the_letters_case_does_not_depend_on_the_locale(void **state)
{
    static const char *const locales[] = {"C", "C.UTF-8", "tr_TR.UTF-8", "lt_LT.UTF-8"};

    (void)state;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        (void)setlocale(LC_ALL, locales[i]); /* one that isn't installed leaves the last one */
        CHECK(address_parse_internal, both_forms);
    }
    (void)setlocale(LC_ALL, "C");
}

static void a_canonical_address_is_its_own_canonical_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof both_forms / sizeof both_forms[0]; i++) {
        if (both_forms[i].result == ADDRESS_OK) {
            struct row again = {slice_of(both_forms[i].canonical), ADDRESS_OK, both_forms[i].canonical};

            check_rows(address_parse_internal, &again, 1);
            check_rows(address_parse_path, &again, 1);
        }
    }
}

/* All of the planes that hold letters. A base letter in front and behind lets what combines combine. */
static void no_character_from_outside_ascii_becomes_an_ascii_one(void **state)
{
    (void)state;
    for (ucs4_t c = 0x80; c < 0x20000; c++) {
        char raw[16] = "x";
        int width = u8_uctomb((uint8_t *)raw + 1, c, 8);
        size_t n = 1 + (size_t)width;
        struct address a, again;

        if (width < 0) /* a surrogate */
            continue;
        memcpy(raw + n, "-@d", 3);
        if (address_parse_internal((struct slice){raw, n + 3}, &a) != ADDRESS_OK)
            continue;
        /* "x", what became of c, and "-": a sign that combines with the x leaves two. */
        for (size_t i = 1; i + 1 < a.local_n; i++)
            if ((unsigned char)a.text[i] < 0x80 && !(c == 0x130 && a.text[i] == 'i'))
                fail_msg("U+%04X became ASCII: %s", c, a.text);
        assert_int_equal(address_parse_internal(address_slice(&a), &again), ADDRESS_OK);
        assert_string_equal(again.text, a.text);
        assert_string_not_equal(a.text, "x-@d");
    }
}

static void a_domain_alone_follows_the_same_rules(void **state)
{
    static const struct {
        struct slice raw;
        const char *canonical; /* NULL: no domain */
    } rows[] = {
        {SLICE("Contoso.Example"), "contoso.example"},
        {SLICE("contoso.example."), "contoso.example"},
        {SLICE("localhost"), "localhost"},
        {SLICE("b\xc3\xbc"
               "cher.example"),
         "xn--bcher-kva.example"},
        {SLICE("_dmarc.contoso.example"), "_dmarc.contoso.example"},
        {SLICE("_dmarc.b\xc3\xbc"
               "cher.example"),
         "_dmarc.xn--bcher-kva.example"},
        {SLICE(""), NULL},
        {SLICE("."), NULL},
        {SLICE(".."), NULL},
        {SLICE(" contoso.example"), NULL},
        {SLICE("contoso.example\n"), NULL},
        {SLICE("*.contoso.example"), NULL},
        {SLICE("sean@contoso.example"), NULL},
        {SLICE("[192.0.2.1]"), NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[256];
        size_t n = 0;

        if (domain_canonical(rows[i].raw, out, sizeof out, &n) != (rows[i].canonical != NULL))
            fail_msg("row %zu <%.*s>", i, SLICE_ARG(rows[i].raw));
        if (rows[i].canonical != NULL) {
            assert_string_equal(out, rows[i].canonical);
            assert_int_equal(n, strlen(rows[i].canonical));
        }
    }
}

static void a_domain_that_does_not_fit_is_refused_and_not_cut(void **state)
{
    char out[8] = "xxxxxxx";
    size_t n;

    (void)state;
    assert_false(domain_canonical(SLICE("abcd.exa"), out, sizeof out, &n));
    assert_memory_equal(out, "xxxxxxx", 8);
    assert_true(domain_canonical(SLICE("abcd.ex"), out, sizeof out, &n));
    assert_string_equal(out, "abcd.ex");
    assert_int_equal(n, 7);
}

static void a_long_text_that_maps_to_a_short_domain_is_bounded(void **state)
{
    /* Soft hyphens vanish in the mapping (UTS 46): the text may be long, but not without end. */
    char raw[2100] = "a";
    char out[256];
    struct address a;
    size_t n;

    (void)state;
    for (size_t i = 1; i + 1 < sizeof raw; i += 2)
        memcpy(raw + i, "\xc2\xad", 2);
    assert_true(domain_canonical((struct slice){raw, 201}, out, sizeof out, &n));
    assert_string_equal(out, "a");
    assert_false(domain_canonical((struct slice){raw, 2001}, out, sizeof out, &n));
    memcpy(raw, "b@a", 3);
    raw[3] = '.';
    assert_int_equal(address_parse_path((struct slice){raw, 4}, &a), ADDRESS_OK);
    memset(raw + 3, 'a', 1200);
    assert_int_equal(address_parse_path((struct slice){raw, 1200}, &a), ADDRESS_BAD);
    assert_int_equal(address_parse_internal((struct slice){raw, 1200}, &a), ADDRESS_BAD);
}

static void what_only_quotes_can_say_is_told_from_the_rest(void **state)
{
    static const struct {
        const char *address;
        bool quotes;
    } rows[] = {
        {"sean+tag@contoso.example", false},
        {"j\xc3\xbc.m@contoso.example", false},
        {"!#$%&'*+-/=?^_`{|}~@contoso.example", false},
        {"se..an.@contoso.example", false},
        {"sean+boss x@contoso.example", true},
        {"sean,boss@contoso.example", true},
        {" @contoso.example", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address a;

        assert_int_equal(address_parse_envelope(slice_of(rows[i].address), &a), ADDRESS_OK);
        if (address_needs_quotes(&a) != rows[i].quotes)
            fail_msg("row %zu <%s>", i, rows[i].address);
    }
}

/* What the policy protocol hands over unquoted and the milter protocol as the client wrote it. */
static void both_protocols_land_on_one_address(void **state)
{
    static const struct {
        const char *path, *internal;
    } rows[] = {
        {"<Sean@Contoso.Example>", "Sean@Contoso.Example"},
        {"<\"sean\"@contoso.example>", "sean@contoso.example"},
        {"<\"se\\an\"@contoso.example>", "sean@contoso.example"},
        {"<se\\an@contoso.example>", "sean@contoso.example"},
        {"<sean(c)@contoso.example>", "sean@contoso.example"},
        {"<@a.example,@b.example:sean@contoso.example>", "sean@contoso.example"},
        {"<sean@contoso.example.>", "sean@contoso.example."},
        {"<\"sean@contoso.example\"@evil.example>", "sean@contoso.example@evil.example"},
        {"<\"sean smith\"@contoso.example>", "sean smith@contoso.example"},
        {"<\"sean\\\"\"@contoso.example>", "sean\"@contoso.example"},
        {"<\"\"@contoso.example>", "@contoso.example"},
        {"<sean@[192.0.2.1]>", "sean@[192.0.2.1]"},
        {"<sean%contoso.example@evil.example>", "sean%contoso.example@evil.example"},
        {"<\"se..an\"@contoso.example>", "se..an@contoso.example"},
        {"<.sean.@contoso.example>", ".sean.@contoso.example"},
        {"<" A60 A60 "@contoso.example>", A60 A60 "@contoso.example"},
        {"<sean>", "sean"},
        {"<>", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address from_path, from_internal;
        enum address_result result = address_parse_envelope(slice_of(rows[i].internal), &from_internal);

        assert_int_equal(address_parse_path(slice_of(rows[i].path), &from_path), result);
        assert_string_equal(from_path.text, from_internal.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mailbox_has_one_spelling_in_internal_form),
        cmocka_unit_test(no_mailbox_has_a_name_that_needs_quotes_or_is_too_long),
        cmocka_unit_test(mail_may_go_to_whatever_postfix_takes),
        cmocka_unit_test(one_mailbox_has_one_spelling_as_a_path),
        cmocka_unit_test(a_path_is_freed_of_quotes_routes_comments_and_blanks),
        cmocka_unit_test(the_internal_form_knows_no_quotes_routes_comments_or_blanks),
        cmocka_unit_test(no_bytes_at_all_are_no_address),
        cmocka_unit_test(the_letters_case_does_not_depend_on_the_locale),
        cmocka_unit_test(a_canonical_address_is_its_own_canonical_form),
        cmocka_unit_test(no_character_from_outside_ascii_becomes_an_ascii_one),
        cmocka_unit_test(a_domain_alone_follows_the_same_rules),
        cmocka_unit_test(a_domain_that_does_not_fit_is_refused_and_not_cut),
        cmocka_unit_test(a_long_text_that_maps_to_a_short_domain_is_bounded),
        cmocka_unit_test(what_only_quotes_can_say_is_told_from_the_rest),
        cmocka_unit_test(both_protocols_land_on_one_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
