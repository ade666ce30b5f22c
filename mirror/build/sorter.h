/*
 * Sorts more records than memory holds: a record is a key and a value, both any bytes. What does not fit into the
 * budget goes, in sorted runs, to a scratch file (mirror/build/scratch.h), so that a killed program leaves nothing
 * behind.
 *
 * Order: keys as memcmp has it (as LMDB), a key before those that it is a prefix of; of equal keys the last added
 * first.
 */
#ifndef POSTERN_MIRROR_SORTER_H
#define POSTERN_MIRROR_SORTER_H

#include "core/base/error.h"
#include "core/base/slice.h"

struct sorter;

/* budget: bytes of memory, about. folder: for the scratch file; it must outlive the sorter. 0, or -1 with e. */
int sorter_make(const char *folder, size_t budget, struct sorter **out, struct error *e);
void sorter_free(struct sorter *s);

/* Adds a copy of the record. 0, or -1 with e (no memory, disk full). */
int sorter_add(struct sorter *s, struct slice key, struct slice value, struct error *e);

/* To be called once, after the last record was added and before sorter_next. 0, or -1 with e. */
int sorter_sort(struct sorter *s, struct error *e);

/* The next record: 1, 0 at the end, -1 with e. The slices live until the next call. */
int sorter_next(struct sorter *s, struct slice *key, struct slice *value, struct error *e);

/* memcmp's order, a prefix first. */
int sorter_compare(struct slice a, struct slice b);

#endif
