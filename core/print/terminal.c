#include "core/print/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

void terminal_paint(FILE *to, const struct terminal *t, enum tone tone, const char *text)
{
    static const char *const codes[] = {
        [TONE_GOOD] = "32", [TONE_WARN] = "33", [TONE_BAD] = "1;31", [TONE_TITLE] = "1"};

    if (t->color && tone != TONE_PLAIN)
        fprintf(to, "\033[%sm%s\033[0m", codes[tone], text);
    else
        fputs(text, to);
}
