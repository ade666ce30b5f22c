/* links: mirror */
/*
 * Any bytes as a CSV file: no crash, every row as wide as the header, and the rows written anew with all cells quoted
 * are the same rows. Then the same bytes as an export of any kind: what is damaged is refused, with the file's name.
 */
#include "mirror/read/csv.h"

#include "core/base/buf.h"
#include "mirror/build/gather.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_MAX_HERE 8192

/* Rewritten: all cells in quotes, commas between them. Every row of the text, or none when it is damaged. */
static bool rewrite(struct slice text, struct buf *out, size_t *rows)
{
    static struct csv csv;
    struct input in;
    struct error e;
    int more;

    *rows = 0;
    if (input_memory(text, "fuzz", &in, &e) != 0)
        abort();
    csv_open(&csv, &in);
    while ((more = csv_next(&csv, &e)) > 0) {
        ++*rows;
        assert(csv.n_cells == csv.n_header);
        for (size_t i = 0; i < csv.n_cells; i++) {
            struct slice cell = csv_cell(&csv, i);

            buf_add(out, i == 0 ? SLICE("\"") : SLICE(",\""));
            for (size_t j = 0; j < cell.n; j++) {
                buf_add_char(out, cell.p[j]);
                if (cell.p[j] == '"')
                    buf_add_char(out, '"');
            }
            buf_add_char(out, '"');
        }
        buf_add_char(out, '\n');
    }
    assert(more == 0 || strstr(e.text, "fuzz: ") == e.text);
    csv_close(&csv);
    input_close(&in);
    return more == 0;
}

static void take_as_export(struct slice text)
{
    struct rows *rows;
    struct gathered *g;
    struct row *row;
    struct error e = {""};
    enum kind kind = KINDS;
    int more;

    if (rows_memory(text, "fuzz", &rows, &e) != 0) {
        assert(strstr(e.text, "fuzz: ") == e.text);
        return;
    }
    if (gather_open("/tmp", &g, &e) != 0)
        abort();
    while ((more = rows_next(rows, &row, &e)) > 0) {
        if (kind == KINDS) {
            kind = kind_detect(rows_form(rows), rows_columns(rows));
            if (kind == KINDS || kind_check(kind, "fuzz", rows_columns(rows), &e) != 0)
                break;
        }
        if (gather_row(g, kind, 0, row, &e) != 0) {
            assert(strstr(e.text, "fuzz: line ") == e.text);
            break;
        }
    }
    assert(more >= 0 || strstr(e.text, "fuzz: ") == e.text);
    gather_close(g);
    rows_close(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[4 * SIZE_MAX_HERE], second[4 * SIZE_MAX_HERE];
    struct slice text = {(const char *)data, size < SIZE_MAX_HERE ? size : SIZE_MAX_HERE};
    struct buf a = BUF_OVER(first), b = BUF_OVER(second);
    size_t rows, again;

    if (rewrite(text, &a, &rows) && rows > 0 && !a.full && a.n > 2 &&
        !slice_starts_with(buf_slice(&a), SLICE("\"#TYPE"))) {
        assert(rewrite(buf_slice(&a), &b, &again));
        assert(rows == again && slice_eq(buf_slice(&a), buf_slice(&b)));
    }
    take_as_export(text);
    return 0;
}
