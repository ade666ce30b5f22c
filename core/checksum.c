#include "core/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Eight independent lanes hide the multiplier's latency: about as fast as memory on current machines. */
#define LANES 8
#define STRIPE (LANES * sizeof(uint64_t))
/* Large odd numbers with well-spread bits (the primes of xxHash64 by Yann Collet). */
#define PRIME1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME2 UINT64_C(0xC2B2AE3D27D4EB4F)

/* Blocks of checksum_file; part of the definition of a file's checksum. Small enough to stay in the second-level cache.
 */
#define BLOCK ((size_t)256 * 1024)

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* Bijective in each of its arguments. */
static inline uint64_t absorb(uint64_t state, uint64_t word)
{
    return rotate(state ^ word, 29) * PRIME1;
}

static uint64_t finish(uint64_t x)
{
    x = (x ^ x >> 33) * PRIME2;
    x = (x ^ x >> 29) * PRIME1;
    return x ^ x >> 32;
}

static inline uint64_t word_at(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static const unsigned char *absorb_stripes(uint64_t *sum, const unsigned char *p, size_t n)
{
    uint64_t lanes[LANES];

    for (unsigned i = 0; i < LANES; i++)
        lanes[i] = *sum + (i + 1) * PRIME2;
    for (; n >= STRIPE; n -= STRIPE, p += STRIPE)
        for (unsigned i = 0; i < LANES; i++)
            lanes[i] = absorb(lanes[i], word_at(p + i * sizeof(uint64_t)));
    for (unsigned i = 0; i < LANES; i++)
        *sum = absorb(*sum, lanes[i] ^ lanes[i] >> 31);
    return p;
}

uint64_t checksum64(uint64_t seed, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t sum = finish(seed ^ PRIME2) ^ (uint64_t)n * PRIME1, last = 0;
    size_t left = n % STRIPE;

    if (n >= STRIPE)
        p = absorb_stripes(&sum, p, n);
    for (; left >= sizeof last; left -= sizeof last, p += sizeof last) {
        sum = absorb(sum, word_at(p));
        sum ^= sum >> 31;
    }
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)p[i] << (8 * i);
    return finish(absorb(sum, last));
}

static int read_whole(int fd, unsigned char *to, size_t n, uint64_t offset, struct error *e)
{
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(e, "cannot be read: %s", strerror(errno));
        if (got == 0)
            return error_set(e, "ends before its time");
        to += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

int checksum_file(int fd, uint64_t size, uint64_t *out, struct error *e)
{
    unsigned char *block = malloc(BLOCK);
    uint64_t sum = 0;
    int result = -1;

    if (block == NULL)
        return error_set(e, "out of memory");
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    for (uint64_t at = 0; at < size; at += BLOCK) {
        size_t n = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

        if (read_whole(fd, block, n, at, e) != 0)
            goto out;
        sum = checksum64(sum, block, n);
    }
    *out = sum;
    result = 0;
out:
    free(block);
    return result;
}
