#include "alert/body.h"
#include "alert/send.h"
#include "core/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VARIABLES_MAX (ALERT_FACTS_MAX + 10)
#define VARIABLE_MAX 512
#define POLL_NS (20 * NS_PER_MS)

struct environment {
    char text[VARIABLES_MAX][VARIABLE_MAX];
    char *list[VARIABLES_MAX + 1];
    size_t n;
};

static void add_variable(struct environment *env, const char *prefix, const char *name, const char *value)
{
    struct buf b;

    if (env->n == VARIABLES_MAX)
        return;
    b = buf_over(env->text[env->n], VARIABLE_MAX);
    buf_add(&b, slice_of(prefix));
    for (const char *c = name; *c != '\0'; c++) /* names of facts are letters, digits and "_" */
        buf_add_char(&b, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    buf_add_char(&b, '=');
    buf_add(&b, slice_of(value));
    env->list[env->n] = env->text[env->n];
    env->list[++env->n] = NULL;
}

static void make_environment(const struct notice *notice, struct environment *env)
{
    static const char *const texts[] = {"id", "event", "subject", "summary", "advice", "host"};
    json_t *value, *facts = json_object_get(notice->json, "facts");
    const char *key;

    env->n = 0;
    add_variable(env, "", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        add_variable(env, "POSTERN_", texts[i], notice_text(notice, texts[i]));
    json_object_foreach(facts, key, value)
    {
        if (json_is_string(value))
            add_variable(env, "POSTERN_FACT_", key, json_string_value(value));
    }
}

/* The body fits into a pipe's buffer (64 KiB on Linux, ALERT_FILE_MAX is less), so nobody has to be waited for. */
static int body_pipe(const struct notice *notice, int *out)
{
    char *body = body_make(notice, ALERT_JSON);
    size_t n = body != NULL ? strlen(body) : 0;
    int ends[2];

    if (body == NULL || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(body);
        return -1;
    }
    if (write(ends[1], body, n) != (ssize_t)n || fcntl(ends[0], F_SETFL, 0) != 0)
        n = 0;
    free(body);
    (void)close(ends[1]);
    *out = ends[0];
    if (n == 0)
        (void)close(ends[0]);
    return n > 0 ? 0 : -1;
}

/* In a process group of its own, so that what it starts can be ended with it. */
static int command_start(const struct alert_target *target, char **environment, int in, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    int result;

    (void)sigemptyset(&none);
    (void)sigfillset(&defaults);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    result = posix_spawn(pid, target->command[0], &actions, &attributes, (char *const *)target->command, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return result;
}

/* 0 with *status; -1 when the time was over and it was killed. */
static int await(pid_t pid, uint64_t timeout_s, int *status)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    uint64_t until = clock_boot_ns() + timeout_s * NS_PER_S;

    while (waitpid(pid, status, WNOHANG) == 0) {
        if (clock_boot_ns() > until) {
            (void)kill(-pid, SIGKILL);
            (void)waitpid(pid, status, 0);
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

enum sent send_command(const struct alert_target *target, const struct notice *notice, struct error *e)
{
    struct environment env;
    int in, why, status = 0;
    pid_t pid;

    if (body_pipe(notice, &in) != 0) {
        (void)error_set(e, "no pipe for the command: %s", strerror(errno));
        return SENT_LATER;
    }
    make_environment(notice, &env);
    why = command_start(target, env.list, in, &pid);
    (void)close(in);
    if (why != 0)
        (void)error_set(e, "cannot be run: %s", strerror(why));
    else if (await(pid, target->timeout_s, &status) != 0)
        (void)error_set(e, "took more than %llu s and was ended", (unsigned long long)target->timeout_s);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return SENT_DONE;
    else
        (void)error_set(e, "ended with %s %d", WIFEXITED(status) ? "status" : "signal",
                        WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return SENT_LATER;
}
