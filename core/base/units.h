/* The units of the configuration, one table each: durations, rates, sizes. */
#ifndef POSTERN_UNITS_H
#define POSTERN_UNITS_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

#define DURATION_MAX_S (UINT64_C(400) * 86400)    /* a year and a month: nothing here is meant for longer */
#define RATE_MAX_COUNT UINT64_C(1000000000000000) /* 10^15: a petabyte, counted in bytes */
#define UNITS_MAX_BYTES (UINT64_C(1) << 50)

/*
 * "90s", "15m", "1h", "2d", "1w", also summed from the largest unit to the smallest, each once: "1h30m". Seconds; at
 * most DURATION_MAX_S. "0s" is a duration; a number without a unit is an error. 0, or -1 with e.
 */
int duration_parse(struct slice text, uint64_t *seconds, struct error *e);

struct rate {
    uint64_t count;    /* 1..RATE_MAX_COUNT */
    uint64_t period_s; /* 1..DURATION_MAX_S */
};

/* "30/m", "10000/d", "6/15m", "5M/h" (K, M, G as 1000s). 0, or -1 with e. */
int rate_parse(struct slice text, struct rate *rate, struct error *e);

/* "500", "64K", "10M", "1G" in powers of 1024 (bytes); at most UNITS_MAX_BYTES. 0, or -1 with e. */
int size_parse(struct slice text, uint64_t *bytes, struct error *e);

/* Limits count bytes in KiB, so that they don't overflow 64-bit nanoseconds. */
#define KIB 1024u
static inline uint64_t kib_of(uint64_t bytes) /* rounded up */
{
    return bytes / KIB + (bytes % KIB != 0 ? 1 : 0);
}

/*
 * In the form that duration_parse and rate_parse read back: "1h30m", never "2 d" or "5400s". Weeks only where they are
 * whole: eight days are "8d", fourteen are "2w". Thousands are shortened: "10K/d".
 */
void duration_add(struct buf *b, uint64_t seconds);
void rate_add(struct buf *b, struct rate rate);
/* A rate of bytes, for people: whole KiB, rounded up as a burst is, "10240 KiB in 1h". */
void rate_add_kib(struct buf *b, struct rate rate);

#endif
