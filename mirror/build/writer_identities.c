/*
 * Derives the claims on identities from all mailboxes of the next generation, and notes conflicts: identities that
 * several mailboxes claim.
 */
#include "mirror/build/writer_run.h"

#include <endian.h>
#include <stdlib.h>

/* Memory for sorting them; the rest goes to disk. */
#define IDENTITY_BUDGET ((size_t)32 * 1024 * 1024)

/* The order of the table is that of the hash; then by what was hashed. */
struct sort_key {
    size_t n;
    uint8_t b[sizeof(uint64_t) + DIRECTORY_KEY_MAX];
};

struct identities {
    struct writer *w;
    struct sorter *claims; /* sort_key → a claim */
    /* the value being built */
    uint64_t hash;
    uint8_t *value;
    size_t value_n, value_cap;
    /* the current identity and its claims, one a mailbox */
    struct sort_key key;
    struct mailbox_ref *refs;
    size_t refs_n, refs_cap;
};

/* ---- a mailbox's claims ---- */

static int claim(struct identities *s, const struct mailbox_ref *ref, char kind, struct slice text, unsigned bits,
                 struct error *e)
{
    struct directory_key key = identity_key(ref->tenant, kind, text);
    struct mailbox_ref claimed = *ref;
    uint8_t value[IDENTITY_CLAIM_SIZE];
    struct sort_key sorted;
    uint64_t hash;

    if (key.n == 0)
        return 0;
    hash = htobe64(identity_hash(&s->w->identities, key_slice(&key)));
    memcpy(sorted.b, &hash, sizeof hash);
    memcpy(sorted.b + sizeof hash, key.b, key.n);
    claimed.identity = (uint8_t)bits;
    identity_claim_write(&claimed, value);
    return sorter_add(s->claims, (struct slice){(char *)sorted.b, sizeof hash + key.n},
                      (struct slice){(char *)value, sizeof value}, e);
}

static int claim_all(struct identities *s, uint32_t tenant, const struct mailbox_record *r, struct error *e)
{
    bool one_address = slice_eq(r->upn, r->primary);
    const struct {
        char kind;
        struct slice text;
        unsigned bits;
    } single[] = {
        {IDENTITY_KEY_ADDRESS, r->primary, one_address ? IDENTITY_PRIMARY | IDENTITY_UPN : IDENTITY_PRIMARY},
        {IDENTITY_KEY_ADDRESS, one_address ? (struct slice){NULL, 0} : r->upn, IDENTITY_UPN},
        {IDENTITY_KEY_ACCOUNT, r->alias, IDENTITY_ALIAS},
        {IDENTITY_KEY_ACCOUNT, r->account, IDENTITY_ACCOUNT},
    };
    struct mailbox_ref ref = {.id = r->id,
                              .tenant = tenant,
                              .smtp_auth = (uint8_t)r->smtp_auth,
                              .basic_smtp = (uint8_t)r->basic_smtp,
                              .sign_in = (uint8_t)r->sign_in,
                              .recipient_type = (uint8_t)r->recipient_type,
                              .restricted = (r->knows & MAILBOX_RESTRICTED) != 0};
    struct slice list = r->proxies, proxy;

    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (claim(s, &ref, single[i].kind, single[i].text, single[i].bits, e) != 0)
            return -1;
    while (packed_next(&list, &proxy))
        if (claim(s, &ref, IDENTITY_KEY_ADDRESS, proxy, IDENTITY_PROXY, e) != 0)
            return -1;
    return 0;
}

/* A group or mail user is found by its addresses alone, apart from mailboxes: nobody signs in by them. */
static int claim_recipient(void *arg, struct slice key, struct slice value, struct error *e)
{
    struct mailbox_ref ref = {.tenant = 0};
    struct slice list, proxy;
    struct mailbox_record r;
    struct mailbox_id id;

    if (!mailbox_key_read(key, &ref.tenant, &id) || !mailbox_decode(key, value, &r))
        return old_table_damaged(e, TABLE_RECIPIENTS);
    ref.id = r.id;
    ref.recipient_type = (uint8_t)r.recipient_type;
    list = r.proxies;
    if (claim(arg, &ref, IDENTITY_KEY_RECIPIENT, r.primary, IDENTITY_PRIMARY, e) != 0)
        return -1;
    while (packed_next(&list, &proxy))
        if (claim(arg, &ref, IDENTITY_KEY_RECIPIENT, proxy, IDENTITY_PROXY, e) != 0)
            return -1;
    return 0;
}

static int claim_mailbox(void *arg, struct slice key, struct slice value, struct error *e)
{
    struct mailbox_record r;
    struct mailbox_id id;
    uint32_t tenant;

    if (!mailbox_key_read(key, &tenant, &id) || !mailbox_decode(key, value, &r))
        return old_table_damaged(e, TABLE_MAILBOXES);
    return claim_all(arg, tenant, &r, e);
}

/* ---- conflicts ---- */

/* The primary addresses of the first claims, as a packed list. */
static void add_primaries(const struct identities *s, uint32_t tenant, struct buf *out)
{
    for (size_t i = 0; i < s->refs_n && i < DIRECTORY_CLAIMS_MAX; i++) {
        struct directory_key key = mailbox_key(tenant, &s->refs[i].id);
        struct mailbox_record record;
        struct slice value;

        if (builder_get(s->w->builder, TABLE_MAILBOXES, key_slice(&key), &value) &&
            mailbox_decode(key_slice(&key), value, &record))
            packed_add(out, record.primary);
    }
}

