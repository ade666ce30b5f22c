#include "core/base/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Eight independent lanes hide the multiplier's latency: about as fast as memory on current machines. */
#define LANES 8
#define STRIPE (LANES * sizeof(uint64_t))
/* Large odd numbers with well-spread bits (the primes of xxHash64 by Yann Collet). */
#define PRIME1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME2 UINT64_C(0xC2B2AE3D27D4EB4F)

/*
 * A file's checksum is made of those of its segments, each of which is chained over its blocks; both sizes are part of
 * the format. A block stays in the second-level cache; a segment is worth a thread.
 */
#define BLOCK ((size_t)256 * 1024)
#define SEGMENT ((uint64_t)32 * 1024 * 1024)
#define THREADS_MAX 4

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

    memcpy(&word, p, sizeof word); // NOLINT(clang-analyzer-core.NonNullParamChecker): never NULL where bytes are left
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
        last |= (uint64_t)p[i] << (8 * i); // NOLINT(clang-analyzer-core.NullDereference): as above
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

/* ---- files ---- */

struct file_sum {
    int fd;
    uint64_t size;
    uint64_t segments;
    uint64_t *sums;        /* one a segment */
    _Atomic uint64_t next; /* segment that nobody has begun */
    _Atomic bool failed;
    pthread_mutex_t lock; /* of e */
    struct error e;
};

static int sum_segment(struct file_sum *f, uint64_t segment, unsigned char *block, struct error *e)
{
    uint64_t at = segment * SEGMENT, end = f->size - at < SEGMENT ? f->size : at + SEGMENT, sum = segment;

    while (at < end) {
        size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;

        if (read_whole(f->fd, block, n, at, e) != 0)
            return -1;
        sum = checksum64(sum, block, n);
        at += n;
    }
    f->sums[segment] = sum;
    return 0;
}

/* Takes segments until none is left; run by several threads. */
static void *sum_segments(void *arg)
{
    struct file_sum *f = arg;
    unsigned char *block = malloc(BLOCK);
    uint64_t segment;
    struct error e;
    int result = block != NULL ? 0 : error_set(&e, "out of memory");

    while (result == 0 && !atomic_load(&f->failed) && (segment = atomic_fetch_add(&f->next, 1)) < f->segments)
        result = sum_segment(f, segment, block, &e);
    if (result != 0) {
        (void)pthread_mutex_lock(&f->lock);
        f->e = e;
        (void)pthread_mutex_unlock(&f->lock);
        atomic_store(&f->failed, true);
    }
    free(block);
    return NULL;
}

/* A thread that cannot be had is done without. */
static void run_threads(struct file_sum *f)
{
    pthread_t threads[THREADS_MAX - 1];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = 0;

    while (n < THREADS_MAX - 1 && n + 1 < f->segments && (long)n + 1 < processors &&
           pthread_create(&threads[n], NULL, sum_segments, f) == 0)
        n++;
    (void)sum_segments(f);
    while (n > 0)
        (void)pthread_join(threads[--n], NULL);
}

int checksum_file(int fd, uint64_t size, uint64_t *out, struct error *e)
{
    struct file_sum f = {.fd = fd, .size = size, .segments = size / SEGMENT + (size % SEGMENT != 0)};
    uint64_t sum = checksum64(size, NULL, 0);

    f.sums = calloc(f.segments + 1, sizeof *f.sums);
    if (f.sums == NULL)
        return error_set(e, "out of memory");
    (void)pthread_mutex_init(&f.lock, NULL);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    run_threads(&f);
    for (uint64_t i = 0; i < f.segments; i++)
        sum = checksum64(sum, &f.sums[i], sizeof f.sums[i]);
    (void)pthread_mutex_destroy(&f.lock);
    free(f.sums);
    if (atomic_load(&f.failed))
        return error_set(e, "%s", f.e.text);
    *out = sum;
    return 0;
}
