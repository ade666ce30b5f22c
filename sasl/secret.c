#include "sasl/secret.h"

#include <stdlib.h>

#define CAP_MIN 256

/* Not realloc, which would leave the old copy in freed memory. */
static bool grow(struct secret *secret, size_t wanted)
{
    size_t cap = secret->cap > 0 ? secret->cap : CAP_MIN;
    char *p;

    while (cap < wanted)
        cap *= 2;
    if ((p = malloc(cap)) == NULL)
        return false;
    if (secret->n > 0)
        memcpy(p, secret->p, secret->n);
    if (secret->p != NULL)
        explicit_bzero(secret->p, secret->cap);
    free(secret->p);
    secret->p = p;
    secret->cap = cap;
    return true;
}

bool secret_add(struct secret *secret, struct slice s)
{
    if (s.n == 0)
        return true;
    if (secret->n + s.n > secret->cap && !grow(secret, secret->n + s.n))
        return false;
    memcpy(secret->p + secret->n, s.p, s.n);
    secret->n += s.n;
    return true;
}

void secret_drop(struct secret *secret, size_t n)
{
    if (n >= secret->n) {
        secret_clear(secret);
        return;
    }
    memmove(secret->p, secret->p + n, secret->n - n);
    explicit_bzero(secret->p + secret->n - n, n);
    secret->n -= n;
}

void secret_clear(struct secret *secret)
{
    if (secret->p != NULL)
        explicit_bzero(secret->p, secret->cap);
    free(secret->p);
    *secret = (struct secret){.p = NULL};
}
