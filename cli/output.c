#include "cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define CELL_MAX (6 * OUTPUT_TEXT_MAX + 16) /* every byte may become six */
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

/* ---- escaping ---- */

void output_add_plain(struct buf *b, struct slice text)
{
    size_t n = text.n < OUTPUT_TEXT_MAX ? text.n : OUTPUT_TEXT_MAX;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= 0x20 && c <= 0x7e && c != '\\')
            buf_add_char(b, (char)c);
        else
            buf_addf(b, "\\x%02x", c);
    }
    if (n < text.n)
        buf_add(b, SLICE("..."));
}

/* Bytes of the UTF-8 character at p (RFC 3629: no overlong forms, no surrogates); 0: it is none. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t length = p[0] < 0x80                   ? 1
                    : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                                  : 0;

    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return length;
}

void output_add_json(struct buf *b, struct slice text)
{
    size_t n = text.n < OUTPUT_TEXT_MAX ? text.n : OUTPUT_TEXT_MAX;
    const unsigned char *p = (const unsigned char *)text.p;

    buf_add_char(b, '"');
    for (size_t i = 0, length; i < n; i += length) {
        length = utf8_length(p + i, n - i);
        if (length == 0) {
            buf_add(b, SLICE("\\ufffd"));
            length = 1;
        } else if (p[i] == '"' || p[i] == '\\') {
            buf_addf(b, "\\%c", p[i]);
        } else if (p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && p[i + 1] < 0xa0)) {
            /* C1 controls move a terminal as well as C0 do, when JSON is looked at there. */
            buf_addf(b, "\\u%04x", length == 1 ? p[i] : p[i + 1]);
        } else {
            buf_add(b, (struct slice){(const char *)p + i, length});
        }
    }
    buf_add_char(b, '"');
}

void output_add_csv(struct buf *b, struct slice text)
{
    static const char starts[] = {'=', '+', '-', '@', '\t', '\r'};
    char plain[CELL_MAX];
    struct buf escaped = BUF_OVER(plain);
    bool quote = false;

    /* OWASP, "CSV Injection": spreadsheets run cells that begin so. */
    if (text.n > 0 && memchr(starts, text.p[0], sizeof starts) != NULL)
        buf_add_char(&escaped, '\'');
    output_add_plain(&escaped, text);
    for (size_t i = 0; i < escaped.n; i++)
        quote |= plain[i] == '"' || plain[i] == ',';
    if (!quote) {
        buf_add(b, buf_slice(&escaped));
        return;
    }
    buf_add_char(b, '"');
    for (size_t i = 0; i < escaped.n; i++) {
        if (plain[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, plain[i]);
    }
    buf_add_char(b, '"');
}

void output_add_time(struct buf *b, int64_t wall_s, enum output_format format)
{
    time_t seconds = (time_t)wall_s;
    char text[40];
    struct tm tm;

    if (wall_s <= 0 || (format == OUTPUT_TABLE ? localtime_r(&seconds, &tm) : gmtime_r(&seconds, &tm)) == NULL)
        return;
    if (strftime(text, sizeof text, format == OUTPUT_TABLE ? "%Y-%m-%d %H:%M:%S %z" : "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        buf_add(b, slice_of(text));
}

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
    char shown[CELL_MAX];
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
    char mem[CELL_MAX];
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
