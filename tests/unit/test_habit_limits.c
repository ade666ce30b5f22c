/* links: mirror */
/* Limits relative to a habit: what passes, what is deferred, what comes again, who is held back. */
#include "core/decide/blocked.h"
#include "core/decide/habit.h"
#include "core/engine/engine_parts.h"
#include "core/report/subject.h"
#include "tests/unit/virtual_engine.h"

#define ELSEWHERE "203.0.113.77"
#define KNOWN "known_networks = \"198.51.100.0/24\";\n"
#define HOUR_LIMIT                                                                                                     \
    "{ name = \"hour\"; per = \"user\"; count = \"messages\"; rate = \"20/h\"; beyond = \"habit\"; factor = 1.25;"     \
    "  ceiling = 500; learning = 60; learning_known = 100; }"
#define DAY_LIMIT                                                                                                      \
    "{ name = \"day\"; per = \"user\"; count = \"messages\"; rate = \"100/d\"; beyond = \"habit\"; factor = 1.25;"     \
    "  learning = 250; }"
#define AGAIN_LIMIT                                                                                                    \
    "{ name = \"again\"; per = \"user\"; count = \"deferred messages\"; rate = \"10/h\"; burst = 50; beyond = "        \
    "\"habit\";"                                                                                                       \
    "  factor = 0.5; then = \"block 24h, defer\"; }"
#define LIMITS "preset = \"none\";\nlimits = (" HOUR_LIMIT "," DAY_LIMIT "," AGAIN_LIMIT ");\n" KNOWN

/* Message number n to so many recipients, as a whole: the same number is the same message. */
static enum reason send_to(struct bench *b, double at, const char *login, const char *client, unsigned n,
                           unsigned recipients)
{
    struct submission s = message(b, login, client, login != NULL ? login : ANNA);
    char to[40];

    if (at > virtual_now_s)
        virtual_now_s = at;
    (void)snprintf(to, sizeof to, "r%u@example.net", n);
    s.recipient_text = slice_of(to);
    s.recipient_result = address_parse_internal(s.recipient_text, &s.recipient);
    s.has_recipient = recipients == 1;
    s.recipient_count = recipients;
    return engine_decide(b->session, &s, &b->recipients)->reason;
}

static enum reason send_n(struct bench *b, double at, const char *client, unsigned n)
{
    return send_to(b, at, ANNA, client, n, 1);
}

/* Two weeks of so many messages each morning. */
static void live_with(struct bench *b, unsigned a_day)
{
    for (unsigned day = 0; day < 14; day++)
        for (unsigned i = 0; i < a_day; i++)
            assert_int_equal(send_n(b, day * DAY + 9 * HOUR, OFFICE, day * 1000 + i), REASON_ALLOWED);
}

#define LEARNT (15 * DAY)
/* Numbers of messages that were never sent before. */
#define FRESH 100000

/* How many of `n` new messages at that time pass. */
static unsigned passed_of(struct bench *b, double at, const char *client, unsigned first, unsigned n)
{
    unsigned passed = 0;

    for (unsigned i = 0; i < n; i++)
        passed += send_n(b, at, client, first + i) == REASON_ALLOWED;
    return passed;
}

static void a_learnt_login_is_held_at_its_own_hour_and_day(void **state)
{
    struct bench *b = *state;

    start_at_0(b, LIMITS);
    live_with(b, 40);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 90), 70); /* 20 + 1.25 * 40 */
    for (unsigned hour = 1; hour < 20; hour++)
        (void)passed_of(b, LEARNT + hour * 2 * HOUR, OFFICE, FRESH + hour * 1000, 9);
    assert_in_range(passed_of(b, LEARNT + 40 * HOUR, OFFICE, FRESH + 90000, 90), 1, 70);
    stop(b);
    start_at_0(b, LIMITS);
    live_with(b, 40);
    for (unsigned i = 0; i < 149; i++) /* nothing new for the day: 100 + 1.25 * 40 = 150 */
        assert_int_equal(send_n(b, LEARNT + i / 50 * 2 * HOUR, OFFICE, FRESH + i), REASON_ALLOWED);
    assert_int_equal(passed_of(b, LEARNT + 8 * HOUR, OFFICE, FRESH + 1000, 20), 1);
    stop(b);
}

