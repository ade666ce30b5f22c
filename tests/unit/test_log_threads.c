/* The log's way out. The lines of several threads are written by one of its own. */
#include "core/base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 3
#define LINES 500

/* From here on stderr is a file that has no name any more; returns the old one. */
static int stderr_to_file(void)
{
    char path[] = "/tmp/postern-log.XXXXXX";
    int saved = dup(STDERR_FILENO), fd = mkstemp(path);

    assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    assert_int_equal(unlink(path), 0);
    (void)close(fd);
    return saved;
}

/* What was written, for the caller to free; stderr is the old one again. */
static char *written(int saved)
{
    off_t n = lseek(STDERR_FILENO, 0, SEEK_END);
    char *text = malloc((size_t)n + 1);

    assert_non_null(text);
    assert_int_equal(pread(STDERR_FILENO, text, (size_t)n, 0), n);
    text[n] = '\0';
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    return text;
}

static void the_journal_is_told_the_level_and_adds_time_and_name_itself(void **state)
{
    const struct log_config config = {.to = LOG_TO_STDERR, .format = LOG_TEXT};
    int saved = stderr_to_file();
    struct log *log;
    struct stat st;
    char *text, stream[60];

    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    log = log_open("test", &config);
    assert_non_null(log);
    log_line(log, LEVEL_ERROR, SLICE("an error"));
    log_line(log, LEVEL_WARNING, SLICE("a warning"));
    log_line(log, LEVEL_NOTICE, SLICE("a notice"));
    log_line(log, LEVEL_INFO, SLICE(""));
    log_close(log);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    text = written(saved);
    assert_string_equal(text, "<3>an error\n<4>a warning\n<5>a notice\n<6>\n");
    free(text);
}

static void *say(void *arg)
{
    for (unsigned i = 0; i < LINES; i++)
        log_line(arg, LEVEL_INFO, SLICE("one whole line of some length"));
    return NULL;
}

/* Dropped where the writer did not keep up, but never cut, mixed or lost without a word. */
static void lines_of_several_threads_come_out_whole_or_are_counted(void **state)
{
    const struct log_config config = {.to = LOG_TO_STDERR, .format = LOG_TEXT};
    int saved = stderr_to_file();
    struct log *log = log_open("test", &config);
    unsigned long whole = 0, dropped = 0;
    pthread_t threads[THREADS];
    char *text, *save = NULL;

    (void)state;
    assert_non_null(log);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, say, log), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    log_close(log);
    text = written(saved);
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        const char *said = strstr(line, "]: ");

        assert_non_null(said);
        if (strncmp(said, "]: event=log-dropped lines=", 27) == 0)
            dropped += strtoul(said + 27, NULL, 10);
        else if (strcmp(said, "]: one whole line of some length") == 0)
            whole++;
        else
            fail_msg("\"%s\"", line);
    }
    assert_int_equal(whole + dropped, THREADS * LINES);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journal_is_told_the_level_and_adds_time_and_name_itself),
        cmocka_unit_test(lines_of_several_threads_come_out_whole_or_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
