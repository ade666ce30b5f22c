/* Blocks as they came and went: each change is written down once, whoever made it, and it is told how each ended. */
#include "core/base/clock.h"
#include "core/journal/block_history.h"
#include "core/state/blocks_table.h"

#include <sqlite3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define START (1000000 * NS_PER_S)
#define WALL INT64_C(1700000000)
#define SLOTS 64
#define PLACES (SLOTS * BLOCKS_PLACES_EACH)

struct table {
    struct blocks b;
    struct blocks_head head;
    union pair index[PLACES];
    struct block_record records[PLACES];
};

struct scene {
    char folder[64];
    struct table *table;
    struct journal *journal;
    struct block_watch *watch;
    uint64_t now_ns;
    int64_t wall_s;
    char text[4096];
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct error e;

    assert_non_null(s);
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/postern-history.XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    s->table = aligned_alloc(64, (sizeof *s->table + 63) / 64 * 64);
    assert_non_null(s->table);
    memset(s->table, 0, sizeof *s->table);
    s->table->b = (struct blocks){.head = &s->table->head,
                                  .index = s->table->index,
                                  .records = s->table->records,
                                  .most = SLOTS,
                                  .places = SLOTS * BLOCKS_PLACES_EACH};
    assert_int_equal(journal_open(s->folder, "policyd", &s->journal, &e), 0);
    s->watch = block_watch_new();
    assert_non_null(s->watch);
    s->now_ns = START;
    s->wall_s = WALL;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    char command[128];

    block_watch_free(s->watch);
    journal_close(s->journal);
    (void)snprintf(command, sizeof command, "rm -rf %s", s->folder);
    assert_int_equal(system(command), 0); /* NOLINT: a folder of ours */
    free(s->table);
    free(s);
    return 0;
}

static struct block block_of(const struct scene *s, uint64_t key, const char *subject, uint64_t seconds)
{
    struct block block = {.key = key,
                          .from_ns = s->now_ns,
                          .from_wall_s = s->wall_s,
                          .until_ns = seconds == 0 ? BLOCK_FOREVER : s->now_ns + seconds * NS_PER_S};

    (void)snprintf(block.subject, sizeof block.subject, "%s", subject);
    (void)snprintf(block.limit, sizeof block.limit, "roaming");
    (void)snprintf(block.reason, sizeof block.reason, "7 networks");
    return block;
}

static void add(struct scene *s, uint64_t key, const char *subject, uint64_t seconds)
{
    struct block block = block_of(s, key, subject, seconds);

    assert_int_equal(blocks_add(&s->table->b, &block, s->now_ns, NULL), 0);
}

static void add_network(struct scene *s, uint64_t key, const char *subject, const char *text, bool alone)
{
    struct block block = block_of(s, key, subject, 600);
    struct network net;

    assert_int_equal(network_parse(slice_of(text), &net, NULL), 0);
    block.base = net.base;
    block.prefix = alone ? 0 : net.prefix;
    block.class = BLOCK_OF_CLIENT;
    assert_int_equal(blocks_add(&s->table->b, &block, s->now_ns, NULL), 0);
}

static void look(struct scene *s)
{
    struct error e;

    if (block_watch_look(s->watch, s->journal, &s->table->b, s->now_ns, s->wall_s, &e) != 0)
        fail_msg("%s", e.text);
}

static void pass(struct scene *s, uint64_t seconds)
{
    s->now_ns += seconds * NS_PER_S;
    s->wall_s += (int64_t)seconds;
}

/* As a program does that starts anew. */
static void begin_again(struct scene *s)
{
    block_watch_free(s->watch);
    s->watch = block_watch_new();
    assert_non_null(s->watch);
}

static bool add_text(void *arg, const struct block_row *row)
{
    struct scene *s = arg;
    size_t n = strlen(s->text);

    (void)snprintf(s->text + n, sizeof s->text - n, "%s %s +%lld by(%s) why(%s); ", row->subject,
                   block_end_word(row->how), (long long)(row->ended_s - WALL), row->by, row->why);
    return true;
}