static void the_same_message_passes_the_hour_when_it_comes_again_and_another_one_does_not(void **state)
{
    struct bench *b = *state;

    start_at_0(b, LIMITS);
    live_with(b, 10);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 40), 32);
    for (unsigned i = 32; i < 40; i++)
        assert_int_equal(send_n(b, LEARNT + 60, OFFICE, FRESH + i), REASON_ALLOWED);
    assert_int_equal(send_n(b, LEARNT + 60, OFFICE, FRESH + 50), REASON_LIMIT);
    assert_string_equal(b->session->verdict.limit, "hour");
    stop(b);
}

static void the_day_lets_nothing_pass_that_comes_again(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "preset = \"none\";\nlimits = (" HOUR_LIMIT "," DAY_LIMIT ");\n" KNOWN);
    live_with(b, 10);
    for (unsigned i = 0; i < 130; i++) /* 100 + 1.25 * 10 */
        if (send_n(b, LEARNT, OFFICE, FRESH + i) != REASON_ALLOWED && i < 112)
            assert_int_equal(send_n(b, LEARNT + 1, OFFICE, FRESH + i), REASON_ALLOWED);
    for (unsigned tries = 0; tries < 20; tries++)
        assert_int_equal(send_n(b, LEARNT + (1 + tries) * HOUR, OFFICE, FRESH + 129), REASON_LIMIT);
    assert_string_equal(b->session->verdict.limit, "day");
    assert_int_equal(send_n(b, LEARNT + 25 * HOUR, OFFICE, FRESH + 129), REASON_ALLOWED);
    stop(b);
}

static void recipients_make_another_message_and_so_does_the_size(void **state)
{
    struct bench *b = *state;
    struct submission s;

    start_at_0(b, LIMITS);
    live_with(b, 10);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 33), 32);
    assert_int_equal(send_to(b, LEARNT, ANNA, OFFICE, FRESH + 32, 2), REASON_LIMIT);
    assert_int_equal(send_to(b, LEARNT, ANNA, OFFICE, FRESH + 32, 2), REASON_ALLOWED);
    s = message(b, ANNA, OFFICE, ANNA);
    s.size = 77;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_LIMIT);
    s.size = 78;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_LIMIT);
    s = message(b, ANNA, OFFICE, ANNA);
    s.size = 77;
    assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
    stop(b);
}

/* As Postfix asks about a recipient, and about the end. */
static enum reason ask_recipient(struct bench *b, struct submission *s, const char *to)
{
    s->stage = STAGE_RCPT;
    s->size = 900; /* as declared */
    s->has_recipient = true;
    s->recipient_count = 0;
    s->recipient_text = slice_of(to);
    s->recipient_result = address_parse_internal(s->recipient_text, &s->recipient);
    return engine_decide(b->session, s, &b->recipients)->reason;
}

static enum reason ask_end(struct bench *b, struct submission *s, unsigned recipients)
{
    enum reason reason;

    s->stage = STAGE_END;
    s->size = 1000;
    s->has_recipient = false;
    s->recipient_count = recipients;
    reason = engine_decide(b->session, s, &b->recipients)->reason;
    recipients_clear(&b->recipients);
    return reason;
}

static enum reason converse(struct bench *b, double at, const char *const *to, unsigned n)
{
    struct submission s = message(b, ANNA, OFFICE, ANNA);
    enum reason reason = REASON_ALLOWED;

    virtual_now_s = at;
    for (unsigned i = 0; i < n && reason == REASON_ALLOWED; i++)
        reason = ask_recipient(b, &s, to[i]);
    if (reason == REASON_ALLOWED)
        return ask_end(b, &s, n);
    recipients_clear(&b->recipients);
    return reason;
}

