/* links: policyd */
/* What is answered to Postfix: one action, never a pass by mistake. */
#include "policyd/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define LOCAL_PROBLEM "action=451 4.3.0 Temporary local problem, try again later\n\n"

static char memory[POLICY_REPLY_MAX + 1];

static struct slice answer(const struct verdict *v)
{
    struct buf b = BUF_OVER(memory);

    policy_reply_add(&b, v);
    assert_false(b.full);
    return buf_slice(&b);
}

static struct slice answer_of(enum action action, struct slice reply)
{
    struct verdict v = {.action = action, .reply = reply};

    return answer(&v);
}

static void assert_answer(struct slice got, const char *expected)
{
    if (!slice_eq(got, slice_of(expected)))
        fail_msg("\"%.*s\" instead of \"%s\"", SLICE_ARG(got), expected);
}

struct reply_row {
    enum action action;
    struct slice reply;
    const char *answer;
};

#define ROW(action, reply, answer)                                                                                     \
    {                                                                                                                  \
        action, SLICE(reply), answer                                                                                   \
    }

static void each_action_has_its_answer(void **state)
{
    static const struct reply_row rows[] = {
        ROW(ACTION_PASS, "", "action=DUNNO\n\n"),
        ROW(ACTION_PASS, "550 5.7.1 ignored", "action=DUNNO\n\n"),
        ROW(ACTION_DEFER, "451 4.7.1 Later", "action=451 4.7.1 Later\n\n"),
        ROW(ACTION_REJECT, "550 5.7.60 Not yours", "action=550 5.7.60 Not yours\n\n"),
        ROW(ACTION_HOLD, "held for review", "action=HOLD held for review\n\n"),
        ROW(ACTION_HOLD, "", "action=HOLD held by postern: sending rate exceeded\n\n"),
        ROW(ACTION_HOLD, "a\naction=DUNNO", "action=HOLD held by postern: sending rate exceeded\n\n"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_answer(answer_of(rows[i].action, rows[i].reply), rows[i].answer);
}

static void a_text_that_may_not_be_sent_becomes_a_deferral(void **state)
{
    static const struct slice texts[] = {
        SLICE(""),
        SLICE("OK"),
        SLICE("DUNNO"),
        SLICE("550"),
        SLICE("550 "),
        SLICE("550 5.7.1"), /* an enhanced code without a text can crash an older smtpd */
        SLICE("550 5.7.1 "),
        SLICE("550 5.7.1   "),
        SLICE("550 4.7.1 classes differ"),
        SLICE("250 2.0.0 fine"),
        SLICE("550 5.7.1 two\nlines"),
        SLICE("550 5.7.1 two\r\nlines"),
        SLICE("550 5.7.1 nul\0"),
        SLICE("550 5.7.1 \xfc"),
        SLICE("550 5.7.1 j\xc3\xbcrgen"),
        SLICE("550 5.7.1 a\n\naction=DUNNO"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_answer(answer_of(ACTION_REJECT, texts[i]), LOCAL_PROBLEM);
        assert_answer(answer_of(ACTION_DEFER, texts[i]), LOCAL_PROBLEM);
    }
}

static void the_longest_text_fits_and_a_longer_one_is_a_deferral(void **state)
{
    char text[REPLY_MAX + 1];
    struct slice got;

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, "550 5.7.1 ", 10);
    got = answer_of(ACTION_REJECT, (struct slice){text, REPLY_MAX});
    assert_int_equal(got.n, 7 + REPLY_MAX + 2);
    got = answer_of(ACTION_HOLD, (struct slice){text, REPLY_MAX});
    assert_int_equal(got.n, POLICY_REPLY_MAX);
    assert_answer(answer_of(ACTION_REJECT, (struct slice){text, REPLY_MAX + 1}), LOCAL_PROBLEM);
}

static void no_verdict_and_an_unknown_action_are_deferrals(void **state)
{
    (void)state;
    assert_answer(answer(NULL), LOCAL_PROBLEM);
    assert_answer(answer_of((enum action)77, SLICE("550 5.7.1 text")), LOCAL_PROBLEM);
}

static void every_reason_that_refuses_can_be_sent(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        const char *text = reason_row((enum reason)i)->reply;
        struct buf b = BUF_OVER(memory);

        if (text == NULL)
            continue;
        policy_reply_add_reason(&b, (enum reason)i);
        assert_int_equal(b.n, 7 + strlen(text) + 2);
    }
}

static void a_reason_without_a_reply_is_a_deferral(void **state)
{
    struct buf b = BUF_OVER(memory);

    (void)state;
    policy_reply_add_reason(&b, REASON_ALLOWED);
    assert_answer(buf_slice(&b), LOCAL_PROBLEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_action_has_its_answer),
        cmocka_unit_test(a_text_that_may_not_be_sent_becomes_a_deferral),
        cmocka_unit_test(the_longest_text_fits_and_a_longer_one_is_a_deferral),
        cmocka_unit_test(no_verdict_and_an_unknown_action_are_deferrals),
        cmocka_unit_test(every_reason_that_refuses_can_be_sent),
        cmocka_unit_test(a_reason_without_a_reply_is_a_deferral),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
