/*
 * Several listeners. libmilter has one listening socket a process, so each listener gets a process of its own; they
 * share what policyd shares with them anyway: state, directory, journal. This one starts them, forwards signals, and
 * ends them all when one has ended, so that the service manager restarts the whole.
 */
#include "core/base/notify.h"
#include "core/config/config.h"
#include "core/config/program.h"
#include "milter/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child and what it listens at. */
struct child {
    pid_t pid; /* 0: it has ended */
    const struct listener_config *listener;
};

struct children {
    const char *config_path;
    const struct config *config;
    struct child *list;
    size_t n; /* started */
    int status;
};

/* What this process waits for. Blocked before the first child is there, so that none comes too early. */
static void wait_set(sigset_t *set)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};

    (void)sigemptyset(set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sigaddset(set, numbers[i]);
}

static void signal_children(const struct children *all, int signal_number)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->list[i].pid > 0)
            (void)kill(all->list[i].pid, signal_number);
}

/* Closes sockets that were passed in for other children: otherwise clients could connect to one that nobody serves. */
static void close_others(const struct config *config, size_t mine)
{
    for (size_t i = 0; i < config->milter.n_listen; i++)
        if (i != mine && config->milter.listen[i].fd >= 0)
            (void)close(config->milter.listen[i].fd);
}

/* In the child. When the parent ends, however it does, its children end as at SIGTERM. */
static void run_child(const struct children *all, size_t index, pid_t parent, int ready_fd)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        exit(PROGRAM_EXIT_FAILED);
    (void)unsetenv("NOTIFY_SOCKET"); /* the service manager hears the parent only */
    close_others(all->config, index);
    exit(serve_listener(all->config_path, index, ready_fd));
}

/* Starts the next one and waits until it serves. -1: it ended, or could not be started. */
static int start_next(struct children *all)
{
    struct child *child = &all->list[all->n];
    pid_t parent = getpid();
    int ready[2];
    char byte;
    ssize_t got;

    if (pipe2(ready, O_CLOEXEC) != 0)
        return -1;
    child->listener = &all->config->milter.listen[all->n];
    child->pid = fork();
    if (child->pid == 0)
        run_child(all, all->n, parent, ready[1]);
    (void)close(ready[1]);
    all->n += child->pid > 0;
    do
        got = read(ready[0], &byte, 1);
    while (got < 0 && errno == EINTR);
    (void)close(ready[0]);
    return got == 1 ? 0 : -1;
}

/* Collects those that have ended. True when there was one. */
static bool reap_children(struct children *all, int options)
{
    bool any = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, options)) > 0)
        for (size_t i = 0; i < all->n; i++) {
            if (all->list[i].pid != pid)
                continue;
            any = true;
            all->list[i].pid = 0;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)
                all->status = PROGRAM_EXIT_FAILED;
        }
    return any;
}

static void name_the_dead(const struct children *all)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->list[i].pid == 0)
            fprintf(stderr, "postern-milter: the process for %s has ended: the others end too, for a start of all\n",
                    all->list[i].listener->address);
}

/* Until the end is asked for, or a child has come to it by itself. */
static void watch_children(struct children *all)
{
    sigset_t set;
    int number;

    wait_set(&set);
    for (;;) {
        number = sigwaitinfo(&set, NULL);
        if (number < 0)
            continue;
        if (number == SIGTERM || number == SIGINT) {
            notify_stopping();
            signal_children(all, number);
            return;
        }
        if (number != SIGCHLD) {
            signal_children(all, number);
        } else if (reap_children(all, WNOHANG)) {
            all->status = PROGRAM_EXIT_FAILED;
            name_the_dead(all);
            signal_children(all, SIGTERM);
            return;
        }
    }
}

static int serve_each(struct children *all)
{
    sigset_t set;

    wait_set(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    while (all->n < all->config->milter.n_listen && all->status == EXIT_SUCCESS)
        if (start_next(all) != 0)
            all->status = PROGRAM_EXIT_FAILED;
    if (all->status == EXIT_SUCCESS) {
        notify_ready();
        watch_children(all);
    } else {
        signal_children(all, SIGTERM);
    }
    (void)reap_children(all, 0);
    return all->status;
}

int serve(const char *config_path)
{
    struct children all = {.config_path = config_path};
    struct config *config;
    struct error e;
    int status;

    if (config_load(config_path, &config, &e) != 0) {
        fprintf(stderr, "postern-milter: %s\n", e.text);
        return PROGRAM_EXIT_FAILED;
    }
    if (config->milter.n_listen <= 1) {
        config_free(config);
        return serve_listener(config_path, 0, -1);
    }
    all.config = config;
    all.list = calloc(config->milter.n_listen, sizeof *all.list);
    status = all.list != NULL ? serve_each(&all) : PROGRAM_EXIT_FAILED;
    free(all.list);
    config_free(config);
    return status;
}
