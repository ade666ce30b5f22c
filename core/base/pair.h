/*
 * A pair of 64-bit words that is changed in one atomic step, also between processes: a process that is killed leaves
 * the old pair or the new one, never half of each. x86-64: cmpxchg16b (-mcx16); aarch64: casp or ldaxp/stlxp.
 *
 * The __sync builtin is on purpose: for 16 bytes gcc sends __atomic_compare_exchange to libatomic, which may lock.
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

/* Both words, of which the value surely belongs to the key only if the pair is compared-and-swapped afterwards. */
static inline union pair pair_glance(const union pair *at)
{
    uint64_t key = __atomic_load_n(&at->key, __ATOMIC_ACQUIRE);

    return pair_of(key, __atomic_load_n(&at->value, __ATOMIC_ACQUIRE));
}

/* Both words, with a value that was read while the key stood there. */
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
