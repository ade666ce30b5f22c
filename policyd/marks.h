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

/* marks_of has what every machine of its kind has; marks_of_wide needs what marks_can_be_wide looks for. */
typedef struct marks marks_function(const char *p);

#ifdef __SSE2__ /* part of every x86-64 */

#include <immintrin.h>

static inline struct marks marks_of(const char *p)
{
    const __m128i newline = _mm_set1_epi8('\n'), equals = _mm_set1_epi8('='), del = _mm_set1_epi8(0x7f),
                  last_control = _mm_set1_epi8(0x1f);
    __m128i lowest = _mm_set1_epi8(-1), dels = _mm_setzero_si128();
    struct marks m = {0, 0, false};

    for (unsigned i = 0; i < MARKS_BYTES; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i)), ends = _mm_cmpeq_epi8(x, newline);

        m.newline |= (uint64_t)(unsigned)_mm_movemask_epi8(ends) << i;
        m.equals |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, equals)) << i;
        lowest = _mm_min_epu8(lowest, _mm_or_si128(x, ends)); /* newlines are 0xff there: no controls */
        dels = _mm_or_si128(dels, _mm_cmpeq_epi8(x, del));
    }
    lowest = _mm_cmpeq_epi8(_mm_min_epu8(lowest, last_control), lowest);
    m.control = _mm_movemask_epi8(_mm_or_si128(lowest, dels)) != 0;
    return m;
}

#define MARKS_WIDE __attribute__((target("avx2,bmi,popcnt")))

static inline bool marks_can_be_wide(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
}

MARKS_WIDE static inline struct marks marks_of_wide(const char *p)
{
    const __m256i newline = _mm256_set1_epi8('\n'), equals = _mm256_set1_epi8('='), del = _mm256_set1_epi8(0x7f);
    const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)p),
                  y = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    const __m256i x_ends = _mm256_cmpeq_epi8(x, newline), y_ends = _mm256_cmpeq_epi8(y, newline);
    const __m256i lowest = _mm256_min_epu8(_mm256_or_si256(x, x_ends), _mm256_or_si256(y, y_ends));
    const __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(lowest, _mm256_set1_epi8(0x1f)), lowest);
    const __m256i dels = _mm256_or_si256(_mm256_cmpeq_epi8(x, del), _mm256_cmpeq_epi8(y, del));

    return (struct marks){
        (uint64_t)(unsigned)_mm256_movemask_epi8(y_ends) << 32 | (unsigned)_mm256_movemask_epi8(x_ends),
        (uint64_t)(unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(y, equals)) << 32 |
            (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, equals)),
        _mm256_movemask_epi8(_mm256_or_si256(low, dels)) != 0,
    };
}

#else

#define MARKS_WIDE

static inline struct marks marks_of(const char *p)
{
    return marks_of_any(p);
}

static inline bool marks_can_be_wide(void)
{
    return false;
}

static inline struct marks marks_of_wide(const char *p)
{
    return marks_of_any(p);
}

#endif

#endif
