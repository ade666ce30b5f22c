/*
 * Sorts more records than fit in memory. A record is a key and a value of any bytes. What exceeds the budget is spilled
 * in sorted runs to a scratch file (mirror/build/scratch.h).
 *
 * Order: by key as memcmp compares (and LMDB), a prefix first; of equal keys the last added first.
 */
#ifndef POSTERN_MIRROR_SORTER_H
#define POSTERN_MIRROR_SORTER_H

#include "core/base/error.h"
#include "core/base/slice.h"

struct sorter;

/* budget: memory in bytes, roughly. folder: for the scratch file; must outlive the sorter. 0, or -1 with e. */
int sorter_make(const char *folder, size_t budget, struct sorter **out, struct error *e);
void sorter_free(struct sorter *s);

/* Adds a copy of the record. 0, or -1 with e (no memory, disk full). */
int sorter_add(struct sorter *s, struct slice key, struct slice value, struct error *e);

/* Called once, after the last sorter_add and before sorter_next. 0, or -1 with e. */
int sorter_sort(struct sorter *s, struct error *e);

/* The next record: 1, 0 at the end, -1 with e. The slices live until the next call. */
int sorter_next(struct sorter *s, struct slice *key, struct slice *value, struct error *e);

/* As memcmp, a prefix first. */
int sorter_compare(struct slice a, struct slice b);

#endif
