/* The outbox gives its reader what was posted, once, in order; what it can't give is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/state/outbox_ring.h"
#include "core/state/state.h"

#define START (1000 * NS_PER_S)

/* A small ring in memory. */
struct small {
    struct outbox_ring ring;
    struct outbox writer, reader;
};

#define SMALL 16

static struct small *small_new(void)
{
    struct small *s = calloc(1, sizeof *s);
    void *memory = aligned_alloc(4096, OUTBOX_HEADER_BYTES + 4096);

    assert_non_null(s);
    assert_non_null(memory);
    memset(memory, 0, OUTBOX_HEADER_BYTES + 4096);
    s->ring = outbox_over(memory, SMALL);
    s->writer = (struct outbox){.role = OUTBOX_WRITER, .now = &s->ring};
    s->reader = (struct outbox){.role = OUTBOX_READER, .now = &s->ring};
    return s;
}

static void small_free(struct small *s)
{
    free(s->ring.header);
    free(s);
}

static struct outbox_record add(uint64_t key, uint64_t ns)
{
    return (struct outbox_record){.kind = OUTBOX_ADD, .key = key, .ns = ns, .burst_ns = 60 * NS_PER_S};
}

static void post(struct outbox *o, struct outbox_record record)
{
    outbox_post(o, &record, 1);
}

static void assert_same(const struct outbox_record *a, const struct outbox_record *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->table, b->table);
    assert_int_equal(a->key, b->key);
    assert_int_equal(a->ns, b->ns);
    assert_int_equal(a->burst_ns, b->burst_ns);
    assert_int_equal(a->member, b->member);
    assert_int_equal(a->keep_ns, b->keep_ns);
}

static void every_kind_comes_out_as_it_was_posted_and_once(void **state)
{
    static const struct outbox_record posted[] = {
        {.kind = OUTBOX_ADD, .key = 1, .ns = 2 * NS_PER_S, .burst_ns = 60 * NS_PER_S},
        {.kind = OUTBOX_ADD, .table = OUTBOX_STRANGERS_REFUSALS, .key = UINT64_MAX, .ns = 1, .burst_ns = 1000},
        {.kind = OUTBOX_RETURN, .key = 1, .ns = 2 * NS_PER_S, .burst_ns = 60 * NS_PER_S},
        {.kind = OUTBOX_DISTINCT,
         .key = 7,
         .ns = 3,
         .burst_ns = COUNTERS_LONGEST_WINDOW_NS,
         .member = 8,
         .keep_ns = COUNTERS_LONGEST_WINDOW_NS},
        {.kind = OUTBOX_FIRST, .key = 9, .ns = 45 * NS_PER_S},
        {.kind = OUTBOX_LATEST, .key = 10, .ns = 90 * NS_PER_S},
        {.kind = OUTBOX_LIFT, .key = 12},
        {.kind = OUTBOX_RESET, .table = OUTBOX_STRANGERS_BLOCKS, .key = 11},
    };
    const size_t n = sizeof posted / sizeof *posted;
    struct outbox_record got[16];
    struct small *s = small_new();

    (void)state;
    outbox_post(&s->writer, posted, n);
    assert_int_equal(outbox_drain(&s->reader, START, got, 16), n);
    for (size_t i = 0; i < n; i++)
        assert_same(got + i, posted + i);
    assert_int_equal(outbox_drain(&s->reader, START, got, 16), 0);
    assert_int_equal(outbox_position(&s->reader), n + 1); /* a member takes a slot of its own */
    small_free(s);
}

