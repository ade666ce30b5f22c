/* The three forms of rows. Each fills rows->row; results as rows_next. */
#ifndef POSTERN_MIRROR_ROWS_PRIVATE_H
#define POSTERN_MIRROR_ROWS_PRIVATE_H

#include "mirror/read/csv.h"
#include "mirror/read/json_rows.h"
#include "mirror/read/rows.h"

#include <jansson.h>

struct rows {
    struct input in;
    enum rows_form form;
    struct row row;
    column_set columns;
    struct odd_column odd[ODD_COLUMNS_MAX];
    size_t n_odd;
    struct envelope envelope;
    unsigned long line; /* ROWS_LIST */
    bool unended;       /* ROWS_LIST: the last line has no end */
    struct csv csv;
    enum column header[CSV_CELLS_MAX]; /* ROWS_CSV: the column of cell i, COLUMNS when unknown */
    struct json_rows json;
    json_t *tree;          /* ROWS_JSON: of the row */
    uint32_t json_row;     /* ROWS_JSON: the number of the row, from 1 */
    struct json_text text; /* ROWS_JSON: lists and numbers of the row; ROWS_LIST: the line */
};

/* Notes an unknown column that resembles a known one. */
void rows_note_odd(struct rows *rows, struct slice name);

int rows_next_csv(struct rows *rows, struct error *e);
int rows_next_json(struct rows *rows, struct error *e);
int rows_next_list(struct rows *rows, struct error *e);

#endif
