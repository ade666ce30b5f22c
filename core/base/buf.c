#include "core/base/buf.h"

#include <stdint.h>
#include <stdio.h>

struct buf buf_over(char *mem, size_t cap)
{
    mem[0] = '\0';
    return (struct buf){.p = mem, .cap = cap};
}

void buf_add(struct buf *b, struct slice s)
{
    size_t room = b->cap - 1 - b->n;

    if (s.n > room) {
        b->full = true;
        s.n = room;
    }
    if (s.n > 0)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    b->p[b->n] = '\0';
}

void buf_add_char(struct buf *b, char c)
{
    if (b->cap - b->n < 2) {
        b->full = true;
        return;
    }
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
}

void buf_add_u64(struct buf *b, unsigned long long v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_add(b, (struct slice){digits + at, sizeof digits - at});
}

void buf_addf(struct buf *b, const char *format, ...)
{
    size_t room = b->cap - b->n;
    va_list args;
    int wanted;

    va_start(args, format);
    wanted = vsnprintf(b->p + b->n, room, format, args);
    va_end(args);
    if (wanted < 0) {
        b->p[b->n] = '\0';
        b->full = true;
    } else if ((size_t)wanted >= room) {
        b->n = b->cap - 1;
        b->full = true;
    } else {
        b->n += (size_t)wanted;
    }
}

void buf_add_escaped(struct buf *b, struct slice s, size_t max_bytes)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = s.n < max_bytes ? s.n : max_bytes;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c >= 0x21 && c <= 0x7e && c != '\\' && c != '"' && c != '=')
            buf_add_char(b, (char)c);
        else
            buf_add(b, (struct slice){(char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4});
    }
    if (n < s.n)
        buf_add(b, SLICE("..."));
}
