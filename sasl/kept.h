/* Bytes that may hold a password, kept with a connection until they can be used. What is freed or read is zeroed first.
 */
#ifndef POSTERN_SASL_KEPT_H
#define POSTERN_SASL_KEPT_H

#include "core/base/slice.h"

/* All zero: empty, and without memory. */
struct kept {
    char *p;
    size_t n, cap;
};

/* Adds a copy of s, which does not lie in it. False without memory: nothing was added. */
bool kept_add(struct kept *kept, struct slice s);
/* Removes the first n bytes. */
void kept_drop(struct kept *kept, size_t n);
/* Makes it empty and frees its memory. */
void kept_clear(struct kept *kept);

static inline struct slice kept_slice(const struct kept *kept)
{
    return (struct slice){kept->p, kept->n};
}

#endif
