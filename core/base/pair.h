/*
 * A pair of 64-bit words that is changed in one atomic step, between processes too: a killed process leaves the old
 * pair or the new one, never half of each. x86-64: cmpxchg16b (-mcx16); aarch64: casp or ldaxp/stlxp.
 *
 * Why the __sync builtin: for 16 bytes gcc calls libatomic for __atomic_compare_exchange, which may lock.
 */
#ifndef POSTERN_PAIR_H
#define POSTERN_PAIR_H

#include <stdbool.h>
#include <stdint.h>

union pair {
    struct {
        uint64_t key, value;
    };
    unsigned __int128 both;
} __attribute__((aligned(16)));

_Static_assert(sizeof(union pair) == 16, "a pair is what one compare-and-swap covers");

static inline union pair pair_of(uint64_t key, uint64_t value)
{
    union pair p = {.both = 0};

    p.key = key;
    p.value = value;
    return p;
}

/* Both words, which may be of different pairs: only a later pair_swap proves that they belong together. */
static inline union pair pair_glance(const union pair *at)
{
    uint64_t key = __atomic_load_n(&at->key, __ATOMIC_ACQUIRE);

    return pair_of(key, __atomic_load_n(&at->value, __ATOMIC_ACQUIRE));
}

/* Both words; the value was read while the key stood there. */
static inline union pair pair_read(const union pair *at)
{
    union pair seen;

    do {
        seen = pair_glance(at);
    } while (seen.key != __atomic_load_n(&at->key, __ATOMIC_ACQUIRE));
    return seen;
}

/* Changes *at from `from` to `to`; false, and nothing changed, when it is not `from`. */
static inline bool pair_swap(union pair *at, union pair from, union pair to)
{
    return __sync_bool_compare_and_swap(&at->both, from.both, to.both);
}

static inline void pair_write(union pair *at, union pair to)
{
    while (!pair_swap(at, pair_glance(at), to))
        continue;
}

#endif
