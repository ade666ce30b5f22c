#include "mirror/rows_private.h"
#include "mirror/words.h"

#include <stdio.h>
#include <stdlib.h>

/* Room for the row's lists and numbers, which are never longer than the row's own text; so it never moves in a row. */
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

static struct slice keep(struct rows *rows, struct slice s)
{
    struct slice kept = {rows->text.p + rows->text.n, s.n};

    if (s.n > rows->text.cap - rows->text.n) /* cannot be: see make_room */
        return (struct slice){NULL, 0};
    if (s.n > 0)
        memcpy(rows->text.p + rows->text.n, s.p, s.n);
    rows->text.n += s.n;
    return kept;
}

/*
 * The member that an object stands for. ConvertTo-Json of Windows PowerShell 5 wraps texts and arrays that carry extra
 * properties ({"value": ..., "Count": ...}), and turns a Guid, an address or a proxy address into its parts.
 */
static const char *const text_members[] = {"value", "Guid", "ProxyAddressString", "Address"};

static json_t *unwrap(json_t *value)
{
    for (size_t i = 0; json_is_object(value) && i < sizeof text_members / sizeof text_members[0]; i++) {
        json_t *inner = json_object_get(value, text_members[i]);

        if (json_is_string(inner) || json_is_array(inner))
            return inner;
    }
    return value;
}

static struct slice json_slice(const json_t *string)
{
    return (struct slice){json_string_value(string), json_string_length(string)};
}

static struct cell list_cell(struct rows *rows, json_t *array)
{
    const char *from = rows->text.p + rows->text.n;
    size_t at = rows->text.n;

    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *element = unwrap(json_array_get(array, i));

        if (!json_is_string(element))
            return (struct cell){.kind = CELL_ODD};
        keep(rows, json_slice(element));
        keep(rows, (struct slice){(const char[]){CELL_LIST_END}, 1});
    }
    return (struct cell){.kind = CELL_LIST, .text = {from, rows->text.n - at}};
}

static struct cell cell_of(struct rows *rows, json_t *value)
{
    char digits[24];
    int n;

    value = unwrap(value);
    switch (json_typeof(value)) {
    case JSON_NULL:
        return (struct cell){.kind = CELL_NULL};
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct cell){.kind = CELL_BOOL, .truth = json_is_true(value)};
    case JSON_STRING:
        return (struct cell){.kind = CELL_TEXT, .text = json_slice(value)};
    case JSON_ARRAY:
        return list_cell(rows, value);
    case JSON_INTEGER:
        n = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return (struct cell){.kind = CELL_TEXT, .text = keep(rows, (struct slice){digits, (size_t)n})};
    case JSON_OBJECT:
    case JSON_REAL:
    default:
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

static int set_cells(struct rows *rows, struct error *e)
{
    const char *key;
    json_t *value;
    column_set seen = 0;

    for (size_t i = 0; i < COLUMNS; i++)
        rows->row.cells[i] = (struct cell){.kind = CELL_ABSENT};
    json_object_foreach(rows->object, key, value)
    {
        enum column column = column_named(slice_of(key));

        if (column == COLUMNS)
            continue;
        if (seen & COLUMN_BIT(column))
            return error_set(e, "%s: line %lu: %s stands there twice", rows->in.path, rows->json.line,
                             column_name(column));
        seen |= COLUMN_BIT(column);
        rows->row.cells[column] = cell_of(rows, value);
    }
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
    json_decref(rows->object);
    rows->object = parse(rows, text, e);
    if (rows->object == NULL)
        return -1;
    if (make_room(rows, text.n, e) != 0 || refuse_error_answer(rows, rows->object, e) != 0 || set_cells(rows, e) != 0)
        return -1;
    rows->row.line = rows->json.line;
    rows->row.column = rows->json.column;
    return 1;
}
