/* links: cli */
/* Which processes "postern status" and "reload" take for services: by what runs, as whom, not by a name. */
#include "cli/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROGRAM "postern-policyd"
#define NOBODY 65534u
#define FAKES 70 /* more than there are places */

struct place {
    char folder[64], config[96], state[96], program[96];
    pid_t pids[FAKES + 2];
    size_t n;
};

static void copy_of_us(const char *to)
{
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    struct stat st;

    assert_true(from >= 0 && fd >= 0 && fstat(from, &st) == 0);
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(fd, from, NULL, (size_t)left);

        assert_true(n > 0);
        left -= n;
    }
    assert_int_equal(fchmod(fd, 0755), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(from), 0);
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    int fd;

    assert_non_null(p);
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/postern-processes.XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    assert_int_equal(chmod(p->folder, 0755), 0);
    (void)snprintf(p->config, sizeof p->config, "%s/postern.conf", p->folder);
    (void)snprintf(p->state, sizeof p->state, "%s/state", p->folder);
    (void)snprintf(p->program, sizeof p->program, "%s/" PROGRAM, p->folder);
    fd = open(p->config, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && close(fd) == 0);
    copy_of_us(p->program);
    *state = p;
    return 0;
}

static void end_all(struct place *p)
{
    while (p->n > 0) {
        pid_t pid = p->pids[--p->n];

        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
}

static int tear_down(void **state)
{
    struct place *p = *state;

    end_all(p);
    (void)unlink(p->config);
    (void)unlink(p->state);
    (void)unlink(p->program);
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

/* A service of ours, for the test: it waits for its end, and says on the pipe that it runs. */
static pid_t start(struct place *p, const char *program, uid_t uid, const char *config)
{
    int ready[2];
    pid_t pid;
    char byte, number[16];

    assert_int_equal(pipe(ready), 0);
    (void)snprintf(number, sizeof number, "%d", ready[1]);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (uid != 0 && setresuid(uid, uid, uid) != 0)
            _exit(1);
        (void)execl(program, PROGRAM, "-c", config, number, (char *)NULL);
        _exit(1);
    }
    p->pids[p->n++] = pid;
    assert_int_equal(close(ready[1]), 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(close(ready[0]), 0);
    return pid;
}

static size_t found(const struct place *p, struct process list[PROCESSES_MAX])
{
    return processes_find(p->config, p->state, list);
}

static void a_service_is_found_with_its_configuration_alone(void **state)
{
    struct process list[PROCESSES_MAX];
    struct place *p = *state;
    pid_t pid = start(p, p->program, 0, p->config);

    (void)start(p, p->program, 0, "/nowhere/else.conf");
    assert_int_equal(found(p, list), 1);
    assert_int_equal(list[0].pid, pid);
    assert_string_equal(list[0].name, PROGRAM);
    assert_false(list[0].of_unit);
    /* An upgrade replaces its file. */
    assert_int_equal(unlink(p->program), 0);
    assert_int_equal(found(p, list), 1);
}

static void a_process_that_only_has_the_name_is_none(void **state)
{
    struct process list[PROCESSES_MAX];
    struct place *p = *state;
    char other[128];

    (void)snprintf(other, sizeof other, "%s/other", p->folder);
    assert_int_equal(rename(p->program, other), 0);
    (void)start(p, other, 0, p->config); /* gives itself the name */
    assert_int_equal(rename(other, p->program), 0);
    assert_int_equal(found(p, list), 1); /* the file is the program now: so it was the file that was looked at */
    assert_int_equal(rename(p->program, other), 0);
    assert_int_equal(found(p, list), 0);
    assert_int_equal(rename(other, p->program), 0);
}

static void the_program_of_another_user_is_none(void **state)
{
    struct process list[PROCESSES_MAX];
    struct place *p = *state;

    if (geteuid() != 0)
        skip();
    (void)start(p, p->program, NOBODY, p->config);
    assert_int_equal(found(p, list), 0);
    /* He could have written the file. */
    assert_int_equal(chown(p->program, NOBODY, NOBODY), 0);
    (void)start(p, p->program, 0, p->config);
    assert_int_equal(found(p, list), 0);
    assert_int_equal(chown(p->program, 0, 0), 0);
    assert_int_equal(found(p, list), 1);
    assert_int_equal(chmod(p->program, 0757), 0);
    assert_int_equal(found(p, list), 0);
}

static void whose_the_state_is_may_serve(void **state)
{
    struct process list[PROCESSES_MAX];
    struct place *p = *state;
    int fd;

    if (geteuid() != 0)
        skip();
    (void)start(p, p->program, NOBODY, p->config);
    assert_int_equal(found(p, list), 0);
    fd = open(p->state, O_WRONLY | O_CREAT | O_CLOEXEC, 0660);
    assert_true(fd >= 0 && fchown(fd, NOBODY, NOBODY) == 0 && close(fd) == 0);
    assert_int_equal(found(p, list), 1);
    assert_int_equal(unlink(p->state), 0);
    assert_int_equal(chown(p->folder, NOBODY, NOBODY), 0); /* where it is going to be */
    assert_int_equal(found(p, list), 1);
}

static void many_others_of_the_name_hide_no_service(void **state)
{
    struct process list[PROCESSES_MAX];
    struct place *p = *state;
    pid_t pid;

    if (geteuid() != 0)
        skip();
    for (unsigned i = 0; i < FAKES; i++)
        (void)start(p, p->program, NOBODY, p->config);
    pid = start(p, p->program, 0, p->config);
    assert_int_equal(found(p, list), 1);
    assert_int_equal(list[0].pid, pid);
}

static void a_signal_goes_only_to_what_is_still_that_service(void **state)
{
    struct process list[PROCESSES_MAX];
    struct place *p = *state;
    pid_t pid = start(p, p->program, 0, p->config);
    int status;

    assert_int_equal(found(p, list), 1);
    /* Another process by now: nothing is sent to it. */
    list[0].pid = getpid();
    assert_int_equal(process_signal(&list[0], p->config, p->state, SIGKILL), -1);
    assert_int_equal(errno, ESRCH);
    list[0].pid = pid;
    assert_int_equal(process_signal(&list[0], p->config, p->state, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    p->n--;
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(process_signal(&list[0], p->config, p->state, SIGTERM), -1);
    assert_int_equal(errno, ESRCH);
}

static void the_main_process_of_a_unit_is_what_systemctl_says(void **state)
{
    static const struct {
        const char *answer;
        pid_t pid;
    } rows[] = {
        {"MainPID=812\nId=postern-policyd.service\n\nMainPID=900\nId=postern-milter.service\n", 812},
        {"Id=postern-milter.service\nMainPID=900\n\nId=postern-policyd.service\nMainPID=812\n", 812},
        {"Id=postern-policyd.service\nMainPID=812", 812},
        {"MainPID=0\nId=postern-policyd.service\n", 0},
        {"MainPID=900\nId=postern-milter.service\n", 0},
        {"MainPID=900\n\nId=postern-policyd.service\n", 0}, /* not the number of the unit before */
        {"MainPID=-5\nId=postern-policyd.service\n", 0},
        {"MainPID=99999999999\nId=postern-policyd.service\n", 0},
        {"Failed to connect to bus\n", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(processes_main_of(slice_of(rows[i].answer), PROGRAM ".service"), rows[i].pid);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_service_is_found_with_its_configuration_alone),
        TEST(a_process_that_only_has_the_name_is_none),
        TEST(the_program_of_another_user_is_none),
        TEST(whose_the_state_is_may_serve),
        TEST(many_others_of_the_name_hide_no_service),
        TEST(a_signal_goes_only_to_what_is_still_that_service),
        cmocka_unit_test(the_main_process_of_a_unit_is_what_systemctl_says),
    };

    /* Started by the tests above, as a service. */
    if (argc == 4 && strcmp(argv[1], "-c") == 0) {
        (void)prctl(PR_SET_NAME, PROGRAM);
        if (write((int)strtol(argv[3], NULL, 10), "", 1) == 1)
            (void)pause();
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
