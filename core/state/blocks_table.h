/*
 * The layout of the blocks, for core/state only; everybody else uses blocks.h.
 *
 * An index of pairs {key, until}, and a record of texts for each. A key is at its home place or at most `reach` places
 * after it, in an index of which half stays empty, so that a look is short. Index entries:
 *
 *     {0, 0}               free
 *     {key, until}         a block; free again when `until` has passed
 *     {0, until}           claimed by somebody who writes the record; free again when `until` has passed, so that a
 *                          killed writer leaves nothing behind
 *
 * The record is written before the entry is published, and so is what the header says of it. Housekeeping lowers the
 * header's values when blocks have ended. Each of them is paired with a count of additions, so that it can't lower one
 * while somebody is adding. Zeroed memory is an empty table.
 */
#ifndef POSTERN_BLOCKS_TABLE_H
#define POSTERN_BLOCKS_TABLE_H

#include "core/base/pair.h"
#include "core/state/blocks.h"

#define BLOCK_RECORD_WORDS 36
#define BLOCKS_PLACES_EACH 2

/* version, from_ns, from_wall_s, the texts, prefix and class, base; see blocks.c. All access is by whole words. */
struct block_record {
    uint64_t word[BLOCK_RECORD_WORDS];
};

struct blocks_head {
    uint64_t used;          /* about how many entries are not {0, 0} */
    uint64_t changes;       /* goes up with each change */
    union pair reach;       /* additions; the greatest distance of a key from home, + 1: 0, the index is empty */
    union pair prefixes[2]; /* additions; a bit for each size of a network that is blocked, 1..64 and 65..128 */
};

struct blocks {
    struct blocks_head *head; /* shared */
    union pair *index;
    struct block_record *records;
    uint32_t places;   /* of the index: a power of two */
    uint32_t most;     /* blocks at a time */
    bool unclassed;    /* a file of version 1: who is blocked is in the texts only */
    uint64_t ahead_ns; /* added to the caller's time to get the table's; modulo 2^64 */
};

/*
 * Sets what the header says to what the index needs: up, in case it was damaged, and down, so that looks are short
 * again after many blocks have ended. While somebody is adding it goes up only.
 */
void blocks_check_head(struct blocks *b);

/* Frees the entries whose time has passed. */
void blocks_sweep(struct blocks *b, uint64_t now_ns);

/* Live blocks now. */
uint32_t blocks_count(const struct blocks *b, uint64_t now_ns);

/* Adds all live blocks of `from` to `to`, of whatever class. The number that found no room. */
uint32_t blocks_take_over(struct blocks *to, const struct blocks *from, uint64_t now_ns);

/* Forgets everything; for memory that nobody else uses. */
void blocks_clear(struct blocks *b);

#endif
