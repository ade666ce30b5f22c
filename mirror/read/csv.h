/*
 * CSV as Export-Csv writes it: RFC 4180 quoting with delimiters, doubled quotes and line breaks inside quotes; comma,
 * semicolon, tab or bar, found in the header line; an optional "#TYPE" or "sep=;" line in front; LF or CRLF.
 *
 * Strict where a mistake would show damage: every row has as many cells as the header, quotes are where RFC 4180 has
 * them, and the file does not end inside a row. Bounded: CSV_ROW_MAX bytes a row, CSV_CELLS_MAX cells.
 */
#ifndef POSTERN_MIRROR_CSV_H
#define POSTERN_MIRROR_CSV_H

#include "mirror/read/input.h"

#define CSV_ROW_MAX (1u << 20)
#define CSV_CELLS_MAX 1024

struct csv {
    struct input *in;
    char delimiter;     /* '\0' until the first one was seen */
    unsigned long line; /* where the row that came last begins, from 1 */
    size_t n_cells;     /* of the row that came last */
    size_t n_header;    /* 0 until the header was read */
    unsigned long line_now;
    size_t begin; /* where the cell that is being read begins in text */
    bool quoted;  /* it has quotes around it */
    char *text;
    size_t text_n, text_cap;
    size_t ends[CSV_CELLS_MAX]; /* where cell i ends in text */
};

/* Begins to read. csv and in must outlive the reading; csv_close frees what csv holds, not in. */
void csv_open(struct csv *csv, struct input *in);
void csv_close(struct csv *csv);

/*
 * The next row, the header being the first. Lines with nothing in them, or nothing but delimiters, are skipped. 1:
 * csv_cell has it until the next call; 0: the end; -1: damaged, and e names file and line.
 */
int csv_next(struct csv *csv, struct error *e);

/* i is below n_cells. A cell is without its quotes; an empty one and a missing value look the same, as in PowerShell.
 */
struct slice csv_cell(const struct csv *csv, size_t i);

#endif
