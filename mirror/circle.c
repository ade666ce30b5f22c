#include "mirror/circle.h"

#include <sys/random.h>

bool circle_begin(struct circle *c)
{
    c->n = 0;
    return getrandom(&c->secret, sizeof c->secret, 0) == (ssize_t)sizeof c->secret;
}

bool circle_add(struct circle *c, struct slice what)
{
    return circle_add_hash(c, hash_slice(&c->secret, what));
}

bool circle_add_hash(struct circle *c, uint64_t hash)
{
    for (unsigned i = 0; i < c->n; i++)
        if (c->hashes[i] == hash)
            return false;
    if (c->n < CIRCLE_MAX)
        c->hashes[c->n++] = hash;
    return true;
}
