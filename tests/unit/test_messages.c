/* links: cli */
/* Which records of the journal are of one message. */
#include "core/base/clock.h"
#include "core/report/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define T0 UINT64_C(1763726400)

static bool first(struct report_messages *m, const char *by, const char *instance, const char *queue_id, uint64_t at_s,
                  const char *row)
{
    struct journal_record r = {.at_ns = at_s * NS_PER_S, .milter = by[0] == 'm', .times = 1};

    (void)snprintf(r.instance, sizeof r.instance, "%s", instance);
    (void)snprintf(r.queue_id, sizeof r.queue_id, "%s", queue_id);
    return messages_first(m, &r, slice_of(row));
}

/* One message of two recipients, as both front ends note it in monitor mode, the newest first. */
static void what_both_front_ends_note_of_a_message_is_one(void **state)
{
    static const struct {
        const char *by, *instance, *queue_id;
    } records[] = {{"milter", "9.1.0", "4QONE"}, {"policyd", "1f2.0", "4QONE"}, {"milter", "9.1.0", ""},
                   {"policyd", "1f2.0", ""},     {"milter", "9.1.0", ""},       {"policyd", "1f2.0", ""},
                   {"milter", "9.1.0", ""}};
    struct report_messages m = {.n = 0};

    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        assert_int_equal(first(&m, records[i].by, records[i].instance, records[i].queue_id, T0 - i, "bert reason"),
                         i == 0);
    assert_true(first(&m, "milter", "9.1.0", "", T0 - 9, "bert another reason")); /* in another row it counts, too */
    assert_int_equal(m.n, 1);
    messages_free(&m);
}

static void other_messages_are_others(void **state)
{
    struct report_messages m = {.n = 0};

    (void)state;
    assert_true(first(&m, "milter", "9.1.1", "4QTWO", T0, "x"));
    assert_true(first(&m, "milter", "9.1.0", "4QONE", T0, "x")); /* the one before on the same connection */
    assert_true(first(&m, "policyd", "9.1.0", "", T0, "x"));     /* an instance of the other front end */
    assert_true(first(&m, "policyd", "", "", T0, "x"));          /* without a name each is one */
    assert_true(first(&m, "policyd", "", "", T0, "x"));
    assert_true(first(&m, "policyd", "1f2.9", "4QONE", T0 - 86400, "x")); /* the queue id was used before */
    assert_false(first(&m, "policyd", "1f2.9", "", T0 - 86400, "x"));
    messages_free(&m);
}

static void many_messages_are_counted_exactly(void **state)
{
    struct report_messages m = {.n = 0};
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < 60000; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "%u.0", i / 3);
        n += first(&m, "policyd", name, "", T0, "x");
    }
    assert_int_equal(n, 20000);
    assert_int_equal(m.n, 20000);
    messages_free(&m);
}

static void the_fault_of_a_header_is_told_with_field_and_address(void **state)
{
    struct journal_record r = {
        .fault_field = HEADER_SENDER, .fault = "not permitted", .fault_text = "www-data@web1.contoso.example"};
    char text[200];
    struct buf b = BUF_OVER(text);

    (void)state;
    record_add_fault(&b, &r);
    assert_string_equal(text, "Sender: www-data@web1.contoso.example (not permitted)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_front_ends_note_of_a_message_is_one),
        cmocka_unit_test(other_messages_are_others),
        cmocka_unit_test(many_messages_are_counted_exactly),
        cmocka_unit_test(the_fault_of_a_header_is_told_with_field_and_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
