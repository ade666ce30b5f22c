/* The queries of a view. */
#include "core/directory/directory_view.h"

static struct slice key_slice(const struct directory_key *key)
{
    return (struct slice){(const char *)key->b, key->n};
}

static enum directory_result fetch(const struct directory_view *v, enum directory_table table,
                                   const struct directory_key *key, struct slice *value)
{
    MDB_val k = {key->n, (void *)key->b}, found;
    int code;

    if (key->n == 0)
        return DIRECTORY_NOT_FOUND;
    code = mdb_get(v->txn, v->generation->file->dbi[table], &k, &found);
    if (code != 0)
        return code == MDB_NOTFOUND ? DIRECTORY_NOT_FOUND : DIRECTORY_DAMAGED;
    *value = (struct slice){found.mv_data, found.mv_size};
    return DIRECTORY_FOUND;
}

/*
 * An unknown login is refused permanently, so first make sure that nobody wrote to the file since its checksum was
 * compared.
 */
static enum directory_result surely(const struct directory_view *v, enum directory_result result)
{
    return result == DIRECTORY_NOT_FOUND && directory_file_touched(v->generation->file) ? DIRECTORY_DAMAGED : result;
}

/* ---- tenants ---- */

uint32_t directory_tenants(const struct directory_view *v)
{
    return v->generation->tenants_n;
}

const struct tenant_facts *directory_tenant(const struct directory_view *v, uint32_t tenant)
{
    const struct tenant_facts *facts = tenant < v->generation->tenants_n ? &v->generation->tenants[tenant] : NULL;

    return facts != NULL && !tenant_forgotten(facts) ? facts : NULL;
}

const struct tenant_facts *directory_only_tenant(const struct directory_view *v)
{
    const struct tenant_facts *only = NULL;

    for (uint32_t i = 0; i < v->generation->tenants_n; i++) {
        const struct tenant_facts *one = directory_tenant(v, i);

        if (one != NULL && only != NULL)
            return NULL;
        only = one != NULL ? one : only;
    }
    return only;
}

const struct tenant_facts *directory_tenant_named(const struct directory_view *v, struct slice name)
{
    for (uint32_t i = 0; i < v->generation->tenants_n; i++)
        if (slice_eq(slice_of(v->generation->tenants[i].name), name))
            return &v->generation->tenants[i];
    return NULL;
}

struct slice directory_tenant_domain(const struct directory_view *v, uint32_t tenant)
{
    const struct tenant_domain *domain;

    if (tenant >= v->generation->tenants_n)
        return (struct slice){NULL, 0};
    domain = &v->generation->domains[tenant];
    return (struct slice){domain->text, domain->n};
}

/* ---- domains ---- */

/* The claims on a domain; *n is at least 1 when it is found. */
static enum directory_result fetch_domain(const struct directory_view *v, struct slice domain, struct slice *value,
                                          size_t *n)
{
    const struct domains_in_memory *in_memory = v->generation->in_memory;
    enum directory_result result;
    struct directory_key key;

    if (in_memory != NULL) {
        result = domains_find(in_memory, domain, value) ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
    } else {
        key = domain_key(domain);
        result = fetch(v, TABLE_DOMAINS, &key, value);
    }
    if (result != DIRECTORY_FOUND)
        return result;
    *n = domain_claims(*value);
    return *n > 0 ? DIRECTORY_FOUND : DIRECTORY_DAMAGED;
}

enum directory_result directory_domain(const struct directory_view *v, struct slice domain, struct domain_fact *out)
{
    struct domain_claim best;
    struct slice value;
    size_t n;
    enum directory_result result = surely(v, fetch_domain(v, domain, &value, &n));

