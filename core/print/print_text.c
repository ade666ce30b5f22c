/* Text for people: lines, folded on a terminal, and tables in columns. */
#include "core/print/print.h"

#include "core/base/units.h"
#include "core/report/text.h"

#include <stdlib.h>

#define GAP "  "

struct text {
    struct print print;
    /* tables: the cells that are held back, as consecutive terminated strings */
    char *held;
    size_t held_n, held_capacity, held_rows;
    unsigned width[TABLE_COLUMNS_MAX];
};

/* ---- lines ---- */

#define FOLD_LEAST 20 /* columns that are left for text, however far it is indented */

/* Where a line is, while it is printed. */
struct text_place {
    FILE *to;
    size_t column, start; /* start: where its text began, or goes on */
    size_t width;         /* 0: it isn't folded */
    unsigned hang;
};

/* The words of a text of our own. */
static void put_words(struct text_place *at, struct slice text)
{
    bool first = true;

    while (text.n > 0 || first) {
        struct slice word;
        bool apart = !first && at->column > at->start;

        (void)slice_cut(text, ' ', &word, &text);
        if (apart && at->column + 1 + word.n > at->width) {
            fprintf(at->to, "\n%*s", (int)at->hang, "");
            at->column = at->start = at->hang;
            apart = false;
        }
        fprintf(at->to, "%s%.*s", apart ? " " : "", SLICE_ARG(word));
        at->column += word.n + apart;
        first = false;
    }
}

static void put_line(struct printer *p, const struct line *line)
{
    const struct print *print = (const struct print *)p;
    unsigned width = print->terminal.columns > 0 ? print->terminal.columns : line->width;
    struct text_place at = {.to = print->to, .column = line->indent, .hang = line->hang};
    size_t label = line->label != NULL ? strlen(line->label) : 0;

    fprintf(print->to, "%*s", (int)line->indent, "");
    if (line->label != NULL) {
        fprintf(print->to, "%-*s ", (int)line->label_width, line->label);
        at.column += (label > line->label_width ? label : line->label_width) + 1;
    }
    at.start = at.column;
    if (width > 0 && !line->verbatim)
        at.width = width > line->hang + FOLD_LEAST ? width : line->hang + FOLD_LEAST;
    for (size_t i = 0; i < LINE_SPANS_MAX && line->spans[i].text != NULL; i++) {
        struct slice text = slice_of(line->spans[i].text);

        if (at.width > 0 && line->spans[i].tone == TONE_PLAIN) {
            put_words(&at, text);
        } else {
            terminal_paint(print->to, &print->terminal, line->spans[i].tone, text.p);
            at.column += text.n;
        }
    }
    fputc('\n', print->to);
}

/* ---- tables ---- */

static bool is_right(const struct text *o, size_t column)
{
    enum value_kind kind = o->print.table.columns[column].kind;

    return kind == VALUE_NUMBER || kind == VALUE_DURATION || kind == VALUE_BYTES;
}

#define WIDTH_LEAST 10 /* of a column that is narrowed for the terminal */

/* Narrows the widest columns of text until the row fits, or none can be narrowed further. */
static void fit_widths(struct text *o)
{
    size_t total = (o->print.table.n - 1) * strlen(GAP);

    for (size_t i = 0; i < o->print.table.n; i++)
        total += o->width[i];
    while (o->print.terminal.columns > 0 && total > o->print.terminal.columns) {
        unsigned *widest = NULL;

        for (size_t i = 0; i < o->print.table.n; i++)
            if (!is_right(o, i) && o->width[i] > WIDTH_LEAST && (widest == NULL || o->width[i] > *widest))
                widest = &o->width[i];
        if (widest == NULL)
            return;
        --*widest;
        total--;
    }
}

/* How much of the text fits in a line of that width: up to the last blank, hyphen, "@" or slash, else cut. */
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

/* fprintf would do; over the two million rows of a report it takes a second more. */
static void put_blanks(FILE *to, size_t n)
{
    static const char blanks[] = "                                                                ";

    for (size_t some; n > 0; n -= some) {
        some = n < sizeof blanks - 1 ? n : sizeof blanks - 1;
        (void)fwrite(blanks, 1, some, to);
    }
}

static void put_piece(const struct text *o, struct slice text, bool title)
{
    char shown[TEXT_CELL_MAX];
    struct buf b = BUF_OVER(shown);

    if (!title) {
        (void)fwrite(text.p, 1, text.n, o->print.to);
        return;
    }
    buf_add(&b, text);
    terminal_paint(o->print.to, &o->print.terminal, TONE_TITLE, shown);
}

/* A piece of a cell, padded unless it is the last of its line. */
static void print_piece(const struct text *o, size_t column, struct slice text, bool title)
{
    size_t width = o->width[column], blanks = text.n < width ? width - text.n : 0;

    if (is_right(o, column))
        put_blanks(o->print.to, blanks);
    put_piece(o, text, title);
    if (column + 1 == o->print.table.n)
        fputc('\n', o->print.to);
    else
        put_blanks(o->print.to, strlen(GAP) + (is_right(o, column) ? 0 : blanks));
}

