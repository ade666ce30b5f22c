/* The units of the configuration, one table each: durations, rates, sizes. */
#ifndef POSTERN_UNITS_H
#define POSTERN_UNITS_H

#include "core/buf.h"
#include "core/error.h"
#include "core/slice.h"

#include <stdint.h>

/* "90s", "15m", "1h", "2d", "1w", also summed: "1h30m". Seconds; at most 400 days. 0, or -1 with e. */
int duration_parse(struct slice text, uint64_t *seconds, struct error *e);

struct rate {
    uint64_t count;    /* at least 1 */
    uint64_t period_s; /* at least 1 */
};

/* "30/m", "10000/d", "6/15m", "5M/h" (K, M, G as 1000s). 0, or -1 with e. */
int rate_parse(struct slice text, struct rate *rate, struct error *e);

/* "500", "64K", "10M", "1G" in powers of 1024 (bytes). 0, or -1 with e. */
int size_parse(struct slice text, uint64_t *bytes, struct error *e);

/* "1h30m", "2 d" never: the shortest exact form that duration_parse reads back. */
void duration_add(struct buf *b, uint64_t seconds);
void rate_add(struct buf *b, struct rate rate);

#endif
