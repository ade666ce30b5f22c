#include "core/report/text.h"

#include "core/base/json_text.h"
#include "core/base/units.h"

#include <time.h>

void text_add_plain(struct buf *b, struct slice text)
{
    size_t n = text.n < TEXT_SHOWN_MAX ? text.n : TEXT_SHOWN_MAX;

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

void text_add_json(struct buf *b, struct slice text)
{
    text.n = text.n < TEXT_SHOWN_MAX ? text.n : TEXT_SHOWN_MAX;
    json_add_string(b, text);
}

void text_add_csv(struct buf *b, struct slice text)
{
    static const char starts[] = {'=', '+', '-', '@', '\t', '\r'};
    char plain[TEXT_CELL_MAX];
    struct buf escaped = BUF_OVER(plain);
    bool quote = false;

    /* OWASP, "CSV Injection": spreadsheets run cells that begin so. */
    if (text.n > 0 && memchr(starts, text.p[0], sizeof starts) != NULL)
        buf_add_char(&escaped, '\'');
    text_add_plain(&escaped, text);
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

static void add_time(struct buf *b, int64_t wall_s, bool local)
{
    time_t seconds = (time_t)wall_s;
    char text[40];
    struct tm tm;

    if (wall_s <= 0 || (local ? localtime_r(&seconds, &tm) : gmtime_r(&seconds, &tm)) == NULL)
        return;
    if (strftime(text, sizeof text, local ? "%Y-%m-%d %H:%M:%S %z" : "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        buf_add(b, slice_of(text));
}

void text_add_local_time(struct buf *b, int64_t wall_s)
{
    add_time(b, wall_s, true);
}

void text_add_utc_time(struct buf *b, int64_t wall_s)
{
    add_time(b, wall_s, false);
}

const char *text_plain(char *mem, size_t cap, struct slice text)
{
    struct buf b = buf_over(mem, cap);

    text_add_plain(&b, text);
    return mem;
}

/* ---- what people write ---- */

/* strptime takes leading blanks and short numbers; what it made is written back and compared by the caller's eye. */
static bool moment(const char *text, const char *format, struct tm *tm)
{
    const char *end = strptime(text, format, tm);

    return end != NULL && *end == '\0';
}

/* Is there that day? mktime takes February 30 for a day in March. */
static bool is_a_day(const struct tm *tm)
{
    struct tm day = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday};

    (void)timegm(&day);
    return day.tm_mday == tm->tm_mday;
}

/* That time of today, in local time. With past: of yesterday, if it is still to come today. */
static int64_t time_of_day(struct tm tm, int64_t now_s, bool past)
{
    struct tm today = tm;
    int64_t at = mktime(&today);

    if (!past || at <= now_s)
        return at;
    tm.tm_mday--;
    return mktime(&tm);
}

static int read_time(const char *text, int64_t now_s, bool past, int64_t *out, struct error *e)
{
    static const struct {
        const char *text;
        enum { LOCAL, TODAY, UTC, ZONED } kind;
    } formats[] = {{"%Y-%m-%d", LOCAL},
                   {"%Y-%m-%d %H:%M", LOCAL},
                   {"%Y-%m-%dT%H:%M", LOCAL},
                   {"%Y-%m-%d %H:%M:%S", LOCAL},
                   {"%Y-%m-%dT%H:%M:%S", LOCAL},
                   {"%Y-%m-%dT%H:%M:%SZ", UTC},
                   {"%Y-%m-%d %H:%M:%S %z", ZONED}, /* as times are printed */
                   {"%H:%M", TODAY},
                   {"%H:%M:%S", TODAY}};
    time_t now = (time_t)now_s;
    uint64_t seconds;
    char shown[80];

    if (duration_parse(slice_of(text), &seconds, NULL) == 0) {
        *out = now_s - (int64_t)seconds;
        return 0;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm tm = {0};

        if (formats[i].kind == TODAY && localtime_r(&now, &tm) == NULL)
            continue;
        tm.tm_sec = 0;
        if (!moment(text, formats[i].text, &tm))
            continue;
        if (!is_a_day(&tm))
            break;
        tm.tm_isdst = -1;
        if (formats[i].kind == TODAY) {
            *out = time_of_day(tm, now_s, past);
        } else if (formats[i].kind == ZONED) {
            long ahead = tm.tm_gmtoff; /* timegm sets it */

            *out = timegm(&tm) - ahead;
        } else {
            *out = formats[i].kind == UTC ? timegm(&tm) : mktime(&tm);
        }
        return 0;
    }
    return error_set(e, "\"%s\" is not a time: expected \"2025-11-21 08:30\", \"08:30\" or a duration ago, as \"2h\"",
                     text_plain(shown, sizeof shown, slice_of(text)));
}

int text_read_time(const char *text, int64_t now_s, int64_t *out, struct error *e)
{
    return read_time(text, now_s, false, out, e);
}

int text_read_since(const char *text, int64_t now_s, int64_t *out, struct error *e)
{
    return read_time(text, now_s, true, out, e);
}
