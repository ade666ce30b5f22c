/* links: cli */
/* Changes to the operator's list files: whole or not at all, and nothing else in them touched. */
#include "cli/list_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char folder[64], path[80], link[80];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-lists.XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->path, sizeof p->path, "%s/allow", p->folder);
    (void)snprintf(p->link, sizeof p->link, "%s/link", p->folder);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    (void)unlink(p->path);
    (void)unlink(p->link);
    assert_int_equal(rmdir(p->folder), 0); /* and so nothing else is left there */
    free(p);
    return 0;
}

static void put(const struct place *p, const char *text)
{
    FILE *f = fopen(p->path, "w");

    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char *get(const struct place *p)
{
    static char text[4096];
    FILE *f = fopen(p->path, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    assert_int_equal(fclose(f), 0);
    text[n] = '\0';
    return text;
}

static void an_entry_is_added_behind_what_is_there(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *before, *after;
        int rc;
    } rows[] = {
        {"", "sean@contoso.example # who\n", 1},
        {"# head\n\na@contoso.example\n", "# head\n\na@contoso.example\nsean@contoso.example # who\n", 1},
        {"a@contoso.example", "a@contoso.example\nsean@contoso.example # who\n", 1},
        {"SEAN@Contoso.example # by hand\n", "SEAN@Contoso.example # by hand\n", 0},
        {"@contoso.example\n", "@contoso.example\nsean@contoso.example # who\n", 1},
    };
    struct error e;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(p, rows[i].before);
        assert_int_equal(list_edit_add(p->path, SLICE("sean@contoso.example"), SLICE("who"), &e), rows[i].rc);
        assert_string_equal(get(p), rows[i].after);
    }
}

static void every_spelling_of_an_entry_is_removed_and_nothing_else(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *before, *after;
        int rc;
    } rows[] = {
        {"", "", 0},
        {"# sean@contoso.example\nsean2@contoso.example\n", "# sean@contoso.example\nsean2@contoso.example\n", 0},
        {"a@x.example\r\n  SEAN@contoso.EXAMPLE  # x\r\nsean@contoso.example.\nb@x.example",
         "a@x.example\r\nb@x.example", 1},
        {"sean@contoso.example", "", 1},
        {"@contoso.example\n", "@contoso.example\n", 0},
    };
    struct error e;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(p, rows[i].before);
        assert_int_equal(list_edit_remove(p->path, SLICE("sean@contoso.example"), &e), rows[i].rc);
        assert_string_equal(get(p), rows[i].after);
    }
}

static void a_file_with_a_mistake_is_left_as_it_is(void **state)
{
    struct place *p = *state;
    struct error e = {""};

    put(p, "a@contoso.example\n*@contoso.example\n");
    assert_int_equal(list_edit_add(p->path, SLICE("sean@contoso.example"), SLICE("who"), &e), -1);
    assert_non_null(strstr(e.text, "allow:2"));
    assert_int_equal(list_edit_remove(p->path, SLICE("a@contoso.example"), &e), -1);
    assert_string_equal(get(p), "a@contoso.example\n*@contoso.example\n");
}

static void what_would_not_be_read_back_is_not_written(void **state)
{
    struct place *p = *state;
    struct error e;

    put(p, "a@contoso.example\n");
    assert_int_equal(list_edit_add(p->path, SLICE("x # y"), SLICE("who"), &e), -1);
    assert_int_equal(list_edit_add(p->path, SLICE("sean@contoso.example"), SLICE("x\nevil@contoso.example"), &e), -1);
    assert_int_equal(list_edit_add(p->path, SLICE("sean@contoso.example"), SLICE("x\x1b"), &e), -1);
    assert_string_equal(get(p), "a@contoso.example\n");
}

static void a_missing_file_is_an_error_that_names_it(void **state)
{
    struct place *p = *state;
    struct error e = {""};

    assert_int_equal(list_edit_add(p->path, SLICE("sean"), SLICE("who"), &e), -1);
    assert_non_null(strstr(e.text, p->path));
}

static void mode_and_symbolic_link_stay(void **state)
{
    struct place *p = *state;
    struct stat st;
    struct error e;

    put(p, "");
    assert_int_equal(chmod(p->path, 0640), 0);
    assert_int_equal(symlink("allow", p->link), 0);
    assert_int_equal(list_edit_add(p->link, SLICE("sean"), SLICE("who"), &e), 1);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(lstat(p->link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_string_equal(get(p), "sean # who\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entry_is_added_behind_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(every_spelling_of_an_entry_is_removed_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_with_a_mistake_is_left_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(what_would_not_be_read_back_is_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_file_is_an_error_that_names_it, setup, teardown),
        cmocka_unit_test_setup_teardown(mode_and_symbolic_link_stay, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
