#include "core/base/guid.h"

/* These bytes have a dash before them. */
static bool after_dash(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool guid_parse(struct slice text, uint8_t out[16])
{
    const char *p = text.p;

    if (text.n != GUID_TEXT_MAX - 1)
        return false;
    for (size_t i = 0; i < 16; i++, p += 2) {
        if (after_dash(i) && *p++ != '-')
            return false;
        if (hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
            return false;
        out[i] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
    }
    return true;
}

void guid_write(const uint8_t guid[16], char out[GUID_TEXT_MAX])
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < 16; i++) {
        if (after_dash(i))
            *out++ = '-';
        *out++ = hex[guid[i] >> 4];
        *out++ = hex[guid[i] & 15];
    }
    *out = '\0';
}
