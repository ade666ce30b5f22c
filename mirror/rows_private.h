/* The three forms of rows. Each fills rows->row; results as rows_next. */
#ifndef POSTERN_MIRROR_ROWS_PRIVATE_H
#define POSTERN_MIRROR_ROWS_PRIVATE_H

#include "mirror/csv.h"
#include "mirror/json_rows.h"
#include "mirror/rows.h"

#include <jansson.h>

struct rows {
    struct input in;
    enum rows_form form;
    struct row row;
    column_set columns;
    struct envelope envelope;
    unsigned long line; /* ROWS_LIST */
    struct csv csv;
    enum column header[CSV_CELLS_MAX]; /* ROWS_CSV: the column of cell i, COLUMNS for one that is not ours */
    struct json_rows json;
    struct json_text text; /* ROWS_JSON: lists and decoded texts of the row; ROWS_LIST: the line */
};

int rows_next_csv(struct rows *rows, struct error *e);
int rows_next_json(struct rows *rows, struct error *e);
int rows_next_list(struct rows *rows, struct error *e);

#endif
