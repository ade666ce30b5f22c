/*
 * The blocks that all relays have. What changes in this relay's own table is told as events; what others tell is put
 * into it. The later end holds. A lift removes the blocks that began before it, and no later one, in whatever order
 * they are read: so a lift is remembered for a day.
 */
#ifndef POSTERN_CLUSTER_SHARED_BLOCKS_H
#define POSTERN_CLUSTER_SHARED_BLOCKS_H

#include "cluster/events.h"
#include "core/state/blocks.h"

struct shared_blocks;

/* For a table with room for so many. NULL without memory. */
struct shared_blocks *shared_blocks_new(uint32_t most);
void shared_blocks_free(struct shared_blocks *s);

/* Now, in both clocks. */
struct moment {
    uint64_t now_ns;  /* state time */
    uint64_t wall_ms; /* wall clock */
};

/* Compares the table with what the others know, and adds an event for each block that is new to them, or ends later.
 * False: there was no room for one of them, and the next look tells it. */
bool shared_blocks_look(struct shared_blocks *s, const struct blocks *blocks, const struct moment *at,
                        struct events *events);

/* Tells all of them again at the next look. */
void shared_blocks_repost(struct shared_blocks *s);

enum taken_block {
    BLOCK_TAKEN,    /* it is in force here now */
    BLOCK_KNOWN,    /* one that ends as late is in force already */
    BLOCK_LIFTED,   /* it was lifted since it began */
    BLOCK_NOT_TAKEN /* no room: e says so */
};
/* Another relay's block, that began at origin_ms. */
enum taken_block shared_blocks_take(struct shared_blocks *s, struct blocks *blocks, const struct block *block,
                                    uint64_t origin_ms, const struct moment *at, struct error *e);

/* The key was lifted, here or elsewhere: blocks that began until until_ms are removed. True when one was in force. */
bool shared_blocks_lift(struct shared_blocks *s, struct blocks *blocks, uint64_t key, uint64_t until_ms,
                        const struct moment *at);

/* An operator lifted it here, where it may be blocked again already: that one stands. Returns the time, by the wall
 * clock, up to which blocks were lifted, to tell the others. */
uint64_t shared_blocks_lifted_here(struct shared_blocks *s, const struct blocks *blocks, uint64_t key,
                                   const struct moment *at);

#endif
