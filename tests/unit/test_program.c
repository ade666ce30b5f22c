/* How a program begins: its options, what -t says, and what the service manager is told. */
#include "core/base/buf.h"
#include "core/base/notify.h"
#include "core/config/program.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char folder[64], config[80], socket[80];
};

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-program-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->config, sizeof p->config, "%s/c", p->folder);
    (void)snprintf(p->socket, sizeof p->socket, "%s/notify", p->folder);
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct place *p = *state;

    (void)unlink(p->config);
    (void)unlink(p->socket);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

/* ---- options ---- */

/* What a program with those arguments says on both outputs, and its answer. */
static int run(const char *const *arguments, char *said, size_t cap)
{
    char *argv[8] = {NULL};
    FILE *both = tmpfile();
    int saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)}, argc = 0, answer;
    struct program_options options;
    size_t n;

    assert_non_null(both);
    for (; arguments[argc] != NULL; argc++)
        argv[argc] = strdup(arguments[argc]);
    (void)fflush(stdout);
    assert_true(dup2(fileno(both), STDOUT_FILENO) >= 0 && dup2(fileno(both), STDERR_FILENO) >= 0);
    optind = 0; /* getopt(3): anew */
    answer = program_begin(argc, argv, "postern-test", "does what a test wants", &options);
    (void)fflush(stdout);
    assert_true(dup2(saved[0], STDOUT_FILENO) >= 0 && dup2(saved[1], STDERR_FILENO) >= 0);
    (void)close(saved[0]);
    (void)close(saved[1]);
    rewind(both);
    n = fread(said, 1, cap - 1, both);
    said[n] = '\0';
    (void)fclose(both);
    if (answer == PROGRAM_GO_ON)
        assert_string_equal(options.config_path, argc > 2 ? arguments[2] : PROGRAM_CONFIG_DEFAULT);
    while (argc > 0)
        free(argv[--argc]);
    return answer;
}

static void each_option_does_what_the_help_says(void **state)
{
    static const struct {
        const char *arguments[5];
        int answer;
        const char *says;
    } rows[] = {
        {{"x"}, PROGRAM_GO_ON, ""},
        {{"x", "-c", "/etc/other"}, PROGRAM_GO_ON, ""},
        {{"x", "-V"}, 0, "postern-test " POSTERN_VERSION "\n"},
        {{"x", "-h"}, 0, "does what a test wants"},
        {{"x", "-h"}, 0, "(default: " PROGRAM_CONFIG_DEFAULT ")"},
        {{"x", "-z"}, PROGRAM_EXIT_USAGE, "usage: postern-test [-c FILE] [-t] [-V] [-h]\n"},
        {{"x", "-c"}, PROGRAM_EXIT_USAGE, "usage: "},
        {{"x", "/etc/other"},
         PROGRAM_EXIT_USAGE,
         "unexpected argument \"/etc/other\"; a configuration file is given with -c"},
        {{"x", "-t", "-c", "/nonexistent/c"}, PROGRAM_EXIT_FAILED, "postern-test: /nonexistent/c: No such file"},
    };
    char said[8192];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int answer = run(rows[i].arguments, said, sizeof said);

        if (answer != rows[i].answer || strstr(said, rows[i].says) == NULL)
            fail_msg("row %zu: %d, %s", i, answer, said);
    }
}

static void a_configuration_that_is_checked_is_ok_or_wrong_with_its_place(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *text;
        int answer;
        const char *says;
    } rows[] = {
        {"", 0, "/c: OK\n"},
        {"mode = \"monitor\";", 0, "/c: OK\n"}, /* what it means is for "postern check" */
        {"mode = \"wrong\";", PROGRAM_EXIT_FAILED, "/c:1: mode: \"wrong\" is not known here"},
    };
    char said[8192];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const arguments[] = {"x", "-t", "-c", p->config, NULL};
        FILE *f = fopen(p->config, "w");
        int answer;

        assert_non_null(f);
        assert_true(fputs(rows[i].text, f) >= 0 && fclose(f) == 0);
        answer = run(arguments, said, sizeof said);
        if (answer != rows[i].answer || strstr(said, rows[i].says) == NULL || strchr(said, '\n')[1] != '\0')
            fail_msg("%s: %d, %s", rows[i].text, answer, said);
    }
}

static void a_service_survives_a_peer_that_went_away_and_may_have_all_its_descriptors(void **state)
{
    struct rlimit before, few, now;
    int ends[2];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){64, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    program_prepare_service();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_true(now.rlim_cur == before.rlim_max && now.rlim_max == before.rlim_max);
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1); /* and we are still here */
    (void)close(ends[1]);
    (void)signal(SIGPIPE, SIG_DFL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* ---- the service manager ---- */

/* A socket of the manager's at that address; "@": in the abstract namespace. */
static int manager(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t n = strlen(path);

    assert_true(fd >= 0 && n < sizeof address.sun_path);
    memcpy(address.sun_path, path, n);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(
        bind(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    return fd;
}

static const char *heard(int fd)
{
    static char text[256];
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void the_manager_hears_each_step_at_a_path_or_an_abstract_name(void **state)
{
    struct place *p = *state;
    char abstract[96];
    const char *const names[] = {p->socket, abstract};

    (void)snprintf(abstract, sizeof abstract, "@%s", p->folder);
    for (size_t i = 0; i < 2; i++) {
        int fd = manager(names[i]);
        struct timespec now;
        unsigned long long us;
        const char *text;

        notify_ready();
        assert_string_equal(heard(fd), "READY=1");
        notify_reloading();
        text = heard(fd);
        assert_int_equal(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
        us = strtoull(text + 27, NULL, 10);
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
        assert_true(us > 0 && us <= (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
        notify_stopping();
        assert_string_equal(heard(fd), "STOPPING=1");
        (void)close(fd);
    }
}

static void without_a_manager_or_with_a_name_that_is_none_nothing_happens(void **state)
{
    static char long_name[200];
    const char *const names[] = {"", "/", "relative", "/nonexistent/notify", long_name};

    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[0] = '/';
    notify_ready();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        notify_ready();
        notify_stopping();
    }
}

static void the_manager_gets_a_descriptor_to_keep(void **state)
{
    struct place *p = *state;
    int fd = manager(p->socket), kept = -1, pair[2];
    char text[64] = "", control[CMSG_SPACE(sizeof(int))];
    struct iovec bytes = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};

    assert_int_equal(pipe(pair), 0);
    assert_true(notify_keep(pair[1]));
    assert_true(recvmsg(fd, &message, MSG_DONTWAIT) > 0);
    assert_string_equal(text, "FDSTORE=1");
    assert_non_null(CMSG_FIRSTHDR(&message));
    memcpy(&kept, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof kept);
    assert_int_equal(write(kept, "x", 1), 1);
    assert_int_equal(read(pair[0], text, 1), 1);
    close(pair[0]);
    close(pair[1]);
    close(kept);
    close(fd);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_false(notify_keep(0));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        T(each_option_does_what_the_help_says),
        T(a_configuration_that_is_checked_is_ok_or_wrong_with_its_place),
        T(a_service_survives_a_peer_that_went_away_and_may_have_all_its_descriptors),
        T(the_manager_hears_each_step_at_a_path_or_an_abstract_name),
        T(the_manager_gets_a_descriptor_to_keep),
        T(without_a_manager_or_with_a_name_that_is_none_nothing_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
