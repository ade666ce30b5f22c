/* What came before in a walk from link to link, as keyed hashes: what comes twice goes in a circle. */
#ifndef POSTERN_MIRROR_CIRCLE_H
#define POSTERN_MIRROR_CIRCLE_H

#include "core/base/hash.h"

#include <stdbool.h>

#define CIRCLE_MAX 20000u /* pages of one answer: with full ones 20 million rows, more than any has */

struct circle {
    struct hash_secret secret;
    uint64_t hashes[CIRCLE_MAX];
    unsigned n;
};

/* False without random numbers. */
bool circle_begin(struct circle *c);
/* Was it not there yet? Beyond CIRCLE_MAX nothing is remembered. */
bool circle_add(struct circle *c, struct slice what);
/* The same of a hash that hash_slice and hash_mix made with c->secret. */
bool circle_add_hash(struct circle *c, uint64_t hash);

#endif
