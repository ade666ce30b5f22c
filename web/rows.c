#include "web/rows.h"

#include "core/base/buf.h"
#include "core/report/mailbox_of.h"
#include "web/routes.h"

static struct rows *rows_of(struct printer *p)
{
    return (struct rows *)p;
}

/* Is there nothing to be left out? */
static bool is_whole(const struct rows *rows)
{
    return rows->filtered || rows->scope.n == 0 || scope_is_all(rows->scope);
}

static void pass_line(struct printer *p, const struct line *line)
{
    struct rows *rows = rows_of(p);

    if (is_whole(rows))
        rows->to->line(rows->to, line);
    else
        rows->unfit = true;
}

static void pass_table(struct printer *p, const struct table *table)
{
    struct rows *rows = rows_of(p);

    if (rows->depth++ == 0 && !is_whole(rows)) {
        for (rows->tenant = 0; rows->tenant < table->n; rows->tenant++)
            if (strcmp(table->columns[rows->tenant].name, "tenant") == 0)
                break;
        rows->unfit |= rows->tenant == table->n && table->n > 0;
        rows->own = true;
    }
    rows->to->table(rows->to, table);
}

static void pass_row(struct printer *p, const struct value *cells)
{
    struct rows *rows = rows_of(p);

    if (rows->depth > 1) {
        rows->to->row(rows->to, cells);
        return;
    }
    if (!is_whole(rows) &&
        (rows->unfit || cells[rows->tenant].kind != VALUE_TEXT || !scope_has(rows->scope, cells[rows->tenant].text)))
        return;
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

    if (rows->depth == 1 && name != NULL && strcmp(name, "tenant") == 0)
        rows->own = value.kind == VALUE_TEXT && scope_has(rows->scope, value.text);
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
    /* They may name other tenants. */
    if (rows->bound) {
        text = "there are remarks that only those see who see all tenants: something may be missing here";
        if (rows->n_notes > 0)
            return;
    }
    if (rows->n_notes < NOTES_MAX)
        (void)error_set(&rows->notes[rows->n_notes++], "%s", text);
}

void rows_begin(struct rows *rows, struct printer *to, uint64_t skip, uint64_t most, struct slice scope)
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
                          .most = most,
                          .scope = scope,
                          .bound = scope.n > 0 && !scope_is_all(scope)};
}

void rows_begin_page(struct rows *rows, struct printer *to, const struct page *page, const struct route *route)
{
    rows_begin(rows, to, page->window.skip, page->window.most, page->scope);
    rows->filtered = route->reach == REACH_MADE || route->reach == REACH_ANY;
    rows->bound = page->bound && route->reach != REACH_ANY;
}

int rows_judge(const struct rows *rows, struct page *page)
{
    if (is_whole(rows))
        return PAGE_OK;
    if (rows->unfit) {
        (void)error_set(&page->e, "this tells no tenants apart, so it is for those who see all of them");
        return PAGE_NOT_FOR_YOU;
    }
    if (!rows->own) {
        (void)error_set(&page->e, NAME_NOT_SEEN);
        return PAGE_NOT_FOUND;
    }
    return PAGE_OK;
}