static void a_repetition_is_known_from_its_first_recipient_to_its_end(void **state)
{
    struct bench *b = *state;
    const char *both[] = {"one@example.net", "two@example.net"}, *third[] = {"one@example.net", "three@example.net"};

    start_at_0(b, LIMITS);
    live_with(b, 10);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 40), 32);
    assert_int_equal(converse(b, LEARNT, both, 2), REASON_LIMIT);
    assert_int_equal(converse(b, LEARNT + 1, both, 2), REASON_LIMIT); /* the second recipient was not asked about */
    assert_int_equal(converse(b, LEARNT + 2, both, 2), REASON_ALLOWED);
    assert_int_equal(converse(b, LEARNT + 3, third, 2), REASON_LIMIT);
    stop(b);
}

static void a_message_that_is_deferred_at_its_end_alone_is_known_by_each_recipient(void **state)
{
    struct bench *b = *state;
    const char *both[] = {"one@example.net", "two@example.net"};
    struct recipients aside;
    struct submission s;

    start_at_0(b, "preset = \"none\";\nlimits = (" HOUR_LIMIT ", { name = \"again\"; per = \"user\"; count = "
                  "\"deferred messages\"; rate = \"1/d\"; burst = 1; then = \"block 24h, defer\"; });\n" KNOWN);
    live_with(b, 10);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 31), 31);
    s = message(b, ANNA, OFFICE, ANNA);
    s.queue_id = s.instance = SLICE("4QWAITING"); /* message() lends the other one again */
    assert_int_equal(ask_recipient(b, &s, both[0]), REASON_ALLOWED);
    assert_int_equal(ask_recipient(b, &s, both[1]), REASON_ALLOWED);
    /* Meanwhile another message takes the last place. */
    aside = b->recipients;
    b->recipients = (struct recipients){.n = 0};
    assert_int_equal(send_n(b, LEARNT, OFFICE, FRESH + 31), REASON_ALLOWED);
    b->recipients = aside;
    assert_int_equal(ask_end(b, &s, 2), REASON_LIMIT);
    assert_int_equal(converse(b, LEARNT + 1, both, 2), REASON_ALLOWED);
    assert_int_equal(live_blocks(b), 0); /* all that was one message */
    assert_int_equal(send_n(b, LEARNT + 2, OFFICE, FRESH + 32), REASON_LIMIT);
    assert_int_equal(live_blocks(b), 1);
    stop(b);
}

static void different_deferred_messages_hold_the_login_back_for_a_day_then_for_two(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "blocks = { grow = 2; longest = \"7d\"; };\n" LIMITS);
    live_with(b, 10);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 32), 32);
    for (unsigned i = 0; i < 300; i++) /* one message, again and again; what comes sooner is another one, alike */
        (void)send_n(b, LEARNT + i * 5, OFFICE, FRESH + 32);
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(passed_of(b, LEARNT + HOUR / 2, OFFICE, FRESH + 100, 55), 0); /* 50 + 10 / 2, and what ran off */
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(passed_of(b, LEARNT + HOUR / 2, OFFICE, FRESH + 200, 12), 0);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(send_n(b, LEARNT + 23 * HOUR, OFFICE, FRESH + 300), REASON_HELD_BACK);
    assert_int_equal(b->session->verdict.action, ACTION_DEFER);
    assert_int_equal(send_n(b, LEARNT + 25 * HOUR, OFFICE, FRESH + 300), REASON_ALLOWED);
    (void)passed_of(b, LEARNT + 26 * HOUR, OFFICE, FRESH + 400, 150);
    assert_int_equal(send_n(b, LEARNT + 26 * HOUR + 47 * HOUR, OFFICE, FRESH + 600), REASON_HELD_BACK);
    assert_int_equal(send_n(b, LEARNT + 26 * HOUR + 49 * HOUR, OFFICE, FRESH + 600), REASON_ALLOWED);
    stop(b);
}

