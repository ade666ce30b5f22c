/* The history of settings: what is told is what was published, once, wherever a writer was killed; and it has bounds.
 */
#include "core/journal/history_parts.h"
#include "core/journal/setting_changes.h"
#include "tests/unit/history_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"

#define NOW_S INT64_C(1764489600)
#define DAY_S INT64_C(86400)

static struct history *open_history(const struct history_place *p, bool writer)
{
    struct error notice = {""}, e = {""};
    struct history *h = NULL;

    if (history_open(p->folder, writer, &h, &notice, &e) != 0)
        fail_msg("%s", e.text);
    return h;
}

/* A run up to before it is published: each word of `mailboxes` is one that was opened. */
static int64_t begin_run(struct history *h, int64_t seen_s, uint64_t now, uint64_t next, const char *mailboxes)
{
    struct setting_run run = {.seen_s = seen_s, .tenant = SLICE("contoso"), .how = SLICE("import"), .by = SLICE("")};
    struct slice rest = slice_of(mailboxes), one;
    struct error e = {""};
    uint64_t n = 0;
    int64_t id;

    if (setting_run_begin(h, &run, now, next, &id, &e) != 0 || history_begin(h, &e) != 0)
        fail_msg("%s", e.text);
    while (rest.n > 0) {
        struct setting_change change = {.id = {7},
                                        .setting = SLICE("smtp-auth"),
                                        .before = SLICE("inherit"),
                                        .after = SLICE("enabled"),
                                        .source = SLICE("cas.csv (Get-CASMailbox)")};

        (void)slice_cut(rest, ' ', &one, &rest);
        change.mailbox = one;
        assert_int_equal(setting_change_add(h, id, n++, &change, &e), 0);
    }
    assert_int_equal(history_commit(h, &e), 0);
    return id;
}

static void run_whole(struct history *h, int64_t seen_s, uint64_t next, const char *mailboxes)
{
    struct error e = {""};

    assert_int_equal(setting_run_end(h, begin_run(h, seen_s, next - 1, next, mailboxes), true, seen_s, &e), 0);
}

static bool add_name(void *arg, const struct setting_run *run, const struct setting_change *change)
{
    struct buf *b = arg;

    assert_true(slice_eq(run->tenant, SLICE("contoso")) && slice_eq(change->after, SLICE("enabled")));
    if (b->n > 0)
        buf_add_char(b, ' ');
    buf_add(b, change->mailbox);
    return true;
}

/* The mailboxes of what is told while that generation counts, newest first. */
static void told(const struct history_place *p, uint64_t generation, int64_t since_s, const char *wanted)
{
    struct history *h = open_history(p, false);
    char text[400] = "";
    struct buf b = BUF_OVER(text);
    struct error e = {""};

    assert_int_equal(
        setting_changes(h, &(struct setting_query){.generation = generation, .since_s = since_s}, add_name, &b, &e), 0);
    history_close(h);
    assert_string_equal(text, wanted);
}

static bool keep_first(void *arg, const struct setting_run *run, const struct setting_change *change)
{
    char *text = arg;

    (void)snprintf(text, 400, "%lld %.*s %.*s %.*s: %.*s %.*s %u %.*s > %.*s, %.*s", (long long)run->seen_s,
                   SLICE_ARG(run->tenant), SLICE_ARG(run->how), SLICE_ARG(run->by), SLICE_ARG(change->mailbox),
                   SLICE_ARG(change->setting), change->id[0], SLICE_ARG(change->before), SLICE_ARG(change->after),
                   SLICE_ARG(change->source));
    return false;
}

static void a_change_is_read_as_it_was_written_and_the_newest_first(void **state)
{
    const struct history_place *p = *state;
    struct history *h = open_history(p, true);
    struct error e = {""};
    char text[400];

    run_whole(h, NOW_S, 1, "a b");
    run_whole(h, NOW_S + 60, 2, "c");
    history_close(h);
    told(p, 2, 0, "c b a");
    told(p, 2, NOW_S + 1, "c");
    h = open_history(p, false);
    assert_int_equal(setting_changes(h, &(struct setting_query){.generation = 2}, keep_first, text, &e), 0);
    history_close(h);
    assert_string_equal(text, "1764489660 contoso import : c smtp-auth 7 inherit > enabled, cas.csv (Get-CASMailbox)");
}

