/* The merge of claims on identities, and the identities that several mailboxes claim. */
#include "mirror/build/writer_run.h"

#include <stdlib.h>

/* The checksum in front of a value's claims. */
#define SEAL_SIZE sizeof(uint32_t)

/* All claims on one identity: kept, removed and added ones. */
struct claims {
    struct claim {
        enum claim_source source;
        struct mailbox_ref ref;
    } * p;
    size_t n, cap;
    uint8_t *value; /* the new value */
    size_t value_cap;
};

struct identities {
    struct writer *w;
    struct writer_summary *summary;
    struct claims claims;
};

static int claims_add(struct claims *c, enum claim_source source, const struct mailbox_ref *ref, struct error *e)
{
    if (c->n == c->cap) {
        size_t cap = c->cap > 0 ? 2 * c->cap : 16;
        struct claim *p = realloc(c->p, cap * sizeof *p);

        if (p == NULL)
            return error_set(e, "out of memory");
        c->p = p;
        c->cap = cap;
    }
    c->p[c->n++] = (struct claim){source, *ref};
    return 0;
}

static int compare_claims(const void *a, const void *b)
{
    return memcmp(((const struct claim *)a)->ref.id.b, ((const struct claim *)b)->ref.id.b, sizeof(struct mailbox_id));
}

static bool same_mailbox(const struct claim *a, const struct claim *b)
{
    return compare_claims(a, b) == 0;
}

/*
 * Leaves one claim a mailbox: what was added in this run counts before what was removed (a changed mailbox removes
 * its old claims and adds its new ones), and that before what was there.
 */
static void fold(struct claims *c)
{
    size_t out = 0;

    if (c->n > 1)
        qsort(c->p, c->n, sizeof *c->p, compare_claims);
    for (size_t i = 0, end; i < c->n; i = end) {
        struct claim best = c->p[i];

        for (end = i + 1; end < c->n && same_mailbox(&c->p[end], &c->p[i]); end++) {
            uint8_t bits = best.ref.identity;

            if (best.source == CLAIM_ADDED && c->p[end].source == CLAIM_ADDED)
                best.ref.identity = bits | c->p[end].ref.identity;
            else if (c->p[end].source > best.source)
                best = c->p[end];
        }
        if (best.source != CLAIM_REMOVED)
            c->p[out++] = best;
    }
    c->n = out;
}

/* ---- conflicts ---- */

/* The primary addresses of the first claims, as a packed list. */
static void add_primaries(const struct identities *s, uint32_t tenant, struct buf *out)
{
    for (size_t i = 0; i < s->claims.n && i < DIRECTORY_CLAIMS_MAX; i++) {
        struct directory_key key = mailbox_key(tenant, &s->claims.p[i].ref.id);
        struct slice k = {(char *)key.b, key.n}, value;
        struct mailbox_record record;

        if (builder_get(s->w->builder, TABLE_MAILBOXES, k, &value) && mailbox_decode(k, value, &record))
            packed_add(out, record.primary);
    }
}

static int note_conflict(struct identities *s, uint32_t tenant, char kind, struct slice identity, struct error *e)
{
    char primaries[DIRECTORY_CLAIMS_MAX * (ADDRESS_OF_NAME_MAX + 2) + 1];
    struct buf b = BUF_OVER(primaries);
    struct kept_conflict *kept;

    s->summary->conflicts++;
    if (s->w->conflicts_kept == WRITER_CONFLICTS_MAX)
        return 0;
    add_primaries(s, tenant, &b);
    kept = malloc(sizeof *kept + identity.n + b.n);
    if (kept == NULL)
        return error_set(e, "out of memory");
    *kept = (struct kept_conflict){tenant, kind, (unsigned)s->claims.n, identity.n, b.n};
    memcpy(kept->texts, identity.p, identity.n);
    memcpy(kept->texts + identity.n, b.p, b.n);
    s->w->conflicts[s->w->conflicts_kept++] = kept;
    return 0;
}

/* ---- the merge ---- */

