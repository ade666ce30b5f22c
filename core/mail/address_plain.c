#include "core/mail/address_plain.h"

#ifdef __SSE2__ /* part of every x86-64 */

#include <emmintrin.h>

#define BLOCK 16
#define PLAIN_MAX                                                                                                      \
    64 /* bytes; a label of such an address is shorter than LABEL_MAX, its local part than LOCAL_NAME_MAX */

/* What stands where: bit i is byte i. */
struct places {
    uint64_t plain; /* any of the bytes that we know */
    uint64_t dots, ats, hyphens, pluses;
};

static inline __m128i is(__m128i x, char c)
{
    return _mm_cmpeq_epi8(x, _mm_set1_epi8(c));
}

/* first <= x < first + n, unsigned */
static inline __m128i is_among(__m128i x, char first, char n)
{
    __m128i behind = _mm_sub_epi8(x, _mm_set1_epi8(first));

    return _mm_cmpeq_epi8(_mm_min_epu8(behind, _mm_set1_epi8((char)(n - 1))), behind);
}

static inline uint64_t bits(__m128i x, size_t at)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(x) << at;
}

/* The block that begins at raw[at]: its places, and its bytes in lower case to lowered[at]. */
static inline void read_block(const char *raw, size_t at, struct places *p, char *lowered)
{
    const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(raw + at)), small = _mm_set1_epi8(0x20);
    const __m128i letter = is_among(_mm_or_si128(x, small), 'a', 26), dot = is(x, '.'), hyphen = is(x, '-'),
                  at_sign = is(x, '@'), plus = is(x, '+');
    const __m128i signs = _mm_or_si128(_mm_or_si128(dot, hyphen), _mm_or_si128(at_sign, plus));
    const __m128i words = _mm_or_si128(_mm_or_si128(letter, is_among(x, '0', 10)), is(x, '_'));

    _mm_storeu_si128((__m128i *)(void *)(lowered + at), _mm_or_si128(x, _mm_and_si128(letter, small)));
    p->plain |= bits(_mm_or_si128(words, signs), at);
    p->dots |= bits(dot, at);
    p->ats |= bits(at_sign, at);
    p->hyphens |= bits(hyphen, at);
    p->pluses |= bits(plus, at);
}

/* The last block of a longer text overlaps the one before it: reading a byte twice says the same twice. */
static inline void read_places(struct slice raw, struct places *p, char *lowered)
{
    char padded[BLOCK] = {0};

    if (raw.n < BLOCK) {
        memcpy(padded, raw.p, raw.n);
        read_block(padded, 0, p, lowered);
        return;
    }
    for (size_t at = 0; at + BLOCK < raw.n; at += BLOCK)
        read_block(raw.p, at, p, lowered);
    read_block(raw.p, raw.n - BLOCK, p, lowered);
}

/* n: 1..PLAIN_MAX. A domain with "--" may hold an A-label, which takes more to judge. */
static bool is_address(const struct places *p, size_t n)
{
    const uint64_t last = UINT64_C(1) << (n - 1), all = last | (last - 1);
    const uint64_t ends = p->dots | p->ats; /* what ends an atom or a label */
    const uint64_t domain = all & ~(p->ats | (p->ats - 1)), hyphens = p->hyphens & domain;

    return p->plain == all && p->ats != 0 && (p->ats & (p->ats - 1)) == 0 && (ends & (ends << 1 | 1 | last)) == 0 &&
           (hyphens & (ends << 1 | ends >> 1 | hyphens << 1 | last)) == 0 && (p->pluses & domain) == 0;
}

bool address_plain(struct slice raw, struct address *out)
{
    char lowered[PLAIN_MAX];
    struct places p = {0};

    if (raw.n == 0 || raw.n > PLAIN_MAX)
        return false;
    read_places(raw, &p, lowered);
    if (!is_address(&p, raw.n))
        return false;
    for (size_t at = 0; at < raw.n; at += BLOCK)
        memcpy(out->text + at, lowered + at, BLOCK);
    out->text[raw.n] = '\0';
    out->local_n = (uint16_t)__builtin_ctzll(p.ats);
    out->n = (uint16_t)raw.n;
    return true;
}

#else

bool address_plain(struct slice raw, struct address *out)
{
    (void)raw;
    (void)out;
    return false;
}

#endif
