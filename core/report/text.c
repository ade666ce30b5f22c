#include "core/report/text.h"

#include <time.h>

void output_add_plain(struct buf *b, struct slice text)
{
    size_t n = text.n < OUTPUT_TEXT_MAX ? text.n : OUTPUT_TEXT_MAX;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= 0x20 && c <= 0x7e && c != '\\')
            buf_add_char(b, (char)c);
        else
            buf_addf(b, "\\x%02x", c);
    }
    if (n < text.n)
        buf_add(b, SLICE("..."));
}

/* Bytes of the UTF-8 character at p (RFC 3629: no overlong forms, no surrogates); 0: it is none. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t length = p[0] < 0x80                   ? 1
                    : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                                  : 0;

    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return length;
}

void output_add_json(struct buf *b, struct slice text)
{
    size_t n = text.n < OUTPUT_TEXT_MAX ? text.n : OUTPUT_TEXT_MAX;
    const unsigned char *p = (const unsigned char *)text.p;

    buf_add_char(b, '"');
    for (size_t i = 0, length; i < n; i += length) {
        length = utf8_length(p + i, n - i);
        if (length == 0) {
            buf_add(b, SLICE("\\ufffd"));
            length = 1;
        } else if (p[i] == '"' || p[i] == '\\') {
            buf_addf(b, "\\%c", p[i]);
        } else if (p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && p[i + 1] < 0xa0)) {
            /* C1 controls move a terminal as well as C0 do, when JSON is looked at there. */
            buf_addf(b, "\\u%04x", length == 1 ? p[i] : p[i + 1]);
        } else {
            buf_add(b, (struct slice){(const char *)p + i, length});
        }
    }
    buf_add_char(b, '"');
}

void output_add_csv(struct buf *b, struct slice text)
{
    static const char starts[] = {'=', '+', '-', '@', '\t', '\r'};
    char plain[TEXT_CELL_MAX];
    struct buf escaped = BUF_OVER(plain);
    bool quote = false;

    /* OWASP, "CSV Injection": spreadsheets run cells that begin so. */
    if (text.n > 0 && memchr(starts, text.p[0], sizeof starts) != NULL)
        buf_add_char(&escaped, '\'');
    output_add_plain(&escaped, text);
    for (size_t i = 0; i < escaped.n; i++)
        quote |= plain[i] == '"' || plain[i] == ',';
    if (!quote) {
        buf_add(b, buf_slice(&escaped));
        return;
    }
    buf_add_char(b, '"');
    for (size_t i = 0; i < escaped.n; i++) {
        if (plain[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, plain[i]);
    }
    buf_add_char(b, '"');
}

void output_add_time(struct buf *b, int64_t wall_s, enum output_format format)
{
    time_t seconds = (time_t)wall_s;
    char text[40];
    struct tm tm;

    if (wall_s <= 0 || (format == OUTPUT_TABLE ? localtime_r(&seconds, &tm) : gmtime_r(&seconds, &tm)) == NULL)
        return;
    if (strftime(text, sizeof text, format == OUTPUT_TABLE ? "%Y-%m-%d %H:%M:%S %z" : "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        buf_add(b, slice_of(text));
}

const char *text_plain(char *mem, size_t cap, struct slice text)
{
    struct buf b = buf_over(mem, cap);

    output_add_plain(&b, text);
    return mem;
}
