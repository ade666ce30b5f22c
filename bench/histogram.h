/*
 * Latencies in buckets that grow with them: 64 to each power of two, so that a percentile is right to 1.6 %, from a
 * nanosecond to hours, in few enough bytes to stay in a cache and to have one for each of a thousand connections.
 */
#ifndef POSTERN_BENCH_HISTOGRAM_H
#define POSTERN_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BUCKETS (40u * HISTOGRAM_SUB) /* up to 2^45 ns; what is above counts as that */

struct histogram {
    uint32_t n[HISTOGRAM_BUCKETS];
};

/* Below HISTOGRAM_SUB a bucket is a nanosecond; then the highest bit and the 6 below it name the bucket. */
static inline size_t histogram_bucket(uint64_t ns)
{
    unsigned shift = ns < HISTOGRAM_SUB ? 0 : 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_SUB_BITS;
    size_t bucket = (size_t)shift * HISTOGRAM_SUB + (size_t)(ns >> shift);

    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    h->n[histogram_bucket(ns)]++;
}

static inline void histogram_merge(struct histogram *into, const struct histogram *h)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->n[i] += h->n[i];
}

/* The middle of the bucket below which the share (0..1) of all lies, in microseconds; 0 when there are none. */
static inline double histogram_us(const struct histogram *h, double share)
{
    uint64_t all = 0, seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        all += h->n[i];
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        size_t shift = i < 2 * HISTOGRAM_SUB ? 0 : i / HISTOGRAM_SUB - 1;

        seen += h->n[i];
        if ((double)seen > (double)all * share)
            return ((double)((i - shift * HISTOGRAM_SUB) << shift) + (double)(UINT64_C(1) << shift) / 2) / 1000;
    }
    return 0;
}

#endif
