#include "core/directory/directory_value.h"

#include <endian.h>

struct sink sink_over(void *out, size_t cap)
{
    struct sink s = {out, cap, 0, false};

    return s;
}

void sink_bytes(struct sink *s, const void *p, size_t n)
{
    if (s->full || n > s->cap - s->n) {
        s->full = true;
        return;
    }
    if (n > 0)
        memcpy(s->p + s->n, p, n);
    s->n += n;
}

size_t sink_length(const struct sink *s)
{
    return s->full ? 0 : s->n;
}

void sink_u8(struct sink *s, unsigned v)
{
    uint8_t b = (uint8_t)v;

    sink_bytes(s, &b, 1);
}

void sink_u16(struct sink *s, unsigned v)
{
    uint16_t le = htole16((uint16_t)v);

    sink_bytes(s, &le, sizeof le);
}

void sink_u32(struct sink *s, uint32_t v)
{
    v = htole32(v);
    sink_bytes(s, &v, sizeof v);
}

void sink_u64(struct sink *s, uint64_t v)
{
    v = htole64(v);
    sink_bytes(s, &v, sizeof v);
}

void sink_text(struct sink *s, struct slice text)
{
    if (text.n > UINT32_MAX) {
        s->full = true;
        return;
    }
    sink_u32(s, (uint32_t)text.n);
    sink_bytes(s, text.p, text.n);
}

struct value_reader reader_over(struct slice value)
{
    return (struct value_reader){(const uint8_t *)value.p, value.n, false};
}

static const uint8_t *take(struct value_reader *s, size_t n)
{
    const uint8_t *p = s->p;

    if (n > s->n) {
        s->bad = true;
        s->n = 0;
        return NULL;
    }
    s->p += n;
    s->n -= n;
    return p;
}

unsigned reader_below(struct value_reader *s, unsigned end)
{
    const uint8_t *p = take(s, 1);

    if (p == NULL || *p >= end) {
        s->bad = true;
        return 0;
    }
    return *p;
}

unsigned reader_u16(struct value_reader *s)
{
    const uint8_t *p = take(s, sizeof(uint16_t));
    uint16_t v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return le16toh(v);
}

uint32_t reader_u32(struct value_reader *s)
{
    const uint8_t *p = take(s, sizeof(uint32_t));
    uint32_t v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return le32toh(v);
}

uint64_t reader_u64(struct value_reader *s)
{
    const uint8_t *p = take(s, sizeof(uint64_t));
    uint64_t v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return le64toh(v);
}

struct slice reader_bytes(struct value_reader *s, size_t n)
{
    const uint8_t *p = take(s, n);

    return p != NULL ? (struct slice){(const char *)p, n} : (struct slice){NULL, 0};
}

struct slice reader_text(struct value_reader *s, size_t max)
{
    uint32_t n = reader_u32(s);

    if (n > max)
        s->bad = true;
    return s->bad ? (struct slice){NULL, 0} : reader_bytes(s, n);
}

void reader_string(struct value_reader *s, char *out, size_t cap)
{
    struct slice text = reader_text(s, cap - 1);

    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

bool reader_done(const struct value_reader *s)
{
    return !s->bad && s->n == 0;
}
