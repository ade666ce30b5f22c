/*
 * Where the newlines and equal signs are in 64 bytes: bit i is byte i. A request has some 60 of them and comes with
 * every command of every mail, so finding them one by one is what reading a request would cost most.
 */
#ifndef POSTERN_POLICYD_MARKS_H
#define POSTERN_POLICYD_MARKS_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MARKS_BYTES 64

struct marks {
    uint64_t newline, equals;
    bool control; /* a byte below 0x20 other than newline, or 0x7f, is among them */
};

/* Eight bytes at a time, on any machine. */
struct marks marks_of_any(const char *p);

#ifdef __SSE2__ /* part of every x86-64 */

#include <emmintrin.h>

static inline struct marks marks_of(const char *p)
{
    const __m128i newline = _mm_set1_epi8('\n'), equals = _mm_set1_epi8('='), del = _mm_set1_epi8(0x7f),
                  last_control = _mm_set1_epi8(0x1f);
    struct marks m = {0, 0, false};
    uint64_t control = 0;

    for (unsigned i = 0; i < MARKS_BYTES; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, last_control), x);

        m.newline |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, newline)) << i;
        m.equals |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, equals)) << i;
        control |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(x, del))) << i;
    }
    m.control = (control & ~m.newline) != 0;
    return m;
}

#else

static inline struct marks marks_of(const char *p)
{
    return marks_of_any(p);
}

#endif

#endif
