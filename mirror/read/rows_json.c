#include "core/base/guid.h"
#include "mirror/read/rows_private.h"
#include "mirror/words.h"

#include <stdlib.h>

#define NUMBER_MAX 32u /* bytes of a number's text */

/*
 * Makes room for the row's lists and numbers in advance, so that the memory never moves within a row. A list's elements
 * are never longer than the row's text: quotes make up for end marks, and an escape is longer than its character.
 */
static int make_room(struct rows *rows, size_t n, struct error *e)
{
    char *bigger;

    n += COLUMNS * NUMBER_MAX;
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

static struct slice json_slice(const json_t *string)
{
    return (struct slice){json_string_value(string), json_string_length(string)};
}

/*
 * The text or array that an object stands for; NULL when unknown. ConvertTo-Json of Windows PowerShell 5 wraps texts
 * and arrays with extra properties ({"value": ..., "Count": ...}), and splits a Guid, an address or a proxy address
 * into its parts.
 */
static const json_t *unwrap_object(const json_t *object)
{
    static const char *const members[] = {"value", "Guid", "ProxyAddressString", "Address"};

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *member = json_object_get(object, members[i]);

        if (json_is_string(member) || json_is_array(member))
            return member;
    }
    return NULL;
}

static struct cell list_cell(struct rows *rows, const json_t *array)
{
    size_t from = rows->text.n;

    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);
        struct slice text;

        if (json_is_null(element)) /* filters leave these in an array */
            continue;
        if (json_is_object(element))
            element = unwrap_object(element);
        if (!json_is_string(element))
            return (struct cell){.kind = CELL_ODD};
        text = json_slice(element);
        memcpy(rows->text.p + rows->text.n, text.p, text.n);
        rows->text.n += text.n;
        rows->text.p[rows->text.n++] = CELL_LIST_END;
    }
    return (struct cell){.kind = CELL_LIST, .text = {rows->text.p + from, rows->text.n - from}};
}

/* As many digits as a double holds exactly; no number of these cmdlets has more. */
static struct cell number_cell(struct rows *rows, const json_t *number)
{
    struct buf b = buf_over(rows->text.p + rows->text.n, NUMBER_MAX);

    buf_addf(&b, "%.15g", json_number_value(number));
    rows->text.n += b.n + 1;
    return (struct cell){.kind = CELL_TEXT, .text = buf_slice(&b)};
}

/* Texts point into the tree, which lives until the next row. */
static struct cell cell_of(struct rows *rows, const json_t *value)
{
    if (json_is_object(value))
        value = unwrap_object(value);
    if (json_is_null(value))
        return (struct cell){.kind = CELL_NULL};
    if (json_is_boolean(value))
        return (struct cell){.kind = CELL_BOOL, .truth = json_is_true(value)};
    if (json_is_string(value))
        return (struct cell){.kind = CELL_TEXT, .text = json_slice(value)};
    if (json_is_number(value))
        return number_cell(rows, value);
    return json_is_array(value) ? list_cell(rows, value) : (struct cell){.kind = CELL_ODD};
}

/* The member name that ends at that byte of the text. */
static struct slice name_before(struct slice text, int position)
{
    size_t n = position > 0 && (size_t)position <= text.n ? (size_t)position - 1 : 0; /* without its last quote */
    const char *quote = memrchr(text.p, '"', n);

    return quote != NULL ? (struct slice){quote + 1, (size_t)(text.p + n - quote - 1)} : SLICE("a member");
}

