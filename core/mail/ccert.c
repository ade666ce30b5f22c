#include "core/mail/ccert.h"

#include "core/base/xtext.h"

static int hex_digit(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t ccert_fingerprint_canonical(struct slice raw, char out[CCERT_FINGERPRINT_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == ':' && n > 0 && n % 2 == 0 && i + 1 < raw.n && raw.p[i - 1] != ':')
            continue;
        if (hex_digit(raw.p[i]) < 0 || n == CCERT_FINGERPRINT_MAX)
            return 0;
        out[n++] = ascii_lower(raw.p[i]);
    }
    return n >= CCERT_FINGERPRINT_MIN && n % 2 == 0 ? n : 0;
}

void ccert_set_fingerprint(struct ccert *c, struct slice raw)
{
    c->fingerprint_n = (uint16_t)ccert_fingerprint_canonical(raw, c->fingerprint);
}

void ccert_set_subject(struct ccert *c, struct slice raw)
{
    c->subject_n = raw.n <= sizeof c->subject ? (uint16_t)raw.n : 0;
    if (c->subject_n > 0)
        memcpy(c->subject, raw.p, raw.n);
}

void ccert_set_subject_xtext(struct ccert *c, struct slice raw)
{
    struct slice subject;

    c->subject_n = xtext_decode(raw, c->subject, sizeof c->subject, &subject) ? (uint16_t)subject.n : 0;
}