static void a_new_login_is_held_flat_from_elsewhere_and_learnt_freely_from_known_networks(void **state)
{
    struct bench *b = *state;
    struct habit habit;

    start_at_0(b, LIMITS);
    assert_int_equal(passed_of(b, 0, ELSEWHERE, FRESH, 100), 60);
    assert_int_equal(send_n(b, 60, ELSEWHERE, FRESH + 99), REASON_LIMIT); /* not even when it comes again */
    for (unsigned hour = 2; hour < 20; hour += 2)
        (void)passed_of(b, hour * HOUR, ELSEWHERE, FRESH + hour * 1000, 100);
    habits_look(state_habits(b->shared), key_of_habit(&b->world->context, &b->session->verdict.identity), now_of(b),
                &habit);
    assert_int_equal(habit.now.of[HABIT_MESSAGES][HABIT_DAY], 250);
    assert_int_equal(live_blocks(b), 0);
    stop(b);

    start_at_0(b, LIMITS);
    assert_int_equal(passed_of(b, 0, OFFICE, FRESH, 400), 100);
    assert_int_equal(passed_of(b, 60, OFFICE, FRESH, 400), 300); /* the first hundred would be new ones */
    assert_int_equal(live_blocks(b), 0);
    /* And from then on it may send as much. */
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH + 1000, 600), 500); /* the ceiling */
    stop(b);
}

static void what_the_milter_refuses_after_all_is_not_counted(void **state)
{
    struct bench *b = *state;
    struct headers headers = {0};

    start_at_0(b, LIMITS);
    live_with(b, 10);
    headers_add(&headers, SLICE("From"), slice_of(BERT));
    virtual_now_s = LEARNT;
    for (unsigned i = 0; i < 100; i++) {
        struct submission s = message(b, ANNA, OFFICE, ANNA);

        assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_ALLOWED);
        s.front_end = "milter";
        s.headers = &headers;
        assert_int_equal(engine_decide(b->session, &s, &b->recipients)->reason, REASON_FROM_NOT_OWN);
    }
    headers_clear(&headers);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 40), 32);
    stop(b);
}

static void monitor_mode_learns_and_lets_pass(void **state)
{
    struct bench *b = *state;

    start_at_0(b, "mode = \"monitor\";\n" LIMITS);
    live_with(b, 10);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(send_n(b, LEARNT, OFFICE, FRESH + i), REASON_ALLOWED);
    assert_true(b->session->verdict.monitored);
    assert_string_equal(b->session->verdict.monitored_limit, "hour");
    assert_int_equal(b->session->verdict.habit.now.of[HABIT_MESSAGES][HABIT_HOUR], 49);
    stop(b);
}

static void an_exception_has_a_sum_of_its_own_or_no_limit(void **state)
{
    struct bench *b = *state;

    start_at_0(b,
               "preset = \"none\";\n" KNOWN
               "limits = ({ name = \"hour\"; per = \"user\"; count = \"messages\"; rate = \"20/h\"; beyond = \"habit\";"
               "  except = ({ user = \"" ANNA "\"; rate = \"70/h\"; }, { user = \"" PAUL
               "\"; rate = \"unlimited\"; }); });");
    live_with(b, 10);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 100), 80);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(send_to(b, LEARNT, PAUL, OFFICE, i, 1), REASON_ALLOWED);
    stop(b);
}

static void recipients_have_a_habit_too(void **state)
{
    struct bench *b = *state;

    start_at_0(
        b, "preset = \"none\";\n" KNOWN
           "limits = ({ name = \"all\"; per = \"user\"; count = \"recipients\"; rate = \"30/d\"; beyond = \"habit\";"
           "  factor = 2; });");
    for (unsigned day = 0; day < 14; day++)
        assert_int_equal(send_to(b, day * DAY, ANNA, OFFICE, day, 20), REASON_ALLOWED);
    assert_int_equal(send_to(b, LEARNT, ANNA, OFFICE, FRESH, 71), REASON_LIMIT_NEVER);
    assert_int_equal(send_to(b, LEARNT, ANNA, OFFICE, FRESH, 60), REASON_ALLOWED);
    assert_int_equal(send_to(b, LEARNT, ANNA, OFFICE, FRESH, 11), REASON_LIMIT);
    assert_true((double)b->session->verdict.retry_ns > 12 * HOUR * 1e9);
    assert_true((double)b->session->verdict.retry_ns <= 24 * HOUR * 1e9);
    assert_int_equal(send_to(b, LEARNT, ANNA, OFFICE, FRESH, 10), REASON_ALLOWED);
    stop(b);
}