/* A row in as many lines as its longest cell needs. */
static void print_row(const struct text *o, const char **cells, bool title)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < o->print.table.n; i++) {
            size_t n = o->print.terminal.columns > 0 ? line_of(cells[i], o->width[i]) : strlen(cells[i]);

            print_piece(o, i, (struct slice){cells[i], n}, title);
            for (cells[i] += n; n > 0 && *cells[i] == ' ';)
                cells[i]++;
            more |= *cells[i] != '\0';
        }
    }
}

static void print_titles(const struct text *o)
{
    char names[TABLE_COLUMNS_MAX][64];
    const char *cells[TABLE_COLUMNS_MAX] = {NULL};

    for (size_t i = 0; i < o->print.table.n; i++) {
        struct buf b = BUF_OVER(names[i]);

        for (const char *c = o->print.table.columns[i].name; *c != '\0'; c++)
            buf_add_char(&b, *c == '_' ? ' ' : *c);
        cells[i] = names[i];
    }
    print_row(o, cells, true);
}

static void print_held(struct text *o)
{
    const char *cells[TABLE_COLUMNS_MAX] = {NULL}, *cell = o->held;

    fit_widths(o);
    print_titles(o);
    for (size_t row = 0; row < o->held_rows; row++) {
        for (size_t i = 0; i < o->print.table.n; i++, cell += strlen(cell) + 1)
            cells[i] = cell;
        print_row(o, cells, false);
    }
    free(o->held);
    o->held = NULL;
    o->held_n = o->held_capacity = o->held_rows = 0;
}

/* A row after those that were held back. */
static void print_later_row(struct text *o)
{
    const char *cells[TABLE_COLUMNS_MAX] = {NULL}, *cell = o->held;

    for (size_t i = 0; i < o->print.table.n; i++, cell += strlen(cell) + 1)
        cells[i] = cell;
    print_row(o, cells, false);
    o->held_n = o->held_rows = 0;
}

static void hold_cell(struct text *o, size_t column, struct slice cell)
{
    size_t capacity = o->held_capacity;

    while (o->held_n + cell.n + 1 > capacity)
        capacity = capacity == 0 ? 4096 : capacity * 2;
    if (capacity > o->held_capacity) {
        char *more = realloc(o->held, capacity);

        if (more == NULL) {
            o->print.failed = true;
            return;
        }
        o->held = more;
        o->held_capacity = capacity;
    }
    if (cell.n > 0)
        memcpy(o->held + o->held_n, cell.p, cell.n);
    o->held[o->held_n + cell.n] = '\0';
    o->held_n += cell.n + 1;
    /* After the widths are fixed, wider cells stick out, or continue on further lines. */
    if (o->print.rows < PRINT_HELD_ROWS && cell.n > o->width[column])
        o->width[column] = (unsigned)cell.n;
}

static void begin_table(struct printer *p, const struct table *table)
{
    struct text *o = (struct text *)p;

    o->print.table = *table;
    o->print.rows = 0;
    for (size_t i = 0; i < table->n; i++)
        o->width[i] = (unsigned)strlen(table->columns[i].name);
}

static void text_add_cell(struct buf *b, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NONE:
        break;
    case VALUE_TEXT:
        text_add_plain(b, value->text);
        return;
    case VALUE_TRUTH:
        buf_add(b, value->number != 0 ? SLICE("yes") : SLICE("no"));
        break;
    case VALUE_TIME:
        text_add_local_time(b, value->wall_s);
        break;
    case VALUE_DURATION:
        duration_add(b, value->number);
        break;
    case VALUE_NUMBER:
    case VALUE_BYTES:
        buf_add_u64(b, value->number);
    }
    if (b->n == 0)
        buf_add_char(b, '-');
}

static void put_row(struct printer *p, const struct value *cells)
{
    struct text *o = (struct text *)p;

    for (size_t i = 0; i < o->print.table.n && !o->print.failed; i++) {
        char mem[TEXT_CELL_MAX];
        struct buf cell = BUF_OVER(mem);

        text_add_cell(&cell, &cells[i]);
        hold_cell(o, i, buf_slice(&cell));
    }
    if (o->print.failed)
        return;
    o->print.rows++;
    o->held_rows++;
    if (o->print.rows == PRINT_HELD_ROWS)
        print_held(o);
    else if (o->print.rows > PRINT_HELD_ROWS)
        print_later_row(o);
}

static void end_table(struct printer *p)
{
    struct text *o = (struct text *)p;

    if (o->print.rows == 0 && o->print.table.empty != NULL)
        fprintf(o->print.to, "%s\n", o->print.table.empty);
    else if (o->held_rows > 0 && !o->print.failed)
        print_held(o);
    free(o->held);
    o->held = NULL;
    o->held_n = o->held_capacity = o->held_rows = 0;
}

static void free_text(struct print *print)
{
    free(((struct text *)print)->held);
}

struct print *print_text(void)
{
    struct text *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->print.printer =
        (struct printer){.people = true, .line = put_line, .table = begin_table, .row = put_row, .end = end_table};
    o->print.free = free_text;
    return (struct print *)o;
}
