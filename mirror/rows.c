#include "mirror/rows.h"

#include "mirror/rows_private.h"
#include "mirror/words.h"

#include <stdlib.h>

/* The first line that says something; false when the text has none. */
static bool first_line(struct slice text, struct slice *line)
{
    while (text.n > 0) {
        slice_cut(text, '\n', line, &text);
        *line = slice_trim(*line);
        if (line->n > 0 && (line->p[0] != '#' || slice_starts_with(*line, SLICE("#TYPE"))))
            return true;
    }
    return false;
}

/* Is one of the line's cells a column that we know? */
static bool has_our_columns(struct slice line)
{
    while (line.n > 0) {
        size_t n = 0;
        struct slice name;

        while (n < line.n && strchr(",;\t", line.p[n]) == NULL)
            n++;
        name = slice_trim((struct slice){line.p, n});
        if (name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"')
            name = (struct slice){name.p + 1, name.n - 2};
        if (column_named(name) != COLUMNS)
            return true;
        n += n < line.n;
        line = (struct slice){line.p + n, line.n - n};
    }
    return false;
}

static int find_form(struct rows *rows, struct error *e)
{
    int more = input_more(&rows->in, e);
    struct slice line;

    if (more < 0)
        return -1;
    if (more == 0 || !first_line((struct slice){rows->in.at, (size_t)(rows->in.end - rows->in.at)}, &line)) {
        rows->form = ROWS_LIST;
        return 0;
    }
    if (line.p[0] == '{' || line.p[0] == '[')
        rows->form = ROWS_JSON;
    else if (slice_starts_with(line, SLICE("#TYPE")) || has_our_columns(line))
        rows->form = ROWS_CSV;
    else if (memchr(line.p, '@', line.n) != NULL)
        rows->form = ROWS_LIST;
    else
        return error_set(
            e,
            "%s: begins with \"%s\": neither JSON, nor CSV with the columns of a cmdlet, nor a list of "
            "addresses; write it with Export-Csv or ConvertTo-Json, since what PowerShell shows on the screen "
            "is cut off",
            rows->in.path, words(line).text);
    return 0;
}

/* Takes over rows->in, which is open. */
static int rows_begin(struct rows *rows, struct rows **out, struct error *e)
{
    if (find_form(rows, e) != 0) {
        rows_close(rows);
        return -1;
    }
    rows->row.path = rows->in.path;
    csv_open(&rows->csv, &rows->in);
    json_rows_open(&rows->json, &rows->in);
    *out = rows;
    return 0;
}

int rows_open(const char *path, struct rows **out, struct error *e)
{
    struct rows *rows = calloc(1, sizeof *rows);

    *out = NULL;
    if (rows == NULL)
        return error_set(e, "no memory to read a file");
    if (input_open(path, &rows->in, e) != 0) {
        free(rows);
        return -1;
    }
    return rows_begin(rows, out, e);
}

int rows_memory(struct slice bytes, const char *name, struct rows **out, struct error *e)
{
    struct rows *rows = calloc(1, sizeof *rows);

    *out = NULL;
    if (rows == NULL)
        return error_set(e, "no memory to read a file");
    if (input_memory(bytes, name, &rows->in, e) != 0) {
        free(rows);
        return -1;
    }
    return rows_begin(rows, out, e);
}

void rows_close(struct rows *rows)
{
    if (rows == NULL)
        return;
    csv_close(&rows->csv);
    json_rows_close(&rows->json);
    free(rows->text.p);
    input_close(&rows->in);
    free(rows);
}

int rows_next(struct rows *rows, struct row **row, struct error *e)
{
    static int (*const next[])(struct rows *, struct error *) = {
        [ROWS_CSV] = rows_next_csv, [ROWS_JSON] = rows_next_json, [ROWS_LIST] = rows_next_list};

    *row = &rows->row;
    return next[rows->form](rows, e);
}

enum rows_form rows_form(const struct rows *rows)
{
    return rows->form;
}

const char *rows_path(const struct rows *rows)
{
    return rows->in.path;
}

column_set rows_columns(const struct rows *rows)
{
    return rows->columns;
}

const struct envelope *rows_envelope(const struct rows *rows)
{
    return &rows->envelope;
}

struct slice rows_head(const struct rows *rows)
{
    return rows->json.head.n > 0 ? (struct slice){rows->json.head.p, rows->json.head.n} : SLICE("{}");
}

int rows_percent(const struct rows *rows)
{
    unsigned long long size = input_size(&rows->in);

    return size == 0 ? -1 : (int)(input_done(&rows->in) * 100 / size);
}