static void a_run_that_was_killed_before_it_published_is_not_told_and_goes(void **state)
{
    const struct history_place *p = *state;
    struct history *h = open_history(p, true);

    run_whole(h, NOW_S, 1, "a");
    (void)begin_run(h, NOW_S, 1, 2, "lost");
    history_close(h);
    told(p, 1, 0, "a");
    h = open_history(p, true);
    (void)begin_run(h, NOW_S, 1, 3, "b"); /* the number of the one that was lost does not come again */
    history_close(h);
    told(p, 1, 0, "a");
    told(p, 3, 0, "b a");
}

static void one_that_was_killed_behind_is_told_at_once_and_for_ever(void **state)
{
    const struct history_place *p = *state;
    struct history *h = open_history(p, true);

    (void)begin_run(h, NOW_S, 0, 1, "a");
    history_close(h);
    told(p, 1, 0, "a");
    h = open_history(p, true);
    run_whole(h, NOW_S, 2, "b");
    history_close(h);
    told(p, 2, 0, "b a");
    told(p, 0, 0, "b a"); /* the directory was begun anew */
}

static void one_that_published_nothing_leaves_nothing(void **state)
{
    const struct history_place *p = *state;
    struct history *h = open_history(p, true);
    struct error e = {""};

    assert_int_equal(setting_run_end(h, begin_run(h, NOW_S, 1, 2, "a"), false, NOW_S, &e), 0);
    run_whole(h, NOW_S, 2, "b");
    history_close(h);
    told(p, 2, 0, "b");
}

static void what_is_older_than_the_bound_is_forgotten(void **state)
{
    const struct history_place *p = *state;
    struct history *h = open_history(p, true);

    run_whole(h, NOW_S - SETTING_CHANGES_DAYS * DAY_S - 1, 1, "old");
    run_whole(h, NOW_S - SETTING_CHANGES_DAYS * DAY_S, 2, "kept");
    run_whole(h, NOW_S, 3, "new");
    history_close(h);
    told(p, 3, 0, "new kept");
}

static int count_of(struct history *h, const char *sql)
{
    sqlite3_stmt *s;
    int n;

    assert_int_equal(sqlite3_prepare_v2(h->file->db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    n = sqlite3_column_int(s, 0);
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    return n;
}

static void over_the_bound_the_oldest_give_way(void **state)
{
    struct history *h = open_history(*state, true);
    char sql[300];

    run_whole(h, NOW_S, 1, "oldest");
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%u) INSERT INTO "
                   "setting_changes SELECT 1,i,'m',x'','s','b','a','' FROM n",
                   SETTING_CHANGES_MAX - 1);
    assert_int_equal(sqlite3_exec(h->file->db, sql, NULL, NULL, NULL), SQLITE_OK);
    run_whole(h, NOW_S, 2, "newest");
    assert_int_equal(count_of(h, "SELECT count(*) FROM setting_changes"), SETTING_CHANGES_MAX);
    assert_int_equal(count_of(h, "SELECT count(*) FROM setting_changes WHERE mailbox='oldest'"), 0);
    assert_int_equal(count_of(h, "SELECT count(*) FROM setting_changes WHERE mailbox='newest'"), 1);
    history_close(h);
}

static void texts_have_a_bound(void **state)
{
    const struct history_place *p = *state;
    struct history *h = open_history(p, true);
    struct error e = {""};
    char mailbox[2 * SETTING_TEXT_MAX + 1], text[400] = "";
    struct buf b = BUF_OVER(text);

    memset(mailbox, 'm', sizeof mailbox - 1);
    mailbox[sizeof mailbox - 1] = '\0';
    run_whole(h, NOW_S, 1, mailbox);
    assert_int_equal(setting_changes(h, &(struct setting_query){.generation = 1}, add_name, &b, &e), 0);
    history_close(h);
    assert_int_equal(b.n, SETTING_TEXT_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, history_place_make, history_place_remove)
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_read_as_it_was_written_and_the_newest_first),
        TEST(a_run_that_was_killed_before_it_published_is_not_told_and_goes),
        TEST(one_that_was_killed_behind_is_told_at_once_and_for_ever),
        TEST(one_that_published_nothing_leaves_nothing),
        TEST(what_is_older_than_the_bound_is_forgotten),
        TEST(over_the_bound_the_oldest_give_way),
        TEST(texts_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
