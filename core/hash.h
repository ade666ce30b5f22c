/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012, with the round counts that hash tables use: Rust's and Python's standard
 * ones among them): a keyed hash, so that nobody outside can choose names that meet in one
 * bucket of the counters.
 */
#ifndef POSTERN_HASH_H
#define POSTERN_HASH_H

#include "core/slice.h"

#include <stdint.h>

struct hash_secret {
    uint64_t k[2];
};

uint64_t hash_bytes(const struct hash_secret *secret, const void *bytes, size_t n);

/* The hash of n words, as hash_bytes of their bytes. */
uint64_t hash_words(const struct hash_secret *secret, const uint64_t *words, size_t n);

static inline uint64_t hash_slice(const struct hash_secret *secret, struct slice s)
{
    return hash_bytes(secret, s.p, s.n);
}

#endif
