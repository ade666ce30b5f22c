/*
 * The rows of one exported file, whatever its form: CSV, JSON, or a list of addresses, one a line. Holds one row at a
 * time.
 */
#ifndef POSTERN_MIRROR_ROWS_H
#define POSTERN_MIRROR_ROWS_H

#include "core/base/guid.h"
#include "core/base/quote.h"
#include "mirror/read/cell.h"
#include "mirror/read/input.h"

struct rows;

enum rows_form { ROWS_CSV, ROWS_JSON, ROWS_LIST };

/* Opens a file and detects its form from its first bytes. 0, or -1 with e. Free with rows_close, NULL is fine. */
int rows_open(const char *path, struct rows **out, struct error *e);
/* The same for bytes in memory, which must outlive the rows. */
int rows_memory(struct slice bytes, const char *name, struct rows **out, struct error *e);
void rows_close(struct rows *rows);

/*
 * The next row; *row lives until the next call. 1; 0 at the end; -1 with e when the file is damaged. A list's row has
 * only the address, as COLUMN_PRIMARY.
 */
int rows_next(struct rows *rows, struct row **row, struct error *e);

enum rows_form rows_form(const struct rows *rows);

/* The file's columns: those of the CSV header, else of the first row. Known after the first rows_next. */
column_set rows_columns(const struct rows *rows);

/* An unknown column that resembles a known one. */
struct odd_column {
    struct quote name; /* escaped */
    enum column meant;
};
/* Those of the file, after the first rows_next: *n of them, ODD_COLUMNS_MAX at most. */
#define ODD_COLUMNS_MAX 8
const struct odd_column *rows_odd_columns(const struct rows *rows, size_t *n);

/* What the envelope of a REST answer says. Complete after the last row. */
struct envelope {
    bool present;                     /* the file is {"value": [...]} */
    bool provider_export;             /* an export of ScubaGear; the rows are its "transport_config" */
    bool more;                        /* @odata.nextLink: the next page has more rows */
    bool cut;                         /* a warning says that rows are missing */
    char organization[GUID_TEXT_MAX]; /* the tenant's GUID from @odata.context, or empty */
};
const struct envelope *rows_envelope(const struct rows *rows);
/* What surrounds the rows, as JSON: the envelope without "value", or a lone object itself; else "{}". */
struct slice rows_head(const struct rows *rows);

/* The row that was read last has no line end behind it, so that its last value may be cut off. */
bool rows_unended(const struct rows *rows);

/* How much of the file was read, in percent; -1: unknown. */
int rows_percent(const struct rows *rows);

#endif
