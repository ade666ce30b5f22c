/*
 * A fast 64-bit checksum against damage: cut, torn or flipped bytes on disk. It is no defence against somebody who can
 * write the file; for what strangers choose there is core/base/hash.h.
 *
 * Every change within one aligned 8-byte word is noticed for certain, since each word goes through steps that are
 * bijective in it; any other damage is missed with a chance of about 2^-64.
 */
#ifndef POSTERN_CHECKSUM_H
#define POSTERN_CHECKSUM_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* seed tells apart what must not be mistaken for one another, or chains blocks. */
uint64_t checksum64(uint64_t seed, const void *bytes, size_t n);

/*
 * Checksum of the first `size` bytes of a file. It is read, not mapped, so that a bad sector or a file cut under our
 * hands is an error and not a signal; a large one by up to four threads, which are gone afterwards.
 * 0; -1 with e when it can't be read or is shorter.
 */
int checksum_file(int fd, uint64_t size, uint64_t *out, struct error *e);

#endif
