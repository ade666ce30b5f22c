/*
 * CSV as Export-Csv writes it: RFC 4180 quoting with delimiters, doubled quotes and line breaks inside quotes; comma,
 * semicolon, tab or bar, detected in the header line; an optional "#TYPE" or "sep=;" line before it; LF or CRLF.
 *
 * Strict about signs of damage: every row has as many cells as the header, quotes are only where RFC 4180 allows them,
 * and the file does not end inside a row. Bounded: CSV_ROW_MAX bytes a row, CSV_CELLS_MAX cells.
 */
#ifndef POSTERN_MIRROR_CSV_H
#define POSTERN_MIRROR_CSV_H

#include "mirror/read/input.h"

#define CSV_ROW_MAX (1u << 20)
#define CSV_CELLS_MAX 1024

struct csv {
    struct input *in;
    char delimiter;     /* '\0' until the first one is seen */
    unsigned long line; /* on which the last row begins, from 1 */
    size_t n_cells;     /* of the last row */
    size_t n_header;    /* 0 until the header was read */
    unsigned long line_now;
    size_t begin; /* offset in text of the cell being read */
    bool quoted;  /* it has quotes around it */
    bool unended; /* the file ends right behind the last row, without a line end, and not in quotes */
    char *text;
    size_t text_n, text_cap;
    size_t ends[CSV_CELLS_MAX]; /* offset in text of the end of cell i */
};

/* Begins reading. `in` must outlive csv; csv_close does not close it. */
void csv_open(struct csv *csv, struct input *in);
void csv_close(struct csv *csv);

/*
 * Reads the next row; the first is the header. Skips lines that are empty or have only delimiters. 1: csv_cell has the
 * row until the next call; 0: the end; -1: damaged, and e names file and line.
 */
int csv_next(struct csv *csv, struct error *e);

/* The cell without its quotes; i < n_cells. An empty cell and a missing value look the same, as in PowerShell. */
struct slice csv_cell(const struct csv *csv, size_t i);

#endif
