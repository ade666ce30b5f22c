/* links: mirror */
/* Who charges a message, when, and what is given back: once a message, whatever Postfix asks of whom. */
#include "tests/unit/engine_fixture.h"

#define LIMIT(rest) "limits = ({ name = \"l\"; per = \"user\"; " rest " });"
#define CLIENT "203.0.113.9"

/* The question that follows about the same message. */
static enum reason ask(struct bench *b, struct submission *s, const char *front_end, enum stage stage)
{
    s->front_end = front_end;
    s->stage = stage;
    return engine_decide(b->session, s, &b->recipients)->reason;
}

static enum reason ask_recipient(struct bench *b, struct submission *s, const char *to)
{
    enum reason reason;

    s->recipient_count = 0;
    s->has_recipient = true;
    s->recipient_text = slice_of(to);
    s->recipient_result = address_parse_internal(s->recipient_text, &s->recipient);
    reason = ask(b, s, "policyd", STAGE_RCPT);
    s->has_recipient = false;
    return reason;
}

/* The milter sees a From of somebody else, or of the sender itself. */
static enum reason milter_end(struct bench *b, struct submission *s, const char *from)
{
    struct headers headers = {0};
    enum reason reason;

    headers_add(&headers, SLICE("From"), slice_of(from));
    s->headers = &headers;
    reason = ask(b, s, "milter", STAGE_END);
    s->headers = NULL;
    headers_clear(&headers);
    return reason;
}

/* How many of a burst are left to anna: messages that still pass. */
static unsigned left(struct bench *b)
{
    unsigned n = 0;

    while (n < 1000 && anna(b) == REASON_ALLOWED)
        n++;
    return n;
}

static void the_milter_gives_back_what_it_refuses(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, "limits = ({ name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 3; },"
             "          { name = \"b\"; per = \"client\"; count = \"bytes\"; rate = \"1K/d\"; burst = \"3K\"; });");
    for (int i = 0; i < 10; i++) {
        s = message(b, ANNA, CLIENT, ANNA);
        assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
        assert_int_equal(milter_end(b, &s, BERT), REASON_FROM_NOT_OWN);
    }
    assert_int_equal(left(b), 3);
    stop(b);
}

static void what_passes_both_is_charged_once_and_logged_once(void **state)
{
    struct bench *b = *state;
    struct submission s;
    const char *text;

    log_begin(b);
    start(b, LIMIT("count = \"messages\"; rate = \"1/d\"; burst = 3;"));
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask(b, &s, "policyd", STAGE_DATA), REASON_ALLOWED);
    assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
    assert_int_equal(milter_end(b, &s, ANNA), REASON_ALLOWED);
    bench_stop(b);
    text = strstr(log_end(b), "event=decision");
    assert_non_null(text);
    assert_null(strstr(text + 1, "event=decision"));
    start(b, LIMIT("count = \"messages\"; rate = \"1/d\"; burst = 3;"));
    assert_int_equal(left(b), 2);
    stop(b);
}

static void a_message_is_given_back_once(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"messages\"; rate = \"1/d\"; burst = 4;"));
    assert_int_equal(anna(b), REASON_ALLOWED);
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
    for (int i = 0; i < 3; i++)
        assert_int_equal(milter_end(b, &s, BERT), REASON_FROM_NOT_OWN);
    assert_int_equal(left(b), 3);
    stop(b);
}

/* Else the next message to the same people would cost nothing. */
static void known_members_are_paid_for_though_the_message_was_refused(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"distinct recipient\"; rate = \"1/d\"; burst = 2;"));
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask_recipient(b, &s, "x@adatum.example"), REASON_ALLOWED);
    assert_int_equal(ask_recipient(b, &s, "y@adatum.example"), REASON_ALLOWED);
    s.recipient_count = 2;
    assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
    assert_int_equal(milter_end(b, &s, BERT), REASON_FROM_NOT_OWN);
    recipients_clear(&b->recipients);
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask_recipient(b, &s, "z@adatum.example"), REASON_ALLOWED);
    s.recipient_count = 1;
    assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_LIMIT);
    recipients_clear(&b->recipients);
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask_recipient(b, &s, "y@adatum.example"), REASON_ALLOWED);
    s.recipient_count = 1;
    assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
    stop(b);
}