/* What ended, the newest first. */
static const char *ended(struct scene *s, int64_t since_s, size_t most)
{
    struct error e;

    s->text[0] = '\0';
    if (journal_ended_blocks(s->journal, since_s, s->wall_s, most, add_text, s, &e) != 0)
        fail_msg("%s", e.text);
    return s->text;
}

static void lift(struct scene *s, uint64_t key, const char *subject, const char *by, const char *why)
{
    struct block_row row;
    struct error e;
    struct block block = block_of(s, key, subject, 600);

    block.from_wall_s = WALL;
    assert_true(blocks_lift(&s->table->b, key, s->now_ns));
    block_row_of(&block, s->now_ns, s->wall_s, &row);
    row.ended_s = s->wall_s;
    (void)snprintf(row.by, sizeof row.by, "%s", by);
    (void)snprintf(row.why, sizeof row.why, "%s", why);
    if (block_lifted_note(s->folder, &row, &e) != 0)
        fail_msg("%s", e.text);
}

static void a_block_that_stands_has_not_ended(void **state)
{
    struct scene *s = *state;

    look(s);
    add(s, 1, "user anna@contoso.example", 600);
    add(s, 2, "user bert@contoso.example", 0);
    look(s);
    pass(s, 599);
    look(s);
    assert_string_equal(ended(s, 0, 100), "");
}

static void one_expires_by_itself_though_nobody_looks_then(void **state)
{
    struct scene *s = *state;

    add(s, 1, "user anna@contoso.example", 600);
    look(s);
    pass(s, 4000);
    assert_string_equal(ended(s, 0, 100), "user anna@contoso.example expired +600 by() why(); ");
    look(s);
    begin_again(s);
    look(s);
    assert_string_equal(ended(s, 0, 100), "user anna@contoso.example expired +600 by() why(); ");
}

static void one_that_is_prolonged_ends_later(void **state)
{
    struct scene *s = *state;

    add(s, 1, "user anna@contoso.example", 600);
    look(s);
    add(s, 1, "user anna@contoso.example", 1200);
    look(s);
    pass(s, 700);
    assert_string_equal(ended(s, 0, 100), "");
    pass(s, 600);
    assert_string_equal(ended(s, 0, 100), "user anna@contoso.example expired +1200 by() why(); ");
}

static void who_lifts_one_is_told_whether_or_not_the_look_comes_between(void **state)
{
    struct scene *s = *state;

    add(s, 1, "user anna@contoso.example", 600);
    add(s, 2, "user bert@contoso.example", 600);
    look(s);
    pass(s, 10);
    lift(s, 1, "user anna@contoso.example", "web:op", "it was the owner");
    look(s);
    pass(s, 10);
    lift(s, 2, "user bert@contoso.example", "root", "");
    begin_again(s);
    look(s);
    assert_string_equal(ended(s, 0, 100), "user bert@contoso.example lifted +20 by(root) why(); "
                                          "user anna@contoso.example lifted +10 by(web:op) why(it was the owner); ");
}

static void one_that_nobody_saw_is_told_by_who_lifts_it(void **state)
{
    struct scene *s = *state;

    look(s);
    add(s, 1, "user anna@contoso.example", 600);
    lift(s, 1, "user anna@contoso.example", "root", "a mistake");
    look(s);
    assert_string_equal(ended(s, 0, 100), "user anna@contoso.example lifted +0 by(root) why(a mistake); ");
}

static void one_that_others_lifted_is_gone(void **state)
{
    struct scene *s = *state;

    add(s, 1, "user anna@contoso.example", 600);
    look(s);
    pass(s, 30);
    assert_true(blocks_lift(&s->table->b, 1, s->now_ns));
    look(s);
    assert_string_equal(ended(s, 0, 100), "user anna@contoso.example gone +30 by() why(); ");
    /* It comes back, as the state does that could not be used for a while: then it has not ended. */
    s->wall_s -= 30;
    s->now_ns -= 30 * NS_PER_S;
    add(s, 1, "user anna@contoso.example", 600);
    pass(s, 30);
    look(s);
    assert_string_equal(ended(s, 0, 100), "");
}