/* Writes the identity with the claims that are left. */
static int write_identity(struct identities *s, struct slice key, struct error *e)
{
    struct claims *c = &s->claims;
    size_t size;
    struct slice text;
    uint32_t tenant;
    char kind;

    fold(c);
    if (c->n == 0)
        return 0;
    if (!identity_key_read(key, &tenant, &kind, &text))
        return old_table_damaged(e, TABLE_IDENTITIES);
    size = SEAL_SIZE + c->n * IDENTITY_CLAIM_SIZE;
    if (size > c->value_cap) {
        uint8_t *value = realloc(c->value, 2 * size);

        if (value == NULL)
            return error_set(e, "out of memory");
        c->value = value;
        c->value_cap = 2 * size;
    }
    for (size_t i = 0; i < c->n; i++)
        identity_claim_write(&c->p[i].ref, c->value + SEAL_SIZE + i * IDENTITY_CLAIM_SIZE);
    record_seal(TABLE_IDENTITIES, key, c->value, size);
    if (c->n > 1 && note_conflict(s, tenant, kind, text, e) != 0)
        return -1;
    return builder_append(s->w->builder, TABLE_IDENTITIES, key, (struct slice){(char *)c->value, size}, e);
}

/* Takes over the claims of the last generation. */
static int add_old(struct identities *s, const struct old_table *old, struct error *e)
{
    size_t n = identity_claims(old->key, old->value);
    struct mailbox_ref ref;
    struct slice text;
    uint32_t tenant;
    char kind;

    if (n == 0 || !identity_key_read(old->key, &tenant, &kind, &text))
        return old_table_damaged(e, TABLE_IDENTITIES);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *claim = (const uint8_t *)old->value.p + SEAL_SIZE + i * IDENTITY_CLAIM_SIZE;

        if (!identity_claim_read(claim, tenant, &ref))
            return old_table_damaged(e, TABLE_IDENTITIES);
        if (claims_add(&s->claims, CLAIM_KEPT, &ref, e) != 0)
            return -1;
    }
    return 0;
}

/* Identities of the last generation with keys below `end` (NULL: all), on which nothing was done. */
static int keep_identities(struct identities *s, struct old_table *old, const struct slice *end, struct error *e)
{
    while (old->there && (end == NULL || sorter_compare(old->key, *end) < 0)) {
        s->claims.n = 0;
        if (add_old(s, old, e) != 0 || write_identity(s, old->key, e) != 0 || old_table_next(old, e) != 0)
            return -1;
    }
    return 0;
}

/* One identity on which something was done: *next is its first operation and then the first behind. */
static int merge_identity(struct identities *s, struct sorter *operations, struct old_table *old, struct slice *next,
                          struct slice *value, int *more, struct error *e)
{
    struct directory_key key;
    struct slice this = {(char *)key.b, next->n};
    struct mailbox_ref ref;

    memcpy(key.b, next->p, next->n);
    if (keep_identities(s, old, &this, e) != 0)
        return -1;
    s->claims.n = 0;
    if (old->there && slice_eq(old->key, this) && (add_old(s, old, e) != 0 || old_table_next(old, e) != 0))
        return -1;
    while (*more == 1 && slice_eq(*next, this)) {
        const uint8_t *p = (const uint8_t *)value->p;

        (void)identity_claim_read(p + 1, 0, &ref); /* our own bytes */
        if (claims_add(&s->claims, (enum claim_source)p[0], &ref, e) != 0)
            return -1;
        *more = sorter_next(operations, next, value, e);
    }
    return *more < 0 ? -1 : write_identity(s, this, e);
}

int writer_merge_identities(struct writer *w, struct sorter *operations, struct writer_summary *summary,
                            struct error *e)
{
    struct identities s = {.w = w, .summary = summary};
    struct slice next, value;
    struct old_table old;
    int more, result = -1;

    if (old_table_open(w, TABLE_IDENTITIES, &old, e) != 0 || sorter_sort(operations, e) != 0 ||
        (more = sorter_next(operations, &next, &value, e)) < 0)
        goto out;
    while (more == 1)
        if (merge_identity(&s, operations, &old, &next, &value, &more, e) != 0)
            goto out;
    result = more < 0 ? -1 : keep_identities(&s, &old, NULL, e);
out:
    old_table_close(&old);
    free(s.claims.p);
    free(s.claims.value);
    return result;
}
