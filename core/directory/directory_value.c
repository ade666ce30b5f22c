#include "core/directory/directory_value.h"

#include <endian.h>

struct sink sink_over(void *out, size_t cap)
{
    struct sink s = {out, cap, SEAL_SIZE, cap < SEAL_SIZE};

    return s;
}

static void sink_bytes(struct sink *s, const void *p, size_t n)
{
    if (s->full || n > s->cap - s->n) {
        s->full = true;
        return;
    }
    if (n > 0)
        memcpy(s->p + s->n, p, n);
    s->n += n;
}

void sink_u8(struct sink *s, unsigned v)
{
    uint8_t b = (uint8_t)v;

    sink_bytes(s, &b, 1);
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

struct source source_over(struct slice value)
{
    return (struct source){(const uint8_t *)value.p + SEAL_SIZE, value.n - SEAL_SIZE, false};
}

static const uint8_t *source_bytes(struct source *s, size_t n)
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

unsigned source_below(struct source *s, unsigned end)
{
    const uint8_t *p = source_bytes(s, 1);

    if (p == NULL || *p >= end) {
        s->bad = true;
        return 0;
    }
    return *p;
}

uint32_t source_u32(struct source *s)
{
    const uint8_t *p = source_bytes(s, sizeof(uint32_t));
    uint32_t v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return le32toh(v);
}

uint64_t source_u64(struct source *s)
{
    const uint8_t *p = source_bytes(s, sizeof(uint64_t));
    uint64_t v = 0;

    if (p != NULL)
        memcpy(&v, p, sizeof v);
    return le64toh(v);
}

struct slice source_text(struct source *s, size_t max)
{
    uint32_t n = source_u32(s);
    const uint8_t *p;

    if (n > max)
        s->bad = true;
    p = s->bad ? NULL : source_bytes(s, n);
    return p != NULL ? (struct slice){(const char *)p, n} : (struct slice){NULL, 0};
}

void source_string(struct source *s, char *out, size_t cap)
{
    struct slice text = source_text(s, cap - 1);

    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

bool source_done(const struct source *s)
{
    return !s->bad && s->n == 0;
}
