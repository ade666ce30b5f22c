/* Colours, where a terminal shows them. */
#ifndef POSTERN_PRINT_PAINT_H
#define POSTERN_PRINT_PAINT_H

#include "core/report/printer.h"

#include <stdbool.h>
#include <stdio.h>

/* What is printed to. All zero: no terminal. */
struct terminal {
    unsigned columns; /* 0: lines have no bound */
    bool color;
};

/* The text, in the colour of its tone where there are colours. It holds no control characters. */
void terminal_paint(FILE *to, const struct terminal *t, enum tone tone, const char *text);

#endif
