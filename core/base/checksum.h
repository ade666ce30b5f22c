/*
 * XXH3 (libxxhash) against damage: cut, torn or flipped bytes on disk. It does not protect against somebody who can
 * write the file; for keys that strangers choose use core/base/hash.h.
 */
#ifndef POSTERN_CHECKSUM_H
#define POSTERN_CHECKSUM_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdint.h>

uint64_t checksum_slice(struct slice s);

/*
 * The checksum of the first `size` bytes of a file. The file is read, not mapped, so that a bad sector or a truncation
 * meanwhile is an error and not a signal. 0; -1 with e when it can't be read or is shorter.
 */
int checksum_file(int fd, uint64_t size, uint64_t *out, struct error *e);

#endif
