#include "mirror/read/rows_private.h"

static int read_header(struct rows *rows, struct error *e)
{
    struct csv *csv = &rows->csv;
    int more = csv_next(csv, e);

    if (more <= 0)
        return more;
    for (size_t i = 0; i < csv->n_cells; i++) {
        enum column column = column_named(cell_trim(csv_cell(csv, i)));

        rows->header[i] = column;
        if (column == COLUMNS || column == COLUMN_GRAPH_PROXIES) /* proxyAddresses may be meant for EmailAddresses */
            rows_note_odd(rows, cell_trim(csv_cell(csv, i)));
        if (column == COLUMNS)
            continue;
        if (rows->columns & COLUMN_BIT(column))
            return error_set(e, "%s: line %lu: the column %s occurs twice", rows->in.path, csv->line,
                             column_name(column));
        rows->columns |= COLUMN_BIT(column);
    }
    return 1;
}

int rows_next_csv(struct rows *rows, struct error *e)
{
    struct csv *csv = &rows->csv;
    int more;

    if (csv->n_header == 0 && (more = read_header(rows, e)) <= 0)
        return more;
    more = csv_next(csv, e);
    if (more <= 0)
        return more;
    rows->row.place = (row_place)csv->line;
    for (size_t i = 0; i < csv->n_cells; i++) {
        struct slice text = csv_cell(csv, i);

        if (rows->header[i] != COLUMNS)
            rows->row.cells[rows->header[i]] = (struct cell){.kind = text.n == 0 ? CELL_NULL : CELL_TEXT, .text = text};
    }
    return 1;
}