static void what_a_habit_holds_comes_out_as_it_was_posted(void **state)
{
    static const enum outbox_kind kinds[] = {OUTBOX_HABIT,        OUTBOX_HABIT_RETURN, OUTBOX_HABIT_LIFT,
                                             OUTBOX_HABIT_ACCEPT, OUTBOX_HABIT_FORGET, OUTBOX_HABIT_DEFERRED,
                                             OUTBOX_HABIT_TAUGHT};
    static const uint32_t units[2] = {1, 500}, most[2] = {UINT32_MAX, UINT32_MAX};
    struct small *s = small_new();
    struct outbox_record got[SMALL];

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        post(&s->writer, outbox_habit(kinds[i], 7 + i, units, START));
    post(&s->writer, outbox_habit(OUTBOX_HABIT, 99, most, START));
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), 8);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(got[i].kind, kinds[i]);
        assert_int_equal(got[i].key, 7 + i);
        assert_memory_equal(got[i].units, units, sizeof units);
        assert_int_equal(got[i].at_s, START / NS_PER_S);
    }
    assert_int_equal(got[7].units[0], OUTBOX_UNITS_MOST);
    assert_int_equal(got[7].units[1], OUTBOX_UNITS_MOST);
    small_free(s);
}

static void a_charge_is_told_in_time(void **state)
{
    const struct charge charge = {.key = 5, .interval_ns = 2 * NS_PER_S, .burst = 28, .cost = 3};
    const struct charge endless = {.key = 5, .interval_ns = UINT64_MAX, .burst = UINT64_MAX, .cost = 3};
    struct outbox_record record = outbox_charge(OUTBOX_COUNTERS, &charge);

    (void)state;
    assert_int_equal(record.kind, OUTBOX_ADD);
    assert_int_equal(record.table, OUTBOX_COUNTERS);
    assert_int_equal(record.key, 5);
    assert_int_equal(record.ns, 6 * NS_PER_S);
    assert_int_equal(record.burst_ns, 56 * NS_PER_S);
    record = outbox_charge(OUTBOX_STRANGERS_BLOCKS, &endless);
    assert_int_equal(record.table, OUTBOX_STRANGERS_BLOCKS);
    assert_int_equal(record.ns, COUNTERS_LONGEST_WINDOW_NS);
    assert_int_equal(record.burst_ns, COUNTERS_LONGEST_WINDOW_NS);
}

static void a_reader_that_is_lapped_counts_what_it_has_lost(void **state)
{
    struct small *s = small_new();
    struct outbox_record got[SMALL];
    struct outbox_stats stats;

    (void)state;
    for (uint64_t i = 1; i <= SMALL + 5; i++)
        post(&s->writer, add(i, 1));
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), SMALL);
    assert_int_equal(got[0].key, 6);
    assert_int_equal(got[SMALL - 1].key, SMALL + 5);
    outbox_stats(&s->reader, &stats);
    assert_int_equal(stats.lost, 5);
    assert_int_equal(stats.holes, 0);
    assert_int_equal(stats.waiting, 0);
    small_free(s);
}

static void a_member_whose_charge_was_overwritten_is_lost_with_it(void **state)
{
    struct small *s = small_new();
    struct outbox_record got[SMALL];
    struct outbox_stats stats;

    (void)state;
    post(&s->writer, (struct outbox_record){.kind = OUTBOX_DISTINCT, .key = 1, .ns = 1, .member = 2, .keep_ns = 1});
    for (uint64_t i = 1; i <= SMALL - 1; i++)
        post(&s->writer, add(i + 2, 1));
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), SMALL - 1);
    assert_int_equal(got[0].key, 3);
    outbox_stats(&s->reader, &stats);
    assert_int_equal(stats.lost, 2);
    small_free(s);
}

/* As a writer that is killed after it took its slots. */
static void take_slots(struct small *s, uint64_t n)
{
    (void)__atomic_fetch_add(&s->ring.header->next, n, __ATOMIC_ACQ_REL);
}

static void a_killed_writers_hole_is_skipped_after_a_second_and_counted(void **state)
{
    struct small *s = small_new();
    struct outbox_record got[SMALL];
    struct outbox_stats stats;

    (void)state;
    post(&s->writer, add(1, 1));
    take_slots(s, 1);
    post(&s->writer, add(2, 1));
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), 1);
    assert_int_equal(outbox_drain(&s->reader, START + OUTBOX_HOLE_NS - 1, got, SMALL), 0);
    assert_int_equal(outbox_drain(&s->reader, START + OUTBOX_HOLE_NS, got, SMALL), 1);
    assert_int_equal(got[0].key, 2);
    outbox_stats(&s->reader, &stats);
    assert_int_equal(stats.holes, 1);
    assert_int_equal(stats.lost, 0);
    small_free(s);
}

