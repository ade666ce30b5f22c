/*
 * The rows of one exported file, whatever its form: CSV, JSON, or a list of addresses, one a line. Streaming: one row
 * is held at a time.
 */
#ifndef POSTERN_MIRROR_ROWS_H
#define POSTERN_MIRROR_ROWS_H

#include "core/base/guid.h"
#include "core/base/quote.h"
#include "mirror/read/cell.h"
#include "mirror/read/input.h"

struct rows;

enum rows_form { ROWS_CSV, ROWS_JSON, ROWS_LIST };

/* Opens a file and finds its form from its first bytes. 0, or -1 with e. Free with rows_close, NULL is fine. */
int rows_open(const char *path, struct rows **out, struct error *e);
/* The same for bytes in memory, which must outlive the rows. */
int rows_memory(struct slice bytes, const char *name, struct rows **out, struct error *e);
void rows_close(struct rows *rows);

/*
 * The next row; *row lives until the next call. 1, 0 at the end, -1 with e when the file is damaged. A row of a list
 * has the address as COLUMN_PRIMARY and nothing else.
 */
int rows_next(struct rows *rows, struct row **row, struct error *e);

enum rows_form rows_form(const struct rows *rows);

/* The columns that the file has: a CSV file's header, else the first row's. Known once the first row was asked for. */
column_set rows_columns(const struct rows *rows);

/* A column that is none of ours, but comes near one. */
struct odd_column {
    struct quote name; /* escaped */
    enum column meant;
};
/* Those of the file, once the first row was asked for: *n of them, ODD_COLUMNS_MAX at most. */
#define ODD_COLUMNS_MAX 8
const struct odd_column *rows_odd_columns(const struct rows *rows, size_t *n);

/* What the envelope of a REST answer says, complete behind the last row. */
struct envelope {
    bool present;                     /* the file is {"value": [...]} */
    bool provider_export;             /* the file is ScubaGear's, and the rows are its "transport_config" */
    bool more;                        /* @odata.nextLink: rows are missing that the next page has */
    bool cut;                         /* a warning says that rows are missing */
    char organization[GUID_TEXT_MAX]; /* the tenant's GUID out of @odata.context, or empty */
};
const struct envelope *rows_envelope(const struct rows *rows);
/* What stands around the rows, as JSON: the envelope without its "value", or a lone object itself; else "{}". */
struct slice rows_head(const struct rows *rows);

/* Share of the file that was read, in percent; -1 when that can't be said. */
int rows_percent(const struct rows *rows);

#endif
