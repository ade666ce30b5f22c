/* Writes the tables of domains (accepted, and derived from mailboxes' addresses) and tenants. */
#include "core/base/checksum.h"
#include "mirror/build/writer_run.h"

#include <stdlib.h>

/* ---- domains ---- */

static int add_domain(struct writer *w, struct slice domain, const struct domain_claim *claim, struct error *e)
{
    uint8_t value[DOMAIN_CLAIM_SIZE];
    size_t n = domain_encode(claim, 1, value, sizeof value);

    return sorter_add(w->domains, domain, (struct slice){(char *)value, n}, e);
}

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return s.n < 256;
}

int writer_set_domains(struct writer *w, uint32_t tenant, const struct accepted_domain *list, size_t n, struct error *e)
{
    if (writer_check_tenant(w, tenant, e) != 0)
        return -1;
    if (w->tenants[tenant].domains_replaced)
        return error_set(e, "tenant %s: its domains were set already in this run", w->facts[tenant].name);
    w->tenants[tenant].domains_replaced = true;
    for (size_t i = 0; i < n; i++) {
        struct domain_claim claim = {tenant, list[i].type, list[i].match_subdomains, list[i].closed};

        if (domain_key(list[i].name).n == 0 || !is_name(list[i].name) || list[i].type >= DOMAIN_DERIVED ||
            (list[i].closed & ~(DOMAIN_NO_SENDER | DOMAIN_NO_RECIPIENT)) != 0)
            return error_set(e, "tenant %s: accepted domain %zu of its list is malformed", w->facts[tenant].name,
                             i + 1);
        if (add_domain(w, list[i].name, &claim, e) != 0)
            return -1;
    }
    return 0;
}

/* Notes the domain of an address, unless the cache has it. */
static int derive_domain(struct writer *w, uint32_t tenant, struct slice address, struct error *e)
{
    const char *at = address.n > 0 ? memrchr(address.p, '@', address.n) : NULL;
    struct domain_claim claim = {tenant, DOMAIN_DERIVED, false, 0};
    struct seen_domain *seen;
    struct slice domain;

    if (at == NULL)
        return 0;
    domain = (struct slice){at + 1, address.n - (size_t)(at + 1 - address.p)};
    if (domain.n == 0 || domain.n > sizeof seen->text)
        return 0;
    seen = &w->seen[(checksum_slice(domain) + tenant) % SEEN_DOMAINS];
    if (seen->tenant == tenant && slice_eq((struct slice){seen->text, seen->n}, domain))
        return 0;
    seen->tenant = tenant;
    seen->n = (uint16_t)domain.n;
    memcpy(seen->text, domain.p, domain.n);
    return add_domain(w, domain, &claim, e);
}

int writer_derive_domains(struct writer *w, uint32_t tenant, const struct mailbox_record *r, struct error *e)
{
    struct slice list = r->proxies, proxy;

    if (derive_domain(w, tenant, r->primary, e) != 0 || derive_domain(w, tenant, r->upn, e) != 0)
        return -1;
    while (packed_next(&list, &proxy))
        if (derive_domain(w, tenant, proxy, e) != 0)
            return -1;
    return 0;
}

/* Keeps the accepted domains of tenants whose list is not in this run. Derived ones are derived again. */
static int keep_domains(struct writer *w, struct error *e)
{
    struct old_table old;
    int result = old_table_open(w, TABLE_DOMAINS, &old, e);

    while (result == 0 && old.there) {
        size_t n = domain_claims(old.value);

        if (n == 0)
            result = old_table_damaged(e, TABLE_DOMAINS);
        for (size_t i = 0; i < n && result == 0; i++) {
            struct domain_claim claim = domain_claim_at(old.value, i);

            if (claim.tenant >= w->tenants_n)
                result = old_table_damaged(e, TABLE_DOMAINS);
            else if (claim.type != DOMAIN_DERIVED && !w->tenants[claim.tenant].domains_replaced)
                result = add_domain(w, old.key, &claim, e);
        }
        if (result == 0)
            result = old_table_next(&old, e);
    }
    old_table_close(&old);
    return result;
}

