/*
 * An address as text, with the same result as inet_ntop(3). That uses sprintf, which would be a quarter of a log line's
 * cost.
 */
#include "core/mail/network.h"

#define GROUPS 8 /* of an IPv6 address */

static char *put_octet(char *p, unsigned v)
{
    if (v >= 100)
        *p++ = (char)('0' + v / 100);
    if (v >= 10)
        *p++ = (char)('0' + v / 10 % 10);
    *p++ = (char)('0' + v % 10);
    return p;
}

static char *put_dotted(char *p, const uint8_t *b)
{
    for (unsigned i = 0; i < 4; i++) {
        p = put_octet(p, b[i]);
        *p++ = '.';
    }
    return p - 1;
}

static unsigned group(const struct ip *a, unsigned i)
{
    return (unsigned)a->b[2 * i] << 8 | a->b[2 * i + 1];
}

/* Lower case, without leading zeros: RFC 5952 4.1, 4.3. */
static char *put_group(char *p, unsigned v)
{
    static const char hex[] = "0123456789abcdef";

    for (unsigned shift = v > 0xfff ? 16 : v > 0xff ? 12 : v > 0xf ? 8 : 4; shift > 0; shift -= 4)
        *p++ = hex[v >> (shift - 4) & 15];
    return p;
}

/* The longest run of zero groups, the first of several; one alone is none (RFC 5952 4.2). */
static unsigned longest_zeros(const struct ip *a, unsigned *begin)
{
    unsigned longest = 1;

    for (unsigned i = 0, n = 0; i < GROUPS; i++) {
        n = group(a, i) == 0 ? n + 1 : 0;
        if (n > longest) {
            longest = n;
            *begin = i + 1 - n;
        }
    }
    return longest > 1 ? longest : 0;
}

static char *put_v6(char *p, const struct ip *a)
{
    unsigned begin = GROUPS, zeros = longest_zeros(a, &begin);

    for (unsigned i = 0; i < GROUPS; i++) {
        if (i == begin) {
            *p++ = ':';
            i += zeros;
            if (i == GROUPS) {
                *p++ = ':';
                break;
            }
        }
        if (i > 0)
            *p++ = ':';
        if (i == 6 && zeros == 6) /* "::192.0.2.1": IPv4-compatible (RFC 4291 2.5.5.1) */
            return put_dotted(p, a->b + 12);
        p = put_group(p, group(a, i));
    }
    return p;
}

struct slice ip_text(const struct ip *a, char *out)
{
    char *end = ip_is_v4(a) ? put_dotted(out, a->b + 12) : put_v6(out, a);

    *end = '\0';
    return (struct slice){out, (size_t)(end - out)};
}
