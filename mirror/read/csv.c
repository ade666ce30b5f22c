#include "mirror/read/csv.h"

#include <stdlib.h>

#define END_OF_FILE (-1)
#define NOT_READABLE (-2)

void csv_open(struct csv *csv, struct input *in)
{
    *csv = (struct csv){.in = in, .line_now = 1};
}

void csv_close(struct csv *csv)
{
    free(csv->text);
    csv->text = NULL;
}

struct slice csv_cell(const struct csv *csv, size_t i)
{
    size_t from = i == 0 ? 0 : csv->ends[i - 1];

    return (struct slice){csv->text != NULL ? csv->text + from : NULL, csv->ends[i] - from};
}

static int peek(struct csv *csv, struct error *e)
{
    if (csv->in->at == csv->in->end) {
        int more = input_more(csv->in, e);

        if (more <= 0)
            return more == 0 ? END_OF_FILE : NOT_READABLE;
    }
    return (unsigned char)*csv->in->at;
}

static void csv_take(struct csv *csv)
{
    if (*csv->in->at == '\n')
        csv->line_now++;
    csv->in->at++;
}

static int csv_damaged(const struct csv *csv, const char *what, struct error *e)
{
    return error_set(e, "%s: line %lu, column %zu: %s", csv->in->path, csv->line_now, csv->n_cells + 1, what);
}

/* Consumes n bytes at `at` and appends them to the cell. */
static int append_to_cell(struct csv *csv, size_t n, struct error *e)
{
    if (n > CSV_ROW_MAX - csv->text_n)
        return error_set(e,
                         "%s: line %lu: the row is longer than %u bytes: a quote is missing, or this is not a CSV file",
                         csv->in->path, csv->line, CSV_ROW_MAX);
    if (csv->text_n + n > csv->text_cap) {
        size_t cap = csv->text_cap == 0 ? 4096 : csv->text_cap * 2;
        char *bigger;

        while (cap < csv->text_n + n)
            cap *= 2;
        bigger = realloc(csv->text, cap);
        if (bigger == NULL)
            return error_set(e, "%s: no memory for a row of %zu bytes", csv->in->path, cap);
        csv->text = bigger;
        csv->text_cap = cap;
    }
    memcpy(csv->text + csv->text_n, csv->in->at, n);
    csv->text_n += n;
    csv->in->at += n;
    return 0;
}

/* Number of ordinary bytes at `at`, inside or outside of quotes; counts lines among them. */
static size_t plain_bytes(struct csv *csv, bool in_quotes)
{
    const char *p = csv->in->at;

    for (; p < csv->in->end; p++) {
        if (*p == '"')
            break;
        if (in_quotes) {
            csv->line_now += *p == '\n';
            continue;
        }
        if (*p == '\n' || *p == '\r' || *p == csv->delimiter)
            break;
        if (csv->delimiter == '\0' && (strchr(",;\t|", *p) != NULL))
            break;
    }
    return (size_t)(p - csv->in->at);
}

/* Reads from after the opening quote to after the closing one. */
static int quoted_cell(struct csv *csv, struct error *e)
{
    unsigned long opened = csv->line_now;

    for (;;) {
        int c = peek(csv, e);

        if (c == NOT_READABLE)
            return -1;
        if (c == END_OF_FILE)
            return error_set(e,
                             "%s: line %lu, column %zu: the file ends inside the quotes that were opened here: it is "
                             "half-written or damaged",
                             csv->in->path, opened, csv->n_cells + 1);
        if (c != '"') {
            if (append_to_cell(csv, plain_bytes(csv, true), e) != 0)
                return -1;
            continue;
        }
        csv_take(csv);
        c = peek(csv, e);
        if (c == NOT_READABLE)
            return -1;
        if (c != '"')
            return 0;
        if (append_to_cell(csv, 1, e) != 0)
            return -1;
    }
}

/* Reads one cell, up to what ends it. */
static int cell(struct csv *csv, struct error *e)
{
    csv->begin = csv->text_n;
    csv->quoted = false;
    for (;;) {
        int c = peek(csv, e);

        if (c == NOT_READABLE)
            return -1;
        if (c == END_OF_FILE)
            return 0;
        if (c == '"') {
            if (csv->quoted || csv->text_n > csv->begin)
                return csv_damaged(csv, "a quote in the middle of a cell: inside quotes it must be doubled", e);
            csv->quoted = true;
            csv_take(csv);
            if (quoted_cell(csv, e) != 0)
                return -1;
            continue;
        }
        size_t n = plain_bytes(csv, false);

        if (n == 0)
            return 0;
        if (csv->quoted)
            return csv_damaged(csv, "text after a closing quote: a quote or a delimiter is missing", e);
        if (append_to_cell(csv, n, e) != 0)
            return -1;
    }
}

