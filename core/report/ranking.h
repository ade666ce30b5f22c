/*
 * Counts by name, for "who most?": grows up to RANKING_MAX names; further ones are counted together, so that a flood of
 * invented names neither exhausts memory nor falsifies the totals.
 */
#ifndef POSTERN_CORE_REPORT_RANKING_H
#define POSTERN_CORE_REPORT_RANKING_H

#include "core/base/hash.h"

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
    struct hash_secret secret; /* drawn with the first name */
    uint64_t beyond;           /* counts of names that found no room */
};

/* Adds that many to count[which] of the name. All zero is an empty ranking. Without memory or random
 * numbers the name counts as beyond.
 */
void ranking_add(struct ranking *t, struct slice name, int which, uint64_t many, int64_t at_s);
/* Sorts by count[which], the highest first, then by name; no adding afterwards. */
void ranking_sort(struct ranking *t, int which);
void ranking_free(struct ranking *t);

#endif
