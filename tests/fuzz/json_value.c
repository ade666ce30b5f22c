/* links: mirror */
/* Any text as one JSON value, against jansson: both take it or both refuse it, and texts are decoded alike. */
#include "mirror/read/json_value.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistr.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What jansson refuses though it is JSON: numbers beyond its types, and what is nested deeper than its own limit. */
static bool beyond(const json_error_t *why)
{
    enum json_error_code code = json_error_code(why);

    return code == json_error_numeric_overflow || code == json_error_stack_overflow;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct json_cursor c = json_cursor_over(text);
    json_error_t why = {0};
    json_t *expected;
    char *room;

    if (size > 4096 || u8_check(data, size) != NULL ||
        memchr(data, 0, size) != NULL) /* as mirror/read/input.h hands it on */
        return 0;
    expected = json_loadb(text.p, text.n, JSON_DECODE_ANY, &why);
    json_skip(&c);
    json_end(&c);
    if (c.bad == NULL && expected == NULL && !beyond(&why))
        abort();
    if (c.bad != NULL && expected != NULL && strcmp(c.bad, "nested too deeply") != 0)
        abort();
    if (json_is_string(expected) && c.bad == NULL) {
        struct slice s;
        char *from = malloc(size + 1);

        if (from == NULL)
            abort();
        room = from;
        c = json_cursor_over(text);
        if (json_peek(&c) != VALUE_STRING)
            abort();
        s = json_take_string(&c, &room);
        if (c.bad != NULL || !slice_eq(s, (struct slice){json_string_value(expected), json_string_length(expected)}))
            abort();
        free(from);
    }
    json_decref(expected);
    return 0;
}