static void one_that_was_lost_while_nobody_looked_is_gone(void **state)
{
    struct scene *s = *state;

    add(s, 1, "user anna@contoso.example", 600);
    look(s);
    assert_true(blocks_lift(&s->table->b, 1, s->now_ns));
    pass(s, 60);
    begin_again(s);
    look(s);
    assert_string_equal(ended(s, 0, 100), "user anna@contoso.example gone +60 by() why(); ");
}

static void a_client_becomes_part_of_its_network(void **state)
{
    struct scene *s = *state;

    add_network(s, 1, "client 192.0.2.1", "192.0.2.1", true);
    add_network(s, 2, "client 198.51.100.1", "198.51.100.1", true);
    look(s);
    pass(s, 5);
    add_network(s, 3, "network 192.0.2.0/24", "192.0.2.0/24", false);
    assert_true(blocks_lift(&s->table->b, 1, s->now_ns));
    look(s);
    assert_string_equal(ended(s, 0, 100), "client 192.0.2.1 merged +5 by(network 192.0.2.0/24) why(); ");
}

static void a_key_that_changes_ends_no_block(void **state)
{
    struct scene *s = *state;

    add(s, 1, "user anna@contoso.example", 600);
    look(s);
    add(s, 7, "user anna@contoso.example", 600);
    assert_true(blocks_lift(&s->table->b, 1, s->now_ns));
    look(s);
    assert_string_equal(ended(s, 0, 100), "");
}

static void only_the_newest_are_shown_and_those_since_then(void **state)
{
    struct scene *s = *state;

    add(s, 1, "user a", 100);
    add(s, 2, "user b", 200);
    add(s, 3, "user c", 300);
    look(s);
    pass(s, 1000);
    assert_string_equal(ended(s, 0, 2), "user c expired +300 by() why(); user b expired +200 by() why(); ");
    assert_string_equal(ended(s, WALL + 250, 100), "user c expired +300 by() why(); ");
    pass(s, (uint64_t)USAGE_DAYS * 86400);
    add(s, 4, "user d", 1);
    look(s);
    pass(s, 10);
    assert_string_equal(ended(s, 0, 100), "user d expired +34561001 by() why(); ");
}

static bool count_row(void *arg, const struct block_row *row)
{
    (void)row;
    ++*(size_t *)arg;
    return true;
}

static size_t count_ended(struct scene *s)
{
    struct error e;
    size_t n = 0;

    assert_int_equal(journal_ended_blocks(s->journal, 0, s->wall_s, SIZE_MAX, count_row, &n, &e), 0);
    return n;
}

static void there_is_a_bound(void **state)
{
    struct scene *s = *state;
    char path[128];
    struct error e;
    sqlite3 *db;

    add(s, 1, "user anna@contoso.example", 0);
    look(s);
    (void)snprintf(path, sizeof path, "%s/journal.sqlite", s->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "INSERT INTO blocks WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
                                  "WHERE i<10500) SELECT 1600000000+i,'user u','roaming',1700000000,'',1699000000+i,"
                                  "'lifted','','' FROM n",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    add(s, 2, "user bert@contoso.example", 0);
    look(s);
    assert_int_equal(count_ended(s), BLOCK_HISTORY_MAX - 2); /* and the two that stand */
    assert_int_equal(block_lifted_note("/nonexistent/postern", &(struct block_row){.ended_s = 1}, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_block_that_stands_has_not_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(one_expires_by_itself_though_nobody_looks_then, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_is_prolonged_ends_later, setup, teardown),
        cmocka_unit_test_setup_teardown(who_lifts_one_is_told_whether_or_not_the_look_comes_between, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_nobody_saw_is_told_by_who_lifts_it, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_others_lifted_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_was_lost_while_nobody_looked_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_becomes_part_of_its_network, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_changes_ends_no_block, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_newest_are_shown_and_those_since_then, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_a_bound, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
