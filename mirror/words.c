#include "mirror/words.h"

#include <unictype.h>
#include <unistr.h>

/*
 * Letters, marks, digits, punctuation, symbols and blanks. Not controls, formats (Cf, which includes changes of writing
 * direction), surrogates, private use, unassigned, line and paragraph separators.
 */
static bool is_harmless(ucs4_t c)
{
    const uc_general_category_t harmful =
        uc_general_category_or(UC_CATEGORY_C, uc_general_category_or(UC_CATEGORY_Zl, UC_CATEGORY_Zp));

    return !uc_is_general_category(c, harmful);
}

static void add_bytes(struct buf *b, struct slice bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        buf_addf(b, "\\x%02x", (unsigned char)bytes.p[i]);
}

struct quote words(struct slice s)
{
    struct quote q = {.text = ""};
    struct buf b = BUF_OVER(q.text);
    size_t most = s.n < QUOTE_MAX_BYTES ? s.n : QUOTE_MAX_BYTES, at = 0;

    while (at < most) {
        ucs4_t c;
        int n = u8_mbtoucr(&c, (const uint8_t *)s.p + at, s.n - at);
        struct slice bytes = {s.p + at, n > 0 ? (size_t)n : 1};

        if (b.n + 4 * bytes.n + sizeof "..." > b.cap)
            break;
        if (n > 0 && is_harmless(c))
            buf_add(&b, bytes);
        else
            add_bytes(&b, bytes);
        at += bytes.n;
    }
    if (at < s.n)
        buf_add(&b, SLICE("..."));
    return q;
}
