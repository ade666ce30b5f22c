#include "core/base/hash.h"

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

struct sip {
    uint64_t a, b, c, d;
};

static inline void sip_round(struct sip *v)
{
    v->a += v->b;
    v->b = ROTL(v->b, 13) ^ v->a;
    v->a = ROTL(v->a, 32);
    v->c += v->d;
    v->d = ROTL(v->d, 16) ^ v->c;
    v->a += v->d;
    v->d = ROTL(v->d, 21) ^ v->a;
    v->c += v->b;
    v->b = ROTL(v->b, 17) ^ v->c;
    v->c = ROTL(v->c, 32);
}

static inline void sip_absorb(struct sip *v, uint64_t word)
{
    v->d ^= word;
    sip_round(v);
    v->a ^= word;
}

static inline struct sip sip_begin(const struct hash_secret *secret)
{
    return (struct sip){secret->k[0] ^ 0x736f6d6570736575u, secret->k[1] ^ 0x646f72616e646f6du,
                        secret->k[0] ^ 0x6c7967656e657261u, secret->k[1] ^ 0x7465646279746573u};
}

static inline uint64_t sip_end(struct sip *v, uint64_t last)
{
    sip_absorb(v, last);
    v->c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v->a ^ v->b ^ v->c ^ v->d;
}

/* Up to 7 bytes as a little-endian word. (Another byte order would give another, equally good hash.) */
static inline uint64_t tail_of(const unsigned char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << 8 * i;
    return word;
}

uint64_t hash_bytes(const struct hash_secret *secret, const void *bytes, size_t n)
{
    struct sip v = sip_begin(secret);
    const unsigned char *p = bytes;
    uint64_t word;
    size_t left = n;

    for (; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        sip_absorb(&v, word);
    }
    /* Reads the last bytes of a longer text in one go, overlapping what was read before. */
    if (n >= 8) {
        memcpy(&word, p + left - 8, 8);
        word = left > 0 ? word >> 8 * (8 - left) : 0;
    } else {
        word = tail_of(p, left);
    }
    return sip_end(&v, (uint64_t)n << 56 | word);
}

uint64_t hash_words(const struct hash_secret *secret, const uint64_t *words, size_t n)
{
    struct sip v = sip_begin(secret);

    for (size_t i = 0; i < n; i++)
        sip_absorb(&v, words[i]);
    return sip_end(&v, (uint64_t)(8 * n) << 56);
}
