#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/state/blocks_table.h"

#define START (1000000 * NS_PER_S)
#define SLOTS 64
#define PLACES (SLOTS * BLOCKS_PLACES_EACH)

struct table {
    struct blocks b;
    struct blocks_head head;
    union pair index[PLACES];
    struct block_record records[PLACES];
};

static struct table *table_make(uint32_t slots)
{
    struct table *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);

    assert_non_null(t);
    memset(t, 0, sizeof *t);
    t->b = (struct blocks){.head = &t->head, .index = t->index, .records = t->records, .most = slots};
    t->b.places = slots * BLOCKS_PLACES_EACH;
    return t;
}

static struct block block_make(uint64_t key, uint64_t until_ns)
{
    struct block block = {.key = key, .from_ns = START, .until_ns = until_ns, .from_wall_s = 1700000000};
    struct buf subject = BUF_OVER(block.subject), limit = BUF_OVER(block.limit), reason = BUF_OVER(block.reason);

    buf_addf(&subject, "user u%llu@contoso.example", (unsigned long long)key);
    buf_addf(&limit, "roaming");
    buf_addf(&reason, "7 networks in a day");
    return block;
}

static int add(struct table *t, uint64_t key, uint64_t until_ns, uint64_t now_ns)
{
    struct block block = block_make(key, until_ns);

    return blocks_add(&t->b, &block, now_ns, NULL);
}

static uint64_t end_of(struct table *t, uint64_t key, uint64_t now_ns)
{
    uint64_t until = 0;

    return blocks_find(&t->b, key, now_ns, &until) ? until : 0;
}

static unsigned listed(struct table *t, uint64_t now_ns, struct block *last)
{
    struct block block;
    unsigned n = 0;

    for (uint32_t at = 0; blocks_next(&t->b, &at, now_ns, &block); n++)
        if (last != NULL)
            *last = block;
    return n;
}

static void a_block_holds_until_its_end(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    assert_false(blocks_any(&t->b));
    assert_int_equal(end_of(t, 5, START), 0);
    assert_int_equal(add(t, 5, START + 100, START), 0);
    assert_true(blocks_any(&t->b));
    assert_int_equal(end_of(t, 5, START), START + 100);
    assert_int_equal(end_of(t, 5, START + 99), START + 100);
    assert_int_equal(end_of(t, 5, START + 100), 0);
    assert_int_equal(end_of(t, 6, START), 0);
    free(t);
}

static void a_block_without_end_never_ends(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    assert_int_equal(add(t, 5, BLOCK_FOREVER, START), 0);
    assert_true(end_of(t, 5, BLOCK_FOREVER - 1) == BLOCK_FOREVER);
    assert_int_equal(add(t, 5, START + 5, START), 0);
    assert_true(end_of(t, 5, START + 10) == BLOCK_FOREVER);
    free(t);
}

static void a_second_block_on_a_key_only_prolongs_it(void **state)
{
    struct table *t = table_make(SLOTS);
    struct block later = block_make(5, START + 200), last;

    (void)state;
    assert_int_equal(add(t, 5, START + 100, START), 0);
    assert_int_equal(add(t, 5, START + 50, START), 0);
    assert_int_equal(end_of(t, 5, START), START + 100);
    memcpy(later.limit, "operator", sizeof "operator");
    assert_int_equal(blocks_add(&t->b, &later, START, NULL), 0);
    assert_int_equal(end_of(t, 5, START), START + 200);
    assert_int_equal(listed(t, START, &last), 1);
    assert_string_equal(last.limit, "operator");
    free(t);
}

static void a_lifted_block_is_gone(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    assert_int_equal(add(t, 5, START + 100, START), 0);
    assert_int_equal(add(t, 6, START + 100, START), 0);
    assert_true(blocks_lift(&t->b, 5, START));
    assert_false(blocks_lift(&t->b, 5, START));
    assert_int_equal(end_of(t, 5, START), 0);
    assert_int_equal(end_of(t, 6, START), START + 100);
    assert_false(blocks_lift(&t->b, 6, START + 100));
    assert_false(blocks_any(&t->b));
    free(t);
}

static void a_list_shows_what_was_added(void **state)
{
    struct table *t = table_make(SLOTS);
    struct block wanted = block_make(9, START + 77), got;

    (void)state;
    assert_int_equal(add(t, 9, START + 77, START), 0);
    assert_int_equal(listed(t, START, &got), 1);
    assert_memory_equal(&got, &wanted, sizeof got);
    assert_int_equal(listed(t, START + 77, NULL), 0);
    free(t);
}

