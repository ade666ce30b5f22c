#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>

#define GAP "  "

struct output {
    FILE *to;
    enum output_format format;
    const struct output_column *columns;
    size_t n_columns, column, rows;
    bool failed;
    /* tables: the cells that are held back, as terminated strings one behind the other */
    char *held;
    size_t held_n, held_capacity, held_rows;
    unsigned width[OUTPUT_COLUMNS_MAX];
    struct terminal terminal; /* zero: none */
};

/* ---- rows ---- */

struct output *output_begin(FILE *to, enum output_format format, const struct output_column *columns, size_t n)
{
    struct output *o = calloc(1, sizeof *o);

    if (o == NULL || n > OUTPUT_COLUMNS_MAX) {
        free(o);
        return NULL;
    }
    o->to = to;
    o->format = format;
    o->columns = columns;
    o->n_columns = n;
    for (size_t i = 0; i < n; i++) {
        o->width[i] = (unsigned)strlen(columns[i].name);
        if (format == OUTPUT_CSV)
            fprintf(to, "%s%s", columns[i].name, i + 1 < n ? "," : "\r\n");
    }
    if (format == OUTPUT_JSON)
        fputc('[', to);
    return o;
}

void output_fit(struct output *o, const struct terminal *terminal)
{
    o->terminal = *terminal;
}

/* ---- tables ---- */

#define WIDTH_LEAST 10 /* of a column that gives way to the terminal */

/* The widest columns of text give way until the row fits, or none can any more. */
static void fit_widths(struct output *o)
{
    size_t total = (o->n_columns - 1) * strlen(GAP);

    for (size_t i = 0; i < o->n_columns; i++)
        total += o->width[i];
    while (o->terminal.columns > 0 && total > o->terminal.columns) {
        unsigned *widest = NULL;

        for (size_t i = 0; i < o->n_columns; i++)
            if (!o->columns[i].right && o->width[i] > WIDTH_LEAST && (widest == NULL || o->width[i] > *widest))
                widest = &o->width[i];
        if (widest == NULL)
            return;
        --*widest;
        total--;
    }
}

/* As much of the text as stands in one line of that width: to its last blank, or hyphen, "@" or slash, else cut. */
static size_t line_of(const char *text, size_t width)
{
    size_t n = strlen(text);

    if (n <= width)
        return n;
    for (size_t i = width; i > width / 2; i--)
        if (text[i] == ' ' || strchr("-@/,", text[i - 1]) != NULL)
            return i;
    return width;
}

/* A piece of a cell, padded unless it is the last of its line. */
static void print_piece(const struct output *o, size_t column, struct slice text, bool title)
{
    bool last = column + 1 == o->n_columns;
    size_t width = o->width[column], blanks = text.n < width ? width - text.n : 0;
    char shown[TEXT_CELL_MAX];
    struct buf b = BUF_OVER(shown);

    buf_add(&b, text);
    if (o->columns[column].right)
        fprintf(o->to, "%*s", (int)blanks, "");
    if (title)
        terminal_paint(o->to, &o->terminal, PAINT_TITLE, shown);
    else
        fputs(shown, o->to);
    if (last)
        fputc('\n', o->to);
    else
        fprintf(o->to, "%*s" GAP, o->columns[column].right ? 0 : (int)blanks, "");
}

/* A row in as many lines as its longest cell needs. */
static void print_row(const struct output *o, const char **cells, bool title)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < o->n_columns; i++) {
            size_t n = o->terminal.columns > 0 ? line_of(cells[i], o->width[i]) : strlen(cells[i]);

            print_piece(o, i, (struct slice){cells[i], n}, title);
            for (cells[i] += n; n > 0 && *cells[i] == ' ';)
                cells[i]++;
            more |= *cells[i] != '\0';
        }
    }
}

static void print_titles(const struct output *o)
{
    char names[OUTPUT_COLUMNS_MAX][64];
    const char *cells[OUTPUT_COLUMNS_MAX] = {NULL};

    for (size_t i = 0; i < o->n_columns; i++) {
        struct buf b = BUF_OVER(names[i]);

        for (const char *c = o->columns[i].name; *c != '\0'; c++)
            buf_add_char(&b, *c == '_' ? ' ' : *c);
        cells[i] = names[i];
    }
    print_row(o, cells, true);
}

static void print_held(struct output *o)
{
    const char *cells[OUTPUT_COLUMNS_MAX] = {NULL}, *cell = o->held;

    fit_widths(o);
    print_titles(o);
    for (size_t row = 0; row < o->held_rows; row++) {
        for (size_t i = 0; i < o->n_columns; i++, cell += strlen(cell) + 1)
            cells[i] = cell;
        print_row(o, cells, false);
    }
    free(o->held);
    o->held = NULL;
    o->held_n = o->held_capacity = o->held_rows = 0;
}

