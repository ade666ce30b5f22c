/* links: cluster */
/* Blocks that several relays share: whatever the order in which they hear of each other's, they end with the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/block_text.h"
#include "cluster/bytes.h"
#include "cluster/shared_blocks.h"
#include "core/base/clock.h"
#include "core/state/state.h"

#define START (1000 * NS_PER_S)
#define WALL UINT64_C(1800000000000)

struct relay {
    char path[64];
    struct state *state;
    struct shared_blocks *shared;
    struct events *events;
    struct moment at;
};

static void relay_begin(struct relay *r, const char *folder, const char *name)
{
    struct state_options options = {
        .path = r->path, .entries = 1024, .blocks = 64, .boot_ns = START, .wall_ns = WALL * NS_PER_MS, .boot_id = 1};
    struct error e;

    (void)snprintf(r->path, sizeof r->path, "%s/%s", folder, name);
    assert_int_equal(state_open(&options, &r->state, &e), 0);
    assert_null(state_problem(r->state));
    assert_non_null(r->shared = shared_blocks_new(64));
    assert_non_null(r->events = events_new());
    r->at = (struct moment){state_now(r->state, START), WALL};
}

static void relay_end(struct relay *r)
{
    shared_blocks_free(r->shared);
    events_free(r->events);
    state_close(r->state);
    assert_int_equal(unlink(r->path), 0);
}

static struct relay relays[3];
static char folder[] = "/tmp/postern-cluster-XXXXXX";

static int set_up(void **state)
{
    static const char *const names[] = {"a", "b", "c"};

    (void)state;
    memcpy(folder, "/tmp/postern-cluster-XXXXXX", sizeof folder);
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < 3; i++)
        relay_begin(relays + i, folder, names[i]);
    return 0;
}

static int tear_down(void **state)
{
    char lock[sizeof folder + 16];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        relay_end(relays + i);
        (void)snprintf(lock, sizeof lock, "%s/.%c.lock", folder, (char)('a' + i));
        (void)unlink(lock);
    }
    return rmdir(folder);
}

static void later(uint64_t ms)
{
    for (unsigned i = 0; i < 3; i++) {
        relays[i].at.now_ns += ms * NS_PER_MS;
        relays[i].at.wall_ms += ms;
    }
}

static void block_here(struct relay *r, uint64_t key, uint64_t seconds)
{
    struct block b = {.key = key,
                      .from_ns = r->at.now_ns,
                      .subject = "user anna@contoso.example",
                      .limit = "theft",
                      .reason = "over 6/d",
                      .class = BLOCK_OF_LOGIN};
    struct error e;

    b.until_ns = seconds == 0 ? BLOCK_FOREVER : r->at.now_ns + seconds * NS_PER_S;
    assert_int_equal(blocks_add(state_blocks(r->state), &b, r->at.now_ns, &e), 0);
}

/* As "postern unblock" does, and leaves in the outbox. */
static void lift_here(struct relay *r, uint64_t key)
{
    assert_true(blocks_lift(state_blocks(r->state), key, r->at.now_ns));
    assert_true(events_add_forget(r->events, r->at.wall_ms, key,
                                  shared_blocks_lifted_here(r->shared, state_blocks(r->state), key, &r->at)));
}

static bool is_blocked(struct relay *r, uint64_t key)
{
    uint64_t until_ns;

    return blocks_find(state_blocks(r->state), key, r->at.now_ns, &until_ns);
}

static void look(struct relay *r)
{
    (void)shared_blocks_look(r->shared, state_blocks(r->state), &r->at, r->events);
}

/* The next event that a relay has for the others; its length, 0: none. */
static size_t next_event(struct relay *r, unsigned char out[EVENT_TEXT_MAX])
{
    struct slice text = events_send(r->events);

    if (text.n > 0) {
        memcpy(out, text.p, text.n);
        events_arrived(r->events, r->at.now_ns);
    }
    return text.n;
}

