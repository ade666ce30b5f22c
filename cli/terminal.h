/* The terminal that is printed to, if it is one: how wide it is, whether it shows colours, and a pager for what is
 * long.
 */
#ifndef POSTERN_CLI_TERMINAL_H
#define POSTERN_CLI_TERMINAL_H

#include "core/base/slice.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct terminal {
    unsigned columns; /* 0: no terminal, and lines may be as long as they are */
    bool color;
};

/* Colours by what they mean. */
enum paint { PAINT_GOOD, PAINT_WARN, PAINT_BAD, PAINT_TITLE };

/* What the descriptor leads to. Colours are off where NO_COLOR is set (no-color.org) or TERM is "dumb". */
struct terminal terminal_of(int fd);

/* The text, in that colour where there are colours. It holds no control characters. */
void terminal_paint(FILE *to, const struct terminal *t, enum paint paint, const char *text);

/*
 * The words of a text that begins at column `column` of its line: on a terminal folded, with `indent` blanks before
 * each further line; else as they are. Ends the line.
 */
void terminal_fold(FILE *to, const struct terminal *t, size_t column, size_t indent, struct slice text);

/*
 * Puts $PAGER (one word), or less, between the standard output and the terminal. Without one that can be run the output
 * goes to the terminal as before. The pager, for pager_end; 0: there is none.
 */
pid_t pager_begin(void);
/* Ends the output, and waits until the pager was left. */
void pager_end(pid_t pager);

#endif
