#include "mirror/read/json_value.h"
#include "mirror/read/rows_private.h"
#include "mirror/words.h"

#include <stdlib.h>

/*
 * Room for the row's lists and decoded texts, which are never longer than the row's own text (an element's quotes and
 * comma pay for its end mark, an escape for what it stands for); so it never moves in a row.
 */
static int make_room(struct rows *rows, size_t n, struct error *e)
{
    char *bigger;

    rows->text.n = 0;
    if (n <= rows->text.cap)
        return 0;
    bigger = realloc(rows->text.p, n);
    if (bigger == NULL)
        return error_set(e, "%s: no memory for a row", rows->in.path);
    rows->text.p = bigger;
    rows->text.cap = n;
    return 0;
}

/*
 * The member that an object stands for. ConvertTo-Json of Windows PowerShell 5 wraps texts and arrays that carry extra
 * properties ({"value": ..., "Count": ...}), and turns a Guid, an address or a proxy address into its parts.
 */
static const char *const text_members[] = {"value", "Guid", "ProxyAddressString", "Address"};
#define TEXT_MEMBERS (sizeof text_members / sizeof text_members[0])

static char *room_of(const struct rows *rows)
{
    return rows->text.p + rows->text.n;
}

static void room_taken(struct rows *rows, const char *end)
{
    rows->text.n = (size_t)(end - rows->text.p);
}

static struct slice take_string(struct rows *rows, struct json_cursor *c)
{
    char *room = room_of(rows);
    struct slice s = json_take_string(c, &room);

    room_taken(rows, room);
    return s;
}

/*
 * Puts the cursor on what an object stands for, a text or an array, and steps *behind over the object. False when it
 * stands for nothing that is known.
 */
static bool unwrap(struct rows *rows, struct json_cursor *c, struct json_cursor *behind)
{
    struct json_cursor found[TEXT_MEMBERS];
    bool has[TEXT_MEMBERS] = {false}, first = true;
    struct slice name;
    char *room = room_of(rows);

    *behind = *c;
    json_enter(behind);
    while (json_next_member(behind, &first, &name, &room)) {
        enum json_kind kind = json_peek(behind);

        room = room_of(rows);
        for (size_t i = 0; i < TEXT_MEMBERS; i++)
            if ((kind == VALUE_STRING || kind == VALUE_ARRAY) && slice_eq(name, slice_of(text_members[i]))) {
                found[i] = *behind;
                has[i] = true;
            }
        json_skip(behind);
    }
    for (size_t i = 0; i < TEXT_MEMBERS; i++)
        if (has[i] && behind->bad == NULL) {
            *c = found[i];
            return true;
        }
    return false;
}

/* A text, or an object that stands for one, at the end of the room. False for anything else. */
static bool take_element(struct rows *rows, struct json_cursor *c)
{
    struct json_cursor behind;
    struct slice s;

    if (json_peek(c) == VALUE_OBJECT) {
        struct json_cursor inner = *c;
        bool is_text = unwrap(rows, &inner, &behind) && json_peek(&inner) == VALUE_STRING;

        *c = behind;
        if (!is_text)
            return false;
        s = take_string(rows, &inner);
    } else if (json_peek(c) == VALUE_STRING) {
        s = take_string(rows, c);
    } else if (json_peek(c) == VALUE_NULL) { /* no element: what filters leave behind in an array */
        (void)json_take_bare(c);
        return true;
    } else {
        json_skip(c);
        return false;
    }
    if (s.n > 0 && (s.p < rows->text.p || s.p > rows->text.p + rows->text.cap)) {
        memcpy(room_of(rows), s.p, s.n);
        rows->text.n += s.n;
    }
    rows->text.p[rows->text.n++] = CELL_LIST_END;
    return true;
}

static struct cell list_cell(struct rows *rows, struct json_cursor *c)
{
    const char *from = room_of(rows);
    size_t at = rows->text.n;
    bool first = true, odd = false;

    json_enter(c);
    while (json_next_element(c, &first))
        odd = !take_element(rows, c) || odd;
    if (odd)
        return (struct cell){.kind = CELL_ODD};
    return (struct cell){.kind = CELL_LIST, .text = {from, rows->text.n - at}};
}

/* The cell of the next value, which is stepped over. */
static struct cell take_cell(struct rows *rows, struct json_cursor *c)
{
    struct json_cursor inner = *c;
    struct cell cell;

    switch (json_peek(c)) {
    case VALUE_NULL:
        json_take_bare(c);
        return (struct cell){.kind = CELL_NULL};
    case VALUE_TRUE:
        json_take_bare(c);
        return (struct cell){.kind = CELL_BOOL, .truth = true};
    case VALUE_FALSE:
        json_take_bare(c);
        return (struct cell){.kind = CELL_BOOL, .truth = false};
    case VALUE_INTEGER:
        return (struct cell){.kind = CELL_TEXT, .text = json_take_bare(c)};
    case VALUE_STRING:
        return (struct cell){.kind = CELL_TEXT, .text = take_string(rows, c)};
    case VALUE_ARRAY:
        return list_cell(rows, c);
    case VALUE_OBJECT:
        if (!unwrap(rows, &inner, c))
            return (struct cell){.kind = CELL_ODD};
        cell = take_cell(rows, &inner);
        c->bad = c->bad != NULL ? c->bad : inner.bad;
        return cell;
    default:
        json_skip(c);
        return (struct cell){.kind = CELL_ODD};
    }
}

