#include "core/base/xtext.h"

/* Upper case only, as in the RFC; -1: no digit. */
static int digit(char c)
{
    return c >= 'a' && c <= 'f' ? -1 : hex_digit(c);
}

/* Decodes the byte at *at, which is advanced; -1: malformed. */
static int next_byte(struct slice text, size_t *at)
{
    unsigned char c = (unsigned char)text.p[(*at)++];
    int high, low;

    if (c < '!' || c > '~')
        return -1;
    if (c != '+')
        return c; /* "=" too: Sendmail leaves it unencoded in some places */
    if (text.n - *at < 2)
        return -1;
    high = digit(text.p[(*at)++]);
    low = digit(text.p[(*at)++]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool xtext_decode(struct slice text, char *room, size_t cap, struct slice *out)
{
    size_t n = 0;

    for (size_t at = 0; at < text.n;) {
        int byte = next_byte(text, &at);

        if (byte < 0 || n == cap)
            return false;
        room[n++] = (char)byte;
    }
    *out = (struct slice){room, n};
    return true;
}