/* Reads what follows a cell. 1: another cell comes; 0: end of the row; -1: damaged. *ended: end of the file, too. */
static int cell_end(struct csv *csv, bool *ended, struct error *e)
{
    int c = peek(csv, e);

    if (c == NOT_READABLE)
        return -1;
    *ended = c == END_OF_FILE;
    if (*ended)
        return 0;
    if (c == '\r') {
        csv_take(csv);
        c = peek(csv, e);
        if (c == NOT_READABLE)
            return -1;
        if (c != '\n')
            return csv_damaged(csv, "a carriage return without a line feed outside quotes", e);
    }
    csv_take(csv);
    if (c == '\n')
        return 0;
    csv->delimiter = (char)c;
    return 1;
}

static int read_row(struct csv *csv, bool *ended, struct error *e)
{
    int more;

    csv->line = csv->line_now;
    csv->n_cells = 0;
    csv->text_n = 0;
    do {
        if (csv->n_cells == CSV_CELLS_MAX)
            return error_set(e, "%s: line %lu: more than %d columns", csv->in->path, csv->line, CSV_CELLS_MAX);
        if (cell(csv, e) != 0)
            return -1;
        more = cell_end(csv, ended, e);
        if (more < 0)
            return -1;
        csv->ends[csv->n_cells++] = csv->text_n;
    } while (more > 0);
    return 0;
}

/* Behind a delimiter the end of the file is a cut as well: the value that was to follow looks like none. */
static bool ends_behind_delimiter(const struct csv *csv, bool ended)
{
    return ended && csv->n_cells > 1 && !csv->quoted && csv->begin == csv->text_n;
}

static int cut_behind_delimiter(const struct csv *csv, struct error *e)
{
    return error_set(e,
                     "%s: line %lu: the file ends behind a delimiter, in column %zu, without a line end: it is "
                     "half-written; if nothing is missing, end the line",
                     csv->in->path, csv->line, csv->n_cells);
}

static int wrong_count(const struct csv *csv, bool ended, struct error *e)
{
    if (ended && csv->n_cells < csv->n_header)
        return error_set(e,
                         "%s: line %lu: the file ends in the middle of a row, in column %zu of %zu: it is half-written",
                         csv->in->path, csv->line, csv->n_cells, csv->n_header);
    return error_set(e, "%s: line %lu: %zu columns, but the header has %zu: the file is damaged", csv->in->path,
                     csv->line, csv->n_cells, csv->n_header);
}

static bool is_type_line(const struct csv *csv)
{
    return slice_starts_with((struct slice){csv->text, csv->text_n}, SLICE("#TYPE"));
}

/* "sep=;" before the header tells spreadsheets the delimiter. */
static bool is_delimiter_line(const struct csv *csv)
{
    return csv->n_cells <= 2 && slice_ieq(slice_trim((struct slice){csv->text, csv->text_n}), SLICE("sep="));
}

int csv_next(struct csv *csv, struct error *e)
{
    bool ended = false;

    while (!ended) {
        if (read_row(csv, &ended, e) != 0)
            return -1;
        if (csv->n_cells == 1 && csv->text_n == 0 && !csv->quoted)
            continue; /* an empty line */
        if (csv->n_header == 0 && is_type_line(csv)) {
            csv->delimiter = '\0'; /* it may come from a generic type's name, which has commas */
            continue;
        }
        if (csv->n_header == 0 && is_delimiter_line(csv))
            continue;
        if (ends_behind_delimiter(csv, ended) && (csv->n_header == 0 || csv->n_cells == csv->n_header))
            return cut_behind_delimiter(csv, e);
        csv->unended = ended && !csv->quoted;
        if (csv->n_header == 0)
            csv->n_header = csv->n_cells;
        else if (csv->text_n == 0 && csv->n_cells == csv->n_header && csv->n_cells > 1)
            continue; /* nothing but delimiters: spreadsheets write these for emptied rows */
        else if (csv->n_cells != csv->n_header)
            return wrong_count(csv, ended, e);
        return 1;
    }
    return 0;
}
