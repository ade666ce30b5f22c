/* The parts that what lies in the journal is made of: see core/journal/journal_pack.h. */
#ifndef POSTERN_JOURNAL_CODE_H
#define POSTERN_JOURNAL_CODE_H

#include "core/journal/journal_pack.h"

/* ---- writing: the maximum sizes in the header hold for every record, so that nothing is checked here ---- */

static inline uint8_t *put_number(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static inline uint8_t *put_time(uint8_t *p, int64_t s)
{
    return put_number(p, s > 0 ? (uint64_t)s : 0);
}

/* Most texts are short, and there are ten of them in a decision: a call of memcpy for each would be half of the work.
 */
static inline uint8_t *put_bytes(uint8_t *p, const char *text, size_t n)
{
    if (n > 16)
        memcpy(p, text, n);
    else if (n >= 8) { /* two words that overlap */
        memcpy(p, text, 8);
        memcpy(p + n - 8, text + n - 8, 8);
    } else if (n >= 4) {
        memcpy(p, text, 4);
        memcpy(p + n - 4, text + n - 4, 4);
    } else
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)text[i];
    return p + n;
}

static inline uint8_t *put_text(uint8_t *p, struct slice text, size_t cap)
{
    size_t n = text.n < cap ? text.n : cap - 1;

    *p++ = (uint8_t)n;
    return put_bytes(p, text.p, n);
}

/* REASON_NOT_OURS is the empty name. */
static inline uint8_t *put_reason(uint8_t *p, enum reason reason)
{
    if (reason != REASON_NOT_OURS)
        return put_text(p, slice_of(reason_row(reason)->name), 64);
    *p++ = 0;
    return p;
}

/* An address in its 4 bytes where it is an IPv4 one. */
static inline uint8_t *put_ip(uint8_t *p, const struct ip *ip, bool v4)
{
    size_t n = v4 ? 4 : sizeof ip->b;

    memcpy(p, ip->b + (sizeof ip->b - n), n);
    return p + n;
}

/* ---- reading ---- */

struct source {
    const uint8_t *p;
    size_t n;
    bool bad;
};

/* n bytes, or NULL. */
static inline const uint8_t *take(struct source *s, size_t n)
{
    const uint8_t *p = s->p;

    if (s->bad || n > s->n) {
        s->bad = true;
        return NULL;
    }
    s->p += n;
    s->n -= n;
    return p;
}

static inline unsigned take_below(struct source *s, unsigned end)
{
    const uint8_t *p = take(s, 1);

    if (p == NULL || *p >= end) {
        s->bad = true;
        return 0;
    }
    return *p;
}

/* Of all spellings of a number only the shortest is one. */
static inline uint64_t take_long_number(struct source *s)
{
    const uint8_t *p = s->p;
    size_t most = s->n < 10 ? s->n : 10, n = 0; /* 64 bits, 7 in each byte */
    uint64_t v = 0;

    while (n < most && !s->bad) {
        uint8_t byte = p[n];

        if ((n == 9 && byte > 1) || (n > 0 && byte == 0))
            break;
        v |= (uint64_t)(byte & 0x7f) << 7 * n++;
        if (byte < 0x80) {
            s->p += n;
            s->n -= n;
            return v;
        }
    }
    s->bad = true;
    return 0;
}

/* Most are one byte. */
static inline uint64_t take_number(struct source *s)
{
    if (s->bad || s->n == 0 || *s->p >= 0x80)
        return take_long_number(s);
    s->n--;
    return *s->p++;
}

static inline int64_t take_time(struct source *s)
{
    uint64_t v = take_number(s);

    if (v > INT64_MAX) {
        s->bad = true;
        return 0;
    }
    return (int64_t)v;
}

/* A text behind its length. */
static inline struct slice take_slice(struct source *s)
{
    const uint8_t *p = s->p;

    if (s->bad || s->n == 0 || *p > s->n - 1) {
        s->bad = true;
        return (struct slice){NULL, 0};
    }
    s->p += 1 + *p;
    s->n -= 1 + (size_t)*p;
    return (struct slice){(const char *)p + 1, *p};
}

static inline struct slice take_text(struct source *s, size_t cap)
{
    struct slice text = take_slice(s);

    if (text.n >= cap)
        s->bad = true;
    return text;
}

static inline void take_ip(struct source *s, struct ip *ip, bool v4)
{
    static const struct ip mapped = {{[10] = 0xff, 0xff}}; /* ::ffff:0.0.0.0 */
    size_t n = v4 ? 4 : sizeof ip->b;
    const uint8_t *p = take(s, n);

    *ip = v4 ? mapped : (struct ip){{0}};
    if (p != NULL)
        memcpy(ip->b + (sizeof ip->b - n), p, n);
}

/* A name that is not known here is REASON_COUNT. */
static inline enum reason take_reason(struct source *s)
{
    struct slice name = take_slice(s);
    enum reason reason = REASON_NOT_OURS;

    if (slice_eq(name, SLICE("allowed"))) /* as most; core/mail/reason.c has the names */
        return REASON_ALLOWED;
    if (name.n > 0 && !reason_find(name, &reason))
        return REASON_COUNT;
    return reason;
}

#endif
