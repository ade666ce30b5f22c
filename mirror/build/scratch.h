/*
 * A scratch file without a name, so that nothing is left behind however the run ends. Records are appended, and read in
 * any order. Their format is private to the run.
 */
#ifndef POSTERN_MIRROR_SCRATCH_H
#define POSTERN_MIRROR_SCRATCH_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

struct scratch;

/* In `folder`, else in $TMPDIR, else in /tmp. 0, or -1 with e. Free with scratch_close, NULL is fine. */
int scratch_open(const char *folder, struct scratch **out, struct error *e);
void scratch_close(struct scratch *s);

/* Appends; *at is where the bytes begin. On a full disk the error names the folder. */
int scratch_add(struct scratch *s, struct slice bytes, uint64_t *at, struct error *e);
/* Reads n bytes from `at` into out. 0, or -1 with e when there are fewer. */
int scratch_get(struct scratch *s, uint64_t at, void *out, size_t n, struct error *e);
/* Bytes appended so far. */
uint64_t scratch_size(const struct scratch *s);

#endif
