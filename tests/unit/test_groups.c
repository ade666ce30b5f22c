/* links: mirror */
/* Who is in which group: nested, in circles, and within bounds. */
#include "mirror/build/groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct mailbox_id id_of(unsigned n)
{
    struct mailbox_id id = {{0}};

    id.b[0] = (uint8_t)(n >> 24);
    id.b[1] = (uint8_t)(n >> 16);
    id.b[2] = (uint8_t)(n >> 8);
    id.b[15] = (uint8_t)n;
    return id;
}

static struct groups *begin(void)
{
    struct groups *g;
    struct error e;

    assert_int_equal(groups_open(&g, &e), 0);
    return g;
}

static void holds(struct groups *g, unsigned group, unsigned member)
{
    struct mailbox_id a = id_of(group), b = id_of(member);
    struct error e;

    assert_int_equal(groups_add_member(g, &a, &b, &e), 0);
}

static void sort(struct groups *g)
{
    struct error e;

    assert_int_equal(groups_sort(g, &e), 0);
}

static enum groups_expansion expand(struct groups *g, unsigned group, size_t *n)
{
    struct mailbox_id id = id_of(group);
    const struct mailbox_id *members;

    return groups_expand(g, &id, &members, n);
}

static void a_circle_of_groups_ends(void **state)
{
    struct groups *g = begin();
    size_t n;

    (void)state;
    holds(g, 100, 101);
    holds(g, 101, 102);
    holds(g, 102, 100);
    holds(g, 102, 102);
    holds(g, 102, 7);
    holds(g, 100, 8);
    sort(g);
    for (unsigned group = 100; group < 103; group++) {
        assert_int_equal(expand(g, group, &n), GROUP_WHOLE);
        assert_int_equal(n, 2);
    }
    groups_close(g);
}

static void a_group_that_was_not_read_says_so_wherever_it_is(void **state)
{
    struct groups *g = begin();
    struct mailbox_id unread = id_of(200), empty = id_of(201);
    struct error e;
    size_t n;

    (void)state;
    assert_int_equal(groups_add(g, &unread, false, &e), 0);
    assert_int_equal(groups_add(g, &empty, false, &e), 0);
    assert_int_equal(groups_add(g, &empty, true, &e), 0);
    holds(g, 100, 1);
    holds(g, 100, 200);
    sort(g);
    assert_int_equal(expand(g, 100, &n), GROUP_UNREAD);
    assert_int_equal(n, 1);
    assert_int_equal(expand(g, 200, &n), GROUP_UNREAD);
    assert_int_equal(n, 0);
    assert_int_equal(expand(g, 201, &n), GROUP_WHOLE);
    assert_int_equal(n, 0);
    assert_int_equal(expand(g, 999, &n), GROUP_UNREAD);
    assert_true(groups_has(g, &empty));
    groups_close(g);
}

static void depth_has_a_bound(void **state)
{
    for (unsigned depth = GROUPS_DEPTH_MAX - 1; depth <= GROUPS_DEPTH_MAX; depth++) {
        struct groups *g = begin();
        size_t n;

        (void)state;
        for (unsigned i = 0; i < depth; i++)
            holds(g, 1000 + i, 1000 + i + 1);
        holds(g, 1000 + depth, 5);
        sort(g);
        assert_int_equal(expand(g, 1000, &n), depth < GROUPS_DEPTH_MAX ? GROUP_WHOLE : GROUP_TOO_BIG);
        assert_int_equal(n, depth < GROUPS_DEPTH_MAX ? 1 : 0);
        groups_close(g);
    }
}

static void the_number_of_members_has_a_bound(void **state)
{
    for (unsigned members = GROUPS_MEMBERS_MAX; members <= GROUPS_MEMBERS_MAX + 1; members++) {
        struct groups *g = begin();
        size_t n;

        (void)state;
        for (unsigned i = 0; i < members; i++)
            holds(g, 0xff000000u + i % 2, i);
        holds(g, 0xff000000u, 0xff000001u);
        sort(g);
        assert_int_equal(expand(g, 0xff000000u, &n), members == GROUPS_MEMBERS_MAX ? GROUP_WHOLE : GROUP_TOO_BIG);
        assert_int_equal(n, members == GROUPS_MEMBERS_MAX ? GROUPS_MEMBERS_MAX : 0);
        groups_close(g);
    }
}

static void without_groups_there_is_nothing_to_do(void **state)
{
    struct groups *g = begin();
    size_t n;

    (void)state;
    sort(g);
    assert_int_equal(expand(g, 1, &n), GROUP_UNREAD);
    groups_close(g);
    groups_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_circle_of_groups_ends),
        cmocka_unit_test(a_group_that_was_not_read_says_so_wherever_it_is),
        cmocka_unit_test(depth_has_a_bound),
        cmocka_unit_test(the_number_of_members_has_a_bound),
        cmocka_unit_test(without_groups_there_is_nothing_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
