/* Writes rights: those of the run, in ascending order, merged with the last generation's. */
#include "mirror/build/writer_run.h"

/* Appends one right. before: its bits in the last generation; bits: those of the run. */
static int append_right(struct writer *w, struct slice key, unsigned before, unsigned bits, struct error *e)
{
    struct mailbox_id trustee, target;
    uint32_t tenant;
    uint8_t value[8];

    if (!right_key_read(key, &tenant, &trustee, &target) || tenant >= w->tenants_n)
        return old_table_damaged(e, TABLE_RIGHTS);
    bits |= before & ~w->tenants[tenant].rights_replaced;
    w->changed |= bits != before;
    w->summary.rights_gone += (uint64_t)__builtin_popcount(before & ~bits);
    w->summary.rights_new += (uint64_t)__builtin_popcount(bits & ~before);
    return bits == 0 ? 0
                     : builder_append(w->builder, TABLE_RIGHTS, key,
                                      (struct slice){(char *)value, rights_encode(bits, value, sizeof value)}, e);
}

/* Appends the last generation's rights below `end` (NULL: all), which the run does not mention. */
static int append_old(struct writer *w, const struct directory_key *end, struct error *e)
{
    struct old_table *old = &w->old_rights;
    unsigned bits;

    if (!w->rights_begun && old_table_open(w, TABLE_RIGHTS, old, e) != 0)
        return -1;
    w->rights_begun = true;
    while (old->there && (end == NULL || sorter_compare(old->key, key_slice(end)) < 0)) {
        if (!rights_decode(old->value, &bits))
            return old_table_damaged(e, TABLE_RIGHTS);
        if (append_right(w, old->key, bits, 0, e) != 0 || old_table_next(old, e) != 0)
            return -1;
    }
    return 0;
}

/* Appends the pending right, whose bits are complete. */
static int append_waiting(struct writer *w, struct error *e)
{
    struct old_table *old = &w->old_rights;
    unsigned before = 0;

    if (!w->right_waits)
        return 0;
    w->right_waits = false;
    if (append_old(w, &w->right, e) != 0)
        return -1;
    if (old->there && slice_eq(old->key, key_slice(&w->right))) {
        if (!rights_decode(old->value, &before))
            return old_table_damaged(e, TABLE_RIGHTS);
        if (old_table_next(old, e) != 0)
            return -1;
    }
    return append_right(w, key_slice(&w->right), before, w->right_bits, e);
}

int writer_replace_rights(struct writer *w, uint32_t tenant, unsigned kinds, struct error *e)
{
    if (writer_check_tenant(w, tenant, e) != 0)
        return -1;
    if ((kinds & ~(RIGHT_SEND_AS | RIGHT_SEND_ON_BEHALF)) != 0)
        return error_set(e, "tenant %s: rights of an unknown kind", w->facts[tenant].name);
    w->tenants[tenant].rights_replaced |= kinds;
    return 0;
}

int writer_add_right(struct writer *w, uint32_t tenant, const struct mailbox_id *trustee,
                     const struct mailbox_id *target, unsigned kinds, struct error *e)
{
    struct directory_key key = right_key(tenant, trustee, target);
    int order = w->right.n > 0 ? sorter_compare(key_slice(&key), key_slice(&w->right)) : 1;

    if (writer_check_tenant(w, tenant, e) != 0)
        return -1;
    if ((kinds & ~w->tenants[tenant].rights_replaced) != 0)
        return error_set(e, "tenant %s: rights were added before they were replaced", w->facts[tenant].name);
    if (order < 0)
        return error_set(e, "tenant %s: rights must be added in ascending order", w->facts[tenant].name);
    if (order == 0) {
        w->right_bits |= kinds;
        return 0;
    }
    if (append_waiting(w, e) != 0)
        return -1;
    w->right = key;
    w->right_bits = kinds;
    w->right_waits = true;
    return 0;
}

int writer_end_rights(struct writer *w, struct error *e)
{
    return append_waiting(w, e) != 0 ? -1 : append_old(w, NULL, e);
}
