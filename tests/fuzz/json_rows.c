/* links: mirror */
/*
 * Any bytes as a JSON export, against jansson: what it reads as an array of objects, or as an object, the splitter
 * splits into just these rows; and what jansson refuses as a whole, the splitter or a row's own reading refuses.
 */
#include "mirror/read/json_rows.h"

#include "mirror/read/rows.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The rows as an array; NULL when the splitter or a row's reading says no. */
static json_t *split(struct slice text, bool *envelope)
{
    json_t *rows = json_array();
    struct json_rows json;
    struct input in;
    struct error e;
    struct slice row;
    int more;

    if (input_memory(text, "fuzz", &in, &e) != 0)
        abort();
    json_rows_open(&json, &in);
    while ((more = json_rows_next(&json, &row, &e)) > 0) {
        json_t *object = json_loadb(row.p, row.n, 0, NULL);

        if (object == NULL)
            break;
        json_array_append_new(rows, object);
    }
    if (more == 0) {
        struct slice text_of_head = json_rows_head(&json);
        json_t *head = json_loadb(text_of_head.p, text_of_head.n, 0, NULL);

        more = head == NULL ? -1 : 0;
        json_decref(head);
    }
    *envelope = json.envelope;
    json_rows_close(&json);
    input_close(&in);
    if (more == 0)
        return rows;
    json_decref(rows);
    return NULL;
}

/* What the rows of a whole value are: the array, the envelope's array, or the object alone. NULL for no export. */
static json_t *expected(json_t *whole)
{
    json_t *value = json_object_get(whole, "value");
    json_t *array = json_is_array(whole) ? whole : json_is_array(value) ? value : NULL;
    json_t *alone;

    if (array != NULL) {
        for (size_t i = 0; i < json_array_size(array); i++)
            if (!json_is_object(json_array_get(array, i)))
                return NULL;
        return json_incref(array);
    }
    if (value != NULL && !json_is_null(value))
        return NULL;
    alone = json_array();
    if (value == NULL)
        json_array_append(alone, whole);
    return alone;
}

/* What the splitter does by itself and jansson does not: byte order marks, UTF-16, its own depth, escapes in a name. */
static bool comparable(struct slice text)
{
    unsigned depth = 0;

    if (text.n == 0 || (text.p[0] != '{' && text.p[0] != '[') || memchr(text.p, '\0', text.n) != NULL)
        return false;
    for (size_t i = 0; i < text.n; i++)
        depth += text.p[i] == '{' || text.p[i] == '[';
    return depth <= JSON_DEPTH_MAX && memchr(text.p, '\\', text.n) == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    bool envelope;
    json_t *rows = split(text, &envelope);
    json_t *whole = comparable(text) ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    json_t *strict = comparable(text) ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    struct rows *export;
    struct row *row;
    struct error e;

    if (comparable(text)) {
        assert(whole != NULL || rows == NULL);
        if (strict != NULL) {
            json_t *right = expected(strict);

            assert((right == NULL) == (rows == NULL));
            assert(right == NULL || json_equal(right, rows));
            json_decref(right);
        }
    }
    json_decref(whole);
    json_decref(strict);
    json_decref(rows);
    if (rows_memory(text, "fuzz", &export, &e) != 0)
        return 0;
    while (rows_next(export, &row, &e) > 0)
        assert((row->place & ~PLACE_ROW) >= 1);
    rows_close(export);
    return 0;
}
