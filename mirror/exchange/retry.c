#include "mirror/exchange/retry.h"

#include <string.h>
#include <time.h>

enum failure retry_class(long status)
{
    static const long transient[] = {408, 500, 502, 503, 504};

    if (status >= 200 && status < 300)
        return FAILURE_NONE;
    if (status == 429)
        return FAILURE_THROTTLED;
    for (size_t i = 0; i < sizeof transient / sizeof transient[0]; i++)
        if (status == transient[i])
            return FAILURE_TRANSIENT;
    return FAILURE_FINAL;
}

/* The number in the digits from..from+n; -1 when they are none. */
static int digits_at(struct slice text, size_t from, size_t n)
{
    int v = 0;

    for (size_t i = from; i < from + n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return -1;
        v = 10 * v + (text.p[i] - '0');
    }
    return v;
}

/* January is 0; -1 for none. */
static int month_at(struct slice text, size_t from)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++)
        if (memcmp(text.p + from, months + 3 * i, 3) == 0)
            return i;
    return -1;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that may be sent (RFC 9110 5.6.7). */
static bool parse_date(struct slice text, int64_t *at)
{
    static const char form[] = "...,_.._..._...._..:..:.._GMT";
    struct tm tm = {0};

    if (text.n != sizeof form - 1)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (form[i] != '.' && text.p[i] != (form[i] == '_' ? ' ' : form[i]))
            return false;
    tm.tm_mday = digits_at(text, 5, 2);
    tm.tm_mon = month_at(text, 8);
    tm.tm_year = digits_at(text, 12, 4) - 1900;
    tm.tm_hour = digits_at(text, 17, 2);
    tm.tm_min = digits_at(text, 20, 2);
    tm.tm_sec = digits_at(text, 23, 2);
    if (tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_mon < 0 || tm.tm_year < 70 || tm.tm_hour < 0 || tm.tm_hour > 23 ||
        tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        return false;
    *at = timegm(&tm);
    return true;
}

bool retry_after_parse(struct slice text, int64_t now_s, uint32_t *seconds)
{
    unsigned long long n = 0;
    int64_t at;

    text = slice_trim(text);
    if (text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9') {
        for (size_t i = 0; i < text.n; i++) {
            if (text.p[i] < '0' || text.p[i] > '9')
                return false;
            n = n < RETRY_AFTER_MAX_S ? n * 10 + (unsigned)(text.p[i] - '0') : n;
        }
        *seconds = n < RETRY_AFTER_MAX_S ? (uint32_t)n : RETRY_AFTER_MAX_S;
        return true;
    }
    if (!parse_date(text, &at))
        return false;
    *seconds = at <= now_s ? 0 : at - now_s < (int64_t)RETRY_AFTER_MAX_S ? (uint32_t)(at - now_s) : RETRY_AFTER_MAX_S;
    return true;
}

int64_t retry_pause_ms(const struct retry_question *q)
{
    uint64_t pause = RETRY_BASE_MS;

    if ((q->failure != FAILURE_TRANSIENT && q->failure != FAILURE_THROTTLED) || q->tried >= RETRY_TRIES)
        return RETRY_GIVE_UP;
    for (unsigned i = 1; i < q->tried && pause < RETRY_PAUSE_MAX_MS; i++)
        pause *= 2;
    pause = pause < RETRY_PAUSE_MAX_MS ? pause : RETRY_PAUSE_MAX_MS;
    /* From half the pause to all of it, so that many that failed together don't come back together. */
    pause = pause / 2 + q->random % (pause / 2 + 1);
    /* What the service asks for is the least; a little on top, for the same reason. */
    if (q->told && q->after_s > 0)
        pause = (uint64_t)q->after_s * 1000 + q->random % 500;
    return pause < q->left_ms ? (int64_t)pause : RETRY_GIVE_UP;
}