static void a_slow_writer_is_waited_for(void **state)
{
    struct small *s = small_new();
    struct outbox_slot *slot = s->ring.slots + 1, filled;
    struct outbox_record got[SMALL];

    (void)state;
    post(&s->writer, (struct outbox_record){.kind = OUTBOX_DISTINCT, .key = 1, .ns = 1, .member = 2, .keep_ns = 1});
    filled = *slot;
    slot->stamp = 0;
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), 0);
    *slot = filled;
    assert_int_equal(outbox_drain(&s->reader, START + NS_PER_MS, got, SMALL), 1);
    assert_int_equal(got[0].member, 2);
    small_free(s);
}

/* What somebody else could have written into the file. */
static void what_no_writer_wrote_is_skipped_and_counted(void **state)
{
    struct small *s = small_new();
    struct outbox_record got[SMALL];
    struct outbox_stats stats;

    (void)state;
    for (uint64_t i = 1; i <= 4; i++)
        post(&s->writer, add(i, 1));
    s->ring.slots[0].key ^= 1;                                      /* a mixture */
    post(&s->writer, add(0, 1));                                    /* no key */
    post(&s->writer, (struct outbox_record){.kind = 77, .key = 1}); /* of a later version */
    post(&s->writer, (struct outbox_record){.kind = OUTBOX_ADD, .table = 77, .key = 1});
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), 3);
    assert_int_equal(got[0].key, 2);
    outbox_stats(&s->reader, &stats);
    assert_int_equal(stats.holes, 4);
    s->ring.header->next = 1; /* set back: the reader goes on from there */
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), 0);
    post(&s->writer, add(9, 1));
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), 1);
    small_free(s);
}

/* ---- files ---- */

static char folder[64], path[96];

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/outbox.XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/outbox", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* nothing else was left in it */
}

static struct outbox *opened(enum outbox_role role)
{
    struct outbox *o;
    struct error e;

    assert_int_equal(outbox_open(path, role, &o, &e), 0);
    return o;
}

static void whoever_comes_first_makes_the_file_for_all(void **state)
{
    struct outbox *reader = opened(OUTBOX_READER), *writer = opened(OUTBOX_WRITER);
    struct outbox_record got[4];
    struct stat st;

    (void)state;
    assert_null(outbox_problem(reader));
    assert_null(outbox_problem(writer));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    post(writer, add(3, 4));
    assert_int_equal(outbox_drain(reader, START, got, 4), 1);
    assert_int_equal(got[0].key, 3);
    outbox_close(writer);
    outbox_close(reader);
}

static void a_reader_that_begins_goes_on_after_what_was_done(void **state)
{
    struct outbox *reader = opened(OUTBOX_READER), *writer = opened(OUTBOX_WRITER);
    struct outbox_record got[4];

    (void)state;
    for (uint64_t i = 1; i <= 3; i++)
        post(writer, add(i, 1));
    assert_int_equal(outbox_drain(reader, START, got, 1), 1);
    (void)outbox_begin_round(reader);
    outbox_end_round(reader);
    assert_int_equal(outbox_drain(reader, START, got, 4), 2); /* and is killed before it tells of these */
    outbox_close(reader);
    reader = opened(OUTBOX_READER);
    assert_int_equal(outbox_drain(reader, START, got, 4), 2);
    assert_int_equal(got[0].key, 2);
    outbox_close(writer);
    outbox_close(reader);
}