static void hear(struct relay *r, const unsigned char *text, size_t n)
{
    struct slice body = {(const char *)text + EVENT_HEAD_BYTES, n - EVENT_HEAD_BYTES};
    uint64_t sent_ms = bytes_get64(text + 1), origin_ms;
    struct block block;
    struct error e;

    look(r);
    if (text[0] == EVENT_BLOCK) {
        if (block_text_read(body, r->at.wall_ms - sent_ms, r->at.now_ns, &block, &origin_ms) == 0)
            assert_int_not_equal(shared_blocks_take(r->shared, state_blocks(r->state), &block, origin_ms, &r->at, &e),
                                 BLOCK_NOT_TAKEN);
    } else {
        for (size_t i = 0; i < body.n / FORGET_ENTRY_BYTES; i++)
            (void)shared_blocks_lift(r->shared, state_blocks(r->state),
                                     bytes_get64(text + EVENT_HEAD_BYTES + i * FORGET_ENTRY_BYTES),
                                     bytes_get64(text + EVENT_HEAD_BYTES + i * FORGET_ENTRY_BYTES + 8), &r->at);
    }
    look(r);
}

/* All events of one go to the two others. How many. */
static unsigned pass_on(unsigned from)
{
    unsigned char text[EVENT_TEXT_MAX];
    unsigned passed = 0;
    size_t n;

    look(relays + from);
    for (; (n = next_event(relays + from, text)) > 0; passed++)
        for (unsigned i = 0; i < 3; i++)
            if (i != from)
                hear(relays + i, text, n);
    return passed;
}

static void settle(void)
{
    while (pass_on(0) + pass_on(1) + pass_on(2) > 0)
        continue;
}

static void a_block_is_told_once_and_taken_by_all(void **state)
{
    (void)state;
    block_here(relays, 5, 3600);
    assert_int_equal(pass_on(0), 1);
    assert_int_equal(pass_on(0), 0);
    assert_int_equal(pass_on(1), 0); /* what others told is no news */
    assert_int_equal(pass_on(2), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_blocked(relays + i, 5));
}

static void a_lift_anywhere_lifts_everywhere_and_a_later_block_stands(void **state)
{
    (void)state;
    block_here(relays, 5, 0);
    settle();
    later(5000);
    lift_here(relays + 2, 5);
    settle();
    for (unsigned i = 0; i < 3; i++)
        assert_false(is_blocked(relays + i, 5));
    later(1);
    block_here(relays + 1, 5, 60);
    settle();
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_blocked(relays + i, 5));
}

/* A damaged file, or one that was made anew. */
static void a_table_that_has_lost_its_blocks_lifts_nothing(void **state)
{
    (void)state;
    block_here(relays, 5, 3600);
    settle();
    assert_true(blocks_lift(state_blocks(relays[0].state), 5, relays[0].at.now_ns));
    settle();
    assert_true(is_blocked(relays + 1, 5));
    assert_true(is_blocked(relays + 2, 5));
}

static void the_end_of_a_block_is_no_lift(void **state)
{
    (void)state;
    block_here(relays, 5, 60);
    settle();
    later(61000);
    assert_int_equal(pass_on(0) + pass_on(1) + pass_on(2), 0);
}

static void a_lift_that_is_read_before_the_block_wins_all_the_same(void **state)
{
    unsigned char block[EVENT_TEXT_MAX], lift[EVENT_TEXT_MAX];
    size_t n, m;

    (void)state;
    block_here(relays, 5, 3600);
    look(relays);
    n = next_event(relays, block);
    later(1000);
    lift_here(relays + 0, 5);
    look(relays);
    m = next_event(relays, lift);
    hear(relays + 1, lift, m);
    hear(relays + 1, block, n);
    assert_false(is_blocked(relays + 1, 5));
    hear(relays + 2, block, n);
    hear(relays + 2, lift, m);
    hear(relays + 2, block, n); /* again */
    assert_false(is_blocked(relays + 2, 5));
}

static void an_old_lift_does_not_lift_a_later_block(void **state)
{
    unsigned char lift[EVENT_TEXT_MAX];
    size_t n;

    (void)state;
    block_here(relays, 5, 3600);
    settle();
    later(1000);
    lift_here(relays + 0, 5);
    look(relays);
    n = next_event(relays, lift);
    hear(relays + 1, lift, n);
    later(1000);
    block_here(relays + 1, 5, 3600);
    hear(relays + 1, lift, n); /* before the relay has told it */
    assert_true(is_blocked(relays + 1, 5));
    settle();
    hear(relays + 2, lift, n);
    assert_true(is_blocked(relays + 2, 5));
}

static void the_later_end_holds(void **state)
{
    uint64_t until_ns;

    (void)state;
    block_here(relays, 5, 7200);
    block_here(relays + 1, 5, 3600);
    settle();
    for (unsigned i = 0; i < 3; i++) {
        assert_true(blocks_find(state_blocks(relays[i].state), 5, relays[i].at.now_ns, &until_ns));
        assert_true(until_ns >= relays[i].at.now_ns + 7200 * NS_PER_S);
        assert_true(until_ns <= relays[i].at.now_ns + 7203 * NS_PER_S);
    }
}