static void a_live_block_is_never_pushed_out(void **state)
{
    struct table *t = table_make(SLOTS);
    struct block more = block_make(1000, START + 1000);
    struct error e;

    (void)state;
    for (uint64_t key = 1; key <= SLOTS; key++)
        assert_int_equal(add(t, key, START + 100 + key, START), 0);
    assert_int_equal(blocks_add(&t->b, &more, START, &e), -1);
    assert_non_null(strstr(e.text, "64"));
    assert_non_null(strstr(e.text, "lift"));
    for (uint64_t key = 1; key <= SLOTS; key++)
        assert_int_equal(end_of(t, key, START), START + 100 + key);
    assert_int_equal(listed(t, START, NULL), SLOTS);
    assert_true(t->head.reach.value < 24); /* a look is short even then */
    /* One that has ended makes room; a full table can still prolong. */
    assert_int_equal(add(t, 7, START + 5000, START), 0);
    assert_int_equal(blocks_add(&t->b, &more, START + 101, &e), 0);
    assert_int_equal(end_of(t, 1000, START + 101), START + 1000);
    free(t);
}

static void key_0_is_refused(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    assert_int_equal(add(t, 0, START + 100, START), -1);
    assert_int_equal(end_of(t, 0, START), 0);
    assert_false(blocks_lift(&t->b, 0, START));
    free(t);
}

static void texts_from_a_damaged_file_end_and_can_be_shown(void **state)
{
    struct table *t = table_make(SLOTS);
    struct block got;

    (void)state;
    assert_int_equal(add(t, 9, START + 77, START), 0);
    for (unsigned i = 0; i < PLACES; i++)
        memset(t->records[i].word, i % 2 == 0 ? 0xff : 0x1b, sizeof t->records[i].word);
    assert_int_equal(listed(t, START, &got), 1);
    assert_int_equal(strlen(got.subject), sizeof got.subject - 1);
    assert_int_equal(strlen(got.limit), sizeof got.limit - 1);
    assert_int_equal(strlen(got.reason), sizeof got.reason - 1);
    assert_int_equal(strspn(got.subject, "?"), sizeof got.subject - 1);
    free(t);
}

static void a_writer_that_died_while_adding_leaves_room_and_no_block(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    for (unsigned i = 0; i < PLACES; i++)
        pair_write(t->index + i, pair_of(0, START + NS_PER_S));
    t->head.used = SLOTS;
    assert_int_equal(listed(t, START, NULL), 0);
    assert_int_equal(add(t, 5, START + 9 * NS_PER_S, START), -1);
    assert_int_equal(add(t, 5, START + 9 * NS_PER_S, START + NS_PER_S), 0);
    assert_int_equal(end_of(t, 5, START + NS_PER_S), START + 9 * NS_PER_S);
    blocks_sweep(&t->b, START + NS_PER_S);
    assert_int_equal(t->head.used, 1);
    free(t);
}

static void a_claim_without_end_is_not_ours_and_holds_no_room(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    for (unsigned i = 0; i < PLACES; i++)
        pair_write(t->index + i, pair_of(0, UINT64_MAX));
    assert_int_equal(add(t, 5, START + 9, START), 0);
    free(t);
}

static void sweeping_frees_what_has_ended_and_nothing_else(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    for (uint64_t key = 1; key <= 40; key++)
        assert_int_equal(add(t, key, START + key, START), 0);
    blocks_sweep(&t->b, START + 30);
    assert_int_equal(t->head.used, 10);
    assert_int_equal(blocks_count(&t->b, START + 30), 10);
    for (uint64_t key = 31; key <= 40; key++)
        assert_int_equal(end_of(t, key, START + 30), START + key);
    blocks_sweep(&t->b, START + 40);
    blocks_check_head(&t->b);
    assert_false(blocks_any(&t->b));
    free(t);
}

static void a_damaged_header_hides_no_block_once_it_is_checked(void **state)
{
    struct table *t = table_make(SLOTS);

    (void)state;
    for (uint64_t key = 1; key <= 50; key++)
        assert_int_equal(add(t, key, START + 100, START), 0);
    memset(&t->head, 0, sizeof t->head);
    blocks_check_head(&t->b);
    for (uint64_t key = 1; key <= 50; key++)
        assert_int_equal(end_of(t, key, START), START + 100);
    assert_int_equal(t->head.used, 50);
    t->head.reach.value = UINT64_MAX;
    assert_int_equal(end_of(t, 51, START), 0);
    blocks_check_head(&t->b);
    assert_true(t->head.reach.value < PLACES);
    /* A count at the edge does not wrap round, and hides nothing. */
    t->head.used = UINT64_MAX;
    assert_int_equal(add(t, 51, START + 100, START), 0);
    assert_int_equal(end_of(t, 51, START), START + 100);
    t->head.used = 0;
    assert_true(blocks_lift(&t->b, 51, START));
    assert_int_equal(end_of(t, 50, START), START + 100);
    free(t);
}

