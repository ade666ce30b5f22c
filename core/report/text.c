#include "core/report/text.h"

#include "core/base/json_text.h"

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

void output_add_json(struct buf *b, struct slice text)
{
    text.n = text.n < OUTPUT_TEXT_MAX ? text.n : OUTPUT_TEXT_MAX;
    json_add_string(b, text);
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
