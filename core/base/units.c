#include "core/base/units.h"

#include "core/base/quote.h"

struct unit {
    char letter; /* '\0': none */
    uint64_t factor;
};

/* From the largest to the smallest: the order in which they are summed. */
static const struct unit durations[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
static const struct unit counts[] = {{'G', 1000000000}, {'M', 1000000}, {'K', 1000}, {'\0', 1}};
static const struct unit sizes[] = {{'G', 1 << 30}, {'M', 1 << 20}, {'K', 1 << 10}, {'\0', 1}};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))
#define DURATIONS COUNT_OF(durations)
#define DURATION_FORM "expected a number and a unit (s, m, h, d, w), such as 90s, 15m or 1h30m, at most 400d"
#define RATE_FORM "expected a count of 1 or more (K, M, G: thousands), a slash and a period, such as 30/m or 5K/15m"
#define SIZE_FORM "expected bytes, also with K, M or G (powers of 1024), such as 64K, at most 1048576G"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_of(struct slice s)
{
    size_t n = 0;

    while (n < s.n && is_digit(s.p[n]))
        n++;
    return n;
}

/*
 * Reads one "15m" of a sum from the front of *rest; its unit must come after *next in the table. False when there is
 * none.
 */
static bool duration_part(struct slice *rest, size_t *next, uint64_t *seconds)
{
    size_t digits = digits_of(*rest);
    unsigned long long value;

    if (digits == rest->n)
        return false;
    while (*next < DURATIONS && durations[*next].letter != rest->p[digits])
        ++*next;
    if (*next == DURATIONS)
        return false;
    if (!slice_to_u64((struct slice){rest->p, digits}, DURATION_MAX_S / durations[*next].factor, &value))
        return false;
    *seconds += value * durations[*next].factor;
    ++*next;
    *rest = (struct slice){rest->p + digits + 1, rest->n - digits - 1};
    return *seconds <= DURATION_MAX_S;
}

static bool duration_read(struct slice text, uint64_t *seconds)
{
    uint64_t sum = 0;
    size_t next = 0;

    if (text.n == 0)
        return false;
    while (text.n > 0)
        if (!duration_part(&text, &next, &sum))
            return false;
    *seconds = sum;
    return true;
}

int duration_parse(struct slice text, uint64_t *seconds, struct error *e)
{
    if (!duration_read(text, seconds))
        return error_set(e, "duration \"%s\": " DURATION_FORM, quote(text).text);
    return 0;
}

/* Reads a number, perhaps with a letter of the table; the table ends with the row without letter. */
static bool number_read(struct slice text, const struct unit *unit, uint64_t most, uint64_t *out)
{
    unsigned long long value;

    if (text.n == 0)
        return false;
    while (unit->letter != '\0' && unit->letter != text.p[text.n - 1])
        unit++;
    if (unit->letter != '\0')
        text.n--;
    if (!slice_to_u64(text, most / unit->factor, &value))
        return false;
    *out = value * unit->factor;
    return true;
}

/* "15m", and "m" for "1m". */
static bool period_read(struct slice text, uint64_t *seconds)
{
    if (text.n != 1)
        return duration_read(text, seconds);
    return duration_read((struct slice){(char[]){'1', text.p[0]}, 2}, seconds);
}

int rate_parse(struct slice text, struct rate *rate, struct error *e)
{
    struct slice count, period;
    struct rate r;

    if (!slice_cut(text, '/', &count, &period) || !number_read(count, counts, RATE_MAX_COUNT, &r.count) ||
        !period_read(period, &r.period_s) || r.count == 0 || r.period_s == 0)
        return error_set(e, "rate \"%s\": " RATE_FORM, quote(text).text);
    *rate = r;
    return 0;
}

int size_parse(struct slice text, uint64_t *bytes, struct error *e)
{
    if (!number_read(text, sizes, UNITS_MAX_BYTES, bytes))
        return error_set(e, "size \"%s\": " SIZE_FORM, quote(text).text);
    return 0;
}

void duration_add(struct buf *b, uint64_t seconds)
{
    if (seconds == 0)
        buf_add(b, SLICE("0s"));
    for (size_t i = 0; i < DURATIONS; i++) {
        bool alone = i == 0; /* a week is never part of a sum */

        if (seconds < durations[i].factor || durations[i].factor == 0 || (alone && seconds % durations[i].factor != 0))
            continue;
        buf_add_u64(b, seconds / durations[i].factor);
        buf_add_char(b, durations[i].letter);
        seconds %= durations[i].factor;
    }
}

static void period_add(struct buf *b, uint64_t seconds)
{
    for (size_t i = 0; i < DURATIONS; i++) {
        if (seconds == durations[i].factor) {
            buf_add_char(b, durations[i].letter);
            return;
        }
    }
    duration_add(b, seconds);
}

void rate_add(struct buf *b, struct rate rate)
{
    const struct unit *unit = counts;

    while (unit->letter != '\0' && (rate.count == 0 || rate.count % unit->factor != 0))
        unit++;
    buf_add_u64(b, rate.count / unit->factor);
    if (unit->letter != '\0')
        buf_add_char(b, unit->letter);
    buf_add_char(b, '/');
    period_add(b, rate.period_s);
}

void rate_add_kib(struct buf *b, struct rate rate)
{
    buf_add_u64(b, kib_of(rate.count));
    buf_add(b, SLICE(" KiB in "));
    duration_add(b, rate.period_s);
}
