#include "core/hash.h"

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

uint64_t hash_bytes(const struct hash_secret *secret, const void *bytes, size_t n)
{
    struct sip v = {secret->k[0] ^ 0x736f6d6570736575u, secret->k[1] ^ 0x646f72616e646f6du,
                    secret->k[0] ^ 0x6c7967656e657261u, secret->k[1] ^ 0x7465646279746573u};
    const unsigned char *p = bytes;
    uint64_t last = (uint64_t)n << 56, word;
    size_t left = n;

    if (n == 0)
        p = (const unsigned char *)"";
    for (; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        sip_absorb(&v, word);
    }
    word = 0;
    memcpy(&word, p, left);
    last |= word; /* little-endian, as all machines that this runs on; another order is another, equally good hash */
    sip_absorb(&v, last);
    v.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}
