/* The terminal that is printed to, if it is one: how wide it is, and whether it shows colours. */
#ifndef POSTERN_CORE_PRINT_TERMINAL_H
#define POSTERN_CORE_PRINT_TERMINAL_H

#include "core/report/printer.h"

#include <stdbool.h>
#include <stdio.h>

/* What is printed to. All zero: no terminal. */
struct terminal {
    unsigned columns; /* 0: lines have no bound */
    bool color;
};

/* What the descriptor leads to. Colours are off where NO_COLOR is set (no-color.org) or TERM is "dumb". */
struct terminal terminal_of(int fd);

/* The text, in the colour of its tone where there are colours. It holds no control characters. */
void terminal_paint(FILE *to, const struct terminal *t, enum tone tone, const char *text);

#endif
