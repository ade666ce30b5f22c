#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define COLUMNS_LEAST 40 /* narrower ones are taken for this wide: nothing would fit */
#define FOLD_LEAST 20    /* columns that are left for text, however far it is indented */

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

void terminal_paint(FILE *to, const struct terminal *t, enum paint paint, const char *text)
{
    static const char *const codes[] = {
        [PAINT_GOOD] = "32", [PAINT_WARN] = "33", [PAINT_BAD] = "1;31", [PAINT_TITLE] = "1"};

    if (t->color)
        fprintf(to, "\033[%sm%s\033[0m", codes[paint], text);
    else
        fputs(text, to);
}

void terminal_fold(FILE *to, const struct terminal *t, size_t column, size_t indent, struct slice text)
{
    size_t width = t->columns > indent + FOLD_LEAST ? t->columns : indent + FOLD_LEAST, start = column;
    struct slice word;

    if (t->columns == 0) {
        fprintf(to, "%.*s\n", SLICE_ARG(text));
        return;
    }
    while (text.n > 0) {
        (void)slice_cut(text, ' ', &word, &text);
        if (column > start && column + 1 + word.n > width) {
            fprintf(to, "\n%*s", (int)indent, "");
            column = start = indent;
        }
        fprintf(to, "%s%.*s", column > start ? " " : "", SLICE_ARG(word));
        column += word.n + (column > start);
    }
    fputc('\n', to);
}

/* ---- the pager ---- */

/* As a pager would, but without stopping: where there is none. */
static void copy_through(void)
{
    char text[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, text, sizeof text)) > 0 || (n < 0 && errno == EINTR))
        for (ssize_t at = 0, done; n > 0 && at < n; at += done)
            if ((done = write(STDOUT_FILENO, text + at, (size_t)(n - at))) < 0)
                return;
}

static void run_pager(const char *name)
{
    /* What fits is printed and that is all; colours pass; the screen stays. */
    (void)setenv("LESS", "FRX", 0);
    /* No commands from within: root reads what strangers wrote. */
    (void)setenv("LESSSECURE", "1", 1);
    (void)execlp(name, name, (char *)NULL);
    copy_through();
    _exit(0);
}

pid_t pager_begin(void)
{
    const char *name = getenv("PAGER");
    int ends[2];
    pid_t pager;

    if (name == NULL || strchr(name, ' ') != NULL)
        name = "less";
    if (name[0] == '\0' || strcmp(name, "cat") == 0 || pipe(ends) != 0)
        return 0;
    (void)fflush(stdout);
    if ((pager = fork()) < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return 0;
    }
    if (pager == 0) {
        (void)dup2(ends[0], STDIN_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        run_pager(name);
    }
    (void)dup2(ends[1], STDOUT_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    /* Who leaves the pager early wants no more; who interrupts means the pager. */
    (void)signal(SIGINT, SIG_IGN);
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
