/* Bytes that may hold a password, kept with a connection until they can be used. What is freed or read is zeroed first.
 */
#ifndef POSTERN_SASL_SECRET_H
#define POSTERN_SASL_SECRET_H

#include "core/base/slice.h"

/* All zero: empty, and without memory. */
struct secret {
    char *p;
    size_t n, cap;
};

/* Adds a copy of s, which does not lie in it. False without memory: nothing was added. */
bool secret_add(struct secret *secret, struct slice s);
/* Removes the first n bytes. */
void secret_drop(struct secret *secret, size_t n);
/* Makes it empty and frees its memory. */
void secret_clear(struct secret *secret);

static inline struct slice secret_slice(const struct secret *secret)
{
    return (struct slice){secret->p, secret->n};
}

#endif
