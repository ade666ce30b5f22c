/* Folders of small files between programs (core/base/spool.h): the oldest first, whole, and open to whom the folder is.
 */
#include "core/base/spool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char spool[64];
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)umask(007); /* as the services have it */
    (void)snprintf(p->spool, sizeof p->spool, "/tmp/postern-spool-XXXXXX");
    assert_non_null(mkdtemp(p->spool));
    assert_int_equal(rmdir(p->spool), 0);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    char command[96];
    int result;

    (void)snprintf(command, sizeof command, "rm -rf %s", p->spool);
    result = system(command); /* NOLINT: a name of our own */
    free(p);
    return result;
}

static unsigned mode_of(int folder, const char *name)
{
    struct stat st;

    assert_int_equal(fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return (unsigned)st.st_mode & 07777;
}

static int open_of(const struct place *p, const char *name, bool private)
{
    struct error e;
    int fd = private ? spool_open_private(p->spool, name, &e) : spool_open(p->spool, name, &e);

    if (fd < 0)
        fail_msg("%s", e.text);
    return fd;
}

static void of_many_names_the_first_are_taken_in_their_order(void **state)
{
    static const size_t most[] = {0, 1, 2, 7, 50, 199, 200, 1000};
    int folder = open_of(*state, "alerts", false);
    char name[32];

    for (unsigned i = 0; i < 200; i++) { /* in no order: 77 and 200 have no common divisor */
        (void)snprintf(name, sizeof name, "%03u.json", i * 77 % 200);
        assert_int_equal(spool_put(folder, name, SLICE("x"), NULL), 0);
    }
    assert_int_equal(spool_put(folder, "000.other", SLICE("x"), NULL), 0);
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        char **names;
        struct error e;
        size_t n;

        assert_int_equal(spool_names(folder, ".json", most[i], &names, &n, &e), 0);
        assert_int_equal(n, most[i] < 200 ? most[i] : 200);
        for (size_t k = 0; k < n; k++) {
            (void)snprintf(name, sizeof name, "%03zu.json", k);
            assert_string_equal(names[k], name);
        }
        spool_names_free(names, n);
    }
    assert_int_equal(close(folder), 0);
}

static void files_and_folders_have_the_rights_of_the_folder_around_them(void **state)
{
    struct place *p = *state;
    int shared = open_of(p, "alerts", false), private = open_of(p, "disable", true), below;

    assert_int_equal(mode_of(AT_FDCWD, p->spool), 0750);
    assert_int_equal(mode_of(shared, "."), 0770);
    assert_int_equal(mode_of(private, "."), 0750);
    assert_int_equal(spool_put(shared, "a", SLICE("x"), NULL), 0);
    assert_int_equal(spool_put(private, "a", SLICE("x"), NULL), 0);
    assert_int_equal(mode_of(shared, "a"), 0660);
    assert_int_equal(mode_of(private, "a"), 0640);
    below = spool_open_below(shared, "sent", NULL);
    assert_int_equal(mode_of(below, "."), 0770);
    assert_int_equal(close(below), 0);
    below = spool_open_below(private, "done", NULL);
    assert_int_equal(mode_of(below, "."), 0750);
    assert_int_equal(close(below), 0);
    assert_int_equal(close(shared), 0);
    assert_int_equal(close(private), 0);
}

static void a_private_folder_that_was_made_for_a_group_is_closed(void **state)
{
    struct place *p = *state;
    int fd = open_of(p, "disable", false);

    assert_int_equal(fchmod(fd, 02770), 0);
    assert_int_equal(close(fd), 0);
    fd = open_of(p, "disable", true);
    assert_int_equal(mode_of(fd, "."), 02750);
    assert_int_equal(close(fd), 0);
}

static void a_file_is_never_written_through_a_link(void **state)
{
    struct place *p = *state;
    int folder = open_of(p, "alerts", false);
    char aside[64], *text;
    size_t n;

    assert_int_equal(spool_put(folder, "victim", SLICE("as it was"), NULL), 0);
    (void)snprintf(aside, sizeof aside, ".a.json.%d", (int)getpid());
    assert_int_equal(symlinkat("victim", folder, aside), 0);
    assert_int_equal(symlinkat("victim", folder, "a.json"), 0);
    assert_int_equal(spool_put(folder, "a.json", SLICE("new"), NULL), 0);
    assert_int_equal(spool_get(folder, "victim", 100, &text, &n, NULL), 0);
    assert_string_equal(text, "as it was");
    free(text);
    assert_int_equal(spool_get(folder, "a.json", 100, &text, &n, NULL), 0);
    assert_string_equal(text, "new");
    free(text);
    assert_int_equal(close(folder), 0);
}

static void what_was_read_is_told_with_whose_it_is(void **state)
{
    struct place *p = *state;
    int folder = open_of(p, "alerts", false);
    struct stat st;
    char *text;
    size_t n;

    assert_int_equal(spool_put(folder, "a", SLICE("four"), NULL), 0);
    assert_int_equal(spool_get_stat(folder, "a", 100, &text, &n, &st, NULL), 0);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(st.st_size, 4);
    assert_int_equal(n, 4);
    free(text);
    assert_int_equal(symlinkat("a", folder, "link"), 0);
    assert_int_equal(spool_get_stat(folder, "link", 100, &text, &n, &st, NULL), SPOOL_NEVER);
    assert_int_equal(mkfifoat(folder, "pipe", 0600), 0);
    assert_int_equal(spool_get_stat(folder, "pipe", 100, &text, &n, &st, NULL), SPOOL_NEVER);
    assert_int_equal(mknodat(folder, "socket", S_IFSOCK | 0600, 0), 0);
    assert_int_equal(spool_get_stat(folder, "socket", 100, &text, &n, &st, NULL), SPOOL_NEVER);
    assert_int_equal(spool_get_stat(folder, "a", 3, &text, &n, &st, NULL), SPOOL_NEVER);
    assert_int_equal(close(folder), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_many_names_the_first_are_taken_in_their_order),
        TEST(files_and_folders_have_the_rights_of_the_folder_around_them),
        TEST(a_private_folder_that_was_made_for_a_group_is_closed),
        TEST(a_file_is_never_written_through_a_link),
        TEST(what_was_read_is_told_with_whose_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
