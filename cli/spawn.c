#include "cli/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 65536

/* Postfix's tools by where distributions put them. */
static const struct {
    const char *name, *path;
} tools[] = {
    {"postconf", "/usr/sbin/postconf"},
    {"postconf", "/usr/local/sbin/postconf"},
    {"postconf", "/usr/bin/postconf"},
    {"postsuper", "/usr/sbin/postsuper"},
    {"postsuper", "/usr/local/sbin/postsuper"},
    {"postsuper", "/usr/bin/postsuper"},
    {"postqueue", "/usr/sbin/postqueue"},
    {"postqueue", "/usr/local/sbin/postqueue"},
    {"postqueue", "/usr/bin/postqueue"},
    {"postmap", "/usr/sbin/postmap"},
    {"postmap", "/usr/local/sbin/postmap"},
    {"postmap", "/usr/bin/postmap"},
    {"postfix", "/usr/sbin/postfix"},
    {"postfix", "/usr/local/sbin/postfix"},
    {"postfix", "/usr/bin/postfix"},
    {"doveconf", "/usr/bin/doveconf"},
    {"doveconf", "/usr/local/bin/doveconf"},
};

const char *spawn_tool(const char *name, struct error *e)
{
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
        if (strcmp(tools[i].name, name) == 0 && access(tools[i].path, X_OK) == 0)
            return tools[i].path;
    (void)error_set(e,
                    "there is no %s in /usr/sbin, /usr/local/sbin or /usr/bin: run this where Postfix is installed, as "
                    "a user who may run it",
                    name);
    return NULL;
}

/* ---- pipes: parent's end, child's end ---- */

struct pipes {
    int in[2], out[2], errors[2]; /* [0] is read from, [1] written to; -1: closed */
};

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void pipes_close(struct pipes *p)
{
    for (int i = 0; i < 2; i++) {
        shut(&p->in[i]);
        shut(&p->out[i]);
        shut(&p->errors[i]);
    }
}

static int pipes_open(struct pipes *p)
{
    *p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(p->in, O_CLOEXEC) != 0 || pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->errors, O_CLOEXEC) != 0)
        return -1;
    return fcntl(p->in[1], F_SETFL, O_NONBLOCK);
}

/* dup2 clears close-on-exec on the copies; nothing else of ours is inherited. */
static int spawn_start(const char *const argv[], struct pipes *p, pid_t *pid)
{
    static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int result;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawn_file_actions_adddup2(&actions, p->in[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, p->out[1], STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, p->errors[1], STDERR_FILENO);
    result = posix_spawn(pid, argv[0], &actions, &attributes, (char *const *)argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    shut(&p->in[0]);
    shut(&p->out[1]);
    shut(&p->errors[1]);
    return result;
}

/* ---- the conversation ---- */

static void spawn_feed(struct pipes *p, struct slice *input)
{
    ssize_t n = input->n > 0 ? write(p->in[1], input->p, input->n) : 0;

    if (n > 0)
        *input = (struct slice){input->p + n, input->n - (size_t)n};
    if (input->n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        shut(&p->in[1]); /* everything is written, or the tool has closed its input */
}

static int spawn_grow(struct spawn_result *r, size_t *room, struct error *e)
{
    char *more;

    if (*room - r->n > CHUNK)
        return 0;
    if (r->n > SPAWN_OUTPUT_MAX)
        return error_set(e, "more than %u bytes of output", SPAWN_OUTPUT_MAX);
    more = realloc(r->out, *room + 2 * CHUNK);
    if (more == NULL)
        return error_set(e, "out of memory");
    r->out = more;
    *room += 2 * CHUNK;
    return 0;
}

static int take_output(struct pipes *p, struct spawn_result *r, size_t *room, struct error *e)
{
    ssize_t n;

    if (spawn_grow(r, room, e) != 0)
        return -1;
    n = read(p->out[0], r->out + r->n, CHUNK);
    if (n > 0)
        r->n += (size_t)n;
    else if (n == 0 || errno != EINTR)
        shut(&p->out[0]);
    r->out[r->n] = '\0';
    return 0;
}

static void take_errors(struct pipes *p, struct spawn_result *r)
{
    char text[512];
    ssize_t n = read(p->errors[0], text, sizeof text);
    size_t have = strlen(r->errors);

    if (n == 0 || (n < 0 && errno != EINTR))
        shut(&p->errors[0]);
    for (ssize_t i = 0; i < n && have + 1 < sizeof r->errors; i++)
        r->errors[have++] = text[i] != '\0' ? text[i] : '?';
    r->errors[have] = '\0';
}

static int converse(struct pipes *p, struct slice input, struct spawn_result *r, struct error *e)
{
    size_t room = 0;

    if (spawn_grow(r, &room, e) != 0)
        return -1;
    r->out[0] = '\0';
    while (p->out[0] >= 0 || p->errors[0] >= 0) {
        struct pollfd fds[3] = {{p->in[1], POLLOUT, 0}, {p->out[0], POLLIN, 0}, {p->errors[0], POLLIN, 0}};

        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return error_set(e, "poll: %s", strerror(errno));
        if (fds[0].revents != 0)
            spawn_feed(p, &input);
        if (fds[1].revents != 0 && take_output(p, r, &room, e) != 0)
            return -1;
        if (fds[2].revents != 0)
            take_errors(p, r);
    }
    return 0;
}

int spawn_end(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int spawn_run(const char *const argv[], struct slice input, struct spawn_result *r, struct error *e)
{
    struct pipes p;
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    pid_t pid = -1;
    int result = -1, why;

    *r = (struct spawn_result){.out = NULL};
    if (pipes_open(&p) != 0) {
        (void)error_set(e, "%s: no pipe: %s", argv[0], strerror(errno));
    } else if ((why = spawn_start(argv, &p, &pid)) != 0) {
        (void)error_set(e, "%s cannot be run: %s", argv[0], strerror(why));
    } else {
        result = converse(&p, input, r, e);
        if (result != 0)
            (void)error_prefix(e, "%s", argv[0]);
        pipes_close(&p);
        r->status = spawn_end(pid);
    }
    pipes_close(&p);
    (void)signal(SIGPIPE, before);
    if (result != 0)
        spawn_free(r);
    return result;
}

void spawn_free(struct spawn_result *r)
{
    free(r->out);
    r->out = NULL;
    r->n = 0;
}

int spawn_filter(const char *const argv[], int input, pid_t *pid, struct error *e)
{
    struct pipes p = {{input, -1}, {-1, -1}, {-1, fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)}};
    int why = p.errors[1] < 0 || pipe2(p.out, O_CLOEXEC) != 0 ? errno : spawn_start(argv, &p, pid);
    int output = p.out[0];

    if (why == 0)
        return output;
    pipes_close(&p);
    return error_set(e, "%s cannot be run: %s", argv[0], strerror(why));
}