static void looks_are_short_again_when_many_blocks_have_ended(void **state)
{
    struct table *t = table_make(SLOTS);
    struct block network = block_make(900, START + 100);
    uint32_t at = 0, prefix;

    (void)state;
    network.prefix = 64;
    assert_int_equal(blocks_add(&t->b, &network, START, NULL), 0);
    assert_int_equal(add(t, 7, BLOCK_FOREVER, START), 0);
    for (uint64_t key = 8; t->head.used < SLOTS; key++)
        if ((key * UINT64_C(0x9e3779b97f4a7c15) >> 32) % PLACES == 3) /* all at one place */
            assert_int_equal(add(t, key, START + 100, START), 0);
    assert_true(t->head.reach.value >= SLOTS - 2);
    assert_true(blocks_next_prefix(&t->b, &at, &prefix));
    blocks_sweep(&t->b, START + 100);
    blocks_check_head(&t->b);
    assert_int_equal(t->head.used, 1);
    assert_true(t->head.reach.value <= 3);
    at = 0;
    assert_false(blocks_next_prefix(&t->b, &at, &prefix));
    assert_true(end_of(t, 7, START + 100) == BLOCK_FOREVER);
    assert_true(blocks_lift(&t->b, 7, START));
    assert_false(blocks_any(&t->b));
    free(t);
}

static int add_of(struct table *t, uint64_t key, enum block_class class, struct error *e)
{
    struct block block = block_make(key, START + 100);

    block.class = class;
    return blocks_add(&t->b, &block, START, e);
}

static void clients_leave_room_for_logins_and_logins_for_an_operator(void **state)
{
    static const struct {
        enum block_class class;
        unsigned most;
        const char *kept_for;
    } rows[] = {{BLOCK_OF_STRANGERS, SLOTS / 2, "clients with a login, logins and operators"},
                {BLOCK_OF_CLIENT, SLOTS * 3 / 4, "kept for logins and operators"},
                {BLOCK_OF_LOGIN, SLOTS - SLOTS / 16, "kept for operators"},
                {BLOCK_BY_OPERATOR, SLOTS, "all 64 places"}};
    struct table *t = table_make(SLOTS);
    uint64_t key = 1;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error e = {""};

        while (key <= rows[i].most)
            assert_int_equal(add_of(t, key++, rows[i].class, &e), 0);
        assert_int_equal(add_of(t, 999, rows[i].class, &e), -1);
        assert_non_null(strstr(e.text, rows[i].kept_for));
        assert_int_equal(add_of(t, 1, rows[i].class, &e), 0); /* what is there can always be prolonged */
    }
    free(t);
}

static int add_client(struct table *t, const char *client, enum block_class class, uint64_t until_ns)
{
    struct block block = block_make((uint64_t)1000 + t->head.used, until_ns);

    assert_true(ip_parse(slice_of(client), &block.base));
    block.class = class;
    return blocks_add(&t->b, &block, START, NULL);
}

