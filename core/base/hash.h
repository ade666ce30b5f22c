/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012, with the round counts that the hash tables of Rust and Python use): a
 * keyed hash, so that nobody can choose names that collide in one bucket of the counters.
 */
#ifndef POSTERN_HASH_H
#define POSTERN_HASH_H

#include "core/base/slice.h"

#include <stdint.h>

struct hash_secret {
    uint64_t k[2];
};

uint64_t hash_bytes(const struct hash_secret *secret, const void *bytes, size_t n);

/* The hash of n words: that of their bytes. */
uint64_t hash_words(const struct hash_secret *secret, const uint64_t *words, size_t n);

/*
 * Combines two keyed hashes into one: MurmurHash3's 64-bit finalizer (Appleby). It is a bijection in each of the two,
 * so that different values of one never collide while the other is the same.
 */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    a = (a ^ a >> 33) * UINT64_C(0xff51afd7ed558ccd);
    a = (a ^ a >> 33) + b;
    a = (a ^ a >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return a ^ a >> 33;
}

static inline uint64_t hash_slice(const struct hash_secret *secret, struct slice s)
{
    return hash_bytes(secret, s.p, s.n);
}

#endif
