/* links: mirror */
/* A message whose header From nobody judged is told of, and no other. */
#include "tests/unit/engine_fixture.h"

enum shown { SHOWN_NOT, SHOWN_AT_MAIL };

/* One message of anna's as the two front ends see it. */
static void send_one(struct bench *b, const char *sender, enum shown shown, const char *queue_id)
{
    struct submission s = message(b, ANNA, "203.0.113.9", sender);

    s.queue_id = slice_of(queue_id);
    if (shown == SHOWN_AT_MAIL) {
        s.front_end = "milter";
        s.stage = STAGE_MAIL;
        assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
        engine_milter_sees(b->session, &s);
    }
    s.front_end = "policyd";
    s.stage = STAGE_END;
    (void)engine_decide(b->session, &s, &b->recipients);
    engine_header_due(b->session, &s);
}

static void what_the_milter_is_not_shown_is_told_of_once_an_hour(void **state)
{
    struct bench *b = *state;
    const char *said;

    log_begin(b);
    start(b, "");
    engine_milter_runs(b->engine);
    for (int i = 0; i < 5; i++)
        send_one(b, ANNA, SHOWN_NOT, "4TzYyK");
    stop(b);
    said = log_end(b);
    said = strstr(said, "nobody checked the header From of 1 message, the latest from login=anna@contoso.example");
    assert_non_null(said);
    assert_non_null(strstr(said, "queue_id=4TzYyK"));
    assert_non_null(strstr(said, "no_milters"));
    assert_null(strstr(said + 1, "nobody checked"));
}

static void what_goes_to_a_before_queue_filter_is_told_of_although_the_milter_heard_of_it(void **state)
{
    struct bench *b = *state;

    log_begin(b);
    start(b, "");
    engine_milter_runs(b->engine);
    send_one(b, ANNA, SHOWN_AT_MAIL, "");
    stop(b);
    assert_non_null(strstr(log_end(b), "smtpd_proxy_filter"));
}

static void nothing_is_said_where_all_is_well_or_no_rule_counts(void **state)
{
    static const struct {
        const char *rules;
        bool runs;
        enum shown shown;
        const char *sender;
    } rows[] = {
        {"", true, SHOWN_AT_MAIL, ANNA},
        {"", false, SHOWN_NOT, ANNA},                                    /* the policy server alone */
        {"sender = { header_from = \"any\"; };", true, SHOWN_NOT, ANNA}, /* anything is permitted */
        {"", true, SHOWN_NOT, BERT},                                     /* refused: nothing passed */
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        log_begin(b);
        start(b, rows[i].rules);
        if (rows[i].runs)
            engine_milter_runs(b->engine);
        send_one(b, rows[i].sender, rows[i].shown, "4TzYyK");
        stop(b);
        assert_null(strstr(log_end(b), "nobody checked"));
    }
}

static void another_login_or_sender_that_was_shown_is_no_excuse(void **state)
{
    struct bench *b = *state;

    log_begin(b);
    start(b, "");
    engine_milter_runs(b->engine);
    send_one(b, ANNA, SHOWN_AT_MAIL, "4TzYyK");
    send_one(b, "info@contoso.example", SHOWN_NOT, "4TzYyL");
    stop(b);
    assert_non_null(strstr(log_end(b), "sender=info@contoso.example queue_id=4TzYyL"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_the_milter_is_not_shown_is_told_of_once_an_hour),
        T(what_goes_to_a_before_queue_filter_is_told_of_although_the_milter_heard_of_it),
        T(nothing_is_said_where_all_is_well_or_no_rule_counts),
        T(another_login_or_sender_that_was_shown_is_no_excuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
