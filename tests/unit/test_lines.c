#include "core/base/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/waiting.h"

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }

/* "1=a 3=b" for entries a and b in lines 1 and 3; what the error says, when there is one. */
static void show(struct slice text, char *out, size_t cap)
{
    struct lines lines;
    struct slice entry;
    struct error e;
    size_t n = 0;
    int rc;

    out[0] = '\0';
    lines_start(&lines, text, "list");
    while ((rc = lines_next(&lines, &entry, &e)) == 1)
        n += (size_t)snprintf(out + n, cap - n, "%s%u=%.*s", n > 0 ? " " : "", lines.number, SLICE_ARG(entry));
    if (rc == -1)
        (void)snprintf(out + n, cap - n, "%s%s", n > 0 ? " " : "", e.text);
}

static void a_file_is_its_entries_with_their_lines(void **state)
{
    static const struct {
        struct slice text;
        const char *shown;
    } rows[] = {
        {TEXT(""), ""},
        {TEXT("\n\n"), ""},
        {TEXT("a"), "1=a"},
        {TEXT("a\n"), "1=a"},
        {TEXT("a\r\nb\r\n"), "1=a 2=b"},
        {TEXT("\xef\xbb\xbf"), ""},
        {TEXT("\xef\xbb\xbf"
              "a\nb"),
         "1=a 2=b"},
        {TEXT("\n a\t\n\n \t\nb c \n"), "2=a 5=b c"},
        {TEXT("# x\n#\na # y\nb\t#\nc"), "3=a 4=b 5=c"},
        {TEXT("sean_contoso#EXT#@fabrikam.example # a guest"), "1=sean_contoso#EXT#@fabrikam.example"},
        {TEXT("\xc3\xa4\n"), "1=\xc3\xa4"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char shown[256];

        show(rows[i].text, shown, sizeof shown);
        assert_string_equal(shown, rows[i].shown);
    }
}

static void a_line_that_is_no_text_is_refused_with_its_number(void **state)
{
    static const struct {
        struct slice text;
        const char *shown;
    } rows[] = {
        {TEXT("a\nb\0c\n"), "1=a list:2: byte 2 of the line is the control character 0x00"},
        {TEXT("a\n\nb\x1b"), "1=a list:3: byte 2 of the line is the control character 0x1b"},
        {TEXT("# \x07"), "list:1: byte 3 of the line is the control character 0x07"},
        {TEXT("\x7f"), "list:1: byte 1 of the line is the control character 0x7f"},
        {TEXT("a\rb\n"), "list:1: byte 2 of the line is the control character 0x0d"},
        {TEXT("a\r\r\n"), "list:1: byte 2 of the line is the control character 0x0d"},
        {TEXT("\xff\xfe"
              "a\0\n\0"),
         "list:1: the file is in UTF-16; save it as UTF-8"},
        {TEXT("\xfe\xff\0a"), "list:1: the file is in UTF-16; save it as UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char shown[256];

        show(rows[i].text, shown, sizeof shown);
        shown[strlen(rows[i].shown) < sizeof shown ? strlen(rows[i].shown) : 0] = '\0';
        assert_string_equal(shown, rows[i].shown);
    }
}

static void a_line_has_at_most_1024_bytes(void **state)
{
    char text[LINE_MAX_BYTES + 4];
    struct lines lines;
    struct slice entry;
    struct error e;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + LINE_MAX_BYTES, "\r\n", 2);
    lines_start(&lines, (struct slice){text, LINE_MAX_BYTES + 2}, "list");
    assert_int_equal(lines_next(&lines, &entry, &e), 1);
    assert_int_equal(entry.n, LINE_MAX_BYTES);
    assert_int_equal(lines_next(&lines, &entry, &e), 0);
    assert_int_equal(lines_next(&lines, &entry, &e), 0);

    memcpy(text + LINE_MAX_BYTES, "a\r\n", 3);
    lines_start(&lines, (struct slice){text, LINE_MAX_BYTES + 3}, "list");
    assert_int_equal(lines_next(&lines, &entry, &e), -1);
    assert_string_equal(e.text, "list:1: the line has 1025 bytes; at most 1024 are allowed");
}

/* ---- loading ---- */

static char dir[64], path[128];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/test_lines.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/list", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static void write_file(const char *text, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void refused(const char *what, const char *says)
{
    struct slice text;
    struct error e = {""};

    assert_int_equal(lines_load(what, &text, &e), -1);
    if (strncmp(e.text, what, strlen(what)) != 0 || strstr(e.text, says) == NULL)
        fail_msg("said \"%s\", not \"%s\"", e.text, says);
}

static void a_file_is_loaded_whole(void **state)
{
    struct slice text;
    struct error e;

    (void)state;
    write_file("a\n\0b", 4);
    assert_int_equal(lines_load(path, &text, &e), 0);
    assert_int_equal(text.n, 4);
    assert_memory_equal(text.p, "a\n\0b", 4);
    free((void *)text.p);

    write_file("", 0);
    assert_int_equal(lines_load(path, &text, &e), 0);
    assert_int_equal(text.n, 0);
    free((void *)text.p);
}

static void a_symlink_to_a_file_is_followed(void **state)
{
    char link[sizeof path + 8];
    struct slice text;
    struct error e;

    (void)state;
    write_file("a", 1);
    (void)snprintf(link, sizeof link, "%s.link", path);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(lines_load(link, &text, &e), 0);
    free((void *)text.p);
    (void)unlink(link);
}

static void what_is_no_file_is_refused_and_never_waited_for(void **state)
{
    (void)state;
    refused(path, ": cannot be opened: No such file or directory");
    refused(dir, ": is a directory; expected a text file");
    refused("/dev/zero", ": is not a regular file");
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)alarm(WAIT_S); /* a FIFO that is waited for ends the test */
    refused(path, ": is not a regular file");
    (void)alarm(0);
}

static void a_file_beyond_the_limit_is_refused_unread(void **state)
{
    (void)state;
    write_file("a", 1);
    assert_int_equal(truncate(path, (off_t)LINES_MAX_FILE + 1), 0);
    refused(path, ": has 67108865 bytes; at most 67108864 are read");
}

static void a_file_that_gives_more_than_it_said_is_refused(void **state)
{
    (void)state;
    refused("/proc/self/status", ": was changed while it was read"); /* says that it is empty */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_its_entries_with_their_lines),
        cmocka_unit_test(a_line_that_is_no_text_is_refused_with_its_number),
        cmocka_unit_test(a_line_has_at_most_1024_bytes),
        cmocka_unit_test_setup_teardown(a_file_is_loaded_whole, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_symlink_to_a_file_is_followed, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_and_never_waited_for, make_dir, remove_dir),
        cmocka_unit_test(a_file_that_gives_more_than_it_said_is_refused),
        cmocka_unit_test_setup_teardown(a_file_beyond_the_limit_is_refused_unread, make_dir, remove_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
