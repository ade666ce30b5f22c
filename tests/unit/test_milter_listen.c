/* links: milter */
#include "milter/listen.h"

#include "core/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libmilter/mfapi.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[32], path[64], lock[72];
    struct listener_config config;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct buf path, lock;

    assert_non_null(f);
    path = BUF_OVER(f->path);
    lock = BUF_OVER(f->lock);
    memcpy(f->folder, "/tmp/postern-listen-XXXXXX", sizeof "/tmp/postern-listen-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    buf_addf(&path, "%s/milter.sock", f->folder);
    buf_addf(&lock, "%s.lock", f->path);
    f->config = (struct listener_config){.path = f->path, .fd = -1, .socket_mode = 0660};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)unlink(f->path);
    (void)unlink(f->lock);
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

/*
 * libmilter opens one socket a process, so each start is a process of its own: it says on the pipe whether it listens
 * ('y', or 'n' and why), and stays until it is killed or its standard input ends.
 */
struct start {
    pid_t pid;
    int from, to;
    char answer;
    char why[800];
};

static void run_child(const struct listener_config *config, int to_parent, int from_parent)
{
    struct smfiDesc description = {.xxfi_name = "test", .xxfi_version = SMFI_VERSION};
    struct listening listening;
    struct error e = {{0}};
    char c = 'y';

    if (smfi_register(description) != MI_SUCCESS || listen_open(config, false, &listening, &e) != 0)
        c = 'n';
    (void)!write(to_parent, &c, 1);
    (void)!write(to_parent, e.text, c == 'y' ? 0 : strlen(e.text));
    (void)close(to_parent);
    (void)!read(from_parent, &c, 1);
    if (e.text[0] == '\0')
        listen_close(&listening);
    _exit(0);
}

static struct start start(const struct listener_config *config)
{
    struct start s = {0};
    int up[2], down[2];
    ssize_t n;

    assert_int_equal(pipe2(up, O_CLOEXEC), 0);
    assert_int_equal(pipe2(down, O_CLOEXEC), 0);
    s.pid = fork();
    assert_true(s.pid >= 0);
    if (s.pid == 0) {
        (void)close(down[1]);
        run_child(config, up[1], down[0]);
    }
    (void)close(up[1]);
    (void)close(down[0]);
    s.from = up[0];
    s.to = down[1];
    assert_int_equal(read(s.from, &s.answer, 1), 1);
    if (s.answer == 'n') {
        n = read(s.from, s.why, sizeof s.why - 1);
        assert_true(n >= 0);
    }
    return s;
}

static void stop(struct start *s, int signal_number)
{
    int status;

    if (signal_number != 0)
        assert_int_equal(kill(s->pid, signal_number), 0);
    (void)close(s->to);
    (void)close(s->from);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
}

static bool answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool result;

    memcpy(address.sun_path, path, strlen(path) + 1);
    result = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd);
    return result;
}

static void a_socket_has_its_mode_and_goes_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct start s = start(&f->config);
    struct stat st;

    assert_int_equal(s.answer, 'y');
    assert_int_equal(stat(f->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_true(answers(f->path));
    stop(&s, 0);
    assert_int_equal(stat(f->path, &st), -1);
}

static void the_leftover_of_a_killed_instance_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct start s = start(&f->config);

    assert_int_equal(s.answer, 'y');
    stop(&s, SIGKILL);
    assert_int_equal(access(f->path, F_OK), 0);
    s = start(&f->config);
    assert_int_equal(s.answer, 'y');
    assert_true(answers(f->path));
    stop(&s, 0);
}

static void a_second_instance_says_so_and_leaves_the_first_alone(void **state)
{
    struct fixture *f = *state;
    struct start first = start(&f->config), second;

    assert_int_equal(first.answer, 'y');
    second = start(&f->config);
    assert_int_equal(second.answer, 'n');
    assert_non_null(strstr(second.why, "another postern-milter"));
    assert_non_null(strstr(second.why, f->lock));
    stop(&second, 0);
    assert_true(answers(f->path));
    stop(&first, 0);
}

static void a_stranger_who_listens_there_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct start s;

    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    s = start(&f->config);
    assert_int_equal(s.answer, 'n');
    assert_non_null(strstr(s.why, "another program answers"));
    stop(&s, 0);
    assert_true(answers(f->path));
    (void)close(fd);
}

static void what_is_no_socket_is_never_removed(void **state)
{
    struct fixture *f = *state;
    int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct start s;

    assert_true(fd >= 0);
    (void)close(fd);
    s = start(&f->config);
    assert_int_equal(s.answer, 'n');
    assert_non_null(strstr(s.why, "is not a socket"));
    stop(&s, 0);
    assert_int_equal(access(f->path, F_OK), 0);
}

static void errors_name_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    char longest[SOCKET_PATH_ROOM];
    const struct {
        struct listener_config config;
        const char *says;
    } rows[] = {
        {{.path = "/nowhere/at/all/milter.sock", .fd = -1}, "/nowhere/at/all/milter.sock.lock"},
        {{.path = longest, .fd = -1}, "longer"},
        {{.path = f->path, .fd = -1, .socket_mode = 0660, .socket_group = "no-such-group"},
         "no group \"no-such-group\""},
        {{.host = "203.0.113.1", .port = 10041, .fd = -1}, "inet:10041@[203.0.113.1]"},
        {{.host = "2001:db8::1", .port = 10041, .fd = -1}, "inet6:10041@[2001:db8::1]"},
        {{.fd = 999}, "fd:999"},
    };

    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct start s = start(&rows[i].config);

        assert_int_equal(s.answer, 'n');
        assert_non_null(strstr(s.why, rows[i].says));
        stop(&s, 0);
    }
    assert_int_equal(access(f->path, F_OK), -1);
}

static void a_group_is_set_where_one_is_named(void **state)
{
    struct fixture *f = *state;
    const struct group *group = getgrgid(getgid());
    struct start s;
    struct stat st;

    if (group == NULL)
        skip();
    f->config.socket_group = group->gr_name;
    s = start(&f->config);
    assert_int_equal(s.answer, 'y');
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_gid, getgid());
    stop(&s, 0);
}

static void a_socket_that_was_passed_in_is_used_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct listener_config config = {.fd = fd};
    struct start s;

    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    s = start(&config);
    assert_int_equal(s.answer, 'y');
    stop(&s, 0);
    assert_int_equal(access(f->path, F_OK), 0);
    (void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_socket_has_its_mode_and_goes_at_the_end),
        T(the_leftover_of_a_killed_instance_is_replaced),
        T(a_second_instance_says_so_and_leaves_the_first_alone),
        T(a_stranger_who_listens_there_is_left_alone),
        T(what_is_no_socket_is_never_removed),
        T(errors_name_what_is_wrong),
        T(a_group_is_set_where_one_is_named),
        T(a_socket_that_was_passed_in_is_used_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
