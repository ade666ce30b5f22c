#include "mirror/read/rows.h"

#include "mirror/read/rows_private.h"
#include "mirror/words.h"

#include <stdlib.h>

/* The first line with content; *rest is what follows it. False when there is none. */
static bool first_line(struct slice text, struct slice *line, struct slice *rest)
{
    while (text.n > 0) {
        slice_cut(text, '\n', line, &text);
        *line = slice_trim(*line);
        *rest = text;
        if (line->n <= 5 && slice_starts_with_icase(*line, SLICE("sep=")))
            continue; /* "sep=;", for spreadsheets */
        if (line->n > 0 && (line->p[0] != '#' || slice_starts_with(*line, SLICE("#TYPE"))))
            return true;
    }
    return false;
}

/* Is one of the line's cells a known column, or similar to one? */
static bool has_our_columns(struct slice line)
{
    while (line.n > 0) {
        size_t n = 0;
        struct slice name;

        while (n < line.n && strchr(",;\t|", line.p[n]) == NULL)
            n++;
        name = cell_trim((struct slice){line.p, n});
        if (name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"')
            name = (struct slice){name.p + 1, name.n - 2};
        if (column_named(name) != COLUMNS || column_meant(name) != COLUMNS)
            return true;
        n += n < line.n;
        line = (struct slice){line.p + n, line.n - n};
    }
    return false;
}

/* Format-List's "PrimarySmtpAddress : anna@contoso.example": a known column, blanks, a colon. */
static bool is_format_list(struct slice line)
{
    size_t n = 0;

    while (n < line.n && line.p[n] != ':' && line.p[n] != ' ')
        n++;
    if (column_named((struct slice){line.p, n}) == COLUMNS)
        return false;
    while (n < line.n && line.p[n] == ' ')
        n++;
    return n < line.n && line.p[n] == ':';
}

static bool is_word_with_blanks(struct slice line, const char *alphabet)
{
    for (size_t i = 0; i < line.n; i++)
        if (strchr(alphabet, line.p[i]) == NULL)
            return false;
    return line.n > 0;
}

/* Format-Table: a line of dashes under the names; or, without these, an address and more after it. */
static bool is_format_table(struct slice line, struct slice rest)
{
    struct slice second, first_word, behind;

    slice_cut(rest, '\n', &second, NULL);
    if (is_word_with_blanks(slice_trim(second), "- "))
        return true;
    slice_cut(line, ' ', &first_word, &behind);
    return memchr(first_word.p, '@', first_word.n) != NULL && slice_trim(behind).n > 0 &&
           slice_trim(behind).p[0] != '#';
}

#define EXPORT_AGAIN                                                                                                   \
    "; write it with Export-Csv or ConvertTo-Json, since what PowerShell shows on the screen is cut off"

/* Says what the text is, if it is of a known form that can't be read. NULL: it isn't. */
static const char *known_text(struct slice line, struct slice rest)
{
    if (slice_starts_with(line, SLICE("<Objs")))
        return "is Clixml, as Export-Clixml writes it; read it with Import-Clixml and write it with Export-Csv or "
               "ConvertTo-Json";
    if (slice_starts_with_icase(line, SLICE("<!DOCTYPE html")) || slice_starts_with_icase(line, SLICE("<html")))
        return "is a web page, perhaps of a proxy or a sign-in, not an export";
    if (is_format_list(line))
        return "is what Format-List shows on the screen" EXPORT_AGAIN;
    if (is_format_table(line, rest))
        return "is what Format-Table shows on the screen" EXPORT_AGAIN;
    return NULL;
}

static int find_form(struct rows *rows, struct error *e)
{
    int more = input_more(&rows->in, e);
    struct slice line, rest;
    const char *known;

    if (more < 0)
        return -1;
    rows->form = ROWS_LIST;
    if (more == 0 || !first_line((struct slice){rows->in.at, (size_t)(rows->in.end - rows->in.at)}, &line, &rest))
        return 0;
    if (slice_eq(line, SLICE("null")) && slice_trim(rest).n == 0) { /* what ConvertTo-Json writes for no objects */
        rows->in.at = rows->in.end;
        return 0;
    }
    if (line.p[0] != '{' && line.p[0] != '[' && (known = known_text(line, rest)) != NULL)
        return error_set(e, "%s: %s", rows->in.path, known);
    if (line.p[0] == '{' || line.p[0] == '[')
        rows->form = ROWS_JSON;
    else if (slice_starts_with(line, SLICE("#TYPE")) || has_our_columns(line))
        rows->form = ROWS_CSV;
    else if (memchr(line.p, '@', line.n) == NULL)
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
    json_decref(rows->tree);
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

void rows_note_odd(struct rows *rows, struct slice name)
{
    enum column meant = column_meant(name);

    if (meant != COLUMNS && rows->n_odd < ODD_COLUMNS_MAX)
        rows->odd[rows->n_odd++] = (struct odd_column){words(name), meant};
}

const struct odd_column *rows_odd_columns(const struct rows *rows, size_t *n)
{
    *n = rows->n_odd;
    return rows->odd;
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

bool rows_unended(const struct rows *rows)
{
    return rows->form == ROWS_CSV ? rows->csv.unended : rows->form == ROWS_LIST && rows->unended;
}

int rows_percent(const struct rows *rows)
{
    unsigned long long size = input_size(&rows->in);

    return size == 0 ? -1 : (int)(input_done(&rows->in) * 100 / size);
}