static void a_block_that_is_made_again_before_its_lift_is_told_stands(void **state)
{
    uint64_t until_ms;

    (void)state;
    block_here(relays, 5, 3600);
    settle();
    later(1000);
    assert_true(blocks_lift(state_blocks(relays[0].state), 5, relays[0].at.now_ns));
    later(5);
    block_here(relays, 5, 0);
    later(5);
    until_ms = shared_blocks_lifted_here(relays[0].shared, state_blocks(relays[0].state), 5, &relays[0].at);
    assert_true(until_ms < relays[0].at.wall_ms - 5);
    assert_true(events_add_forget(relays[0].events, relays[0].at.wall_ms, 5, until_ms));
    settle();
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_blocked(relays + i, 5));
}

static void a_clock_that_is_behind_loses_no_block(void **state)
{
    (void)state;
    relays[1].at.wall_ms -= 30000;
    block_here(relays, 5, 3600);
    settle();
    later(1000);
    lift_here(relays + 0, 5);
    settle();
    later(1000);
    block_here(relays + 1, 5, 3600); /* its clock says that this was before the lift */
    settle();
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_blocked(relays + i, 5));
}

/* ---- as text ---- */

static void a_lift_holds_for_the_block_of_a_relay_whose_clock_is_ahead(void **state)
{
    (void)state;
    relays[0].at.wall_ms += 3600 * 1000;
    block_here(relays, 5, 0);
    settle();
    assert_true(is_blocked(relays + 2, 5));
    later(5000);
    lift_here(relays + 2, 5);
    settle();
    for (unsigned i = 0; i < 3; i++)
        assert_false(is_blocked(relays + i, 5));
    shared_blocks_repost(relays[1].shared); /* nor does it come back */
    settle();
    assert_false(is_blocked(relays + 2, 5));
}

static void a_block_that_finds_no_room_is_told_later(void **state)
{
    struct relay *r = relays;

    (void)state;
    while (events_add(r->events, EVENT_LIST, 1, SLICE("x")))
        continue;
    block_here(r, 5, 3600);
    block_here(r, 6, 3600);
    for (unsigned i = 0; i < 3; i++)
        assert_false(shared_blocks_look(r->shared, state_blocks(r->state), &r->at, r->events));
    assert_int_equal(events_lost(r->events), 1); /* the loop's: a block that waits is not lost */
    while (events_send(r->events).n > 0)
        events_arrived(r->events, r->at.now_ns);
    assert_true(shared_blocks_look(r->shared, state_blocks(r->state), &r->at, r->events));
    assert_int_equal(events_count(r->events), 2);
}

static void a_block_is_the_same_after_it_was_told(void **state)
{
    struct block block = {.key = 77,
                          .prefix = 120,
                          .class = BLOCK_OF_STRANGERS,
                          .defers = true,
                          .from_ns = START - 5 * NS_PER_S,
                          .until_ns = START + 60 * NS_PER_S,
                          .from_wall_s = 1800000000,
                          .subject = "network 203.0.113.0/24",
                          .limit = "guess",
                          .reason = "over 10/h, burst 10"};
    unsigned char text[BLOCK_TEXT_MAX];
    struct block read;
    uint64_t origin_ms;
    size_t n = block_text_write(&block, 99, START, text);

    (void)state;
    assert_int_equal(block_text_read((struct slice){(char *)text, n}, 10000, 2 * START, &read, &origin_ms), 0);
    assert_int_equal(origin_ms, 99);
    assert_int_equal(read.key, 77);
    assert_int_equal(read.prefix, 120);
    assert_int_equal(read.class, BLOCK_OF_STRANGERS);
    assert_true(read.defers);
    assert_int_equal(read.from_ns, 2 * START - 15 * NS_PER_S);
    assert_int_equal(read.until_ns, 2 * START + 50 * NS_PER_S + NS_PER_MS);
    assert_string_equal(read.subject, block.subject);
    assert_string_equal(read.limit, block.limit);
    assert_string_equal(read.reason, block.reason);
    assert_int_equal(block_text_read((struct slice){(char *)text, n}, 60001, 2 * START, &read, &origin_ms), 1);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(block_text_read((struct slice){(char *)text, cut}, 0, START, &read, &origin_ms), -1);
    block.until_ns = BLOCK_FOREVER;
    n = block_text_write(&block, 99, START, text);
    assert_int_equal(block_text_read((struct slice){(char *)text, n}, 1000, START, &read, &origin_ms), 0);
    assert_int_equal(read.until_ns, BLOCK_FOREVER);
    /* A later version may add to it. */
    memset(text + n, 0xff, 9);
    assert_int_equal(block_text_read((struct slice){(char *)text, n + 9}, 1000, START, &read, &origin_ms), 0);
    assert_string_equal(read.reason, block.reason);
}