static int note_conflict(struct identities *s, const struct identity_entry *entry, struct error *e)
{
    char primaries[DIRECTORY_CLAIMS_MAX * (ADDRESS_OF_NAME_MAX + 2) + 1];
    struct buf b = BUF_OVER(primaries);
    struct kept_conflict *kept;

    s->w->summary.conflicts++;
    if (s->w->conflicts_kept == WRITER_CONFLICTS_MAX)
        return 0;
    add_primaries(s, entry->tenant, &b);
    kept = malloc(sizeof *kept + entry->text.n + b.n);
    if (kept == NULL)
        return error_set(e, "out of memory");
    *kept = (struct kept_conflict){entry->tenant, entry->kind, entry->n, entry->text.n, b.n};
    memcpy(kept->texts, entry->text.p, entry->text.n);
    memcpy(kept->texts + entry->text.n, b.p, b.n);
    s->w->conflicts[s->w->conflicts_kept++] = kept;
    return 0;
}

static int by_identity(const void *a, const void *b)
{
    const struct kept_conflict *x = *(struct kept_conflict *const *)a, *y = *(struct kept_conflict *const *)b;

    if (x->tenant != y->tenant)
        return x->tenant < y->tenant ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return sorter_compare((struct slice){x->texts, x->identity_n}, (struct slice){y->texts, y->identity_n});
}

/* ---- the table ---- */

static int end_value(struct identities *s, struct error *e)
{
    int result = s->value_n == 0
                     ? 0
                     : builder_append(s->w->builder, TABLE_IDENTITIES, (struct slice){(char *)&s->hash, sizeof s->hash},
                                      (struct slice){(char *)s->value, s->value_n}, e);

    s->value_n = 0;
    return result;
}

/* Ends the current identity, whose claims are complete. */
static int end_identity(struct identities *s, struct error *e)
{
    struct slice key = {(char *)s->key.b + sizeof s->hash, s->key.n - sizeof s->hash};
    struct identity_entry entry = {.n = (uint32_t)s->refs_n};
    size_t head_n, most = IDENTITY_HEAD_MAX + s->refs_n * IDENTITY_CLAIM_SIZE;

    (void)identity_key_read(key, &entry.tenant, &entry.kind, &entry.text); /* our own bytes */
    if (s->value_n + most > s->value_cap) {
        uint8_t *value = realloc(s->value, 2 * (s->value_n + most));

        if (value == NULL)
            return error_set(e, "out of memory");
        s->value = value;
        s->value_cap = 2 * (s->value_n + most);
    }
    head_n = identity_head_encode(&entry, s->value + s->value_n, IDENTITY_HEAD_MAX);
    s->value_n += head_n;
    /* refs is in descending order */
    for (size_t i = s->refs_n; i-- > 0; s->value_n += IDENTITY_CLAIM_SIZE)
        identity_claim_write(&s->refs[i], s->value + s->value_n);
    s->w->summary.identities++;
    return s->refs_n > 1 && entry.kind != IDENTITY_KEY_RECIPIENT ? note_conflict(s, &entry, e) : 0;
}

/* The sorter returns the last added of equal keys first, so a mailbox's claims on one identity are adjacent. */
static int add_claim(struct identities *s, struct slice value, struct error *e)
{
    struct mailbox_ref ref;

    (void)identity_claim_read((const uint8_t *)value.p, 0, &ref); /* our own bytes */
    if (s->refs_n > 0 && memcmp(&s->refs[s->refs_n - 1].id, &ref.id, sizeof ref.id) == 0) {
        s->refs[s->refs_n - 1].identity |= ref.identity;
        return 0;
    }
    if (s->refs_n == s->refs_cap) {
        size_t cap = s->refs_cap > 0 ? 2 * s->refs_cap : 16;
        struct mailbox_ref *refs = realloc(s->refs, cap * sizeof *refs);

        if (refs == NULL)
            return error_set(e, "out of memory");
        s->refs = refs;
        s->refs_cap = cap;
    }
    s->refs[s->refs_n++] = ref;
    return 0;
}

/* Begins the identity with this sort key. */
static void begin_identity(struct identities *s, struct slice key)
{
    s->key.n = key.n;
    memcpy(s->key.b, key.p, key.n);
    memcpy(&s->hash, key.p, sizeof s->hash);
    s->hash = be64toh(s->hash);
    s->refs_n = 0;
}

static int append_all(struct identities *s, struct error *e)
{
    struct slice key, value;
    int more;

    while ((more = sorter_next(s->claims, &key, &value, e)) == 1) {
        if (!slice_eq(key, (struct slice){(char *)s->key.b, s->key.n})) {
            bool same_hash = s->key.n > 0 && memcmp(key.p, s->key.b, sizeof s->hash) == 0;

            if ((s->refs_n > 0 && end_identity(s, e) != 0) || (!same_hash && end_value(s, e) != 0))
                return -1;
            begin_identity(s, key);
        }
        if (add_claim(s, value, e) != 0)
            return -1;
    }
    if (more < 0 || (s->refs_n > 0 && end_identity(s, e) != 0))
        return -1;
    return end_value(s, e);
}

int writer_add_identities(struct writer *w, struct error *e)
{
    struct identities s = {.w = w};
    int result = -1;

    if (sorter_make(w->folder, IDENTITY_BUDGET, &s.claims, e) == 0 &&
        builder_walk(w->builder, TABLE_MAILBOXES, claim_mailbox, &s, e) == 0 &&
        builder_walk(w->builder, TABLE_RECIPIENTS, claim_recipient, &s, e) == 0 && sorter_sort(s.claims, e) == 0)
        result = append_all(&s, e);
    if (w->conflicts_kept > 1)
        qsort(w->conflicts, w->conflicts_kept, sizeof *w->conflicts, by_identity);
    sorter_free(s.claims);
    free(s.refs);
    free(s.value);
    return result;
}
