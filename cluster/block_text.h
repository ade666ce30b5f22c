/* A block as relays tell it: with durations instead of times, since each machine has a state time of its own. */
#ifndef POSTERN_CLUSTER_BLOCK_TEXT_H
#define POSTERN_CLUSTER_BLOCK_TEXT_H

#include "core/base/slice.h"
#include "core/state/blocks.h"

#define BLOCK_TEXT_MAX 400u

/*
 * Writes a block that is live at now_ns. origin_ms: when it began, by the wall clock of the relay that made it: tells
 * it from an earlier one that was lifted. The length.
 */
size_t block_text_write(const struct block *block, uint64_t origin_ms, uint64_t now_ns,
                        unsigned char out[BLOCK_TEXT_MAX]);

/*
 * Reads one that was written elapsed_ms ago. 0; 1: it has ended since; -1: it is none, or has values that can't be. The
 * texts are terminated, and printable by blocks_next.
 */
int block_text_read(struct slice text, uint64_t elapsed_ms, uint64_t now_ns, struct block *out, uint64_t *origin_ms);

#endif
