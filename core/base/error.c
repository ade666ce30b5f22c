#include "core/base/error.h"

#include "core/base/buf.h"

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
    struct error whole;
    struct buf b = BUF_OVER(whole.text);
    va_list args;
    int n;

    if (e == NULL)
        return -1;
    va_start(args, format);
    n = vsnprintf(whole.text, sizeof whole.text, format, args);
    va_end(args);
    b.n = n < 0 ? 0 : (size_t)n < sizeof whole.text ? (size_t)n : sizeof whole.text - 1;
    buf_add(&b, SLICE(": "));
    buf_add(&b, slice_of(e->text));
    *e = whole;
    return -1;
}