static void a_reader_after_a_killed_one_gets_its_round_as_it_was(void **state)
{
    struct outbox *reader = opened(OUTBOX_READER), *writer = opened(OUTBOX_WRITER);
    unsigned char before[OUTBOX_IDENTITY_BYTES], id[OUTBOX_IDENTITY_BYTES];
    struct outbox_record got[8];

    (void)state;
    assert_true(outbox_identity(reader, 5, before));
    for (uint64_t i = 1; i <= 3; i++)
        post(writer, add(i, 1));
    assert_int_equal(outbox_drain(reader, START, got, 8), 3);
    assert_int_equal(outbox_begin_round(reader), 0);
    post(writer, add(4, 1));
    assert_int_equal(outbox_drain(reader, START, got, 8), 1); /* and is killed in the middle of the round */
    outbox_close(reader);
    reader = opened(OUTBOX_READER);
    assert_true(outbox_identity(reader, 5, id));
    assert_memory_equal(id, before, sizeof id);
    assert_int_equal(outbox_drain(reader, START, got, 8), 3);
    assert_true(outbox_at_round(reader));
    assert_int_equal(outbox_begin_round(reader), 0);
    assert_false(outbox_at_round(reader));
    assert_int_equal(outbox_drain(reader, START, got, 8), 1);
    outbox_end_round(reader);
    assert_int_equal(outbox_begin_round(reader), 3);
    outbox_end_round(reader);
    outbox_close(reader);
    reader = opened(OUTBOX_READER);
    assert_int_equal(outbox_position(reader), 4);
    assert_true(outbox_identity(reader, 6, id)); /* another start of the machine */
    assert_memory_not_equal(id, before, sizeof id);
    outbox_close(writer);
    outbox_close(reader);
}

static void a_round_that_was_overwritten_in_part_is_lost_as_a_whole(void **state)
{
    struct small *s = small_new();
    struct outbox_record got[SMALL];

    (void)state;
    for (uint64_t i = 1; i <= 4; i++)
        post(&s->writer, add(i, 1));
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), 4);
    (void)outbox_begin_round(&s->reader);
    for (uint64_t i = 0; i < SMALL - 2; i++)
        post(&s->writer, add(100 + i, 1));
    outbox_resume(&s->reader, &s->ring);
    assert_int_equal(s->ring.header->lost, 4);
    assert_int_equal(outbox_drain(&s->reader, START, got, SMALL), SMALL - 2);
    assert_int_equal(got[0].key, 100);
    assert_int_equal(outbox_begin_round(&s->reader), 4);
    small_free(s);
}

static void a_second_reader_is_refused_until_the_first_has_ended(void **state)
{
    struct outbox *first = opened(OUTBOX_READER), *second = opened(OUTBOX_READER);
    struct outbox_record got[4];

    (void)state;
    assert_non_null(strstr(outbox_problem(second), "another program reads"));
    assert_int_equal(outbox_drain(second, START, got, 4), 0);
    outbox_close(first);
    outbox_tick(second, START);
    assert_null(outbox_problem(second));
    outbox_close(second);
}

static void a_file_that_was_removed_is_made_again_and_nothing_in_it_is_lost(void **state)
{
    struct outbox *reader = opened(OUTBOX_READER), *writer = opened(OUTBOX_WRITER);
    struct outbox_record got[4];

    (void)state;
    post(writer, add(1, 1));
    assert_int_equal(unlink(path), 0);
    outbox_tick(writer, START);
    post(writer, add(2, 1));
    outbox_tick(reader, START);
    assert_int_equal(outbox_drain(reader, START, got, 4), 1);
    assert_int_equal(got[0].key, 1);
    outbox_tick(reader, START + NS_PER_S);
    assert_int_equal(outbox_drain(reader, START, got, 4), 1);
    assert_int_equal(got[0].key, 2);
    outbox_tick(writer, START + 100 * NS_PER_S); /* the old one's memory goes back */
    outbox_tick(reader, START + 100 * NS_PER_S);
    outbox_close(writer);
    outbox_close(reader);
}

static void a_truncated_file_is_replaced_and_kills_nobody(void **state)
{
    struct outbox *reader = opened(OUTBOX_READER), *writer = opened(OUTBOX_WRITER);
    struct outbox_record got[4];

    (void)state;
    assert_int_equal(state_guard_install(NULL), 0); /* cmocka has a handler of its own for each test */
    assert_int_equal(truncate(path, 4096), 0);
    post(writer, add(1, 1));
    outbox_tick(writer, START);
    outbox_tick(reader, START);
    assert_null(outbox_problem(writer));
    assert_null(outbox_problem(reader));
    post(writer, add(2, 1));
    assert_int_equal(outbox_drain(reader, START, got, 4), 1);
    assert_int_equal(got[0].key, 2);
    outbox_close(writer);
    outbox_close(reader);
}