static void bytes_are_charged_at_the_end_though_the_rest_was_at_data(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, "limits = ({ name = \"m\"; per = \"user\"; count = \"messages\"; rate = \"1/d\"; burst = 9; },"
             "          { name = \"b\"; per = \"user\"; count = \"bytes\"; rate = \"1K/d\"; burst = \"100K\"; });");
    for (int i = 0; i < 7; i++) {
        s = message(b, ANNA, CLIENT, ANNA);
        s.size = 0;
        assert_int_equal(ask(b, &s, "policyd", STAGE_DATA), REASON_ALLOWED);
        s.size = 20480;
        assert_int_equal(ask(b, &s, "policyd", STAGE_END), i < 5 ? REASON_ALLOWED : REASON_LIMIT);
        s.size = 20480;
    }
    /* and what was refused at the end was given back of what DATA had charged: 4 of 9 messages are left */
    s = message(b, ANNA, CLIENT, ANNA);
    s.size = 0;
    for (int i = 0; i < 4; i++) {
        s = message(b, ANNA, CLIENT, ANNA);
        s.size = 0;
        assert_int_equal(ask(b, &s, "policyd", STAGE_DATA), REASON_ALLOWED);
    }
    s = message(b, ANNA, CLIENT, ANNA);
    s.size = 0;
    assert_int_equal(ask(b, &s, "policyd", STAGE_DATA), REASON_LIMIT);
    stop(b);
}

/* The policy server is asked at DATA alone, and the milter at the end. */
static void the_milter_charges_the_bytes_where_the_policy_server_is_not_asked_at_the_end(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"bytes\"; rate = \"1K/d\"; burst = \"50K\";"));
    for (int i = 0; i < 3; i++) {
        s = message(b, ANNA, CLIENT, ANNA);
        s.size = 0;
        assert_int_equal(ask(b, &s, "policyd", STAGE_DATA), REASON_ALLOWED);
        s.size = 20480;
        assert_int_equal(milter_end(b, &s, ANNA), i < 2 ? REASON_ALLOWED : REASON_LIMIT);
    }
    stop(b);
}

static void a_message_whose_end_the_milter_never_sees_was_charged(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"messages\"; rate = \"1/d\"; burst = 2;"));
    for (int i = 0; i < 2; i++) {
        s = message(b, ANNA, CLIENT, ANNA);
        assert_int_equal(ask(b, &s, "milter", STAGE_MAIL), REASON_ALLOWED);
        assert_int_equal(ask(b, &s, "milter", STAGE_RCPT), REASON_ALLOWED);
        recipients_clear(&b->recipients);
        assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
    }
    assert_int_equal(anna(b), REASON_LIMIT);
    stop(b);
}

/* ---- messages that can never pass ---- */

static void what_is_more_than_a_burst_is_refused_as_a_whole(void **state)
{
    static const struct {
        const char *limit;
        enum reason reason;
    } rows[] = {
        {LIMIT("count = \"recipients\"; rate = \"1/d\"; burst = 3;"), REASON_LIMIT_NEVER},
        {LIMIT("count = \"recipients\"; rate = \"1/d\"; burst = 3; then = \"reject\";"), REASON_LIMIT_NEVER},
        {LIMIT("count = \"external recipients\"; rate = \"1/d\"; burst = 3;"), REASON_LIMIT_NEVER},
    };
    static const char *const to[] = {"a@adatum.example", "b@adatum.example", "c@adatum.example", "d@adatum.example",
                                     "e@adatum.example"};
    struct bench *b = *state;
    struct submission s;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(b, rows[i].limit);
        s = message(b, ANNA, CLIENT, ANNA);
        for (size_t j = 0; j < sizeof to / sizeof to[0]; j++)
            assert_int_equal(ask_recipient(b, &s, to[j]), REASON_ALLOWED);
        s.recipient_count = 5;
        assert_int_equal(ask(b, &s, "policyd", STAGE_END), rows[i].reason);
        /* The MTA has refused two of them since. */
        s.recipient_count = 3;
        assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
        stop(b);
    }
}

