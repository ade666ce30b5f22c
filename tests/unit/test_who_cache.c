/* links: mirror */
/* What a front end remembers of a login promises: the verdict is the one that it would be without a memory. */
#include "tests/unit/world.h"

#include "core/decide/who_cache.h"

#define SLOTS 4u /* fewer than there are logins */

static struct who_slot slots[SLOTS];
static const struct who_stamp stamp = {.config = 1, .directory = 1, .secret = 1};

static const char *const others[] = {
    "nobody@contoso.example",
    "nobody@nowhere.example",
    "CONTOSO\\anna",
    "anna",
    "",
    "Anna@Contoso.Example",
    "a-login-that-is-longer-than-any-that-is-remembered-since-whoever-made-it-up-had-no-end-of-time-"
    "and-so-goes-on-and-on-and-on@contoso.example",
};

static int make(void **state)
{
    memset(slots, 0, sizeof slots);
    *state = world_make();
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

static struct submission remembered_by(size_t n, const char *login)
{
    struct submission s = world_submission(login, "203.0.113.9", "anna@contoso.example");

    s.who = (struct who_memory){slots, n};
    return s;
}

static void same_verdict(struct world *w, size_t n, const char *login)
{
    struct submission s = remembered_by(n, login);
    static struct verdict with;

    w->context.stamp = stamp;
    world_decide(w, &s);
    with = w->verdict;
    w->context.stamp = (struct who_stamp){0};
    world_decide(w, &s);
    assert_int_equal(with.reason, w->verdict.reason);
    assert_int_equal(with.identity.user, w->verdict.identity.user);
    assert_int_equal(with.identity.login, w->verdict.identity.login);
    assert_int_equal(with.identity.client, w->verdict.identity.client);
    assert_int_equal(with.identity.n_claims, w->verdict.identity.n_claims);
    assert_ptr_equal(with.identity.tenant, w->verdict.identity.tenant);
}

static void the_verdict_is_the_same_whoever_asked_before(void **state)
{
    for (size_t n = 1; n <= SLOTS; n *= 2)
        for (int again = 0; again < 3; again++) {
            for (size_t i = 0; i < sizeof world_mailboxes / sizeof world_mailboxes[0]; i++)
                for (int twice = 0; twice < 2; twice++) {
                    same_verdict(*state, n, world_mailboxes[i].primary);
                    same_verdict(*state, n, world_mailboxes[i].alias);
                }
            for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
                same_verdict(*state, n, others[i]);
        }
}

static bool recalls_anna(const struct world *w, struct who_stamp now)
{
    struct submission s = remembered_by(1, "anna@contoso.example");
    struct decide_context c = w->context;
    struct identity id = {.client = 7};
    bool found;

    c.stamp = now;
    found = who_recall(&c, &s, &id);
    assert_int_equal(id.client, 7);
    assert_int_equal(id.n_claims, found ? 1 : 0);
    return found;
}

static void what_was_remembered_is_good_for_one_configuration_one_directory_and_one_secret(void **state)
{
    struct world *w = *state;
    struct submission s = remembered_by(1, "anna@contoso.example");

    assert_false(recalls_anna(w, stamp));
    w->context.stamp = stamp;
    world_decide(w, &s);
    assert_true(recalls_anna(w, stamp));
    assert_false(recalls_anna(w, (struct who_stamp){.config = 2, .directory = 1, .secret = 1}));
    assert_false(recalls_anna(w, (struct who_stamp){.config = 1, .directory = 2, .secret = 1}));
    assert_false(recalls_anna(w, (struct who_stamp){.config = 1, .directory = 1, .secret = 2}));
    assert_true(recalls_anna(w, stamp));
}

static void without_a_memory_or_a_stamp_nothing_is_remembered(void **state)
{
    struct world *w = *state;
    struct submission s = remembered_by(1, "anna@contoso.example");

    world_decide(w, &s);
    assert_false(recalls_anna(w, stamp));
    assert_false(recalls_anna(w, (struct who_stamp){0}));
    s.who.n = 0;
    w->context.stamp = stamp;
    world_decide(w, &s);
    assert_false(recalls_anna(w, stamp));
}

static void explaining_takes_nothing_from_memory(void **state)
{
    struct world *w = *state;
    struct submission s = remembered_by(1, "anna@contoso.example");
    char text[4096];
    struct buf out = BUF_OVER(text);
    struct trace trace = {&out};

    w->context.stamp = stamp;
    world_decide(w, &s);
    slots[0].identity.n_claims = 0;
    decide(&w->context, &s, &w->recipients, &w->verdict, &trace);
    assert_int_equal(w->verdict.reason, REASON_ALLOWED);
    assert_int_equal(w->verdict.identity.n_claims, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_verdict_is_the_same_whoever_asked_before, make, unmake),
        cmocka_unit_test_setup_teardown(what_was_remembered_is_good_for_one_configuration_one_directory_and_one_secret,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(without_a_memory_or_a_stamp_nothing_is_remembered, make, unmake),
        cmocka_unit_test_setup_teardown(explaining_takes_nothing_from_memory, make, unmake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