/* "\uD83D" at text: its 16 bits; -1 when no such escape begins there. */
static int escaped_unit(struct slice text)
{
    int unit = 0;

    if (text.n < 6 || text.p[0] != '\\' || text.p[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        char c = ascii_lower(text.p[i]);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/*
 * A copy of the text in which each half of a surrogate pair that stands alone is U+FFFD, as long as before; NULL when
 * there is none, or no memory. Exchange cuts display names after so many UTF-16 units, in the middle of a character,
 * too.
 */
static char *without_lone_surrogates(struct slice text)
{
    char *copy = malloc(text.n + 1);
    bool found = false;

    if (copy == NULL)
        return NULL;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    for (size_t i = 0; i < text.n;) {
        struct slice here = {text.p + i, text.n - i};
        int unit = escaped_unit(here), next = unit < 0 ? -1 : escaped_unit((struct slice){here.p + 6, here.n - 6});
        bool pair = unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000;

        if (unit >= 0xd800 && unit < 0xe000 && !pair) {
            memcpy(copy + i, "\\ufffd", 6);
            found = true;
        }
        i += pair ? 12 : unit >= 0 ? 6 : text.p[i] == '\\' ? 2 : 1;
    }
    if (!found) {
        free(copy);
        copy = NULL;
    }
    return copy;
}

/* Integers are read as reals: one beyond 64 bits in an unused member is no damage. */
static json_t *load_row(struct slice text, json_error_t *at)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
    json_t *object = json_loadb(text.p, text.n, flags, at);
    char *mended = object == NULL ? without_lone_surrogates(text) : NULL;

    if (mended != NULL)
        object = json_loadb(mended, text.n, flags, at);
    free(mended);
    return object;
}

static json_t *parse_row(const struct rows *rows, struct slice text, struct error *e)
{
    json_error_t at;
    json_t *object = load_row(text, &at);
    unsigned long line, column;

    if (object != NULL)
        return object;
    if (at.text[0] == '\0' || json_error_code(&at) == json_error_out_of_memory) {
        (void)error_set(e, "%s: no memory for a row", rows->in.path);
        return NULL;
    }
    line = rows->json.line + (unsigned long)at.line - 1;
    column = (unsigned long)at.column + (at.line == 1 ? rows->json.column - 1 : 0);
    if (json_error_code(&at) == json_error_duplicate_key)
        (void)error_set(e, "%s: line %lu: %s occurs twice", rows->in.path, line,
                        words(name_before(text, at.position)).text);
    else
        (void)error_set(e, "%s: line %lu, column %lu: damaged JSON: %s", rows->in.path, line, column,
                        words(slice_of(at.text)).text);
    return NULL;
}

/* The most helpful text of the service's error; some of them say nothing. */
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
        if (guid_parse(part, guid)) {
            guid_write(guid, envelope->organization);
            return;
        }
    }
}

static int read_envelope(struct rows *rows, struct error *e)
{
    json_t *head = parse_row(rows, json_rows_head(&rows->json), e);
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

static int set_cells(struct rows *rows, json_t *object, struct error *e)
{
    column_set seen = 0;
    const char *key;
    json_t *value;

    for (size_t i = 0; i < COLUMNS; i++)
        rows->row.cells[i] = (struct cell){.kind = CELL_ABSENT};
    json_object_foreach(object, key, value)
    {
        struct slice name = slice_of(key);
        enum column column = column_named(name);

        if (rows->columns == 0 && (column == COLUMNS || column == COLUMN_GRAPH_PROXIES))
            rows_note_odd(rows, name);
        if (column == COLUMNS)
            continue;
        if (seen & COLUMN_BIT(column)) /* a second spelling */
            return error_set(e, "%s: line %lu: %s occurs twice", rows->in.path, rows->json.line, column_name(column));
        seen |= COLUMN_BIT(column);
        rows->row.cells[column] = cell_of(rows, value);
    }
    if (refuse_error_answer(rows, object, e) != 0)
        return -1;
    if (rows->columns == 0)
        rows->columns = seen;
    return 0;
}

int rows_next_json(struct rows *rows, struct error *e)
{
    struct slice text;
    int more = json_rows_next(&rows->json, &text, e);

    json_decref(rows->tree);
    rows->tree = NULL;
    if (more <= 0)
        return more < 0 ? -1 : read_envelope(rows, e);
    if (make_room(rows, text.n, e) != 0 || (rows->tree = parse_row(rows, text, e)) == NULL ||
        set_cells(rows, rows->tree, e) != 0)
        return -1;
    rows->envelope.present = rows->json.envelope;
    rows->envelope.provider_export = rows->json.provider_export;
    rows->json_row++;
    rows->row.place = rows->json.line == 1 ? PLACE_ROW | rows->json_row : (row_place)rows->json.line;
    return 1;
}
