#include "web/rows.h"

#include "core/base/buf.h"

static struct rows *rows_of(struct printer *p)
{
    return (struct rows *)p;
}

static void pass_line(struct printer *p, const struct line *line)
{
    struct printer *to = rows_of(p)->to;

    to->line(to, line);
}

static void pass_table(struct printer *p, const struct table *table)
{
    struct rows *rows = rows_of(p);

    rows->depth++;
    rows->to->table(rows->to, table);
}

static void pass_row(struct printer *p, const struct value *cells)
{
    struct rows *rows = rows_of(p);

    if (rows->depth > 1) {
        rows->to->row(rows->to, cells);
        return;
    }
    if (rows->seen++ < rows->skip)
        return;
    rows->more = rows->seen > rows->skip + rows->most;
    p->enough = rows->more;
    if (!rows->more)
        rows->to->row(rows->to, cells);
}

static void pass_end(struct printer *p)
{
    struct rows *rows = rows_of(p);

    rows->depth--;
    rows->to->end(rows->to);
}

static void pass_open(struct printer *p, const char *name, enum tree tree)
{
    struct rows *rows = rows_of(p);

    rows->depth++;
    rows->to->open(rows->to, name, tree);
}

static void pass_value(struct printer *p, const char *name, struct value value)
{
    struct rows *rows = rows_of(p);

    rows->to->value(rows->to, name, value);
}

static void pass_close(struct printer *p)
{
    struct rows *rows = rows_of(p);

    rows->depth--;
    rows->to->close(rows->to);
}

static void keep_remark(struct printer *p, enum remark remark, const char *text)
{
    struct rows *rows = rows_of(p);

    (void)remark;
    if (rows->n_notes < NOTES_MAX)
        (void)error_set(&rows->notes[rows->n_notes++], "%s", text);
}

void rows_begin(struct rows *rows, struct printer *to, uint64_t skip, uint64_t most)
{
    *rows = (struct rows){.printer = {.people = to->people,
                                      .line = pass_line,
                                      .table = pass_table,
                                      .row = pass_row,
                                      .end = pass_end,
                                      .open = pass_open,
                                      .value = pass_value,
                                      .close = pass_close,
                                      .remark = keep_remark},
                          .to = to,
                          .skip = skip,
                          .most = most};
}
