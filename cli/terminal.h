/* The terminal that is printed to, if it is one: how wide it is, whether it shows colours, and a pager for what is
 * long.
 */
#ifndef POSTERN_CLI_TERMINAL_H
#define POSTERN_CLI_TERMINAL_H

#include "core/report/printer.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct terminal {
    unsigned columns; /* 0: not a terminal, lines have no bound */
    bool color;
};

/* What the descriptor leads to. Colours are off where NO_COLOR is set (no-color.org) or TERM is "dumb". */
struct terminal terminal_of(int fd);

/* The text, in the colour of its tone where there are colours. It holds no control characters. */
void terminal_paint(FILE *to, const struct terminal *t, enum tone tone, const char *text);

/*
 * Puts $PAGER (one word), or less, between the standard output and the terminal. If none can be run, the output goes to
 * the terminal directly. Returns the pager, for pager_end; 0: none.
 */
pid_t pager_begin(void);
/* Ends the output, and waits until the pager was left. */
void pager_end(pid_t pager);

#endif
