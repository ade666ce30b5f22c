/*
 * The printers of reports, one a format: text for people, CSV (RFC 4180) and JSON (RFC 8259). One implementation for
 * the programs that people call and the web, so that foreign text is escaped in one place: logins and addresses come
 * from strangers, and must neither control the terminal nor break a line, nor run as a formula in a spreadsheet.
 *
 * CSV and JSON are written row by row. A table holds back its first PRINT_HELD_ROWS rows to find the widths; later
 * cells that are wider stick out, or continue on further lines on a terminal.
 */
#ifndef POSTERN_CORE_PRINT_PRINT_H
#define POSTERN_CORE_PRINT_PRINT_H

#include "core/base/buf.h"
#include "core/print/terminal.h"
#include "core/report/printer.h"

#include <stdio.h>

enum output_format { OUTPUT_TEXT, OUTPUT_CSV, OUTPUT_JSON };

#define PRINT_HELD_ROWS 2000u

/*
 * Begins: text as wide as the terminal (zero: any width). Remarks go to the standard error, warnings with the program's
 * and the command's name (NULL: none) in front. NULL without memory.
 */
struct printer *print_begin(FILE *to, enum output_format format, const struct terminal *terminal, const char *program,
                            const char *command);
/* Writes what is left and frees it (NULL is without memory). 0; -1 with errno when something could not be written. */
int print_end(struct printer *printer);

/* ---- for the printers themselves: core/print/ ---- */

struct print {
    struct printer printer; /* first, so that one is the other */
    FILE *to;
    const char *program, *command;
    struct terminal terminal;
    struct table table;                /* the one that was begun last */
    size_t rows;                       /* of it */
    bool failed;                       /* no memory */
    void (*free)(struct print *print); /* what the printer has besides; NULL: nothing */
};

/* malloc'ed, with the calls that they have a use for; print_begin sets the rest. NULL without memory. */
struct print *print_text(void);
struct print *print_csv(void);
struct print *print_json(void);

#endif