    if (result != DIRECTORY_FOUND)
        return result;
    best = domain_claim_at(value, 0);
    *out = (struct domain_fact){best.tenant, best.type, best.match_subdomains, false, best.closed};
    for (size_t i = 1; i < n; i++) {
        struct domain_claim claim = domain_claim_at(value, i);
        bool stronger = best.type == DOMAIN_DERIVED && claim.type != DOMAIN_DERIVED;
        bool weaker = best.type != DOMAIN_DERIVED && claim.type == DOMAIN_DERIVED;

        if (stronger) {
            best = claim;
            *out = (struct domain_fact){best.tenant, best.type, best.match_subdomains, false, best.closed};
        } else if (!weaker && claim.tenant != best.tenant) {
            out->ambiguous = true;
        }
    }
    return DIRECTORY_FOUND;
}

/* Does the tenant accept mail for this domain, or with `beneath` for the domains below it? */
static enum directory_result accepts_exactly(const struct directory_view *v, uint32_t tenant, struct slice domain,
                                             bool beneath)
{
    struct slice value;
    size_t n;
    enum directory_result result = fetch_domain(v, domain, &value, &n);

    if (result != DIRECTORY_FOUND)
        return result;
    for (size_t i = 0; i < n; i++) {
        struct domain_claim claim = domain_claim_at(value, i);

        if (claim.tenant == tenant && claim.type != DOMAIN_DERIVED && (!beneath || claim.match_subdomains))
            return DIRECTORY_FOUND;
    }
    return DIRECTORY_NOT_FOUND;
}

enum directory_result directory_accepts(const struct directory_view *v, uint32_t tenant, struct slice domain)
{
    enum directory_result result = accepts_exactly(v, tenant, domain, false);

    while (result == DIRECTORY_NOT_FOUND && slice_cut(domain, '.', NULL, &domain))
        result = accepts_exactly(v, tenant, domain, true);
    return result;
}

/* Does a tenant close this very domain, or `beneath` it when it has MatchSubDomains? Found or not, *known says whether
 * somebody accepts it. */
static enum directory_result closed_exactly(const struct directory_view *v, struct slice domain, unsigned use,
                                            bool beneath, bool *known)
{
    struct slice value;
    size_t n;
    enum directory_result result = fetch_domain(v, domain, &value, &n);

    if (result != DIRECTORY_FOUND)
        return result;
    for (size_t i = 0; i < n; i++) {
        struct domain_claim claim = domain_claim_at(value, i);

        if (claim.type == DOMAIN_DERIVED || (beneath && !claim.match_subdomains))
            continue;
        *known = true;
        if ((claim.closed & use) != 0)
            return DIRECTORY_FOUND;
    }
    return DIRECTORY_NOT_FOUND;
}

enum directory_result directory_domain_closed(const struct directory_view *v, struct slice domain, unsigned use)
{
    enum directory_result result;
    bool known = false;

    if ((v->generation->closed & use) == 0)
        return DIRECTORY_NOT_FOUND;
    result = closed_exactly(v, domain, use, false, &known);
    while (result == DIRECTORY_NOT_FOUND && !known && slice_cut(domain, '.', NULL, &domain))
        result = closed_exactly(v, domain, use, true, &known);
    return result;
}

/* ---- identities ---- */

/* Does the identity have that hash? If another writer has damaged it, it must not count as "not found". */
static bool belongs_under(const struct directory_file *f, uint64_t hash, const struct identity_entry *entry)
{
    struct directory_key key = identity_key(entry->tenant, entry->kind, entry->text);

    return key.n > 0 && identity_hash(&f->identities, key_slice(&key)) == hash;
}

/* Finds the identity among those with its hash. */
static enum directory_result find_identity(const struct directory_view *v, uint32_t tenant, char kind,
                                           struct slice text, struct identity_entry *out)
{
    const struct directory_file *f = v->generation->file;
    struct directory_key key = identity_key(tenant, kind, text);
    MDB_val k, found;
    struct slice value;
    uint64_t hash;
    int code;

