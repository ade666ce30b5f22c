/* The history: readers need no writer, a killed writer leaves nothing half done, damage is set aside, tables are added.
 */
#include "core/journal/history_parts.h"
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, history_place_make, history_place_remove)
    const struct CMUnitTest tests[] = {
        TEST(a_reader_reads_whether_or_not_the_mirror_runs_and_says_when_there_is_nothing),
        TEST(only_the_owner_writes_and_the_group_reads),
        TEST(a_writer_that_is_killed_leaves_what_was_committed_and_nothing_else),
        TEST(a_damaged_file_is_set_aside_by_the_mirror_and_named_by_a_reader),
        TEST(what_a_newer_version_needs_is_added_and_what_is_strange_is_set_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
