#include "cluster/block_text.h"

#include "cluster/bytes.h"
#include "core/base/clock.h"
#include "core/state/counters.h"

/* Places of what has one. The texts follow, each behind a byte with its length. */
enum {
    AT_KEY = 0,
    AT_PREFIX = 8,
    AT_CLASS = 12,
    AT_BASE = 16,
    AT_AGE = 32,
    AT_LEFT = 40,
    AT_ORIGIN = 48,
    AT_WALL = 56,
    AT_TEXTS = 64
};

#define PREFIX_MOST 128
/* Beside the class: messages are deferred, not refused. */
#define DEFERS (UINT32_C(1) << 31)

_Static_assert(sizeof(struct ip) == AT_AGE - AT_BASE, "an address fits its place");
_Static_assert(AT_TEXTS + sizeof(((struct block *)0)->subject) + sizeof(((struct block *)0)->limit) +
                       sizeof(((struct block *)0)->reason) <=
                   BLOCK_TEXT_MAX,
               "a block fits its text");

static unsigned char *put_text(unsigned char *at, const char *text, size_t cap)
{
    size_t n = strnlen(text, cap - 1);

    *at = (unsigned char)n;
    memcpy(at + 1, text, n);
    return at + 1 + n;
}

size_t block_text_write(const struct block *block, uint64_t origin_ms, uint64_t now_ns,
                        unsigned char out[BLOCK_TEXT_MAX])
{
    unsigned char *at = out + AT_TEXTS;

    bytes_put64(out + AT_KEY, block->key);
    bytes_put32(out + AT_PREFIX, block->prefix);
    bytes_put32(out + AT_CLASS, block->class | (block->defers ? DEFERS : 0));
    memcpy(out + AT_BASE, &block->base, sizeof block->base);
    bytes_put64(out + AT_AGE, now_ns > block->from_ns ? (now_ns - block->from_ns) / NS_PER_MS : 0);
    bytes_put64(out + AT_LEFT,
                block->until_ns == BLOCK_FOREVER ? UINT64_MAX : (block->until_ns - now_ns) / NS_PER_MS + 1);
    bytes_put64(out + AT_ORIGIN, origin_ms);
    bytes_put64(out + AT_WALL, (uint64_t)block->from_wall_s);
    at = put_text(at, block->subject, sizeof block->subject);
    at = put_text(at, block->limit, sizeof block->limit);
    at = put_text(at, block->reason, sizeof block->reason);
    return (size_t)(at - out);
}

/* NULL: cut, too long for its place, or not terminated within itself. */
static const unsigned char *get_text(const unsigned char *at, const unsigned char *end, char *to, size_t cap)
{
    size_t n;

    if (at == NULL || at == end || (n = *at) >= cap || n > (size_t)(end - at - 1) || memchr(at + 1, '\0', n) != NULL)
        return NULL;
    memcpy(to, at + 1, n);
    return at + 1 + n;
}

/* A block of a limit ends within the longest window; one for ever is an operator's. */
static int end_of(uint64_t left_ms, uint64_t elapsed_ms, uint64_t now_ns, uint64_t *until_ns)
{
    *until_ns = BLOCK_FOREVER;
    if (left_ms == UINT64_MAX)
        return 0;
    if (left_ms > COUNTERS_LONGEST_WINDOW_NS / NS_PER_MS)
        left_ms = COUNTERS_LONGEST_WINDOW_NS / NS_PER_MS;
    *until_ns = now_ns + (left_ms - elapsed_ms) * NS_PER_MS;
    return left_ms > elapsed_ms ? 0 : 1;
}

int block_text_read(struct slice text, uint64_t elapsed_ms, uint64_t now_ns, struct block *out, uint64_t *origin_ms)
{
    const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n, *at;
    uint64_t age_ms, age_ns;

    memset(out, 0, sizeof *out);
    if (text.n < AT_TEXTS + 3)
        return -1;
    out->key = bytes_get64(p + AT_KEY);
    out->prefix = bytes_get32(p + AT_PREFIX);
    out->class = bytes_get32(p + AT_CLASS) & ~DEFERS;
    out->defers = (bytes_get32(p + AT_CLASS) & DEFERS) != 0;
    memcpy(&out->base, p + AT_BASE, sizeof out->base);
    *origin_ms = bytes_get64(p + AT_ORIGIN);
    out->from_wall_s = (int64_t)bytes_get64(p + AT_WALL);
    at = get_text(p + AT_TEXTS, end, out->subject, sizeof out->subject);
    at = get_text(at, end, out->limit, sizeof out->limit);
    at = get_text(at, end, out->reason, sizeof out->reason);
    /* What follows the texts is of a later version. */
    if (at == NULL || out->key == 0 || out->prefix > PREFIX_MOST || out->class > BLOCK_OF_STRANGERS)
        return -1;
    age_ms = bytes_get64(p + AT_AGE) + elapsed_ms;
    age_ns = age_ms < COUNTERS_LONGEST_WINDOW_NS / NS_PER_MS ? age_ms * NS_PER_MS : COUNTERS_LONGEST_WINDOW_NS;
    out->from_ns = now_ns > age_ns ? now_ns - age_ns : 0;
    return end_of(bytes_get64(p + AT_LEFT), elapsed_ms, now_ns, &out->until_ns);
}
