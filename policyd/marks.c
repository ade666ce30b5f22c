#include "policyd/marks.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH EACH(0x80)

/* 0x80 in each byte of x that is zero, 0 in the others (exact: no carry goes from byte to byte). */
static uint64_t zero_bytes(uint64_t x)
{
    return ~(((x & ~HIGH) + ~HIGH) | x) & HIGH;
}

/* 0x80 in byte i becomes bit i: the product brings all of them into the top byte. */
static uint64_t gather(uint64_t high)
{
    return ((high >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

struct marks marks_of_any(const char *p)
{
    struct marks m = {0, 0, false};
    uint64_t control = 0;

    for (unsigned i = 0; i < MARKS_BYTES; i += 8) {
        uint64_t x, newline;

        memcpy(&x, p + i, sizeof x);
        x = le64toh(x);
        newline = zero_bytes(x ^ EACH('\n'));
        m.newline |= gather(newline) << i;
        m.equals |= gather(zero_bytes(x ^ EACH('='))) << i;
        x |= newline >> 2; /* makes a newline 0x2a: it is none of the controls */
        control |=
            (x - EACH(0x20)) & ~x & HIGH; /* some byte is below 0x20: which one may be wrong, that there is isn't */
        control |= zero_bytes(x ^ EACH(0x7f));
    }
    m.control = control != 0;
    return m;
}