/* Inserts a claim into a list sorted by tenant. An accepted domain takes precedence over a derived one. */
static size_t insert_claim(struct domain_claim *list, size_t n, struct domain_claim claim)
{
    size_t at = n;

    while (at > 0 && list[at - 1].tenant > claim.tenant)
        at--;
    if (at > 0 && list[at - 1].tenant == claim.tenant) {
        struct domain_claim *known = &list[at - 1];

        known->type = claim.type < known->type ? claim.type : known->type;
        known->match_subdomains |= claim.match_subdomains;
        known->closed |= claim.closed;
        return n;
    }
    memmove(list + at + 1, list + at, (n - at) * sizeof *list);
    list[at] = claim;
    return n + 1;
}

/* Writes one domain; sets w->changed unless the last generation has the same. */
static int write_domain(struct writer *w, const struct directory_key *key, const struct domain_claim *claims, size_t n,
                        struct old_table *old, struct error *e)
{
    struct slice domain = {(char *)key->b, key->n}, value;
    size_t size = domain_encode(claims, n, w->value, MAILBOX_VALUE_MAX);

    value = (struct slice){(char *)w->value, size};
    if (size == 0)
        return error_set(e, "a domain is claimed by too many tenants");
    if (old->there && slice_eq(old->key, domain) && slice_eq(old->value, value)) {
        if (old_table_next(old, e) != 0)
            return -1;
    } else {
        w->changed = true;
    }
    return builder_append(w->builder, TABLE_DOMAINS, domain, value, e);
}

int writer_end_domains(struct writer *w, struct error *e)
{
    struct domain_claim *claims = NULL;
    struct directory_key key = {0};
    struct slice next, value;
    struct old_table old = {0};
    int more = -1, result = -1;

    if (keep_domains(w, e) != 0 || sorter_sort(w->domains, e) != 0 || old_table_open(w, TABLE_DOMAINS, &old, e) != 0 ||
        (more = sorter_next(w->domains, &next, &value, e)) < 0)
        goto out;
    claims = malloc((w->tenants_n + (size_t)1) * sizeof *claims);
    if (claims == NULL) {
        (void)error_set(e, "out of memory");
        goto out;
    }
    while (more == 1) {
        size_t n = 0;

        key.n = next.n;
        memcpy(key.b, next.p, next.n);
        while (more == 1 && slice_eq(next, key_slice(&key))) {
            n = insert_claim(claims, n, domain_claim_at(value, 0));
            more = sorter_next(w->domains, &next, &value, e);
        }
        if (more < 0 || write_domain(w, &key, claims, n, &old, e) != 0)
            goto out;
    }
    w->changed |= old.there;
    result = 0;
out:
    old_table_close(&old);
    free(claims);
    return result;
}

/* ---- tenants ---- */

int writer_end_tenants(struct writer *w, struct error *e)
{
    struct old_table old;
    int result = old_table_open(w, TABLE_TENANTS, &old, e);

    for (uint32_t i = 0; i < w->tenants_n && result == 0; i++) {
        struct directory_key key = tenant_key(i);
        struct slice at = key_slice(&key), value;
        uint8_t bytes[256];

        w->facts[i].tenant = i;
        w->facts[i].mailboxes = w->tenants[i].mailboxes;
        value = (struct slice){(char *)bytes, tenant_encode(&w->facts[i], bytes, sizeof bytes)};
        if (!old.there || !slice_eq(old.value, value))
            w->changed = true;
        result = builder_append(w->builder, TABLE_TENANTS, at, value, e);
        if (result == 0 && old.there)
            result = old_table_next(&old, e);
    }
    old_table_close(&old);
    return result;
}
