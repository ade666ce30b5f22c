/* The hashes promise to be what they say, whatever the length and the alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/hash.h"

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void slow_round(uint64_t v[4])
{
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 byte by byte, from the paper (Aumasson and Bernstein, 2012, section 2). */
static uint64_t slow_hash(const struct hash_secret *secret, const unsigned char *p, size_t n)
{
    uint64_t v[4] = {secret->k[0] ^ 0x736f6d6570736575u, secret->k[1] ^ 0x646f72616e646f6du,
                     secret->k[0] ^ 0x6c7967656e657261u, secret->k[1] ^ 0x7465646279746573u};

    for (size_t i = 0; i <= n / 8; i++) {
        uint64_t word = i == n / 8 ? (uint64_t)n << 56 : 0;

        for (size_t j = 0; j < 8 && 8 * i + j < n; j++)
            word |= (uint64_t)p[8 * i + j] << 8 * j;
        v[3] ^= word;
        slow_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        slow_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static const struct hash_secret secret = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};

static void bytes_are_hashed_as_siphash_says(void **state)
{
    unsigned char text[96];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)(i * 37 + 11);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; from + n <= sizeof text; n++)
            assert_int_equal(hash_bytes(&secret, text + from, n), slow_hash(&secret, text + from, n));
    assert_int_equal(hash_bytes(&secret, NULL, 0), slow_hash(&secret, text, 0));
}

static void words_are_hashed_as_their_bytes(void **state)
{
    uint64_t words[8];

    (void)state;
    for (size_t i = 0; i < 8; i++)
        words[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t n = 0; n <= 8; n++)
        assert_int_equal(hash_words(&secret, words, n), hash_bytes(&secret, words, 8 * n));
}

/* A key that two of them share would be one counter for two. */
static void mixing_keeps_different_parts_apart(void **state)
{
    uint64_t seen[2000];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        seen[i] = i % 2 == 0 ? hash_mix(7, i / 2) : hash_mix(i / 2 + 8, 7);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    }
    assert_int_not_equal(hash_mix(1, 2), hash_mix(2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_hashed_as_siphash_says),
        cmocka_unit_test(words_are_hashed_as_their_bytes),
        cmocka_unit_test(mixing_keeps_different_parts_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