static void blocks_of_clients_inside_a_network_are_counted_and_lifted_together(void **state)
{
    struct table *t = table_make(SLOTS);
    struct network net;
    uint64_t until = 7;

    (void)state;
    assert_int_equal(network_parse(SLICE("203.0.113.0/24"), &net, NULL), 0);
    assert_int_equal(blocks_inside(&t->b, &net, BLOCK_OF_CLIENT, 0, START, &until), 0);
    assert_int_equal(until, 0);
    assert_int_equal(add_client(t, "203.0.113.1", BLOCK_OF_CLIENT, START + 100), 0);
    assert_int_equal(add_client(t, "203.0.113.255", BLOCK_OF_CLIENT, START + 300), 0);
    assert_int_equal(add_client(t, "203.0.113.9", BLOCK_OF_CLIENT, START + 50), 0);
    assert_int_equal(add_client(t, "203.0.113.7", BLOCK_OF_STRANGERS, START + 900), 0);
    assert_int_equal(add_client(t, "203.0.113.8", BLOCK_BY_OPERATOR, BLOCK_FOREVER), 0);
    assert_int_equal(add_client(t, "203.0.112.1", BLOCK_OF_CLIENT, START + 900), 0);
    assert_int_equal(add(t, 5, START + 900, START), 0); /* a user's */
    assert_int_equal(blocks_inside(&t->b, &net, BLOCK_OF_CLIENT, 0, START, &until), 3);
    assert_int_equal(until, START + 300);
    assert_int_equal(blocks_inside(&t->b, &net, BLOCK_OF_CLIENT, 1000, START, &until), 2);
    assert_int_equal(blocks_inside(&t->b, &net, BLOCK_OF_CLIENT, 0, START + 50, &until), 2);
    blocks_absorb(&t->b, &net, BLOCK_OF_CLIENT, START + 299, START);
    assert_int_equal(blocks_inside(&t->b, &net, BLOCK_OF_CLIENT, 0, START, &until), 1);
    blocks_absorb(&t->b, &net, BLOCK_OF_CLIENT, START + 300, START);
    assert_int_equal(blocks_count(&t->b, START), 4);
    free(t);
}

static void two_entries_for_one_key_count_as_one_with_the_later_end(void **state)
{
    struct table *t = table_make(SLOTS);
    uint32_t home = 0;

    (void)state;
    assert_int_equal(add(t, 5, START + 100, START), 0);
    while (t->index[home].key != 5)
        home++;
    pair_write(t->index + (home + 3) % PLACES, pair_of(5, START + 200));
    blocks_check_head(&t->b);
    assert_int_equal(end_of(t, 5, START), START + 200);
    assert_int_equal(listed(t, START, NULL), 1);
    assert_true(blocks_lift(&t->b, 5, START));
    assert_int_equal(end_of(t, 5, START), 0);
    free(t);
}

/* The table's clock, relative to the caller's. */
static void a_table_with_another_clock_answers_in_the_callers_time(void **state)
{
    static const uint64_t aheads[] = {0, 5000 * NS_PER_S, 0 - 5000 * NS_PER_S};

    (void)state;
    for (size_t i = 0; i < sizeof aheads / sizeof *aheads; i++) {
        struct table *t = table_make(SLOTS);
        struct block got;

        t->b.ahead_ns = aheads[i];
        assert_int_equal(add(t, 5, START + 100, START), 0);
        assert_int_equal(add(t, 6, BLOCK_FOREVER, START), 0);
        assert_int_equal(add(t, 7, BLOCK_FOREVER - 1, START), 0);
        assert_int_equal(end_of(t, 5, START + 99), START + 100);
        assert_int_equal(end_of(t, 5, START + 100), 0);
        assert_true(end_of(t, 6, START) == BLOCK_FOREVER);
        assert_true(end_of(t, 7, START) > UINT64_MAX / 2);
        assert_int_equal(listed(t, START, &got), 3);
        assert_int_equal(got.from_ns, START);
        free(t);
    }
}

static void another_table_takes_over_what_is_live(void **state)
{
    struct table *from = table_make(SLOTS), *to = table_make(32);
    struct block got;

    (void)state;
    to->b.ahead_ns = 77;
    for (uint64_t key = 1; key <= 40; key++)
        assert_int_equal(add(from, key, START + (key <= 20 ? 50 : 100), START), 0);
    assert_int_equal(add(to, 21, START + 900, START), 0);
    assert_int_equal(blocks_take_over(&to->b, &from->b, START + 50), 0);
    for (uint64_t key = 22; key <= 40; key++)
        assert_int_equal(end_of(to, key, START + 50), START + 100);
    assert_int_equal(end_of(to, 21, START + 50), START + 900);
    assert_int_equal(end_of(to, 20, START + 50), 0);
    assert_true(listed(to, START + 50, &got) == 20 && got.from_wall_s == 1700000000);
    assert_int_equal(blocks_take_over(&to->b, &from->b, START), 8);
    free(from);
    free(to);
}

/* ---- several at once ---- */

struct worker {
    struct table *t;
    unsigned number;
    unsigned wrong;
};

/* Own keys are added and lifted in turn; the common key is only ever prolonged, so it must always be found. Meanwhile
 * the housekeeping sets the header right, up and down. */
