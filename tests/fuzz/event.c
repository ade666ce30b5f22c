/*
 * The input is a line of the log: format, room, then fields, each a kind, a length and a value. The line must be as the
 * slow writer has it.
 */
#include "tests/unit/event_slow.h"

#include <stdint.h>
#include <stdlib.h>

#define LONGEST 300 /* of a value: more than is shown of one */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next field's value, terminated, in memory of its own, so that the sanitizer sees a byte read too far. */
static struct slice take(const uint8_t **data, size_t *size, size_t n)
{
    char *value;

    n = n < *size ? n : *size;
    value = malloc(n + 1);
    if (value == NULL)
        abort();
    memcpy(value, *data, n);
    value[n] = '\0';
    *data += n;
    *size -= n;
    return (struct slice){value, n};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"by", "size", "login", "recipient"};
    static struct slow_event s;
    enum log_format format;
    struct event e;
    size_t cap;
    char *mem;

    if (size < 2)
        return 0;
    format = data[0] % 2 == 0 ? LOG_TEXT : LOG_JSON;
    cap = 2 + (size_t)(data[0] / 2) * 16 + data[1] % 16;
    data += 2;
    size -= 2;
    mem = malloc(cap);
    if (mem == NULL)
        abort();
    e = event_begin(mem, cap, format, "decision");
    slow_begin(&s, cap, format, "decision");
    while (size >= 2) {
        enum slow_kind kind = (enum slow_kind)(data[0] % 4);
        const char *key = keys[data[0] / 4 % 4];
        size_t n = data[1] + (data[0] > 127 ? LONGEST - 255 : 0u);
        struct slice value;

        data += 2;
        size -= 2;
        value = take(&data, &size, n);
        both_add(&e, &s, kind, key, value);
        free((void *)value.p);
    }
    if (!both_end(&e, &s))
        abort();
    free(mem);
    return 0;
}
