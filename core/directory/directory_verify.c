/* The whole directory, looked at record by record. */
#include "core/directory/directory_view.h"

/* How records of a table are looked at: 0, or -1 with e. */
typedef int check_record(const struct directory_view *v, struct slice key, struct slice value, struct error *e);

static int check_tenant(const struct directory_view *v, struct slice key, struct slice value, struct error *e)
{
    struct tenant_facts facts;

    (void)v;
    return tenant_decode(key, value, &facts) ? 0 : error_set(e, "a record is damaged");
}

static int check_domain(const struct directory_view *v, struct slice key, struct slice value, struct error *e)
{
    size_t n = domain_claims(value);

    for (size_t i = 0; i < n; i++)
        if (domain_claim_at(value, i).tenant >= directory_tenants(v))
            return error_set(e, "%.*s belongs to a tenant that does not exist", SLICE_ARG(key));
    return n > 0 ? 0 : error_set(e, "a record is damaged");
}

static int check_mailbox(const struct directory_view *v, struct slice key, struct slice value, struct error *e)
{
    struct mailbox_record record;
    struct mailbox_id id;
    uint32_t tenant;

    if (!mailbox_decode(key, value, &record) || !mailbox_key_read(key, &tenant, &id))
        return error_set(e, "a record is damaged");
    return tenant < directory_tenants(v)
               ? 0
               : error_set(e, "%.*s belongs to a tenant that does not exist", SLICE_ARG(record.primary));
}

/* The IDENTITY_ bits that a mailbox's record gives to a text. */
static unsigned claimed_bits(const struct mailbox_record *r, char kind, struct slice text)
{
    struct slice list = r->proxies, proxy;
    unsigned bits = 0;

    if (kind == IDENTITY_KEY_ACCOUNT)
        return (slice_eq(r->alias, text) ? IDENTITY_ALIAS : 0) | (slice_eq(r->account, text) ? IDENTITY_ACCOUNT : 0);
    while (packed_next(&list, &proxy))
        if (slice_eq(proxy, text))
            bits = IDENTITY_PROXY;
    return bits | (slice_eq(r->primary, text) ? IDENTITY_PRIMARY : 0) | (slice_eq(r->upn, text) ? IDENTITY_UPN : 0);
}

static enum directory_result claimant(const struct directory_view *v, const struct identity_entry *entry,
                                      const struct mailbox_id *id, struct mailbox_record *out)
{
    return entry->kind == IDENTITY_KEY_RECIPIENT ? directory_recipient(v, entry->tenant, id, out)
                                                 : directory_mailbox(v, entry->tenant, id, out);
}

/* The copy of a mailbox's settings in each claim decides who may send: it must be the mailbox's own. */
static int check_claim(const struct directory_view *v, const struct identity_entry *entry, uint32_t i, struct error *e)
{
    struct mailbox_record record;
    struct mailbox_ref ref;

    if (!identity_claim_read(entry->claims + i * IDENTITY_CLAIM_SIZE, entry->tenant, &ref) ||
        claimant(v, entry, &ref.id, &record) != DIRECTORY_FOUND)
        return error_set(e, "%.*s belongs to a mailbox that does not exist", SLICE_ARG(entry->text));
    if (ref.smtp_auth != record.smtp_auth || ref.basic_smtp != record.basic_smtp || ref.sign_in != record.sign_in ||
        ref.recipient_type != record.recipient_type || ref.restricted != ((record.knows & MAILBOX_RESTRICTED) != 0) ||
        ref.identity != claimed_bits(&record, entry->kind, entry->text))
        return error_set(e, "%.*s does not say what its mailbox says", SLICE_ARG(entry->text));
    return 0;
}

/* The key must be the hash of the identities in the value, else nobody finds them. */
static int check_identity(const struct directory_view *v, struct slice key, struct slice value, struct error *e)
{
    struct identity_entry entry;
    uint64_t hash;

    if (key.n != sizeof hash || value.n == 0)
        return error_set(e, "a record is damaged");
    memcpy(&hash, key.p, sizeof hash);
    while (identity_next(&value, &entry)) {
        struct directory_key again = identity_key(entry.tenant, entry.kind, entry.text);

        if (entry.n == 0 ||
            hash != identity_hash(&v->generation->file->identities, (struct slice){(const char *)again.b, again.n}))
            return error_set(e, "%.*s stands in another's place", SLICE_ARG(entry.text));
        for (uint32_t i = 0; i < entry.n; i++)
            if (check_claim(v, &entry, i, e) != 0)
                return -1;
    }
    return value.n == 0 ? 0 : error_set(e, "a record is damaged");
}

static int check_right(const struct directory_view *v, struct slice key, struct slice value, struct error *e)
{
    struct mailbox_id trustee, target;
    uint32_t tenant;
    unsigned bits;

    if (!right_key_read(key, &tenant, &trustee, &target) || !rights_decode(value, &bits))
        return error_set(e, "a record is damaged");
    return tenant < directory_tenants(v) ? 0 : error_set(e, "a right belongs to a tenant that does not exist");
}

static int check_table(const struct directory_view *v, enum directory_table table, check_record *check,
                       uint64_t *entries, struct error *e)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(v->txn, v->generation->file->dbi[table], &cursor), result = 0;

    if (code != 0)
        return error_set(e, "directory table \"%s\": %s", directory_table_names[table], mdb_strerror(code));
    while (result == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        result = check(v, (struct slice){key.mv_data, key.mv_size}, (struct slice){value.mv_data, value.mv_size}, e);
        *entries += result == 0;
    }
    mdb_cursor_close(cursor);
    if (result == 0 && code != MDB_NOTFOUND)
        result = error_set(e, "%s", mdb_strerror(code));
    return result == 0 ? 0
                       : error_prefix(e, "directory table \"%s\", record %llu", directory_table_names[table],
                                      (unsigned long long)*entries + 1);
}

static int check_tables(const struct directory_view *v, struct directory_totals *t, struct error *e)
{
    const struct {
        enum directory_table table;
        check_record *check;
        uint64_t *entries;
    } tables[] = {
        {TABLE_TENANTS, check_tenant, &t->tenants},      {TABLE_DOMAINS, check_domain, &t->domains},
        {TABLE_MAILBOXES, check_mailbox, &t->mailboxes}, {TABLE_IDENTITIES, check_identity, &t->identities},
        {TABLE_RIGHTS, check_right, &t->rights},         {TABLE_RECIPIENTS, check_mailbox, &t->recipients},
    };

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (check_table(v, tables[i].table, tables[i].check, tables[i].entries, e) != 0)
            return -1;
    return 0;
}

int directory_verify(const char *path, struct directory_totals *totals, struct error *e)
{
    struct directory_view *v = NULL;
    struct directory *d = NULL;
    int result = -1;

    memset(totals, 0, sizeof *totals);
    if (directory_open(path, &d, e) != 0 || directory_refresh(d, e) < 0)
        goto out;
    v = directory_view_get(d);
    if (v == NULL) {
        (void)error_set(e, "directory %s: there is no generation in it yet: run postern-mirror", path);
        goto out;
    }
    totals->generation = directory_view_generation(v);
    totals->bytes = v->generation->file->size;
    result = check_tables(v, totals, e);
    directory_view_put(d, v);
out:
    directory_close(d);
    return result;
}
