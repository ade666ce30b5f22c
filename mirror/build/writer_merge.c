/* The merge of a run's operations with the last generation: mailboxes first, since all else follows from them. */
#include "core/base/checksum.h"
#include "mirror/build/writer_run.h"

#include <stdlib.h>

/* Memory for sorting the claims on identities. */
#define IDENTITY_BUDGET ((size_t)32 * 1024 * 1024)

/* ---- the last generation's tables ---- */

int old_table_damaged(struct error *e, enum directory_table table)
{
    return error_set(e, "the directory's table \"%s\" is damaged: check the disk, then begin anew with a full import",
                     directory_table_names[table]);
}

static int old_table_move(struct old_table *t, MDB_cursor_op where, struct error *e)
{
    MDB_val key, value;
    int code = mdb_cursor_get(t->cursor, &key, &value, where);

    t->there = code == 0;
    if (code != 0 && code != MDB_NOTFOUND)
        return error_set(e, "the directory cannot be read: %s", mdb_strerror(code));
    if (t->there) {
        t->key = (struct slice){key.mv_data, key.mv_size};
        t->value = (struct slice){value.mv_data, value.mv_size};
        trim_step(&t->trim, value.mv_data);
    }
    return 0;
}

int old_table_open(const struct writer *w, enum directory_table table, struct old_table *t, struct error *e)
{
    int code;

    *t = (struct old_table){0};
    if (w->before == NULL)
        return 0;
    code = mdb_cursor_open(w->before->txn, w->before->generation->file->dbi[table], &t->cursor);
    if (code != 0) {
        t->cursor = NULL;
        return error_set(e, "the directory cannot be read: %s", mdb_strerror(code));
    }
    return old_table_move(t, MDB_FIRST, e);
}

int old_table_next(struct old_table *t, struct error *e)
{
    return old_table_move(t, MDB_NEXT, e);
}

void old_table_close(struct old_table *t)
{
    if (t->cursor != NULL)
        mdb_cursor_close(t->cursor);
}

/* ---- what follows from a mailbox: claims on identities, domains ---- */

static int claim_identity(struct merge *m, enum claim_source source, const struct mailbox_ref *ref, char kind,
                          struct slice text, unsigned bits, struct error *e)
{
    struct directory_key key = identity_key(ref->tenant, kind, text);
    struct mailbox_ref claim = *ref;
    uint8_t value[1 + IDENTITY_CLAIM_SIZE];

    if (key.n == 0)
        return 0;
    claim.identity = (uint8_t)bits;
    value[0] = (uint8_t)source;
    identity_claim_write(&claim, value + 1);
    return sorter_add(m->identities, (struct slice){(char *)key.b, key.n}, (struct slice){(char *)value, sizeof value},
                      e);
}

/* Adds, or removes, all claims of a mailbox. */
static int claim_identities(struct merge *m, enum claim_source source, uint32_t tenant, const struct mailbox_record *r,
                            struct error *e)
{
    const struct {
        char kind;
        struct slice text;
        unsigned bit;
    } single[] = {
        {IDENTITY_KEY_ADDRESS, r->primary, IDENTITY_PRIMARY},
        {IDENTITY_KEY_ADDRESS, r->upn, IDENTITY_UPN},
        {IDENTITY_KEY_ACCOUNT, r->alias, IDENTITY_ALIAS},
        {IDENTITY_KEY_ACCOUNT, r->account, IDENTITY_ACCOUNT},
    };
    struct mailbox_ref ref = {.id = r->id,
                              .tenant = tenant,
                              .smtp_auth = (uint8_t)r->smtp_auth,
                              .basic_smtp = (uint8_t)r->basic_smtp,
                              .recipient_type = (uint8_t)r->recipient_type,
                              .restricted = (r->knows & MAILBOX_RESTRICTED) != 0};
    struct slice list = r->proxies, proxy;

    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (claim_identity(m, source, &ref, single[i].kind, single[i].text, single[i].bit, e) != 0)
            return -1;
    while (packed_next(&list, &proxy))
        if (claim_identity(m, source, &ref, IDENTITY_KEY_ADDRESS, proxy, IDENTITY_PROXY, e) != 0)
            return -1;
    return 0;
}

/* Notes the domain of an address, unless it was noted lately. */
static int derive_domain(struct merge *m, uint32_t tenant, struct slice address, struct error *e)
{
    static const struct domain_claim derived = {0, DOMAIN_DERIVED, false};
    const char *at = address.n > 0 ? memrchr(address.p, '@', address.n) : NULL;
    struct domain_claim claim = derived;
    struct seen_domain *seen;
    struct slice domain;

    if (at == NULL)
        return 0;
    domain = (struct slice){at + 1, address.n - (size_t)(at + 1 - address.p)};
    if (domain.n == 0 || domain.n > sizeof seen->text)
        return 0;
    seen = &m->seen[checksum64(tenant, domain.p, domain.n) % SEEN_DOMAINS];
    if (seen->tenant == tenant && slice_eq((struct slice){seen->text, seen->n}, domain))
        return 0;
    seen->tenant = tenant;
    seen->n = (uint16_t)domain.n;
    memcpy(seen->text, domain.p, domain.n);
    claim.tenant = tenant;
    return merge_add_domain(m->w, domain, &claim, e);
}

