/* The history: readers need no writer, a killed writer leaves nothing half done, damage is set aside, tables are added.
 */
#include "core/base/buf.h"
#include "core/journal/history_parts.h"
#include "core/journal/mirror_runs.h"
#include "tests/unit/history_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static const char *file_of(const struct history_place *p, const char *name)
{
    static char path[160];

    (void)snprintf(path, sizeof path, "%s/%s", p->folder, name);
    return path;
}

static struct history *open_writer(const struct history_place *p)
{
    struct error notice = {""}, e = {""};
    struct history *h = NULL;

    if (history_open(p->folder, true, &h, &notice, &e) != 0)
        fail_msg("%s", e.text);
    return h;
}

static void add_meta(struct history *h, const char *name)
{
    char sql[128];

    (void)snprintf(sql, sizeof sql, "INSERT INTO meta VALUES ('%s',1)", name);
    assert_int_equal(sqlite3_exec(h->file->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static unsigned count_meta(struct history *h, const char *name)
{
    sqlite3_stmt *s;
    unsigned n;
    char sql[128];

    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM meta WHERE name='%s'", name);
    assert_int_equal(sqlite3_prepare_v2(h->file->db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    n = (unsigned)sqlite3_column_int(s, 0);
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    return n;
}

static unsigned read_meta(const struct history_place *p, const char *name)
{
    struct error notice = {""}, e = {""};
    struct history *h = NULL;
    unsigned n;

    if (history_open(p->folder, false, &h, &notice, &e) != 0)
        fail_msg("%s", e.text);
    n = count_meta(h, name);
    history_close(h);
    return n;
}

static void a_reader_reads_whether_or_not_the_mirror_runs_and_says_when_there_is_nothing(void **state)
{
    const struct history_place *p = *state;
    struct error notice = {""}, e = {""};
    struct history *h = NULL, *w;

    assert_int_equal(history_open(p->folder, false, &h, &notice, &e), -1);
    assert_non_null(strstr(e.text, "there is no history yet; postern-mirror makes it"));
    w = open_writer(p);
    assert_int_equal(history_begin(w, &e), 0);
    add_meta(w, "one");
    assert_int_equal(history_commit(w, &e), 0);
    history_close(w);
    assert_int_equal(read_meta(p, "one"), 1);
}

static void only_the_owner_writes_and_the_group_reads(void **state)
{
    const struct history_place *p = *state;
    static const char *const names[] = {HISTORY_NAME, HISTORY_NAME "-wal", HISTORY_NAME "-shm"};
    struct stat st;

    history_close(open_writer(p));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(stat(file_of(p, names[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
    }
}

static void a_writer_that_is_killed_leaves_what_was_committed_and_nothing_else(void **state)
{
    const struct history_place *p = *state;
    struct error e = {""};
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct history *h = open_writer(p);

        if (history_begin(h, &e) == 0) {
            add_meta(h, "whole");
            (void)history_commit(h, &e);
        }
        if (history_begin(h, &e) == 0)
            add_meta(h, "half");
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(read_meta(p, "whole"), 1);
    assert_int_equal(read_meta(p, "half"), 0);
}

static void a_damaged_file_is_set_aside_by_the_mirror_and_named_by_a_reader(void **state)
{
    const struct history_place *p = *state;
    struct error notice = {""}, e = {""};
    struct history *h = NULL;
    int fd;

    history_close(open_writer(p));
    assert_true((fd = open(file_of(p, HISTORY_NAME), O_WRONLY | O_TRUNC)) >= 0);
    for (int i = 0; i < 512; i++)
        assert_int_equal(write(fd, "no such database", 16), 16);
    assert_int_equal(close(fd), 0);
    assert_int_equal(history_open(p->folder, false, &h, &notice, &e), -1);
    assert_non_null(strstr(e.text, "history.sqlite is damaged; postern-mirror will set it aside"));
    assert_int_equal(history_open(p->folder, true, &h, &notice, &e), 0);
    assert_non_null(strstr(notice.text, "set aside as history-damaged.sqlite"));
    history_close(h);
    assert_int_equal(access(file_of(p, "history-damaged.sqlite"), F_OK), 0);
}

static void what_a_newer_version_needs_is_added_and_what_is_strange_is_set_aside(void **state)
{
    const struct history_place *p = *state;
    struct error notice = {""}, e = {""};
    struct history *h = open_writer(p);
    sqlite3 *db;

    add_meta(h, "kept");
    history_close(h);
    assert_int_equal(sqlite3_open(file_of(p, HISTORY_NAME), &db), SQLITE_OK);
    for (unsigned i = 1; i < history_kind.n_schema; i++) { /* as an earlier version had it */
        char name[64], sql[96];

        assert_int_equal(sscanf(history_kind.schema[i], "CREATE TABLE %63[a-z_]", name), 1);
        (void)snprintf(sql, sizeof sql, "DROP TABLE %s", name);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    h = open_writer(p);
    assert_int_equal(count_meta(h, "kept"), 1);
    assert_int_equal(sqlite3_exec(h->file->db, "CREATE TABLE strange (a)", NULL, NULL, NULL), SQLITE_OK);
    history_close(h);
    assert_int_equal(history_open(p->folder, true, &h, &notice, &e), 0);
    assert_non_null(strstr(notice.text, "set aside as history-former.sqlite"));
    assert_int_equal(count_meta(h, "kept"), 0);
    history_close(h);
}

/* ---- runs of the mirror ---- */

struct runs_seen {
    size_t n;
    uint64_t newest, oldest; /* their changes */
    char trouble[MIRROR_TROUBLE_MAX + 2];
    int64_t results[MIRROR_RESULTS];
};

static bool see_run(void *arg, const struct mirror_run *run)
{
    struct runs_seen *seen = arg;

    if (seen->n++ == 0) {
        struct buf b = BUF_OVER(seen->trouble);

        seen->newest = run->changes;
        buf_add(&b, run->trouble);
    }
    seen->oldest = run->changes;
    return true;
}

static bool see_result(void *arg, struct slice tenant, enum mirror_result result, int64_t ended_s)
{
    if (slice_eq(tenant, SLICE("contoso")))
        ((struct runs_seen *)arg)->results[result] = ended_s;
    return true;
}

static void the_last_runs_of_each_tenant_are_kept_and_when_each_result_was_last(void **state)
{
    struct history *h = open_writer(*state);
    struct runs_seen seen = {0};
    char longer[3 * MIRROR_TROUBLE_MAX];
    struct error e;

    memset(longer, 'x', sizeof longer);
    for (int64_t i = 0; i < MIRROR_RUNS_KEPT + 5; i++) {
        const struct mirror_run run = {.tenant = SLICE("contoso"),
                                       .how = SLICE("sync"),
                                       .began_s = 99 + i,
                                       .ended_s = 100 + i,
                                       .result = i == 7 ? MIRROR_REFUSED : MIRROR_FAILED,
                                       .changes = (uint64_t)i,
                                       .trouble = {longer, sizeof longer}};

        assert_int_equal(mirror_run_add(h, &run, &e), 0);
    }
    assert_int_equal(mirror_run_add(h, &(struct mirror_run){.how = SLICE("pull"), .ended_s = 5}, &e), 0);
    assert_int_equal(mirror_runs(h, 0, 10000, see_run, &seen, &e), 0);
    assert_int_equal(seen.n, MIRROR_RUNS_KEPT + 1);
    assert_int_equal(seen.newest, MIRROR_RUNS_KEPT + 4);
    assert_int_equal(strlen(seen.trouble), MIRROR_TROUBLE_MAX);
    seen.n = 0;
    assert_int_equal(mirror_runs(h, 100, 10000, see_run, &seen, &e), 0);
    assert_int_equal(seen.oldest, 5);
    seen.n = 0;
    assert_int_equal(mirror_runs(h, 0, 3, see_run, &seen, &e), 0);
    assert_int_equal(seen.n, 3);
    assert_int_equal(mirror_results(h, see_result, &seen, &e), 0);
    assert_int_equal(seen.results[MIRROR_REFUSED], 107);
    assert_int_equal(seen.results[MIRROR_FAILED], 100 + MIRROR_RUNS_KEPT + 4);
    assert_int_equal(seen.results[MIRROR_OK], 0);
    history_close(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, history_place_make, history_place_remove)
    const struct CMUnitTest tests[] = {
        TEST(a_reader_reads_whether_or_not_the_mirror_runs_and_says_when_there_is_nothing),
        TEST(only_the_owner_writes_and_the_group_reads),
        TEST(a_writer_that_is_killed_leaves_what_was_committed_and_nothing_else),
        TEST(a_damaged_file_is_set_aside_by_the_mirror_and_named_by_a_reader),
        TEST(what_a_newer_version_needs_is_added_and_what_is_strange_is_set_aside),
        TEST(the_last_runs_of_each_tenant_are_kept_and_when_each_result_was_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