/* How many notices of that event the spool holds. */
static unsigned notices(struct bench *b, const char *event)
{
    char command[300], line[32];
    FILE *p;

    engine_tick(b->engine);
    (void)snprintf(command, sizeof command, "cat %s/spool/alerts/*.json 2>/dev/null | grep -c '\"event\": \"%s\"'",
                   b->world->folder, event);
    p = popen(command, "r"); /* the folder is ours: mkdtemp made its name */
    assert_non_null(p);
    assert_non_null(fgets(line, sizeof line, p));
    (void)pclose(p);
    return (unsigned)strtoul(line, NULL, 10);
}

#define TELL "alerts = ({ command = \"/bin/true\"; events = \"unusual\"; });\n"

static void a_new_login_that_sends_much_from_elsewhere_is_told_of_at_once(void **state)
{
    struct bench *b = *state;

    unsigned before;

    start_at_0(b, TELL LIMITS);
    before = notices(b, "unusual");
    assert_int_equal(passed_of(b, 0, OFFICE, FRESH, 150), 100); /* a known network is no reason */
    assert_int_equal(notices(b, "unusual"), before);
    assert_int_equal(passed_of(b, 0, ELSEWHERE, FRESH + 1000, 70), 0);
    assert_int_equal(notices(b, "unusual"), before + 1);
    /* Once an hour is enough: a flood of it would leave no room for others, and be told of as so many more events. */
    assert_int_equal(passed_of(b, MINUTE, ELSEWHERE, FRESH + 2000, 2000), 0);
    assert_int_equal(notices(b, "unusual"), before + 1);
    stop(b);
}

static void four_logins_over_their_habit_at_once_are_told_of(void **state)
{
    static const char *const logins[] = {ANNA, PAUL, "cleo@contoso.example", "info@contoso.example"};
    struct bench *b = *state;
    unsigned before;

    start_at_0(b, TELL "tenants = ({ name = \"contoso\"; smtp_auth = \"enabled\"; });\n" LIMITS);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(send_to(b, 0, logins[i], OFFICE, i, 1), REASON_ALLOWED);
    before = notices(b, "unusual");
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(notices(b, "unusual"), before);
        for (unsigned n = 0; n < 30; n++)
            (void)send_to(b, LEARNT + i * MINUTE, logins[i], OFFICE, FRESH + n, 1);
    }
    assert_int_equal(notices(b, "unusual"), before + 1);
    stop(b);
}

static void honest_repetitions_from_elsewhere_never_lead_to_a_block(void **state)
{
    struct bench *b = *state;

    start_at_0(b, KNOWN
               "preset = \"none\"; limits = ("
               "{ name = \"rate\"; per = \"user\"; count = \"messages\"; from = \"unfamiliar\"; rate = \"2/d\"; },"
               "{ name = \"again\"; per = \"user\"; count = \"deferred messages\"; from = \"unfamiliar\"; rate = "
               "\"10/h\"; burst = 20; then = \"block 1h\"; });");
    live_with(b, 2); /* and the tenant is known, so that the rest of the world isn't */
    assert_int_equal(passed_of(b, LEARNT, ELSEWHERE, FRESH, 22), 2);
    for (unsigned tries = 0; tries < 100; tries++)
        assert_int_equal(passed_of(b, LEARNT + tries * MINUTE, ELSEWHERE, FRESH + 2, 20), 0);
    assert_int_equal(live_blocks(b), 0);
    (void)passed_of(b, LEARNT, ELSEWHERE, FRESH + 100, 40);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(send_n(b, LEARNT, ELSEWHERE, FRESH + 200), REASON_BLOCKED);
    stop(b);
}

#define SCANNER "192.0.2.44"

