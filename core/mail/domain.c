/* domain_canonical of core/mail/address.h: ASCII domains are handled here, all others by libidn2. */
#include "core/mail/address.h"

#include <idn2.h>
#include <stdint.h>
#include <unistr.h>

#define DOMAIN_MAX 255 /* octets, RFC 5321 4.5.3.1.2 */
#define LABEL_MAX 63   /* octets, RFC 1035 2.3.4 */

/*
 * The longest UTF-8 text that may become a domain: 59 code points of four bytes fill an A-label, four labels a domain.
 */
#define DOMAIN_RAW_MAX 1024

/* As in Postfix (midna_domain.c): UTS 46, non-transitional. */
#define IDN_FLAGS (IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL)

/* Letters, digits, hyphen (RFC 1123 2.1), and the underscore, which internal hosts do have. */
static const bool domain_char[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true, ['_'] = true};

enum spelling { NO_DOMAIN, PLAIN, WITH_ALABELS };

static bool is_ascii_label(const char *label, size_t n)
{
    return n >= 1 && n <= LABEL_MAX && label[0] != '-' && label[n - 1] != '-';
}

static bool is_alabel(const char *label, size_t n)
{
    return n >= 4 && memcmp(label, "xn--", 4) == 0;
}

/* raw, lowered and without one trailing dot, to out (DOMAIN_MAX + 1 bytes). */
static enum spelling ascii_domain(struct slice raw, char *out, size_t *n)
{
    enum spelling spelling = PLAIN;
    size_t label = 0;

    if (raw.n > 0 && raw.p[raw.n - 1] == '.')
        raw.n--;
    if (raw.n == 0 || raw.n > DOMAIN_MAX)
        return NO_DOMAIN;
    for (size_t i = 0; i <= raw.n; i++) {
        char c = i < raw.n ? raw.p[i] : '.';

        out[i] = ascii_lower(c);
        if (c == '.') {
            if (!is_ascii_label(out + label, i - label))
                return NO_DOMAIN;
            if (is_alabel(out + label, i - label))
                spelling = WITH_ALABELS;
            label = i + 1;
        } else if (!domain_char[(unsigned char)c]) {
            return NO_DOMAIN;
        }
    }
    out[raw.n] = '\0';
    *n = raw.n;
    return spelling;
}

/* Does each A-label equal what its own U-label converts to? Another would be a second spelling of a domain. */
static bool alabels_are_real(const char *domain)
{
    char *unicode = NULL;
    uint8_t *ascii = NULL;
    bool ok = false;

    if (idn2_to_unicode_8z8z(domain, &unicode, 0) != IDN2_OK)
        goto out;
    if (idn2_lookup_u8((const uint8_t *)unicode, &ascii, IDN_FLAGS) != IDN2_OK)
        goto out;
    ok = strcmp((const char *)ascii, domain) == 0;
out:
    idn2_free(unicode);
    idn2_free(ascii);
    return ok;
}

static bool is_ascii(struct slice raw)
{
    unsigned char seen = 0;

    for (size_t i = 0; i < raw.n; i++)
        seen |= (unsigned char)raw.p[i];
    return seen < 0x80;
}

/* ASCII characters must be those of a domain: the mapping lets others through, or drops them. */
static bool may_be_mapped(struct slice raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];

        if (c < 0x80 && c != '.' && !domain_char[c])
            return false;
    }
    return raw.n <= DOMAIN_RAW_MAX && u8_check((const uint8_t *)raw.p, raw.n) == NULL;
}

/* The mapping's result is checked like any ASCII domain, since it may contain blanks, slashes, "@" and empty labels. */
static enum spelling mapped_domain(struct slice raw, char *out, size_t *n)
{
    char terminated[DOMAIN_RAW_MAX + 1];
    enum spelling spelling = NO_DOMAIN;
    uint8_t *mapped = NULL;

    if (!may_be_mapped(raw))
        return NO_DOMAIN;
    memcpy(terminated, raw.p, raw.n);
    terminated[raw.n] = '\0';
    if (idn2_lookup_u8((const uint8_t *)terminated, &mapped, IDN_FLAGS) == IDN2_OK)
        spelling = ascii_domain(slice_of((const char *)mapped), out, n);
    idn2_free(mapped);
    return spelling;
}

bool domain_canonical(struct slice raw, char *out, size_t cap, size_t *n)
{
    char ascii[DOMAIN_MAX + 1];
    enum spelling spelling = is_ascii(raw) ? ascii_domain(raw, ascii, n) : mapped_domain(raw, ascii, n);

    if (spelling == NO_DOMAIN || *n >= cap || (spelling == WITH_ALABELS && !alabels_are_real(ascii)))
        return false;
    memcpy(out, ascii, *n + 1);
    return true;
}
