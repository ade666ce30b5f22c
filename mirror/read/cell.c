#include "mirror/read/cell.h"

#include "core/base/guid.h"
#include "mirror/words.h"

#include <stdio.h>
#include <string.h>

struct place_words place_words(row_place place)
{
    struct place_words words;

    (void)snprintf(words.text, sizeof words.text, "%s %u", (place & PLACE_ROW) != 0 ? "row" : "line",
                   place & ~PLACE_ROW);
    return words;
}

/* " (anna@contoso.example, Guid ...)": what the row has that identifies its object. */
static struct quote row_names(const struct row *row, enum column but)
{
    static const enum column names[] = {COLUMN_PRIMARY, COLUMN_UPN, COLUMN_DISPLAY_NAME, COLUMN_NAME, COLUMN_IDENTITY};
    struct slice guid = but == COLUMN_GUID ? (struct slice){NULL, 0} : cell_text(&row->cells[COLUMN_GUID]);
    struct slice name = {NULL, 0};
    struct quote q = {.text = ""};
    struct buf b = BUF_OVER(q.text);

    for (size_t i = 0; i < sizeof names / sizeof names[0] && name.n == 0; i++)
        if (names[i] != but)
            name = cell_text(&row->cells[names[i]]);
    if (name.n > 0 || guid.n > 0)
        buf_addf(&b, " (%.100s%s%s%.40s)", words(name).text, name.n > 0 && guid.n > 0 ? ", " : "",
                 guid.n > 0 ? "Guid " : "", words(guid).text);
    return q;
}

int row_error(const struct row *row, enum column column, const char *expected, struct error *e)
{
    static const char *const found[] = {[CELL_ABSENT] = "is not there",
                                        [CELL_NULL] = "is empty",
                                        [CELL_LIST] = "is a list",
                                        [CELL_ODD] = "is an object"};
    const struct cell *cell = &row->cells[column];

    if (cell->kind == CELL_TEXT)
        return error_set(e, "%s: %s: %s is \"%s\"; expected %s%s", row->path, place_words(row->place).text,
                         column_name(column), words(cell->text).text, expected, row_names(row, column).text);
    return error_set(e, "%s: %s: %s %s; expected %s%s", row->path, place_words(row->place).text, column_name(column),
                     cell->kind != CELL_BOOL ? found[cell->kind]
                     : cell->truth           ? "is true"
                                             : "is false",
                     expected, row_names(row, column).text);
}

/* No-break spaces (U+00A0) come from web pages and spreadsheets. */
struct slice cell_trim(struct slice text)
{
    size_t before;

    do {
        before = text.n;
        text = slice_trim(text);
        if (text.n >= 2 && memcmp(text.p, "\xc2\xa0", 2) == 0)
            text = (struct slice){text.p + 2, text.n - 2};
        if (text.n >= 2 && memcmp(text.p + text.n - 2, "\xc2\xa0", 2) == 0)
            text.n -= 2;
    } while (text.n != before);
    return text;
}

struct slice cell_text(const struct cell *cell)
{
    return cell->kind == CELL_TEXT ? cell_trim(cell->text) : (struct slice){NULL, 0};
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

static bool in_braces(struct slice text)
{
    return text.n >= 2 && text.p[0] == '{' && text.p[text.n - 1] == '}';
}

int cell_guid(const struct cell *cell, struct mailbox_id *id)
{
    static const struct mailbox_id zero;
    struct slice text = cell_text(cell);

    if (cell->kind == CELL_ABSENT || cell->kind == CELL_NULL || (cell->kind == CELL_TEXT && text.n == 0))
        return 0;
    if (text.n == 38 && in_braces(text))
        text = (struct slice){text.p + 1, 36};
    if (!guid_parse(text, id->b))
        return -1;
    return memcmp(id, &zero, sizeof zero) != 0;
}

static bool ends_with(struct slice text, struct slice end)
{
    return text.n >= end.n && slice_eq((struct slice){text.p + text.n - end.n, end.n}, end);
}

bool cell_is_cut(const struct cell *cell)
{
    struct slice text = cell_text(cell);

    if (in_braces(text))
        text = slice_trim((struct slice){text.p + 1, text.n - 2});
    return ends_with(text, SLICE("...")) || ends_with(text, SLICE("\xe2\x80\xa6")); /* U+2026 */
}

struct items cell_items(const struct cell *cell, enum items_of of)
{
    struct slice text = cell->kind == CELL_LIST ? cell->text : cell_text(cell);

    if (cell->kind == CELL_LIST)
        return (struct items){.rest = text};
    if (in_braces(text))
        text = (struct slice){text.p + 1, text.n - 2};
    return (struct items){
        .rest = text, .separators = of == ITEMS_NAMES ? ",;|\r\n" : ",;|\r\n \t", .addresses = of == ITEMS_ADDRESSES};
}

/* Does a prefix of EmailAddresses begin here: letters or digits and a colon ("smtp:", "X500:")? */
static bool begins_prefix(struct slice text)
{
    size_t n = 0;

    while (n < text.n && ((ascii_lower(text.p[n]) >= 'a' && ascii_lower(text.p[n]) <= 'z') ||
                          (n > 0 && text.p[n] >= '0' && text.p[n] <= '9')))
        n++;
    return n >= 3 && n < text.n && text.p[n] == ':';
}

/* Bytes up to the next separator. */
static size_t item_length(const struct items *items)
{
    struct slice rest = items->rest;
    size_t n = 0;

    /* rest contains no NUL, so strchr never finds its own terminator. */
    while (n < rest.n && strchr(items->separators, rest.p[n]) == NULL &&
           !(items->addresses && (rest.p[n] == '+' || rest.p[n] == '/') &&
             begins_prefix((struct slice){rest.p + n + 1, rest.n - n - 1})))
        n++;
    return n;
}

bool items_next(struct items *items, struct slice *item)
{
    while (items->rest.n > 0) {
        struct slice rest = items->rest;

        if (items->separators == NULL) {
            slice_cut(rest, CELL_LIST_END, item, &items->rest);
        } else {
            size_t n = item_length(items);

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
