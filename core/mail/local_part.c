#include "core/mail/local_part.h"

#include <stdint.h>
#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

/* NFD makes at most three bytes of one; lower case at most three of two (Unicode 14, UTF-8). */
#define SCRATCH_MAX (LOCAL_PART_MAX * 5)

static const bool ascii_atext[128] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true, ['#'] = true, ['$'] = true,
    ['%'] = true,         ['&'] = true,         ['\''] = true,        ['*'] = true, ['+'] = true, ['-'] = true,
    ['/'] = true,         ['='] = true,         ['?'] = true,         ['^'] = true, ['_'] = true, ['`'] = true,
    ['{'] = true,         ['|'] = true,         ['}'] = true,         ['~'] = true};

bool is_atext(char c)
{
    return (unsigned char)c >= 0x80 || ascii_atext[(unsigned char)c];
}

/*
 * Characters that other software looks for even inside quotes: for the domain, the end of the quotes or of the address.
 */
static bool is_never_in_mail(char c)
{
    return c == '@' || c == '"' || c == '\\' || c == '<' || c == '>';
}

/* May all characters be in a quoted string? Copies to out, with ASCII in lower case. */
static bool printable(struct slice raw, char *out, bool *all_ascii)
{
    unsigned char seen = 0;

    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];

        if (c < ' ' || c == 0x7f || is_never_in_mail(raw.p[i]))
            return false;
        seen |= c;
        out[i] = ascii_lower(raw.p[i]);
    }
    out[raw.n] = '\0';
    *all_ascii = seen < 0x80;
    return raw.n > 0;
}

/* Is it a dot-string, that is, atoms with single dots between them? Copies to out, with ASCII in lower case. */
static bool dot_string(struct slice raw, char *out, bool *all_ascii)
{
    bool at_atom_start = true;
    unsigned char seen = 0;

    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];

        if (c == '.' ? at_atom_start : !is_atext(c))
            return false;
        at_atom_start = c == '.';
        seen |= (unsigned char)c;
        out[i] = ascii_lower(c);
    }
    out[raw.n] = '\0';
    *all_ascii = seen < 0x80;
    return !at_atom_start;
}

/* C1 controls, exotic blanks, line separators and noncharacters. */
static bool is_never_in_a_name(ucs4_t c)
{
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_Zl |
                                                   UC_CATEGORY_MASK_Zp) ||
           uc_is_property_not_a_character(c);
}

/* Characters such as the Kelvin sign, which even NFC turns into ASCII. */
static bool is_ascii_in_disguise(ucs4_t c)
{
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];

    return uc_canonical_decomposition(c, parts) == 1 && parts[0] < 0x80;
}

static bool is_acceptable(const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        ucs4_t c;
        int width = u8_mbtoucr(&c, s + i, n - i);

        if (width <= 0 || (c >= 0x80 && (is_never_in_a_name(c) || is_ascii_in_disguise(c))))
            return false;
        i += (size_t)width;
    }
    return true;
}

static ucs4_t lower(ucs4_t c)
{
    ucs4_t small = uc_tolower(c);

    return uc_toupper(small) == c ? small : c;
}

/* Lowers s, valid UTF-8 in NFD. Returns the length, or 0 if out is too small. */
static size_t lower_all(const uint8_t *s, size_t n, uint8_t *out, size_t cap)
{
    size_t used = 0;

    for (size_t i = 0; i < n;) {
        ucs4_t c;
        int width, written;

        width = u8_mbtouc(&c, s + i, n - i);
        written = u8_uctomb(out + used, lower(c), (ptrdiff_t)(cap - used));
        if (written <= 0)
            return 0;
        i += (size_t)width;
        used += (size_t)written;
    }
    return used;
}

/*
 * Decomposes, lowers and composes. Decomposing first gives all spellings of a letter the same lower case. The result is
 * written to out if it is at most max bytes long.
 */
static bool lower_and_compose(struct slice raw, size_t max, char *out, size_t *n)
{
    uint8_t decomposed_mem[SCRATCH_MAX], lowered[SCRATCH_MAX], composed_mem[SCRATCH_MAX];
    size_t decomposed_n = sizeof decomposed_mem, lowered_n, composed_n = sizeof composed_mem;
    uint8_t *decomposed = NULL, *composed = NULL;
    bool ok = false;

    decomposed = u8_normalize(UNINORM_NFD, (const uint8_t *)raw.p, raw.n, decomposed_mem, &decomposed_n);
    if (decomposed == NULL)
        goto out;
    lowered_n = lower_all(decomposed, decomposed_n, lowered, sizeof lowered);
    if (lowered_n == 0)
        goto out;
    composed = u8_normalize(UNINORM_NFC, lowered, lowered_n, composed_mem, &composed_n);
    if (composed == NULL || composed_n > max)
        goto out;
    memcpy(out, composed, composed_n);
    out[composed_n] = '\0';
    *n = composed_n;
    ok = true;
out:
    if (decomposed != decomposed_mem)
        free(decomposed);
    if (composed != composed_mem)
        free(composed);
    return ok;
}

/* If all is ASCII, out already has the result. */
static bool local_part_finish(struct slice raw, bool all_ascii, size_t max, char *out, size_t *n)
{
    *n = raw.n;
    if (all_ascii)
        return true;
    return u8_check((const uint8_t *)raw.p, raw.n) == NULL && is_acceptable((const uint8_t *)raw.p, raw.n) &&
           lower_and_compose(raw, max, out, n);
}

bool local_part_canonical(struct slice raw, char *out, size_t *n)
{
    bool all_ascii;

    return raw.n <= LOCAL_NAME_MAX && dot_string(raw, out, &all_ascii) &&
           local_part_finish(raw, all_ascii, LOCAL_NAME_MAX, out, n);
}

bool local_part_of_mail(struct slice raw, char *out, size_t *n)
{
    bool all_ascii;

    return raw.n <= LOCAL_PART_MAX && printable(raw, out, &all_ascii) &&
           local_part_finish(raw, all_ascii, LOCAL_PART_MAX, out, n);
}
