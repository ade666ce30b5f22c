/*
 * What commands print: rows of cells, as a table for people, as CSV (RFC 4180) or as JSON (RFC 8259). One
 * implementation for all commands, so that foreign text is escaped in one place: logins and addresses come from
 * strangers, and what a stranger wrote must neither move a terminal's cursor nor break a line.
 *
 * CSV and JSON are written row by row. A table holds back its first OUTPUT_HELD_ROWS rows to find the widths; later
 * rows that are wider stand out.
 */
#ifndef POSTERN_CLI_OUTPUT_H
#define POSTERN_CLI_OUTPUT_H

#include "cli/terminal.h"
#include "core/report/text.h"

#include <stdint.h>
#include <stdio.h>

#define OUTPUT_HELD_ROWS 2000u
#define OUTPUT_COLUMNS_MAX 32u

struct output_column {
    const char *name; /* "last_seen": JSON key and CSV header; in a table "last seen" */
    bool right;       /* numbers: aligned to the right, and no quotes in JSON */
};

struct output;

/* Begins. columns must outlive it; n is at most OUTPUT_COLUMNS_MAX. NULL without memory. */
struct output *output_begin(FILE *to, enum output_format format, const struct output_column *columns, size_t n);

/* A table for that terminal: cells that are too wide for it are continued in further lines. Before the first row. */
void output_fit(struct output *o, const struct terminal *terminal);

/* The cells of a row, from left to right; after the last column the row is over. */
void output_text(struct output *o, struct slice text); /* may come from outside */
void output_word(struct output *o, const char *word);  /* ours; NULL: none */
void output_number(struct output *o, unsigned long long n);
void output_time(struct output *o, int64_t wall_s); /* 0 and before: none */
void output_none(struct output *o);

/* Rows so far. */
size_t output_rows(const struct output *o);

/*
 * Writes what was held back and frees it. `empty` is what a table says when it has no rows (NULL: nothing). 0; -1 with
 * errno when something could not be written or there was no memory.
 */
int output_end(struct output *o, const char *empty);

#endif
