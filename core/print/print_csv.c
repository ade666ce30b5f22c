/* CSV: the rows of tables, and nothing else. */
#include "core/print/print.h"

#include "core/report/text.h"

#include <stdlib.h>

static void begin_table(struct printer *p, const struct table *table)
{
    struct print *print = (struct print *)p;

    print->table = *table;
    for (size_t i = 0; i < table->n; i++)
        fprintf(print->to, "%s%s", table->columns[i].name, i + 1 < table->n ? "," : "\r\n");
}

static void csv_add_cell(struct buf *b, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NONE:
        break;
    case VALUE_TEXT:
        text_add_csv(b, value->text);
        break;
    case VALUE_TRUTH:
        buf_add(b, value->number != 0 ? SLICE("true") : SLICE("false"));
        break;
    case VALUE_TIME:
        text_add_utc_time(b, value->wall_s);
        break;
    case VALUE_NUMBER:
    case VALUE_DURATION:
    case VALUE_BYTES:
        buf_add_u64(b, value->number);
    }
}

static void put_row(struct printer *p, const struct value *cells)
{
    struct print *print = (struct print *)p;

    for (size_t i = 0; i < print->table.n; i++) {
        char mem[TEXT_CELL_MAX];
        struct buf cell = BUF_OVER(mem);

        csv_add_cell(&cell, &cells[i]);
        fprintf(print->to, "%s%s", mem, i + 1 < print->table.n ? "," : "\r\n");
    }
}

struct print *print_csv(void)
{
    struct print *print = calloc(1, sizeof *print);

    if (print != NULL)
        print->printer = (struct printer){.table = begin_table, .row = put_row};
    return print;
}