    if (key.n == 0)
        return DIRECTORY_NOT_FOUND;
    hash = identity_hash(&f->identities, key_slice(&key));
    k = (MDB_val){sizeof hash, &hash};
    code = mdb_get(v->txn, f->dbi[TABLE_IDENTITIES], &k, &found);
    if (code != 0)
        return code == MDB_NOTFOUND ? DIRECTORY_NOT_FOUND : DIRECTORY_DAMAGED;
    value = (struct slice){found.mv_data, found.mv_size};
    while (identity_next(&value, out)) {
        if (out->tenant == tenant && out->kind == kind && slice_eq(out->text, text))
            return DIRECTORY_FOUND;
        if (!belongs_under(f, hash, out))
            return DIRECTORY_DAMAGED;
    }
    return value.n == 0 ? DIRECTORY_NOT_FOUND : DIRECTORY_DAMAGED;
}

static enum directory_result by_identity(const struct directory_view *v, uint32_t tenant, char kind, struct slice text,
                                         struct mailbox_ref *refs, unsigned *n)
{
    struct identity_entry found;
    enum directory_result result = surely(v, find_identity(v, tenant, kind, text, &found));

    *n = 0;
    if (result != DIRECTORY_FOUND)
        return result;
    if (found.n == 0 || found.n > DIRECTORY_CLAIMS_MAX)
        return DIRECTORY_DAMAGED;
    for (uint32_t i = 0; i < found.n; i++)
        if (!identity_claim_read(found.claims + i * IDENTITY_CLAIM_SIZE, tenant, &refs[i]))
            return DIRECTORY_DAMAGED;
    *n = found.n;
    return DIRECTORY_FOUND;
}

enum directory_result directory_by_address(const struct directory_view *v, uint32_t tenant, struct slice address,
                                           struct mailbox_ref *refs, unsigned *n)
{
    return by_identity(v, tenant, IDENTITY_KEY_ADDRESS, address, refs, n);
}

enum directory_result directory_by_account(const struct directory_view *v, uint32_t tenant, struct slice account,
                                           struct mailbox_ref *refs, unsigned *n)
{
    return by_identity(v, tenant, IDENTITY_KEY_ACCOUNT, account, refs, n);
}

enum directory_result directory_recipients(const struct directory_view *v, uint32_t tenant, struct slice address,
                                           struct mailbox_ref *refs, unsigned *n)
{
    return by_identity(v, tenant, IDENTITY_KEY_RECIPIENT, address, refs, n);
}

/* ---- rights ---- */

enum directory_result directory_rights(const struct directory_view *v, uint32_t tenant,
                                       const struct mailbox_id *trustee, const struct mailbox_id *target,
                                       unsigned *rights)
{
    struct directory_key key = right_key(tenant, trustee, target);
    struct slice value;
    enum directory_result result = surely(v, fetch(v, TABLE_RIGHTS, &key, &value));

    *rights = 0;
    if (result == DIRECTORY_FOUND && !rights_decode(value, rights)) {
        *rights = 0;
        return DIRECTORY_DAMAGED;
    }
    return result;
}

/* ---- mailboxes ---- */

static enum directory_result fetch_record(const struct directory_view *v, enum directory_table table, uint32_t tenant,
                                          const struct mailbox_id *id, struct mailbox_record *out)
{
    struct directory_key key = mailbox_key(tenant, id);
    struct slice value;
    enum directory_result result = fetch(v, table, &key, &value);

    if (result == DIRECTORY_FOUND && !mailbox_decode(key_slice(&key), value, out))
        return DIRECTORY_DAMAGED;
    return result;
}

/* The first record at or, when `above`, above the key, whatever its tenant. */
static enum directory_result seek_record(const struct directory_view *v, enum directory_table table,
                                         const struct directory_key *from, bool above, MDB_val *key, MDB_val *value)
{
    MDB_cursor *cursor;
    int code = mdb_cursor_open(v->txn, v->generation->file->dbi[table], &cursor);

    if (code != 0)
        return DIRECTORY_DAMAGED;
    *key = (MDB_val){from->n, (void *)from->b};
    code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (code == 0 && above && key->mv_size == from->n && memcmp(key->mv_data, from->b, from->n) == 0)
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    mdb_cursor_close(cursor);
    if (code != 0)
        return code == MDB_NOTFOUND ? DIRECTORY_NOT_FOUND : DIRECTORY_DAMAGED;
    return DIRECTORY_FOUND;
}