/* ---- the queue ---- */

static void events_wait_in_order_until_they_have_arrived(void **state)
{
    struct events *q = events_new();
    struct slice text;

    (void)state;
    assert_true(events_add(q, EVENT_BLOCK, 1, SLICE("one")));
    assert_true(events_add_forget(q, 2, 5, 6));
    assert_true(events_add_forget(q, 2, 7, 8)); /* joins it */
    assert_true(events_add_forget(q, 3, 9, 9)); /* another moment */
    assert_int_equal(events_count(q), 3);
    text = events_send(q);
    assert_int_equal(text.p[0], EVENT_BLOCK);
    text = events_send(q);
    assert_int_equal(text.n, EVENT_HEAD_BYTES + 2 * FORGET_ENTRY_BYTES);
    assert_true(events_add_mark(q, 3, MARK_LATEST, 1, 1));
    events_arrived(q, NS_PER_S);
    events_again(q);
    text = events_send(q);
    assert_int_equal(text.p[0], EVENT_FORGET);
    assert_int_equal(events_sent(q), 1);
    assert_int_equal(events_count(q), 3);
    for (unsigned i = 3; i < EVENTS_MAX; i++)
        assert_true(events_add(q, EVENT_BLOCK, 1, SLICE("x")));
    assert_false(events_add(q, EVENT_BLOCK, 1, SLICE("x")));
    assert_int_equal(events_lost(q), 1);
    events_free(q);
}

static void marks_leave_room_for_blocks_and_lifts(void **state)
{
    struct events *q = events_new();
    uint64_t ms = 1;

    (void)state;
    for (; events_lost(q) == 0; ms++)
        (void)events_add_mark(q, ms, MARK_LATEST, 1, 1);
    assert_true(events_count(q) >= EVENTS_MAX / 2);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(events_add(q, EVENT_BLOCK, ms, SLICE("x")));
        assert_true(events_add_forget(q, ms, 5, 6));
    }
    events_free(q);
}

static void what_arrived_last_is_told_again_to_another_server(void **state)
{
    struct events *q = events_new();
    static const char *const texts[] = {"a", "b", "c", "d"};
    static const unsigned arrived_s[] = {100, 111, 112, 120};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(events_add(q, EVENT_BLOCK, 1, slice_of(texts[i])));
        (void)events_send(q);
        events_arrived(q, arrived_s[i] * NS_PER_S);
    }
    assert_true(events_add(q, EVENT_BLOCK, 1, SLICE("e")));
    events_retell(q, 500 * NS_PER_S); /* long ago: it is there */
    assert_int_equal(events_count(q), 1);
    events_retell(q, 150 * NS_PER_S);
    assert_int_equal(events_count(q), 4);
    for (unsigned i = 1; i < 5; i++) {
        struct slice text = events_send(q);

        assert_int_equal(text.p[text.n - 1], "abcde"[i]);
    }
    events_retell(q, 150 * NS_PER_S); /* another one, before they arrived */
    assert_int_equal(events_count(q), 4);
    assert_int_equal(events_sent(q), 0);
    events_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_block_is_told_once_and_taken_by_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lift_anywhere_lifts_everywhere_and_a_later_block_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_has_lost_its_blocks_lifts_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_of_a_block_is_no_lift, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lift_that_is_read_before_the_block_wins_all_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_lift_does_not_lift_a_later_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_later_end_holds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_block_that_is_made_again_before_its_lift_is_told_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_is_behind_loses_no_block, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lift_holds_for_the_block_of_a_relay_whose_clock_is_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_block_that_finds_no_room_is_told_later, set_up, tear_down),
        cmocka_unit_test(a_block_is_the_same_after_it_was_told),
        cmocka_unit_test(events_wait_in_order_until_they_have_arrived),
        cmocka_unit_test(marks_leave_room_for_blocks_and_lifts),
        cmocka_unit_test(what_arrived_last_is_told_again_to_another_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
