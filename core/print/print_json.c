/*
 * JSON. The members of the outermost object and the elements of a list have a line each; their contents are on the same
 * line.
 */
#include "core/print/print.h"

#include "core/report/text.h"

#include <stdlib.h>

#define DEPTH_MAX 8

struct level {
    enum tree tree;
    bool any; /* it has a member */
};

struct json {
    struct print print;
    struct level open[DEPTH_MAX]; /* no report goes deeper */
    size_t depth;
};

static struct level *innermost(struct json *j)
{
    return &j->open[(j->depth < DEPTH_MAX ? j->depth : DEPTH_MAX) - 1];
}

/* Writes what comes before the next member or element, with its name. */
static void begin_member(struct json *j, const char *name)
{
    struct level *level;
    FILE *to = j->print.to;
    bool lines;

    if (j->depth == 0)
        return;
    level = innermost(j);
    lines = j->depth == 1 || level->tree == TREE_LIST;
    if (level->any)
        fputs(lines ? "," : ", ", to);
    if (lines)
        fprintf(to, "\n%*s", (int)j->depth, "");
    level->any = true;
    if (name != NULL)
        fprintf(to, "\"%s\": ", name);
}

static void open_tree(struct printer *p, const char *name, enum tree tree)
{
    struct json *j = (struct json *)p;

    begin_member(j, name);
    fputc(tree == TREE_LIST ? '[' : '{', j->print.to);
    j->depth++;
    innermost(j)->tree = tree;
    innermost(j)->any = false;
}

static void close_tree(struct printer *p)
{
    struct json *j = (struct json *)p;
    struct level level = *innermost(j);

    j->depth--;
    if (j->depth == 0 && level.any)
        fputc('\n', j->print.to);
    fputc(level.tree == TREE_LIST ? ']' : '}', j->print.to);
    if (j->depth == 0)
        fputc('\n', j->print.to);
}

static void add_value(struct buf *b, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NONE:
        buf_add(b, SLICE("null"));
        break;
    case VALUE_TEXT:
        text_add_json(b, value->text);
        break;
    case VALUE_TRUTH:
        buf_add(b, value->number != 0 ? SLICE("true") : SLICE("false"));
        break;
    case VALUE_TIME:
        buf_add_char(b, '"');
        text_add_utc_time(b, value->wall_s);
        buf_add_char(b, '"');
        break;
    case VALUE_NUMBER:
    case VALUE_DURATION:
    case VALUE_BYTES:
        buf_add_u64(b, value->number);
    }
}

static void put_value(struct printer *p, const char *name, struct value value)
{
    struct json *j = (struct json *)p;
    char mem[TEXT_CELL_MAX];
    struct buf b = BUF_OVER(mem);

    if (value.kind == VALUE_TIME && value.wall_s <= 0)
        value = value_none();
    begin_member(j, name);
    add_value(&b, &value);
    fputs(mem, j->print.to);
}

/* A list of objects. */
static void begin_table(struct printer *p, const struct table *table)
{
    struct json *j = (struct json *)p;

    j->print.table = *table;
    open_tree(p, table->name, TREE_LIST);
}

static void put_row(struct printer *p, const struct value *cells)
{
    const struct table *table = &((const struct print *)p)->table;

    open_tree(p, NULL, TREE_OBJECT);
    for (size_t i = 0; i < table->n; i++)
        put_value(p, table->columns[i].name, cells[i]);
    close_tree(p);
}

struct print *print_json(void)
{
    struct json *j = calloc(1, sizeof *j);

    if (j == NULL)
        return NULL;
    j->print.printer = (struct printer){.table = begin_table,
                                        .row = put_row,
                                        .end = close_tree,
                                        .open = open_tree,
                                        .value = put_value,
                                        .close = close_tree};
    return (struct print *)j;
}
