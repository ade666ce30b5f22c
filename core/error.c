#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *e, const char *format, ...)
{
    va_list args;

    if (e == NULL)
        return -1;
    va_start(args, format);
    (void)vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return -1;
}

int error_prefix(struct error *e, const char *format, ...)
{
    struct error old;
    va_list args;
    int n;

    if (e == NULL)
        return -1;
    old = *e;
    va_start(args, format);
    n = vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof e->text)
        (void)snprintf(e->text + n, sizeof e->text - (size_t)n, ": %s", old.text);
    return -1;
}