static void *add_and_lift(void *arg)
{
    struct worker *w = arg;
    struct block got;

    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t key = 100 + w->number * 10 + i % 8;

        w->wrong += add(w->t, key, START + 100, START) != 0;
        w->wrong += add(w->t, 1, START + 200 + i, START) != 0;
        w->wrong += end_of(w->t, key, START) != START + 100;
        w->wrong += end_of(w->t, 1, START) < START + 200 + i;
        for (uint32_t at = 0; i % 16 == 0 && blocks_next(&w->t->b, &at, START, &got);)
            w->wrong += strncmp(got.subject, "user u", 6) != 0;
        if (w->number == 0)
            blocks_check_head(&w->t->b);
        w->wrong += !blocks_lift(&w->t->b, key, START);
        w->wrong += end_of(w->t, key, START) != 0;
    }
    return NULL;
}

static void several_that_add_and_lift_do_not_disturb_each_other(void **state)
{
    struct table *t = table_make(SLOTS);
    struct worker workers[4];
    pthread_t threads[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        workers[i] = (struct worker){t, i, 0};
        assert_int_equal(pthread_create(threads + i, NULL, add_and_lift, workers + i), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_int_equal(listed(t, START, NULL), 1);
    assert_int_equal(end_of(t, 1, START), START + 200 + 2999);
    assert_true(blocks_lift(&t->b, 1, START));
    blocks_check_head(&t->b);
    assert_int_equal(t->head.used, 0);
    assert_false(blocks_any(&t->b));
    free(t);
}

static void sizes_of_blocked_networks_are_known_and_survive_a_damaged_header(void **state)
{
    static const uint32_t sizes[] = {1, 32, 63, 64, 65, 96 + 22, 120, 127, 128};
    struct table *t = table_make(SLOTS);
    struct block got;
    uint32_t at = 0, prefix;
    size_t n = 0;

    (void)state;
    assert_false(blocks_next_prefix(&t->b, &at, &prefix));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct block block = block_make(100 + i, START + 100);

        block.prefix = sizes[i];
        assert_int_equal(blocks_add(&t->b, &block, START, NULL), 0);
    }
    assert_int_equal(add(t, 5, START + 100, START), 0); /* no network */
    for (int round = 0; round < 2; round++) {
        for (at = 0, n = 0; blocks_next_prefix(&t->b, &at, &prefix); n++)
            assert_int_equal(prefix, sizes[n]);
        assert_int_equal(n, sizeof sizes / sizeof *sizes);
        for (size_t i = 0; i < 2; i++)
            t->head.prefixes[i].value = 0;
        blocks_check_head(&t->b);
    }
    for (at = 0, n = 0; blocks_next(&t->b, &at, START, &got);)
        n += got.prefix > 0;
    assert_int_equal(n, sizeof sizes / sizeof *sizes);
    memset(t->head.prefixes, 0xff, sizeof t->head.prefixes); /* whatever stands there, it ends, within bounds */
    for (at = 0, n = 0; blocks_next_prefix(&t->b, &at, &prefix); n++)
        assert_in_range(prefix, 1, 128);
    assert_int_equal(n, 128);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_blocked_networks_are_known_and_survive_a_damaged_header),
        cmocka_unit_test(a_block_holds_until_its_end),
        cmocka_unit_test(a_block_without_end_never_ends),
        cmocka_unit_test(a_second_block_on_a_key_only_prolongs_it),
        cmocka_unit_test(a_lifted_block_is_gone),
        cmocka_unit_test(a_list_shows_what_was_added),
        cmocka_unit_test(a_live_block_is_never_pushed_out),
        cmocka_unit_test(key_0_is_refused),
        cmocka_unit_test(texts_from_a_damaged_file_end_and_can_be_shown),
        cmocka_unit_test(a_writer_that_died_while_adding_leaves_room_and_no_block),
        cmocka_unit_test(a_claim_without_end_is_not_ours_and_holds_no_room),
        cmocka_unit_test(sweeping_frees_what_has_ended_and_nothing_else),
        cmocka_unit_test(a_damaged_header_hides_no_block_once_it_is_checked),
        cmocka_unit_test(looks_are_short_again_when_many_blocks_have_ended),
        cmocka_unit_test(clients_leave_room_for_logins_and_logins_for_an_operator),
        cmocka_unit_test(blocks_of_clients_inside_a_network_are_counted_and_lifted_together),
        cmocka_unit_test(two_entries_for_one_key_count_as_one_with_the_later_end),
        cmocka_unit_test(a_table_with_another_clock_answers_in_the_callers_time),
        cmocka_unit_test(another_table_takes_over_what_is_live),
        cmocka_unit_test(several_that_add_and_lift_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
