#include "sasl/kept.h"

#include <stdlib.h>

#define CAP_MIN 256

/* Not realloc, which would leave the old copy in freed memory. */
static bool grow(struct kept *kept, size_t wanted)
{
    size_t cap = kept->cap > 0 ? kept->cap : CAP_MIN;
    char *p;

    while (cap < wanted)
        cap *= 2;
    if ((p = malloc(cap)) == NULL)
        return false;
    if (kept->n > 0)
        memcpy(p, kept->p, kept->n);
    if (kept->p != NULL)
        explicit_bzero(kept->p, kept->cap);
    free(kept->p);
    kept->p = p;
    kept->cap = cap;
    return true;
}

bool kept_add(struct kept *kept, struct slice s)
{
    if (s.n == 0)
        return true;
    if (kept->n + s.n > kept->cap && !grow(kept, kept->n + s.n))
        return false;
    memcpy(kept->p + kept->n, s.p, s.n);
    kept->n += s.n;
    return true;
}

void kept_drop(struct kept *kept, size_t n)
{
    if (n >= kept->n) {
        kept_clear(kept);
        return;
    }
    memmove(kept->p, kept->p + n, kept->n - n);
    explicit_bzero(kept->p + kept->n - n, n);
    kept->n -= n;
}

void kept_clear(struct kept *kept)
{
    if (kept->p != NULL)
        explicit_bzero(kept->p, kept->cap);
    free(kept->p);
    *kept = (struct kept){.p = NULL};
}
