/* The log: its form for syslog, the journal and people; and that nobody waits for whoever does not take it. threads */
#include "core/base/buf.h"
#include "core/base/log.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/waiting.h"

static const struct log_config to_stderr = {.to = LOG_TO_STDERR, .format = LOG_TEXT, .facility = LOG_MAIL};
static const struct log_config to_syslog = {.to = LOG_TO_SYSLOG, .format = LOG_TEXT, .facility = LOG_MAIL};

/* ---- a syslog of our own: /dev belongs to this process alone ---- */

static bool dev_is_ours;

static void take_dev(void)
{
    int user = geteuid() == 0 ? 0 : CLONE_NEWUSER;

    dev_is_ours = unshare(CLONE_NEWNS | user) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                  mount("tmpfs", "/dev", "tmpfs", 0, NULL) == 0;
}

static int daemon_begin(void)
{
    const struct sockaddr_un where = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)unlink(where.sun_path);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&where, sizeof where), 0);
    return fd;
}

/* The next line, waited for; valid until the next. */
static const char *daemon_hears(int fd)
{
    static char text[LOG_LINE_MAX + 200];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);

    assert_true(n > 0);
    text[n] = '\0';
    return text;
}

/* "Nov 21 10:00:00 postern-test[123]: " behind the priority; returns the rest. */
static const char *behind_head(const char *line, const char *priority)
{
    char name[40];
    const char *at;

    (void)snprintf(name, sizeof name, " postern-test[%d]: ", (int)getpid());
    assert_int_equal(strncmp(line, priority, strlen(priority)), 0);
    at = strstr(line, name);
    assert_non_null(at);
    assert_int_equal(at - line, strlen(priority) + sizeof "Nov 21 10:00:00" - 1);
    return at + strlen(name);
}

static void each_level_has_its_priority_in_syslog(void **state)
{
    static const struct {
        enum log_level level;
        const char *priority;
    } rows[] = {{LEVEL_ERROR, "<19>"}, {LEVEL_WARNING, "<20>"}, {LEVEL_NOTICE, "<21>"}, {LEVEL_INFO, "<22>"}};
    struct log *log;
    int fd;

    (void)state;
    if (!dev_is_ours)
        skip();
    fd = daemon_begin();
    assert_non_null(log = log_open("postern-test", &to_syslog));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_say(log, rows[i].level, "line %zu", i);
        assert_int_equal(strncmp(behind_head(daemon_hears(fd), rows[i].priority), "line ", 5), 0);
    }
    log_close(log);
    (void)close(fd);
}

static void a_daemon_that_was_away_is_told_how_many_lines_it_missed(void **state)
{
    struct log *log;
    uint64_t missed;
    int fd;

    (void)state;
    if (!dev_is_ours)
        skip();
    fd = daemon_begin();
    assert_non_null(log = log_open("postern-test", &to_syslog));
    log_say(log, LEVEL_INFO, "first");
    assert_string_equal(behind_head(daemon_hears(fd), "<22>"), "first");
    (void)close(fd);
    for (int i = 0; i < 5; i++)
        log_say(log, LEVEL_INFO, "into nothing");
    wait_until(log_dropped(log) >= 5);
    fd = daemon_begin();
    /* It is looked for once a second, and meanwhile lines are missed as well. */
    do {
        char line[80];

        missed = log_dropped(log);
        log_say(log, LEVEL_INFO, "are you there");
        wait_until(log_dropped(log) > missed || recv(fd, line, sizeof line, MSG_PEEK | MSG_DONTWAIT) > 0);
    } while (log_dropped(log) > missed);
    for (;;) {
        const char *text = strstr(daemon_hears(fd), "]: event=log-dropped lines=");

        if (text != NULL) {
            assert_true(strtoull(strchr(text, '=') + sizeof "log-dropped lines=", NULL, 10) >= 5);
            break;
        }
    }
    log_close(log);
    (void)close(fd);
}

static void a_daemon_that_hangs_holds_up_nobody(void **state)
{
    struct log *log;
    int fd;

    (void)state;
    if (!dev_is_ours)
        skip();
    fd = daemon_begin();
    assert_non_null(log = log_open("postern-test", &to_syslog));
    while (log_dropped(log) == 0)
        log_say(log, LEVEL_INFO, "nobody reads this");
    log_close(log);
    (void)close(fd);
}

/* ---- stderr ---- */

static int saved_stderr;

/* From here on stderr is that descriptor. */
static void stderr_to(int fd)
{
    saved_stderr = dup(STDERR_FILENO);
    assert_true(saved_stderr >= 0 && dup2(fd, STDERR_FILENO) >= 0);
}

static void stderr_back(void)
{
    assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
    (void)close(saved_stderr);
}

static bool journal_is_stderr;

static void name_journal(void)
{
    char stream[60];
    struct stat st;

    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
}

