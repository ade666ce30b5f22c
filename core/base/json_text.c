#include "core/base/json_text.h"

#include <stdint.h>
#include <unistr.h>

#define ESCAPE_MAX 12 /* two halves of a surrogate pair */

static size_t put_unit(char *out, unsigned unit)
{
    static const char hex[] = "0123456789abcdef";
    const char digits[] = {'\\', 'u', hex[unit >> 12], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};

    memcpy(out, digits, sizeof digits);
    return sizeof digits;
}

/* Escapes the first character of text, which is not empty. Returns the bytes written; *taken is the bytes consumed. */
static size_t put_escape(char out[ESCAPE_MAX], struct slice text, size_t *taken)
{
    ucs4_t c;
    int width = u8_mbtoucr(&c, (const uint8_t *)text.p, text.n);

    *taken = width > 0 ? (size_t)width : 1;
    if (width <= 0)
        return put_unit(out, 0xfffd);
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    if (c <= 0xffff)
        return put_unit(out, c);
    c -= 0x10000;
    return put_unit(out, 0xd800 + (c >> 10)) + put_unit(out + 6, 0xdc00 + (c & 0x3ff));
}

/* How many bytes at the beginning of text need no escape. */
static size_t plain_run(struct slice text)
{
    size_t n = 0;

    while (n < text.n && text.p[n] >= 0x20 && text.p[n] < 0x7f && text.p[n] != '"' && text.p[n] != '\\')
        n++;
    return n;
}

void json_add(struct buf *b, struct slice text)
{
    while (text.n > 0 && !b->full) {
        char escape[ESCAPE_MAX];
        size_t taken = plain_run(text), n;

        if (taken > 0) {
            buf_add(b, (struct slice){text.p, taken});
        } else if ((n = put_escape(escape, text, &taken)) < b->cap - b->n) {
            buf_add(b, (struct slice){escape, n});
        } else {
            b->full = true;
        }
        text = (struct slice){text.p + taken, text.n - taken};
    }
}

void json_add_string(struct buf *b, struct slice text)
{
    buf_add_char(b, '"');
    json_add(b, text);
    buf_add_char(b, '"');
}
