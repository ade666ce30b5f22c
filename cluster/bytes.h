/* Numbers as bytes, the highest first, in what relays tell each other. */
#ifndef POSTERN_CLUSTER_BYTES_H
#define POSTERN_CLUSTER_BYTES_H

#include <stdint.h>

static inline void bytes_put32(unsigned char *p, uint32_t v)
{
    for (unsigned i = 4; i-- > 0; v >>= 8)
        p[i] = (unsigned char)(v & 0xff);
}

static inline void bytes_put64(unsigned char *p, uint64_t v)
{
    bytes_put32(p, (uint32_t)(v >> 32));
    bytes_put32(p + 4, (uint32_t)v);
}

static inline uint32_t bytes_get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t bytes_get64(const unsigned char *p)
{
    return (uint64_t)bytes_get32(p) << 32 | bytes_get32(p + 4);
}

#endif
