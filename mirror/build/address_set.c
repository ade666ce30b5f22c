#include "mirror/build/address_set.h"

#include <stdlib.h>

void address_set_clear(struct address_set *set)
{
    set->n = set->text_n = 0;
}

bool address_set_add(struct address_set *set, struct slice address)
{
    if (set->n == ADDRESS_SET_MAX || address.n > ADDRESS_OF_NAME_MAX)
        return false;
    memcpy(set->text + set->text_n, address.p, address.n);
    set->items[set->n++] = (struct slice){set->text + set->text_n, address.n};
    set->text_n += address.n;
    return true;
}

static int by_text(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

void address_set_pack(struct address_set *set, struct slice but, struct buf *b)
{
    if (set->n > 0)
        qsort(set->items, set->n, sizeof set->items[0], by_text);
    for (size_t i = 0; i < set->n; i++)
        if (!slice_eq(set->items[i], but) && (i == 0 || !slice_eq(set->items[i], set->items[i - 1])))
            packed_add(b, set->items[i]);
}
