#include "mirror/cell.h"

#include "mirror/words.h"

#include <string.h>

int row_error(const struct row *row, enum column column, const char *expected, struct error *e)
{
    const struct cell *cell = &row->cells[column];
    const char *found = "";

    switch (cell->kind) {
    case CELL_ABSENT:
        found = "is not there";
        break;
    case CELL_NULL:
        found = "is empty";
        break;
    case CELL_BOOL:
        found = cell->truth ? "is true" : "is false";
        break;
    case CELL_LIST:
        found = "is a list";
        break;
    case CELL_ODD:
        found = "is an object";
        break;
    case CELL_TEXT:
        return error_set(e, "%s: line %lu: %s is \"%s\"; expected %s", row->path, row->line, column_name(column),
                         words(cell->text).text, expected);
    }
    return error_set(e, "%s: line %lu: %s %s; expected %s", row->path, row->line, column_name(column), found, expected);
}

struct slice cell_text(const struct cell *cell)
{
    return cell->kind == CELL_TEXT ? slice_trim(cell->text) : (struct slice){NULL, 0};
}

int cell_bool(const struct cell *cell, bool *out)
{
    struct slice text = cell_text(cell);

    if (cell->kind == CELL_BOOL) {
        *out = cell->truth;
        return 1;
    }
    if (cell->kind == CELL_ABSENT || cell->kind == CELL_NULL || (cell->kind == CELL_TEXT && text.n == 0))
        return 0;
    *out = slice_ieq(text, SLICE("True"));
    return *out || slice_ieq(text, SLICE("False")) ? 1 : -1;
}

bool cell_number(const struct cell *cell, unsigned long long max, unsigned long long *out)
{
    return slice_to_u64(cell_text(cell), max, out);
}

static int hex_digit(char c)
{
    c = ascii_lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool guid_parse(struct slice text, uint8_t out[16])
{
    size_t digits = 0;

    if (text.n == 38 && text.p[0] == '{' && text.p[37] == '}')
        text = (struct slice){text.p + 1, 36};
    if (text.n != 36)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int digit = hex_digit(text.p[i]);

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.p[i] != '-')
                return false;
            continue;
        }
        if (digit < 0)
            return false;
        out[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : out[digits / 2] | digit);
        digits++;
    }
    return true;
}

int cell_guid(const struct cell *cell, struct mailbox_id *id)
{
    static const struct mailbox_id zero;
    struct slice text = cell_text(cell);

    if (cell->kind == CELL_ABSENT || cell->kind == CELL_NULL || (cell->kind == CELL_TEXT && text.n == 0))
        return 0;
    if (!guid_parse(text, id->b))
        return -1;
    return memcmp(id, &zero, sizeof zero) != 0;
}

struct items cell_items(const struct cell *cell, bool split_blanks)
{
    bool has = cell->kind == CELL_TEXT || cell->kind == CELL_LIST;

    return (struct items){has ? cell->text : (struct slice){NULL, 0}, cell->kind == CELL_LIST ? NULL
                                                                      : split_blanks          ? ",;\r\n \t"
                                                                                              : ",;\r\n"};
}

bool items_next(struct items *items, struct slice *item)
{
    while (items->rest.n > 0) {
        struct slice rest = items->rest;
        size_t n = 0;

        if (items->separators == NULL) {
            slice_cut(rest, CELL_LIST_END, item, &items->rest);
        } else {
            /* No NUL can be in rest, so strchr never finds its own terminator. */
            while (n < rest.n && strchr(items->separators, rest.p[n]) == NULL)
                n++;
            *item = (struct slice){rest.p, n};
            n += n < rest.n;
            items->rest = (struct slice){rest.p + n, rest.n - n};
        }
        *item = slice_trim(*item);
        if (item->n > 0)
            return true;
    }
    return false;
}

bool cell_is_type_name(const struct cell *cell)
{
    struct slice text = cell_text(cell);

    return slice_starts_with(text, SLICE("System.")) || slice_starts_with(text, SLICE("Microsoft.Exchange.")) ||
           slice_starts_with(text, SLICE("Deserialized.")) || slice_starts_with(text, SLICE("@{"));
}
