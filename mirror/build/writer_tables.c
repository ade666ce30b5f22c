/* The merge of rights, domains and tenants. */
#include "mirror/build/writer_run.h"

#include <stdlib.h>

/* ---- rights ---- */

/* Writes one right; bits is what this run says, before what the last generation says. */
static int merge_right(struct merge *m, struct slice key, unsigned before, unsigned bits, struct error *e)
{
    struct mailbox_id trustee, target;
    uint32_t tenant;
    uint8_t value[8];
    size_t n;

    if (!right_key_read(key, &tenant, &trustee, &target) || tenant >= m->w->tenants_n)
        return old_table_damaged(e, TABLE_RIGHTS);
    bits |= before & ~m->w->tenants[tenant].rights_replaced;
    if (bits != before)
        m->changed = true;
    if (bits == 0)
        return 0;
    n = rights_encode(key, bits, value, sizeof value);
    return builder_append(m->w->builder, TABLE_RIGHTS, key, (struct slice){(char *)value, n}, e);
}

/* Gathers all of the run's bits on one key; *next begins with the first record, 0 in *more is the end. */
static int gather_right(struct sorter *s, struct directory_key *key, unsigned *bits, struct slice *next,
                        struct slice *value, int *more, struct error *e)
{
    key->n = next->n;
    memcpy(key->b, next->p, next->n);
    *bits = 0;
    while (*more == 1 && slice_eq(*next, (struct slice){(char *)key->b, key->n})) {
        *bits |= (unsigned char)value->p[0];
        *more = sorter_next(s, next, value, e);
    }
    return *more < 0 ? -1 : 0;
}

/* Rights of the last generation with keys below `end` (NULL: all). */
static int keep_rights(struct merge *m, struct old_table *old, const struct slice *end, struct error *e)
{
    unsigned bits;

    while (old->there && (end == NULL || sorter_compare(old->key, *end) < 0)) {
        if (!rights_decode(old->key, old->value, &bits))
            return old_table_damaged(e, TABLE_RIGHTS);
        if (merge_right(m, old->key, bits, 0, e) != 0 || old_table_next(old, e) != 0)
            return -1;
    }
    return 0;
}

int merge_rights(struct merge *m, struct error *e)
{
    struct slice next, value;
    struct directory_key key;
    struct old_table old;
    int more, result = -1;

    if (old_table_open(m->w, TABLE_RIGHTS, &old, e) != 0 || sorter_sort(m->w->rights, e) != 0 ||
        (more = sorter_next(m->w->rights, &next, &value, e)) < 0)
        goto out;
    while (more == 1) {
        unsigned bits, before = 0;
        struct slice this;

        if (gather_right(m->w->rights, &key, &bits, &next, &value, &more, e) != 0)
            goto out;
        this = (struct slice){(char *)key.b, key.n};
        if (keep_rights(m, &old, &this, e) != 0)
            goto out;
        if (old.there && slice_eq(old.key, this)) {
            if (!rights_decode(old.key, old.value, &before)) {
                (void)old_table_damaged(e, TABLE_RIGHTS);
                goto out;
            }
            if (old_table_next(&old, e) != 0)
                goto out;
        }
        if (merge_right(m, this, before, bits, e) != 0)
            goto out;
    }
    result = keep_rights(m, &old, NULL, e);
out:
    old_table_close(&old);
    return result;
}

/* ---- domains ---- */

int merge_add_domain(struct writer *w, struct slice domain, const struct domain_claim *claim, struct error *e)
{
    uint8_t value[16];
    size_t n = domain_encode(domain, claim, 1, value, sizeof value);

    return sorter_add(w->domains, domain, (struct slice){(char *)value, n}, e);
}

/* The accepted domains of tenants whose list this run did not bring. Derived ones come from the mailboxes again. */
static int keep_domains(struct merge *m, struct error *e)
{
    struct old_table old;
    int result = old_table_open(m->w, TABLE_DOMAINS, &old, e);

    while (result == 0 && old.there) {
        size_t n = domain_claims(old.key, old.value);

        if (n == 0)
            result = old_table_damaged(e, TABLE_DOMAINS);
        for (size_t i = 0; i < n && result == 0; i++) {
            struct domain_claim claim = domain_claim_at(old.value, i);

            if (claim.tenant >= m->w->tenants_n)
                result = old_table_damaged(e, TABLE_DOMAINS);
            else if (claim.type != DOMAIN_DERIVED && !m->w->tenants[claim.tenant].domains_replaced)
                result = merge_add_domain(m->w, old.key, &claim, e);
        }
        if (result == 0)
            result = old_table_next(&old, e);
    }
    old_table_close(&old);
    return result;
}