/* One behind those that were held back. */
static void print_later_row(struct output *o)
{
    const char *cells[OUTPUT_COLUMNS_MAX] = {NULL}, *cell = o->held;

    for (size_t i = 0; i < o->n_columns; i++, cell += strlen(cell) + 1)
        cells[i] = cell;
    print_row(o, cells, false);
    o->held_n = o->held_rows = 0;
}

static void hold(struct output *o, struct slice cell)
{
    size_t capacity = o->held_capacity;

    while (o->held_n + cell.n + 1 > capacity)
        capacity = capacity == 0 ? 4096 : capacity * 2;
    if (capacity > o->held_capacity) {
        char *more = realloc(o->held, capacity);

        if (more == NULL) {
            o->failed = true;
            return;
        }
        o->held = more;
        o->held_capacity = capacity;
    }
    if (cell.n > 0)
        memcpy(o->held + o->held_n, cell.p, cell.n);
    o->held[o->held_n + cell.n] = '\0';
    o->held_n += cell.n + 1;
    /* Once the widths are found, wider cells stand out, or go on in further lines. */
    if (o->rows < OUTPUT_HELD_ROWS && cell.n > o->width[o->column])
        o->width[o->column] = (unsigned)cell.n;
}

static void put(struct output *o, struct buf *cell)
{
    bool first = o->column == 0, last = o->column + 1 == o->n_columns;

    if (o->failed)
        return;
    if (o->format == OUTPUT_CSV) {
        fprintf(o->to, "%s%s", cell->p, last ? "\r\n" : ",");
    } else if (o->format == OUTPUT_JSON) {
        fprintf(o->to, "%s\"%s\": %s%s",
                !first        ? ", "
                : o->rows > 0 ? ",\n {"
                              : "\n {",
                o->columns[o->column].name, cell->p, last ? "}" : "");
    } else {
        hold(o, buf_slice(cell));
    }
    o->column = last ? 0 : o->column + 1;
    if (!last)
        return;
    o->rows++;
    if (o->format != OUTPUT_TABLE)
        return;
    o->held_rows++;
    if (o->rows == OUTPUT_HELD_ROWS)
        print_held(o);
    else if (o->rows > OUTPUT_HELD_ROWS)
        print_later_row(o);
}

void output_text(struct output *o, struct slice text)
{
    char mem[TEXT_CELL_MAX];
    struct buf cell = BUF_OVER(mem);

    if (o->format == OUTPUT_CSV)
        output_add_csv(&cell, text);
    else if (o->format == OUTPUT_JSON)
        output_add_json(&cell, text);
    else
        output_add_plain(&cell, text);
    put(o, &cell);
}

void output_word(struct output *o, const char *word)
{
    if (word == NULL)
        output_none(o);
    else
        output_text(o, slice_of(word));
}

void output_number(struct output *o, unsigned long long n)
{
    char mem[24];
    struct buf cell = BUF_OVER(mem);

    buf_add_u64(&cell, n);
    put(o, &cell);
}

void output_time(struct output *o, int64_t wall_s)
{
    char mem[48];
    struct buf cell = BUF_OVER(mem);

    if (wall_s <= 0) {
        output_none(o);
        return;
    }
    if (o->format == OUTPUT_JSON)
        buf_add_char(&cell, '"');
    output_add_time(&cell, wall_s, o->format);
    if (o->format == OUTPUT_JSON)
        buf_add_char(&cell, '"');
    put(o, &cell);
}

void output_none(struct output *o)
{
    char mem[8];
    struct buf cell = BUF_OVER(mem);

    buf_add(&cell, o->format == OUTPUT_JSON ? SLICE("null") : o->format == OUTPUT_TABLE ? SLICE("-") : SLICE(""));
    put(o, &cell);
}

size_t output_rows(const struct output *o)
{
    return o->rows;
}

int output_end(struct output *o, const char *empty)
{
    bool failed;

    if (o == NULL) {
        errno = ENOMEM;
        return -1;
    }
    if (o->format == OUTPUT_JSON)
        fputs(o->rows > 0 ? "\n]\n" : "]\n", o->to);
    else if (o->format == OUTPUT_TABLE && o->rows == 0 && empty != NULL)
        fprintf(o->to, "%s\n", empty);
    else if (o->format == OUTPUT_TABLE && o->rows > 0 && o->rows < OUTPUT_HELD_ROWS)
        print_held(o);
    failed = o->failed;
    free(o->held);
    free(o);
    if (failed)
        errno = ENOMEM;
    return failed || fflush(stdout) != 0 ? -1 : 0;
}