/* Whom never_block protects would else lose the rest of it. */
static void over_a_limit_that_blocks_a_message_is_refused_whole(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, "never_block = \"" ANNA
             "\";" LIMIT("count = \"recipients\"; rate = \"1/d\"; burst = 2; then = \"block 1h\";"));
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask_recipient(b, &s, "a@adatum.example"), REASON_ALLOWED);
    assert_int_equal(ask_recipient(b, &s, "b@adatum.example"), REASON_ALLOWED);
    assert_int_equal(ask_recipient(b, &s, "c@adatum.example"), REASON_ALLOWED);
    s.recipient_count = 3;
    assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_LIMIT_BLOCK);
    recipients_clear(&b->recipients);
    assert_int_equal(left(b), 2);
    stop(b);
}

static void over_a_limit_that_rejects_a_message_is_lost_whole_or_not_at_all(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start(b, LIMIT("count = \"recipients\"; rate = \"1/d\"; burst = 3; then = \"reject\";"));
    assert_int_equal(anna(b), REASON_ALLOWED);
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask_recipient(b, &s, "a@adatum.example"), REASON_ALLOWED);
    assert_int_equal(ask_recipient(b, &s, "b@adatum.example"), REASON_ALLOWED);
    assert_int_equal(ask_recipient(b, &s, "c@adatum.example"), REASON_ALLOWED);
    s.recipient_count = 3;
    assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_LIMIT_REJECT);
    recipients_clear(&b->recipients);
    assert_int_equal(anna(b), REASON_ALLOWED);
    assert_int_equal(anna(b), REASON_ALLOWED);
    s = message(b, ANNA, CLIENT, ANNA);
    assert_int_equal(ask_recipient(b, &s, "a@adatum.example"), REASON_LIMIT_REJECT); /* nothing was accepted yet */
    stop(b);
}

/* A client that does as it is told is no attacker, however many addresses stand in its list. */
static void recipients_over_the_maximum_are_no_denials(void **state)
{
    struct bench *b = *state;
    struct submission s;
    char to[32];

    start(b, "recipients = { max = 2; };"
             "limits = ({ name = \"d\"; per = \"user\"; count = \"denials\"; rate = \"1/d\"; burst = 1; then = "
             "\"block 1h\"; },"
             "          { name = \"p\"; per = \"user\"; count = \"deferrals\"; rate = \"1/d\"; burst = 1; then = "
             "\"block 1h\"; });");
    for (unsigned i = 0; i < 20; i++) {
        s = message(b, ANNA, CLIENT, ANNA);
        for (unsigned j = 0; j < 4; j++) {
            (void)snprintf(to, sizeof to, "x%u@adatum.example", j);
            assert_int_equal(ask_recipient(b, &s, to), j < 2 ? REASON_ALLOWED : REASON_EXCESS_RECIPIENT);
        }
        s.recipient_count = 2;
        assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_ALLOWED);
        recipients_clear(&b->recipients);
        s = message(b, ANNA, CLIENT, ANNA);
        s.recipient_count = 3; /* nobody asked about recipients */
        assert_int_equal(ask(b, &s, "policyd", STAGE_END), REASON_TOO_MANY_RECIPIENTS);
    }
    assert_int_equal(anna(b), REASON_ALLOWED);
    stop(b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_milter_gives_back_what_it_refuses),
        TEST(what_passes_both_is_charged_once_and_logged_once),
        TEST(a_message_is_given_back_once),
        TEST(known_members_are_paid_for_though_the_message_was_refused),
        TEST(bytes_are_charged_at_the_end_though_the_rest_was_at_data),
        TEST(the_milter_charges_the_bytes_where_the_policy_server_is_not_asked_at_the_end),
        TEST(a_message_whose_end_the_milter_never_sees_was_charged),
        TEST(what_is_more_than_a_burst_is_refused_as_a_whole),
        TEST(over_a_limit_that_blocks_a_message_is_refused_whole),
        TEST(over_a_limit_that_rejects_a_message_is_lost_whole_or_not_at_all),
        TEST(recipients_over_the_maximum_are_no_denials),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