static int derive_domains(struct merge *m, uint32_t tenant, const struct mailbox_record *r, struct error *e)
{
    struct slice list = r->proxies, proxy;

    if (derive_domain(m, tenant, r->primary, e) != 0 || derive_domain(m, tenant, r->upn, e) != 0)
        return -1;
    while (packed_next(&list, &proxy))
        if (derive_domain(m, tenant, proxy, e) != 0)
            return -1;
    return 0;
}

/* ---- mailboxes ---- */

/* What becomes of one mailbox: its old value and its new one, either of which may be empty. */
static int merge_mailbox(struct merge *m, struct slice key, struct slice before, struct slice after, struct error *e)
{
    struct mailbox_record old, new;
    struct mailbox_id id;
    uint32_t tenant;

    if (!mailbox_key_read(key, &tenant, &id) || tenant >= m->w->tenants_n ||
        (before.n > 0 && !mailbox_decode(key, before, &old)) || (after.n > 0 && !mailbox_decode(key, after, &new)))
        return old_table_damaged(e, TABLE_MAILBOXES);
    if (!slice_eq(before, after)) {
        m->changed = true;
        m->summary->added += before.n == 0;
        m->summary->deleted += after.n == 0;
        m->summary->changed += before.n > 0 && after.n > 0;
        if ((before.n > 0 && claim_identities(m, CLAIM_REMOVED, tenant, &old, e) != 0) ||
            (after.n > 0 && claim_identities(m, CLAIM_ADDED, tenant, &new, e) != 0))
            return -1;
    }
    if (after.n == 0)
        return 0;
    m->w->tenants[tenant].mailboxes++;
    if (derive_domains(m, tenant, &new, e) != 0)
        return -1;
    return builder_append(m->w->builder, TABLE_MAILBOXES, key, after, e);
}

/* Goes on behind all operations with the key, the newest of which was taken. 1, 0 at the end, -1 with e. */
static int next_mailbox_operation(struct sorter *s, struct directory_key *key, struct slice *value, struct error *e)
{
    struct slice next;
    int more;

    do
        more = sorter_next(s, &next, value, e);
    while (more == 1 && slice_eq(next, (struct slice){(char *)key->b, key->n}));
    if (more == 1) {
        key->n = next.n;
        memcpy(key->b, next.p, next.n);
    }
    return more;
}

static int merge_mailboxes(struct merge *m, struct error *e)
{
    struct sorter *operations = m->w->mailboxes;
    const struct slice none = {NULL, 0};
    struct directory_key key = {0};
    struct slice value;
    struct old_table old;
    int more = -1;

    if (old_table_open(m->w, TABLE_MAILBOXES, &old, e) != 0 || sorter_sort(operations, e) != 0 ||
        (more = next_mailbox_operation(operations, &key, &value, e)) < 0)
        goto out;
    while (old.there || more == 1) {
        struct slice new_key = {(char *)key.b, key.n};
        int order = !old.there ? 1 : more == 0 ? -1 : sorter_compare(old.key, new_key);
        int failed = order < 0   ? merge_mailbox(m, old.key, old.value, old.value, e)
                     : order > 0 ? merge_mailbox(m, new_key, none, value, e)
                                 : merge_mailbox(m, new_key, old.value, value, e);

        if (failed != 0 || (order <= 0 && old_table_next(&old, e) != 0) ||
            (order >= 0 && (more = next_mailbox_operation(operations, &key, &value, e)) < 0)) {
            more = -1;
            break;
        }
    }
out:
    old_table_close(&old);
    return more < 0 ? -1 : 0;
}

/* ---- all tables ---- */

int writer_merge(struct writer *w, struct writer_summary *summary, bool *changed, struct error *e)
{
    struct merge m = {.w = w, .summary = summary, .changed = w->before == NULL};
    int result = -1;

    m.seen = calloc(SEEN_DOMAINS, sizeof *m.seen);
    if (m.seen == NULL)
        return error_set(e, "out of memory");
    if (sorter_make(w->folder_fd, IDENTITY_BUDGET, &m.identities, e) != 0 || merge_mailboxes(&m, e) != 0)
        goto out;
    sorter_free(w->mailboxes); /* its memory, for the next tables */
    w->mailboxes = NULL;
    if (writer_merge_identities(w, m.identities, summary, e) != 0 || merge_rights(&m, e) != 0 ||
        merge_domains(&m, e) != 0 || merge_tenants(&m, e) != 0)
        goto out;
    summary->mailboxes = builder_entries(w->builder, TABLE_MAILBOXES);
    summary->identities = builder_entries(w->builder, TABLE_IDENTITIES);
    summary->rights = builder_entries(w->builder, TABLE_RIGHTS);
    summary->domains = builder_entries(w->builder, TABLE_DOMAINS);
    *changed = m.changed;
    result = 0;
out:
    sorter_free(m.identities);
    free(m.seen);
    return result;
}