static json_t *parse(const struct rows *rows, struct slice text, struct error *e)
{
    json_error_t at;
    json_t *object = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &at);

    if (object == NULL) {
        unsigned long line = rows->json.line + (unsigned long)at.line - 1;
        unsigned long column = (unsigned long)at.column + (at.line == 1 ? rows->json.column : 0);

        error_set(e, "%s: line %lu, column %lu: damaged JSON: %s", rows->in.path, line, column,
                  words(slice_of(at.text)).text);
    }
    return object;
}

static struct slice json_slice(const json_t *string)
{
    return (struct slice){json_string_value(string), json_string_length(string)};
}

/* The best of the texts that an error of the service holds (several are nearly always empty words). */
static struct slice error_text(json_t *error)
{
    json_t *inner = json_object_get(json_object_get(error, "innererror"), "internalexception");
    json_t *text = json_object_get(inner, "message");

    if (!json_is_string(text))
        text = json_object_get(json_array_get(json_object_get(error, "details"), 0), "message");
    if (!json_is_string(text))
        text = json_object_get(error, "message");
    return json_is_string(text) ? json_slice(text) : SLICE("without a message");
}

static int refuse_error_answer(const struct rows *rows, json_t *object, struct error *e)
{
    json_t *error = json_object_get(object, "error");

    if (error == NULL)
        error = json_object_get(object, "@odata.error");
    if (error == NULL || json_is_null(error))
        return 0;
    return error_set(e, "%s: an error that the service answered with, not an export: \"%s\"", rows->in.path,
                     words(error_text(error)).text);
}

/* ".../adminapi/beta/GUID/$metadata..." */
static void find_organization(struct envelope *envelope, struct slice context)
{
    uint8_t guid[16];
    struct slice part;

    while (context.n > 0) {
        slice_cut(context, '/', &part, &context);
        if (part.n == 36 && guid_parse(part, guid)) {
            for (size_t i = 0; i < part.n; i++)
                envelope->organization[i] = ascii_lower(part.p[i]);
            return;
        }
    }
}

static int read_envelope(struct rows *rows, struct error *e)
{
    json_t *head = parse(rows, json_rows_head(&rows->json), e);
    struct envelope *envelope = &rows->envelope;
    json_t *context, *warnings, *next;
    int result;

    if (head == NULL)
        return -1;
    context = json_object_get(head, "@odata.context");
    warnings = json_object_get(head, "@adminapi.warnings");
    next = json_object_get(head, "@odata.nextLink");
    envelope->present = rows->json.envelope;
    envelope->more = next != NULL && !json_is_null(next);
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *warning = json_string_value(json_array_get(warnings, i));

        envelope->cut = envelope->cut || (warning != NULL && strstr(warning, "ResultSize") != NULL);
    }
    if (json_is_string(context))
        find_organization(envelope, json_slice(context));
    result = refuse_error_answer(rows, head, e);
    json_decref(head);
    return result;
}

/* Where in the file the cursor stands. */
static int damaged(const struct rows *rows, const struct json_cursor *c, struct error *e)
{
    unsigned long line = rows->json.line, column = rows->json.column;

    for (const char *p = c->start; p < c->at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    return error_set(e, "%s: line %lu, column %lu: damaged JSON: %s", rows->in.path, line, column, c->bad);
}

/* Is it an error of the service instead of a row? Only then the row is looked at as a tree. */
static int look_for_error(const struct rows *rows, struct slice text, struct error *e)
{
    json_t *object = parse(rows, text, e);
    int result = object != NULL ? refuse_error_answer(rows, object, e) : -1;

    json_decref(object);
    return result;
}

static int set_cells(struct rows *rows, struct slice text, struct error *e)
{
    struct json_cursor c = json_cursor_over(text);
    bool first = true, error_member = false;
    struct slice name;
    column_set seen = 0;
    char *room;

    for (size_t i = 0; i < COLUMNS; i++)
        rows->row.cells[i] = (struct cell){.kind = CELL_ABSENT};
    json_enter(&c);
    room = room_of(rows);
    while (json_next_member(&c, &first, &name, &room)) {
        enum column column = column_named(name);

        room = room_of(rows);
        error_member = error_member || slice_eq(name, SLICE("error")) || slice_eq(name, SLICE("@odata.error"));
        if (rows->columns == 0 && (column == COLUMNS || column == COLUMN_GRAPH_PROXIES))
            rows_note_odd(rows, name);
        if (column == COLUMNS) {
            json_skip(&c);
            continue;
        }
        if (seen & COLUMN_BIT(column))
            return error_set(e, "%s: line %lu: %s stands there twice", rows->in.path, rows->json.line,
                             column_name(column));
        seen |= COLUMN_BIT(column);
        rows->row.cells[column] = take_cell(rows, &c);
        room = room_of(rows);
    }
    json_end(&c);
    if (c.bad != NULL)
        return damaged(rows, &c, e);
    if (error_member && look_for_error(rows, text, e) != 0)
        return -1;
    if (rows->columns == 0)
        rows->columns = seen;
    return 0;
}

int rows_next_json(struct rows *rows, struct error *e)
{
    struct slice text;
    int more = json_rows_next(&rows->json, &text, e);

    if (more <= 0)
        return more < 0 ? -1 : read_envelope(rows, e);
    if (make_room(rows, text.n, e) != 0 || set_cells(rows, text, e) != 0)
        return -1;
    rows->envelope.present = rows->json.envelope;
    rows->envelope.provider_export = rows->json.provider_export;
    rows->json_row++;
    rows->row.place = rows->json.line == 1 ? PLACE_ROW | rows->json_row : (row_place)rows->json.line;
    return 1;
}