static void a_connector_is_held_at_its_own_day_and_somebody_is_told(void **state)
{
    struct bench *b = *state;
    unsigned before, passed = 0;

    start_at_0(b,
               TELL "connectors = ({ name = \"scanners\"; networks = [\"192.0.2.0/24\"]; });\n"
                    "preset = \"none\"; limits = ({ name = \"day\"; per = \"connector\"; count = \"messages\"; rate = "
                    "\"20/d\"; beyond = \"habit\"; factor = 3; });");
    for (unsigned day = 0; day < 14; day++) /* whatever it sends while it is being learnt */
        for (unsigned i = 0; i < 10 + day * 10; i++)
            assert_int_equal(send_to(b, day * DAY, NULL, SCANNER, day * 1000 + i, 1), REASON_CONNECTOR);
    before = notices(b, "unusual");
    for (unsigned i = 0; i < 500; i++)
        passed += send_to(b, LEARNT, NULL, SCANNER, FRESH + i, 1) == REASON_CONNECTOR;
    assert_int_equal(passed, 440); /* 20 + 3 * 140 */
    assert_int_equal(notices(b, "unusual"), before + 1);
    stop(b);
}

/* As "postern unblock" does. */
static void unblock(struct bench *b, const char *who)
{
    struct decide_context c = {.config = engine_config(b->engine),
                               .view = b->session->view,
                               .counters = state_counters(b->shared),
                               .blocks = state_blocks(b->shared),
                               .habits = state_habits(b->shared),
                               .secret = state_secret(b->shared),
                               .now_ns = now_of(b)};
    struct subject *x = malloc(sizeof *x);
    char name[80], *words[] = {name};
    struct block block;
    struct error e;

    assert_non_null(x);
    (void)snprintf(name, sizeof name, "%s", who);
    assert_int_equal(subject_parse(&c, 1, words, x, &e), 0);
    for (uint32_t at = 0; blocks_next(c.blocks, &at, c.now_ns, &block);)
        if (key_blocks(&c, &x->submission, &x->verdict.identity, &block)) {
            assert_true(blocks_lift(state_blocks(b->shared), block.key, c.now_ns));
            subject_forgive(state_counters(b->shared), state_habits(b->shared), &c, x, &block);
        }
    free(x);
}

static void who_was_held_back_may_send_as_usual_at_once_when_the_block_is_lifted(void **state)
{
    struct bench *b = *state;

    start_at_0(b, LIMITS);
    live_with(b, 10);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH, 32), 32);
    (void)passed_of(b, LEARNT, OFFICE, FRESH + 100, 70);
    assert_int_equal(live_blocks(b), 1);
    assert_int_equal(send_n(b, LEARNT, OFFICE, FRESH), REASON_HELD_BACK);
    unblock(b, ANNA);
    assert_int_equal(live_blocks(b), 0);
    assert_int_equal(passed_of(b, LEARNT, OFFICE, FRESH + 1000, 40), 32);
    stop(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_learnt_login_is_held_at_its_own_hour_and_day),
        cmocka_unit_test(the_same_message_passes_the_hour_when_it_comes_again_and_another_one_does_not),
        cmocka_unit_test(the_day_lets_nothing_pass_that_comes_again),
        cmocka_unit_test(recipients_make_another_message_and_so_does_the_size),
        cmocka_unit_test(a_repetition_is_known_from_its_first_recipient_to_its_end),
        cmocka_unit_test(a_message_that_is_deferred_at_its_end_alone_is_known_by_each_recipient),
        cmocka_unit_test(different_deferred_messages_hold_the_login_back_for_a_day_then_for_two),
        cmocka_unit_test(a_new_login_is_held_flat_from_elsewhere_and_learnt_freely_from_known_networks),
        cmocka_unit_test(what_the_milter_refuses_after_all_is_not_counted),
        cmocka_unit_test(monitor_mode_learns_and_lets_pass),
        cmocka_unit_test(an_exception_has_a_sum_of_its_own_or_no_limit),
        cmocka_unit_test(recipients_have_a_habit_too),
        cmocka_unit_test(a_new_login_that_sends_much_from_elsewhere_is_told_of_at_once),
        cmocka_unit_test(four_logins_over_their_habit_at_once_are_told_of),
        cmocka_unit_test(honest_repetitions_from_elsewhere_never_lead_to_a_block),
        cmocka_unit_test(a_connector_is_held_at_its_own_day_and_somebody_is_told),
        cmocka_unit_test(who_was_held_back_may_send_as_usual_at_once_when_the_block_is_lifted),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