enum directory_result directory_next_domain(const struct directory_view *v, uint32_t tenant, struct slice after,
                                            struct slice *domain, struct domain_fact *out)
{
    struct directory_key from = {.n = 1}; /* one byte of zero comes before all */
    enum directory_result result;
    MDB_val key, value;

    if (after.n > 0)
        from = domain_key(after);
    while ((result = seek_record(v, TABLE_DOMAINS, &from, after.n > 0, &key, &value)) == DIRECTORY_FOUND) {
        struct slice claims = {value.mv_data, value.mv_size};
        size_t n = domain_claims(claims);

        after = *domain = (struct slice){key.mv_data, key.mv_size};
        from = domain_key(after);
        for (size_t i = 0; i < n; i++) {
            struct domain_claim claim = domain_claim_at(claims, i);

            *out = (struct domain_fact){claim.tenant, claim.type, claim.match_subdomains, false, claim.closed};
            if (claim.tenant == tenant && claim.type != DOMAIN_DERIVED)
                return DIRECTORY_FOUND;
        }
        if (n == 0 || from.n == 0)
            return DIRECTORY_DAMAGED;
    }
    return result;
}

static enum directory_result next_record(const struct directory_view *v, enum directory_table table, uint32_t tenant,
                                         const struct mailbox_id *after, struct mailbox_record *out)
{
    static const struct mailbox_id first; /* all zero */
    struct directory_key from = mailbox_key(tenant, after != NULL ? after : &first);
    struct mailbox_id id;
    MDB_val key, value;
    uint32_t owner;
    enum directory_result result = seek_record(v, table, &from, after != NULL, &key, &value);

    if (result != DIRECTORY_FOUND)
        return result;
    if (!mailbox_key_read((struct slice){key.mv_data, key.mv_size}, &owner, &id))
        return DIRECTORY_DAMAGED;
    if (owner != tenant)
        return DIRECTORY_NOT_FOUND;
    return mailbox_decode((struct slice){key.mv_data, key.mv_size}, (struct slice){value.mv_data, value.mv_size}, out)
               ? DIRECTORY_FOUND
               : DIRECTORY_DAMAGED;
}

enum directory_result directory_mailbox(const struct directory_view *v, uint32_t tenant, const struct mailbox_id *id,
                                        struct mailbox_record *out)
{
    return fetch_record(v, TABLE_MAILBOXES, tenant, id, out);
}

enum directory_result directory_next_mailbox(const struct directory_view *v, uint32_t tenant,
                                             const struct mailbox_id *after, struct mailbox_record *out)
{
    return next_record(v, TABLE_MAILBOXES, tenant, after, out);
}

enum directory_result directory_recipient(const struct directory_view *v, uint32_t tenant, const struct mailbox_id *id,
                                          struct mailbox_record *out)
{
    return fetch_record(v, TABLE_RECIPIENTS, tenant, id, out);
}

enum directory_result directory_next_recipient(const struct directory_view *v, uint32_t tenant,
                                               const struct mailbox_id *after, struct mailbox_record *out)
{
    return next_record(v, TABLE_RECIPIENTS, tenant, after, out);
}

enum directory_result directory_primary(const struct directory_view *v, uint32_t tenant, const struct mailbox_id *id,
                                        struct address *out)
{
    struct mailbox_record record;
    enum directory_result result = directory_mailbox(v, tenant, id, &record);
    const char *at;

    out->n = 0;
    if (result != DIRECTORY_FOUND)
        return result;
    at = record.primary.n > 0 ? memrchr(record.primary.p, '@', record.primary.n) : NULL;
    if (at == NULL || record.primary.n > ADDRESS_OF_NAME_MAX)
        return DIRECTORY_DAMAGED;
    memcpy(out->text, record.primary.p, record.primary.n);
    out->text[record.primary.n] = '\0';
    out->n = (uint16_t)record.primary.n;
    out->local_n = (uint16_t)(at - record.primary.p);
    return DIRECTORY_FOUND;
}