static void what_can_not_be_posted_is_counted_and_said(void **state)
{
    struct outbox *o;
    struct outbox_stats stats;
    struct error e;

    (void)state;
    assert_int_equal(outbox_open("/tmp/no-such-folder.example/outbox", OUTBOX_WRITER, &o, &e), 0);
    assert_non_null(strstr(outbox_problem(o), "/tmp/no-such-folder.example/outbox: No such file or directory"));
    post(o, add(1, 1));
    outbox_tick(o, START);
    outbox_stats(o, &stats);
    assert_int_equal(stats.unposted, 1);
    outbox_close(o);
    assert_int_equal(mkdir(path, 0700), 0);
    o = opened(OUTBOX_WRITER);
    assert_non_null(outbox_problem(o));
    assert_int_equal(rmdir(path), 0);
    outbox_tick(o, START);
    assert_null(outbox_problem(o));
    outbox_close(o);
}

/* ---- at the same time ---- */

#define WRITERS 4
#define EACH 20000

static void *write_many(void *arg)
{
    struct outbox *o = opened(OUTBOX_WRITER);
    uint64_t me = *(uint64_t *)arg;

    for (uint64_t i = 1; i <= EACH; i++)
        post(o, i % 3 != 0
                    ? add(me << 32 | i, i)
                    : (struct outbox_record){
                          .kind = OUTBOX_DISTINCT, .key = me << 32 | i, .ns = i, .member = i, .keep_ns = me + 1});
    outbox_close(o);
    return NULL;
}

static void writers_at_the_same_time_lose_and_mix_nothing(void **state)
{
    struct outbox *reader = opened(OUTBOX_READER);
    static struct outbox_record got[1000];
    uint64_t ids[WRITERS], last[WRITERS] = {0};
    struct outbox_stats stats;
    pthread_t threads[WRITERS];
    size_t total = 0;

    (void)state;
    for (uint64_t i = 0; i < WRITERS; i++) {
        ids[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &ids[i]), 0);
    }
    while (total < WRITERS * EACH) {
        /* The clock stands still, so that a thread that the machine keeps waiting is no hole. */
        size_t n = outbox_drain(reader, START, got, 1000);

        for (size_t i = 0; i < n; i++) {
            uint64_t who = got[i].key >> 32, which = got[i].key & 0xffffffff;

            assert_true(who < WRITERS);
            assert_int_equal(which, last[who] + 1);
            assert_int_equal(got[i].ns, which);
            if (got[i].kind == OUTBOX_DISTINCT) {
                assert_int_equal(got[i].member, which);
                assert_int_equal(got[i].keep_ns, who + 1);
            }
            last[who] = which;
        }
        total += n;
    }
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    outbox_stats(reader, &stats);
    assert_int_equal(stats.lost + stats.holes, 0);
    outbox_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_out_as_it_was_posted_and_once),
        cmocka_unit_test(what_a_habit_holds_comes_out_as_it_was_posted),
        cmocka_unit_test(a_charge_is_told_in_time),
        cmocka_unit_test(a_reader_that_is_lapped_counts_what_it_has_lost),
        cmocka_unit_test(a_member_whose_charge_was_overwritten_is_lost_with_it),
        cmocka_unit_test(a_killed_writers_hole_is_skipped_after_a_second_and_counted),
        cmocka_unit_test(a_slow_writer_is_waited_for),
        cmocka_unit_test(what_no_writer_wrote_is_skipped_and_counted),
        cmocka_unit_test_setup_teardown(whoever_comes_first_makes_the_file_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_begins_goes_on_after_what_was_done, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_after_a_killed_one_gets_its_round_as_it_was, setup, teardown),
        cmocka_unit_test(a_round_that_was_overwritten_in_part_is_lost_as_a_whole),
        cmocka_unit_test_setup_teardown(a_second_reader_is_refused_until_the_first_has_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_was_removed_is_made_again_and_nothing_in_it_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_truncated_file_is_replaced_and_kills_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(what_can_not_be_posted_is_counted_and_said, setup, teardown),
        cmocka_unit_test_setup_teardown(writers_at_the_same_time_lose_and_mix_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
