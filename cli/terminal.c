#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define COLUMNS_LEAST 40 /* narrower terminals are treated as this wide */

struct terminal terminal_of(int fd)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    struct terminal t = {.columns = 0};
    struct winsize size;

    if (isatty(fd) == 0)
        return t;
    t.columns = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    if (t.columns < COLUMNS_LEAST)
        t.columns = COLUMNS_LEAST;
    t.color = term != NULL && strcmp(term, "dumb") != 0 && (no_color == NULL || no_color[0] == '\0');
    return t;
}

/* ---- the pager ---- */

/* With its standard input at `from`. 0: it can't be run. */
static pid_t pager_start(const char *name, int from)
{
    char *const argv[] = {(char *)(uintptr_t)name, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pager = 0;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return 0;
    if (posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO) != 0 ||
        posix_spawnp(&pager, name, &actions, NULL, argv, environ) != 0)
        pager = 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    return pager;
}

pid_t pager_begin(void)
{
    const char *name = getenv("PAGER");
    int ends[2];
    pid_t pager;

    if (name == NULL || strchr(name, ' ') != NULL)
        name = "less";
    if (name[0] == '\0' || strcmp(name, "cat") == 0 || pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    /* What fits is printed and that is all; colours pass; the screen stays. */
    (void)setenv("LESS", "FRX", 0);
    /* No commands from within: root reads what strangers wrote. */
    (void)setenv("LESSSECURE", "1", 1);
    (void)fflush(stdout);
    if ((pager = pager_start(name, ends[0])) != 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        /* Leaving the pager early ends the output; an interrupt is for the pager. */
        (void)signal(SIGINT, SIG_IGN);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return pager;
}

void pager_end(pid_t pager)
{
    int status;

    if (pager == 0)
        return;
    (void)fclose(stdout);
    while (waitpid(pager, &status, 0) < 0 && errno == EINTR)
        continue;
}