/* What the log writes for one call of `what`; valid until the next. */
static const char *written(const struct log_config *config, void (*what)(struct log *log))
{
    static char text[3 * LOG_LINE_MAX];
    FILE *file = tmpfile();
    struct log *log;

    assert_non_null(file);
    stderr_to(fileno(file));
    if (journal_is_stderr)
        name_journal();
    log = log_open("postern-test", config);
    assert_non_null(log);
    what(log);
    log_close(log); /* all is out then */
    stderr_back();
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void say_hostile(struct log *log)
{
    log_say(log, LEVEL_WARNING, "%s", "a \"quote\" \\ \n\033[31m\xff");
}

static void foreign_bytes_are_escaped_in_both_forms(void **state)
{
    static const struct log_config json = {.to = LOG_TO_STDERR, .format = LOG_JSON, .facility = LOG_MAIL};
    const char *line;

    (void)state;
    line = written(&to_stderr, say_hostile);
    assert_non_null(strstr(line, "]: a \"quote\" \\ \\x0a\\x1b[31m\\xff\n"));
    line = written(&json, say_hostile);
    assert_non_null(strstr(line, "{\"time\":\"20"));
    assert_non_null(strstr(line, ",\"level\":\"warning\",\"event\":\"message\",\"text\":\"a \\\"quote\\\" \\\\ "
                                 "\\u000a\\u001b[31m\\ufffd\"}\n"));
}

/* What reads the log of a container takes each line for an object, and its time from there. */
static void on_stderr_json_is_one_object_a_line_with_its_time(void **state)
{
    static const struct log_config json = {.to = LOG_TO_STDERR, .format = LOG_JSON, .facility = LOG_MAIL};
    static const char shape[] = "{\"time\":\"2999-19-39T29:59:69+01:30\",\"program\":\"postern-test\",\"pid\":";
    const char *line;

    (void)state;
    assert_int_equal(setenv("TZ", "XXX-01:30", 1), 0);
    tzset();
    line = written(&json, say_hostile);
    for (size_t i = 0; i < sizeof shape - 1; i++) /* a digit stands for all up to it */
        assert_true(line[i] == shape[i] || (line[i] >= '0' && line[i] < shape[i] && shape[i] <= '9'));
    assert_int_equal(strtol(line + sizeof shape - 1, NULL, 10), getpid());
    assert_string_equal(strchr(line, '\n'), "\n");
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void the_journal_gets_priorities_and_adds_the_rest_itself(void **state)
{
    (void)state;
    journal_is_stderr = true;
    assert_string_equal(written(&to_stderr, say_hostile), "<4>a \"quote\" \\ \\x0a\\x1b[31m\\xff\n");
    journal_is_stderr = false;
    /* Redirected since: the environment still names the journal's. */
    assert_int_equal(setenv("JOURNAL_STREAM", "8:1234", 1), 0);
    assert_non_null(strstr(written(&to_stderr, say_hostile), "]: a "));
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

static void say_long(struct log *log)
{
    static char text[2 * LOG_LINE_MAX];

    memset(text, 'x', sizeof text);
    log_line(log, LEVEL_INFO, (struct slice){text, sizeof text});
    log_line(log, LEVEL_INFO, SLICE("the next"));
    log_line(log, LEVEL_INFO, (struct slice){NULL, 0});
}

static void a_line_that_is_too_long_is_cut_and_the_next_is_whole(void **state)
{
    const char *text = written(&to_stderr, say_long), *end = strchr(text, '\n');

    (void)state;
    assert_non_null(end);
    assert_int_equal(strspn(strstr(text, "]: ") + 3, "x"), LOG_LINE_MAX);
    assert_non_null(strstr(end, "]: the next\n"));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void say_much(struct log *log)
{
    static char text[1000];

    memset(text, 'y', sizeof text);
    for (int i = 0; i < 200; i++)
        log_line(log, LEVEL_INFO, (struct slice){text, sizeof text});
}

static void many_lines_at_once_all_come_out(void **state)
{
    static char text[300000];
    FILE *file = tmpfile();
    struct log *log;
    unsigned lines = 0;

    (void)state;
    assert_non_null(file);
    stderr_to(fileno(file));
    assert_non_null(log = log_open("postern-test", &to_stderr));
    say_much(log);
    log_close(log);
    stderr_back();
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 200);
}

/* In a process of its own, since the thread that is held up is left behind. */
static void a_receiver_that_blocks_holds_up_neither_lines_nor_the_end(void **state)
{
    int ends[2], status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct log *log;

        if (dup2(ends[1], STDERR_FILENO) < 0 || (log = log_open("postern-test", &to_stderr)) == NULL)
            _exit(1);
        while (log_dropped(log) == 0)
            log_say(log, LEVEL_INFO, "the pipe is full soon, and then the room for lines");
        log_close(log);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_level_has_its_priority_in_syslog),
        cmocka_unit_test(a_daemon_that_was_away_is_told_how_many_lines_it_missed),
        cmocka_unit_test(a_daemon_that_hangs_holds_up_nobody),
        cmocka_unit_test(foreign_bytes_are_escaped_in_both_forms),
        cmocka_unit_test(on_stderr_json_is_one_object_a_line_with_its_time),
        cmocka_unit_test(the_journal_gets_priorities_and_adds_the_rest_itself),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_the_next_is_whole),
        cmocka_unit_test(many_lines_at_once_all_come_out),
        cmocka_unit_test(a_receiver_that_blocks_holds_up_neither_lines_nor_the_end),
    };

    take_dev();
    (void)unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
