/*
 * Counts by name, for "who most?": grows as names come, up to RANKING_MAX; what comes beyond is counted together, so
 * that a flood of invented names costs neither memory nor the truth.
 */
#ifndef POSTERN_CORE_REPORT_RANKING_H
#define POSTERN_CORE_REPORT_RANKING_H

#include "core/base/slice.h"

#include <stdint.h>

#define RANKING_MAX 200000u

struct ranking_row {
    char *name; /* terminated; may hold anything else */
    uint64_t count[2];
    int64_t last_s;
};

struct ranking {
    struct ranking_row *rows;
    uint32_t *places; /* hash table of indexes into rows, + 1 */
    size_t n, capacity, n_places;
    uint64_t beyond; /* names that found no room */
};

/* Adds that many to count[which] of the name. All zero is an empty ranking. Without memory the name counts as beyond.
 */
void ranking_add(struct ranking *t, struct slice name, int which, uint64_t many, int64_t at_s);
/* Sorts by count[which], the highest first, then by name; no adding afterwards. */
void ranking_sort(struct ranking *t, int which);
void ranking_free(struct ranking *t);

#endif
