/*
 * Where the blocks lie, for the state only; everybody else uses blocks.h.
 *
 * An index of pairs {key, until}, and a record of texts for each. A key stands at its home place or at most `reach`
 * places behind. Index entries:
 *
 *     {0, 0}               free
 *     {key, until}         a block; free again when `until` has passed
 *     {0, until}           claimed by somebody who writes the record; free again when `until` has passed, so that a
 *                          killed writer leaves nothing behind
 *
 * The record is written before the entry is published. Zeroed memory is an empty table.
 */
#ifndef POSTERN_BLOCKS_TABLE_H
#define POSTERN_BLOCKS_TABLE_H

#include "core/blocks.h"
#include "core/pair.h"

#define BLOCK_RECORD_WORDS 36

/* version, from_ns, from_wall_s, the texts, prefix; see blocks.c. All access is by whole words. */
struct block_record {
    uint64_t word[BLOCK_RECORD_WORDS];
};

struct blocks_head {
    uint64_t used;        /* entries that are not {0, 0}; a killed process may leave it too high, never too low */
    uint64_t reach;       /* the greatest distance from home so far */
    uint64_t changes;     /* goes up with each change */
    uint64_t prefixes[3]; /* a bit for each size of a network that was ever blocked; set before the block is there */
};

struct blocks {
    struct blocks_head *head; /* shared */
    union pair *index;
    struct block_record *records;
    uint32_t slots;    /* a power of two */
    uint64_t ahead_ns; /* added to the caller's time to get the table's; modulo 2^64 */
};

/* Sets used, reach and prefixes up to what the index needs, in case the header was damaged. Never down: others may be
 * adding. */
void blocks_check_head(struct blocks *b);

/* Frees the entries whose time has passed. */
void blocks_sweep(struct blocks *b, uint64_t now_ns);

/* Live blocks now. */
uint32_t blocks_count(const struct blocks *b, uint64_t now_ns);

/* Adds all live blocks of `from` to `to`. The number that found no room. */
uint32_t blocks_take_over(struct blocks *to, const struct blocks *from, uint64_t now_ns);

/* Forgets everything; for memory that nobody else uses. */
void blocks_clear(struct blocks *b);

static inline uint64_t blocks_changes(const struct blocks *b)
{
    return __atomic_load_n(&b->head->changes, __ATOMIC_ACQUIRE);
}

#endif
