#include "cluster/log_run.h"

#include "core/base/buf.h"
#include "core/report/log_question.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX (LOG_QUESTION_OPTIONS + 8u)

struct log_run {
    pid_t pid; /* 0: it has ended, and was waited for */
    int from;
    struct event *readable;
    log_run_done *done;
    void *arg;
    size_t n;
    char text[LOG_RUN_BYTES_MAX];
};

/* ---- the process ---- */

/* "postern" is installed in bin where this program is in sbin; where it was built it is beside it. */
static int find_program(char out[PATH_MAX], struct error *e)
{
    static const char *const beside[] = {"postern", "../bin/postern"};
    char own[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    char *slash;

    if (n > 0) {
        own[n] = '\0';
        slash = strrchr(own, '/');
        for (size_t i = 0; slash != NULL && i < sizeof beside / sizeof *beside; i++) {
            struct buf b = buf_over(out, PATH_MAX);

            buf_add(&b, (struct slice){own, (size_t)(slash + 1 - own)});
            buf_add(&b, slice_of(beside[i]));
            if (!b.full && access(out, X_OK) == 0)
                return 0;
        }
    }
    return error_set(e, "the program postern is not installed beside postern-cluster");
}

static int spawn(char *const argv[], int out, pid_t *pid)
{
    char *const environment[] = {(char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin", (char *)(uintptr_t) "LC_ALL=C.UTF-8",
                                 NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int why;

    (void)sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    why = posix_spawn(pid, argv[0], &actions, &attributes, argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return why;
}

static int start(struct log_run *r, const char *config_path, const char *const options[], size_t n, struct error *e)
{
    char program[PATH_MAX];
    const char *argv[ARGUMENTS_MAX] = {program, "-c", config_path, "log", "--json"};
    size_t count = 5;
    int ends[2], why;

    if (find_program(program, e) != 0)
        return -1;
    for (size_t i = 0; i < n && i < LOG_QUESTION_OPTIONS; i++)
        argv[count++] = options[i];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(e, "no pipe: %s", strerror(errno));
    why = spawn((char *const *)(uintptr_t)argv, ends[1], &r->pid);
    (void)close(ends[1]);
    r->from = ends[0];
    if (why != 0)
        r->pid = 0;
    return why == 0 ? 0 : error_set(e, "%s cannot be run: %s", program, strerror(why));
}

/* Did it end well? */
static bool end_process(struct log_run *r, bool by_force)
{
    int status = -1;

    if (r->pid == 0)
        return false;
    if (by_force)
        (void)kill(r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    r->pid = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- what it says ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct log_run *r = arg;
    bool late = (what & EV_TIMEOUT) != 0 || r->n == sizeof r->text;
    ssize_t got = late ? 0 : read((int)fd, r->text + r->n, sizeof r->text - r->n);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got > 0) {
        r->n += (size_t)got;
        return;
    }
    (void)event_del(r->readable);
    if (!end_process(r, late))
        r->n = 0;
    r->done(r->arg, (struct slice){r->text, r->n});
}

struct log_run *log_run_new(struct event_base *base, const char *config_path, const char *const options[], size_t n,
                            log_run_done *done, void *arg, struct error *e)
{
    static const struct timeval longest = {.tv_sec = LOG_RUN_S};
    struct log_run *r = calloc(1, sizeof *r);

    if (r == NULL) {
        (void)error_set(e, "no memory");
        return NULL;
    }
    r->from = -1;
    r->done = done;
    r->arg = arg;
    if (start(r, config_path, options, n, e) == 0) {
        r->readable = event_new(base, r->from, EV_READ | EV_PERSIST, on_readable, r);
        if (r->readable != NULL && event_add(r->readable, &longest) == 0)
            return r;
        (void)error_set(e, "no memory");
    }
    log_run_free(r);
    return NULL;
}

void log_run_free(struct log_run *r)
{
    if (r == NULL)
        return;
    if (r->readable != NULL)
        event_free(r->readable);
    (void)end_process(r, true);
    if (r->from >= 0)
        (void)close(r->from);
    free(r);
}