/* Puts a claim into a list that is sorted by tenant: an accepted domain is more than a derived one. */
static size_t insert_claim(struct domain_claim *list, size_t n, struct domain_claim claim)
{
    size_t at = n;

    while (at > 0 && list[at - 1].tenant > claim.tenant)
        at--;
    if (at > 0 && list[at - 1].tenant == claim.tenant) {
        struct domain_claim *known = &list[at - 1];

        known->type = claim.type < known->type ? claim.type : known->type;
        known->match_subdomains |= claim.match_subdomains;
        return n;
    }
    memmove(list + at + 1, list + at, (n - at) * sizeof *list);
    list[at] = claim;
    return n + 1;
}

/* Writes one domain; notices whether it stands in the last generation just so. */
static int write_domain(struct merge *m, const struct directory_key *key, const struct domain_claim *claims, size_t n,
                        struct old_table *old, struct error *e)
{
    struct slice domain = {(char *)key->b, key->n}, value;
    size_t size = domain_encode(domain, claims, n, m->w->value, MAILBOX_VALUE_MAX);

    value = (struct slice){(char *)m->w->value, size};
    if (size == 0)
        return error_set(e, "a domain is claimed by too many tenants");
    if (old->there && slice_eq(old->key, domain) && slice_eq(old->value, value)) {
        if (old_table_next(old, e) != 0)
            return -1;
    } else {
        m->changed = true;
    }
    return builder_append(m->w->builder, TABLE_DOMAINS, domain, value, e);
}

int merge_domains(struct merge *m, struct error *e)
{
    struct domain_claim *claims = NULL;
    struct directory_key key = {0};
    struct slice next, value;
    struct old_table old = {0};
    int more = -1, result = -1;

    if (keep_domains(m, e) != 0 || sorter_sort(m->w->domains, e) != 0 ||
        old_table_open(m->w, TABLE_DOMAINS, &old, e) != 0 || (more = sorter_next(m->w->domains, &next, &value, e)) < 0)
        goto out;
    claims = malloc((m->w->tenants_n + (size_t)1) * sizeof *claims);
    if (claims == NULL) {
        (void)error_set(e, "out of memory");
        goto out;
    }
    while (more == 1) {
        size_t n = 0;

        key.n = next.n;
        memcpy(key.b, next.p, next.n);
        while (more == 1 && slice_eq(next, (struct slice){(char *)key.b, key.n})) {
            n = insert_claim(claims, n, domain_claim_at(value, 0));
            more = sorter_next(m->w->domains, &next, &value, e);
        }
        if (more < 0 || write_domain(m, &key, claims, n, &old, e) != 0)
            goto out;
    }
    m->changed |= old.there;
    result = 0;
out:
    old_table_close(&old);
    free(claims);
    return result;
}

/* ---- tenants ---- */

int merge_tenants(struct merge *m, struct error *e)
{
    struct writer *w = m->w;
    struct old_table old;
    int result = old_table_open(w, TABLE_TENANTS, &old, e);

    for (uint32_t i = 0; i < w->tenants_n && result == 0; i++) {
        struct directory_key key = tenant_key(i);
        struct slice at = {(char *)key.b, key.n}, value;
        uint8_t bytes[256];

        w->facts[i].tenant = i;
        w->facts[i].mailboxes = w->tenants[i].mailboxes;
        value = (struct slice){(char *)bytes, tenant_encode(&w->facts[i], bytes, sizeof bytes)};
        if (!old.there || !slice_eq(old.value, value))
            m->changed = true;
        result = builder_append(w->builder, TABLE_TENANTS, at, value, e);
        if (result == 0 && old.there)
            result = old_table_next(&old, e);
    }
    old_table_close(&old);
    return result;
}
