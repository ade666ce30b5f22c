/* links: mirror */
/* Recipients belong to a message: each counts once, however often it is asked about; the MTA's own number holds in the
 * end; and what nobody was asked about is taken for the worst. */
#include "tests/unit/world.h"

#include "core/decide/decide_steps.h"

static int setup(void **state)
{
    *state = world_make();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void note(struct world *w, const char *to, bool internal)
{
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    s.stage = STAGE_RCPT;
    s.has_recipient = true;
    s.recipient_text = slice_of(to);
    s.recipient_result = address_parse_internal(s.recipient_text, &s.recipient);
    w->verdict.recipient_internal = internal;
    recipients_note(&w->recipients, &w->context, &s, &w->verdict);
}

/* Recipients are words; each is asked about as often as it stands there; those in capitals are internal. */
static void note_all(struct world *w, const char *words)
{
    struct slice rest = slice_of(words), word;
    char to[64];

    recipients_clear(&w->recipients);
    for (bool more = rest.n > 0; more;) {
        more = slice_cut(rest, ' ', &word, &rest);
        (void)snprintf(to, sizeof to, "%.*s@adatum.example", SLICE_ARG(word));
        note(w, to, word.p[0] >= 'A' && word.p[0] <= 'Z');
    }
}

static struct recipient_counts count(struct world *w, uint32_t accepted)
{
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");
    const struct deciding d = {.c = &w->context, .s = &s, .r = &w->recipients, .v = &w->verdict};

    s.recipient_count = accepted;
    return recipient_counts(&d);
}

static void what_the_mta_accepted_is_told_from_what_was_asked_about(void **state)
{
    static const struct {
        const char *asked;
        uint32_t accepted;
        uint64_t all, external, internal, unknown;
    } rows[] = {
        {"a b c", 3, 3, 3, 0, 0},
        {"a B c", 3, 3, 2, 1, 0},
        {"a a b b c c", 3, 3, 3, 0, 0}, /* the service stands in two lists */
        {"a a a b b b", 2, 2, 2, 0, 0},
        {"a a", 2, 2, 2, 0, 0}, /* or the client has named it twice */
        {"a a b", 3, 3, 3, 0, 0},
        {"A A", 2, 2, 0, 2, 0},
        {"A A b", 3, 3, 2, 2, 0},   /* perhaps it was the other one */
        {"a a a a", 2, 2, 2, 0, 0}, /* both */
        {"a b c d", 2, 2, 2, 0, 0}, /* two were refused since */
        {"a b C D", 2, 2, 2, 2, 0}, /* nobody knows which */
        {"a B C D", 2, 2, 1, 2, 0},
        {"A B", 3, 3, 1, 3, 1},     /* one was never asked about: it may be of either kind */
        {"A A B B", 3, 3, 1, 3, 1}, /* nor here, where each was asked about twice */
        {"", 4, 4, 4, 4, 4},
        {"a B", 0, 2, 1, 1, 0}, /* the MTA does not say */
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct recipient_counts got;

        note_all(w, rows[i].asked);
        got = count(w, rows[i].accepted);
        if (got.all != rows[i].all || got.external != rows[i].external || got.internal != rows[i].internal ||
            got.unknown != rows[i].unknown)
            fail_msg("\"%s\", %u accepted: %llu, %llu external, %llu internal, %llu unknown", rows[i].asked,
                     rows[i].accepted, (unsigned long long)got.all, (unsigned long long)got.external,
                     (unsigned long long)got.internal, (unsigned long long)got.unknown);
    }
}

static void spellings_of_one_address_are_one_recipient(void **state)
{
    struct world *w = *state;

    note(w, "x@adatum.example", false);
    note(w, "x@ADATUM.example", false);
    note(w, "no address", false);
    note(w, "no address", false);
    assert_int_equal(w->recipients.n, 2);
    assert_int_equal(w->recipients.asked, 4);
}

static void recipients_beyond_the_bound_are_counted_but_not_told_apart(void **state)
{
    struct world *w = *state;
    char to[32];

    for (unsigned i = 0; i < RECIPIENTS_KEPT_MAX + 10; i++) {
        (void)snprintf(to, sizeof to, "x%u@adatum.example", i);
        note(w, to, false);
    }
    assert_int_equal(w->recipients.kept, RECIPIENTS_KEPT_MAX);
    assert_int_equal(w->recipients.n, RECIPIENTS_KEPT_MAX + 10);
    assert_int_equal(count(w, RECIPIENTS_KEPT_MAX + 10).untold, 10);
    assert_int_equal(count(w, RECIPIENTS_KEPT_MAX + 10).unknown, 0);
}

/* At DATA and at the end Postfix names the recipient if it is the only one. */
static void the_only_recipient_is_known_though_nobody_asked_about_it(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission(NULL, "192.0.2.5", "scan@contoso.example");

    world_configure(w, "preset = \"none\"; connectors = ({ name = \"printers\"; networks = \"192.0.2.0/24\"; "
                       "recipients = \"internal\"; });");
    s.has_recipient = true;
    s.recipient_result = address_parse_internal(SLICE("bert@contoso.example"), &s.recipient);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_CONNECTOR);
    s.recipient_result = address_parse_internal(SLICE("x@adatum.example"), &s.recipient);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_EXTERNAL_RECIPIENT);
    /* others were asked about, and refused by the MTA */
    note_all(w, "A B");
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_EXTERNAL_RECIPIENT);
    s.has_recipient = false;
    s.recipient_count = 3;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_RECIPIENTS_UNKNOWN);
    s.recipient_count = 2;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_CONNECTOR);
}

/* Which the client is free to do, and which reached Postfix as one more. */
static void a_recipient_that_the_client_names_twice_is_one_of_the_maximum(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "anna@contoso.example");

    world_configure(w, "preset = \"none\"; recipients = { max = 2; };");
    note_all(w, "a a b b b");
    s.recipient_count = 5;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    s.recipient_count = 6;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_TOO_MANY_RECIPIENTS);
    note_all(w, "a a");
    s = world_submission("anna@contoso.example", "203.0.113.9", "");
    s.recipient_count = 2;
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
}

static void a_recipient_that_is_asked_about_again_is_none_more(void **state)
{
    struct world *w = *state;
    struct submission s = world_submission("anna@contoso.example", "203.0.113.9", "");

    world_configure(w, "preset = \"none\"; recipients = { max = 1; };");
    s.stage = STAGE_RCPT;
    s.recipient_count = 0;
    s.has_recipient = true;
    s.recipient_result = address_parse_internal(SLICE("x@adatum.example"), &s.recipient);
    for (int i = 0; i < 3; i++) {
        world_decide(w, &s);
        assert_int_equal(w->verdict.reason, REASON_ALLOWED);
        recipients_note(&w->recipients, &w->context, &s, &w->verdict);
    }
    s.recipient_result = address_parse_internal(SLICE("y@adatum.example"), &s.recipient);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_EXCESS_RECIPIENT);
    s.sender_result = address_parse_internal(SLICE("anna@contoso.example"), &s.sender);
    world_decide(w, &s);
    assert_int_equal(w->verdict.reason, REASON_EXCESS_RECIPIENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_the_mta_accepted_is_told_from_what_was_asked_about),
        TEST(spellings_of_one_address_are_one_recipient),
        TEST(recipients_beyond_the_bound_are_counted_but_not_told_apart),
        TEST(the_only_recipient_is_known_though_nobody_asked_about_it),
        TEST(a_recipient_that_the_client_names_twice_is_one_of_the_maximum),
        TEST(a_recipient_that_is_asked_about_again_is_none_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
