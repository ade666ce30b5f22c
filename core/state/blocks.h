/*
 * Blocks: logins, clients, connectors that are refused until a time. Never evicted, never forgotten before their end,
 * kept through restarts and reboots.
 *
 * There can be any number of clients, so they can't take all of the room: blocks of strangers stop when half of the
 * places are taken, those of clients at three quarters, those of logins before the last sixteenth, which is the
 * operator's.
 */
#ifndef POSTERN_BLOCKS_H
#define POSTERN_BLOCKS_H

#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/mail/network.h"

#include <stdbool.h>
#include <stdint.h>

struct blocks;

#define BLOCK_FOREVER UINT64_MAX

/* Who made a block, and of whom: from the class with the most room to that with the least. */
enum block_class {
    BLOCK_BY_OPERATOR,
    BLOCK_OF_LOGIN,    /* by a limit: of a user, login or connector */
    BLOCK_OF_CLIENT,   /* by a limit: of a client or network */
    BLOCK_OF_STRANGERS /* the same, for refusals without a login */
};

/* Terminated texts, canonical and printable. */
struct block {
    uint64_t key;        /* keyed hash of subject, by the caller; never 0 */
    uint32_t prefix;     /* of a network: its size, 1..128; 0: no network */
    uint32_t class;      /* enum block_class */
    bool defers;         /* what is blocked is deferred, not refused; of logins and connectors */
    struct ip base;      /* of a client or a network; zero: of neither */
    uint64_t from_ns;    /* state time */
    uint64_t until_ns;   /* state time; BLOCK_FOREVER: until it is lifted */
    int64_t from_wall_s; /* for people */
    char subject[128];   /* "user sean@contoso.example" */
    char limit[40];      /* the limit's name, or "operator" */
    char reason[72];
};

/* When it ends by the wall clock, at which the state's time now_ns is wall_s; 0: when it is lifted. */
int64_t block_until_wall_s(const struct block *block, uint64_t now_ns, int64_t wall_s);

/* Is there any block, live or ended? One load. */
bool blocks_any(const struct blocks *b);

/*
 * Iterates over the sizes of blocked networks (some may have just ended): *at starts at 0; false at the end. A client's
 * networks need to be looked up in these sizes only, which are few, whatever the number of blocks.
 */
bool blocks_next_prefix(const struct blocks *b, uint32_t *at, uint32_t *prefix);

/* The end of a live block on key: true and *until_ns. Costs one load when nothing is blocked. */
bool blocks_find(const struct blocks *b, uint64_t key, uint64_t now_ns, uint64_t *until_ns);

/* The same for a block of that class alone. */
bool blocks_find_of(const struct blocks *b, uint64_t key, enum block_class class, uint64_t now_ns, uint64_t *until_ns);

/*
 * Adds a block, or prolongs the one on the same key (its end never comes earlier). 0; -1 with e when there is no room
 * for one of its class: the caller logs that, and still refuses this message.
 */
int blocks_add(struct blocks *b, const struct block *block, uint64_t now_ns, struct error *e);

/*
 * How many live blocks of clients of one class lie in a network, except the one on the key `but`, and the latest end
 * (0: there are none). A walk over the table.
 */
uint32_t blocks_inside(const struct blocks *b, const struct network *net, enum block_class class, uint64_t but,
                       uint64_t now_ns, uint64_t *until_ns);
/* Lifts those of them that end no later than until_ns: a block of the whole network replaces them. */
void blocks_absorb(struct blocks *b, const struct network *net, enum block_class class, uint64_t until_ns,
                   uint64_t now_ns);

/* Lifts a block. True when there was a live one. */
bool blocks_lift(struct blocks *b, uint64_t key, uint64_t now_ns);

/* Goes up with each block that is added, prolonged, lifted or swept away. One load. */
uint64_t blocks_changes(const struct blocks *b);

/* Walks over the live blocks: *at begins at 0; false at the end. */
bool blocks_next(const struct blocks *b, uint32_t *at, uint64_t now_ns, struct block *out);

#endif
