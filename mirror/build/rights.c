#include "mirror/build/rights.h"

#include "core/base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

/* No mailbox has a longer name. */
#define NAME_MAX_BYTES 512

struct right {
    uint64_t trustee, target; /* hashes of their names; 0: the name may be several recipients' */
    uint32_t line;
    uint16_t file;
    uint8_t kind;
    bool deny;
};

struct name {
    uint64_t hash;
    struct mailbox_id id[2]; /* the first two mailboxes that have the name */
    uint8_t claims;          /* 0: no mailbox has it; 1: id[0] has; 2: several have */
    bool borne;              /* for at least one of them it is a name with which Exchange writes rights */
};

struct resolved {
    struct mailbox_id trustee, target;
    uint8_t kind;
    bool deny;
};

struct rights {
    struct hash_secret secret;
    struct right *rights;
    size_t n, cap;
    struct name *names;
    size_t n_names;
    struct resolved *resolved; /* joined and not denied, sorted */
    size_t n_resolved;
    struct mailbox_id *voided; /* targets of denials with an ambiguous name, sorted */
    size_t n_voided;
    struct rights_left left;
};

int rights_open(struct rights **out, struct error *e)
{
    struct rights *r = calloc(1, sizeof *r);

    *out = NULL;
    if (r == NULL)
        return error_set(e, "no memory for rights");
    if (getrandom(&r->secret, sizeof r->secret, 0) != (ssize_t)sizeof r->secret) {
        free(r);
        return error_set(e, "the system gives no random numbers");
    }
    *out = r;
    return 0;
}

void rights_close(struct rights *r)
{
    if (r == NULL)
        return;
    free(r->rights);
    free(r->names);
    free(r->resolved);
    free(r->voided);
    free(r);
}

size_t rights_count(const struct rights *r)
{
    return r->n;
}

void rights_cut(struct rights *r, size_t n)
{
    if (n < r->n)
        r->n = n;
}

/* Addresses in canonical form; other names regardless of the case of ASCII letters. */
static uint64_t name_hash(const struct rights *r, struct slice name)
{
    struct address address;
    char lower[NAME_MAX_BYTES];
    size_t n;

    name = name.p != NULL ? slice_trim(name) : SLICE("");
    if (memchr(name.p, '@', name.n) != NULL && address_parse_internal(name, &address) == ADDRESS_OK)
        return hash_slice(&r->secret, address_slice(&address));
    n = name.n < sizeof lower ? name.n : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = ascii_lower(name.p[i]);
    return hash_bytes(&r->secret, lower, n);
}

static bool is_address(struct slice name)
{
    struct address address;

    return memchr(name.p, '@', name.n) != NULL && address_parse_internal(name, &address) == ADDRESS_OK;
}

static bool is_guid(struct slice name)
{
    if (name.n != 36)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

/*
 * Does the name stand for one recipient? Get-RecipientPermission writes a trustee as an address or a display name, for
 * groups as well. Display names need not be unique, and groups are not known here. GrantSendOnBehalfTo has the Name,
 * which is unique in an organization.
 */
static bool names_one(struct slice trustee, unsigned kind)
{
    trustee = trustee.p != NULL ? slice_trim(trustee) : SLICE("");
    return trustee.n > 0 && (kind != RIGHT_SEND_AS || is_address(trustee) || is_guid(trustee));
}

int rights_add(struct rights *r, struct slice trustee, struct slice target, unsigned kind, bool deny,
               struct right_place place, struct error *e)
{
    if (r->n == r->cap) {
        size_t cap = r->cap == 0 ? 256 : r->cap * 2;
        struct right *bigger = realloc(r->rights, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu rights", r->n);
        r->rights = bigger;
        r->cap = cap;
    }
    r->rights[r->n++] = (struct right){.trustee = names_one(trustee, kind) ? name_hash(r, trustee) : 0,
                                       .target = name_hash(r, target),
                                       .line = (uint32_t)(place.line < UINT32_MAX ? place.line : UINT32_MAX),
                                       .file = (uint16_t)place.file,
                                       .kind = (uint8_t)kind,
                                       .deny = deny};
    return 0;
}

static int by_hash(const void *a, const void *b)
{
    const struct name *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

int rights_start_names(struct rights *r, struct error *e)
{
    size_t kept = 0;

    if (r->n == 0)
        return 0;
    r->names = calloc(r->n * 2, sizeof *r->names);
    if (r->names == NULL)
        return error_set(e, "no memory for the names of %zu rights", r->n);
    for (size_t i = 0; i < r->n; i++) {
        r->names[2 * i].hash = r->rights[i].trustee;
        r->names[2 * i + 1].hash = r->rights[i].target;
    }
    qsort(r->names, r->n * 2, sizeof *r->names, by_hash);
    for (size_t i = 0; i < r->n * 2; i++)
        if (kept == 0 || r->names[kept - 1].hash != r->names[i].hash)
            r->names[kept++] = r->names[i];
    r->n_names = kept;
    return 0;
}

static struct name *find_name(const struct rights *r, uint64_t hash)
{
    struct name key = {.hash = hash};

    return r->n_names == 0 ? NULL : bsearch(&key, r->names, r->n_names, sizeof *r->names, by_hash);
}

void rights_name(struct rights *r, struct slice name, const struct mailbox_id *id, bool bears)
{
    struct name *found;

    if (r->n_names == 0 || name.n == 0)
        return;
    found = find_name(r, name_hash(r, name));
    if (found == NULL)
        return;
    found->borne = found->borne || bears;
    if (found->claims == 0 || (found->claims == 1 && memcmp(&found->id[0], id, sizeof *id) != 0))
        found->id[found->claims++] = *id;
}

static int by_who(const void *a, const void *b)
{
    const struct resolved *x = a, *y = b;
    int order = memcmp(&x->trustee, &y->trustee, sizeof x->trustee);

    if (order == 0)
        order = memcmp(&x->target, &y->target, sizeof x->target);
    if (order == 0)
        order = (x->kind > y->kind) - (x->kind < y->kind);
    return order;
}

/* A denial comes first. */
static int by_who_and_denial(const void *a, const void *b)
{
    int order = by_who(a, b);

    return order != 0 ? order : (int)((const struct resolved *)b)->deny - (int)((const struct resolved *)a)->deny;
}

/* Sorts, and keeps one of each right that is not denied. */
static void drop_denied(struct rights *r)
{
    size_t kept = 0;

    if (r->n_resolved > 0)
        qsort(r->resolved, r->n_resolved, sizeof *r->resolved, by_who_and_denial);
    for (size_t i = 0, next; i < r->n_resolved; i = next) {
        struct resolved first = r->resolved[i];

        next = i + 1;
        while (next < r->n_resolved && by_who(&first, &r->resolved[next]) == 0)
            next++;
        if (!first.deny)
            r->resolved[kept++] = first;
    }
    r->n_resolved = kept;
}

/* The only mailbox that has the name; NULL: none, or several. */
static const struct mailbox_id *bearer(const struct rights *r, uint64_t hash)
{
    const struct name *name = hash != 0 ? find_name(r, hash) : NULL;

    return name != NULL && name->claims == 1 && name->borne ? &name->id[0] : NULL;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mailbox_id));
}

/* Voids all mailboxes that a denial's target may mean. */
static void void_targets(struct rights *r, const struct right *denial)
{
    const struct name *target = denial->target != 0 ? find_name(r, denial->target) : NULL;

    for (unsigned i = 0; target != NULL && i < target->claims; i++)
        r->voided[r->n_voided++] = target->id[i];
}

/* A denial whose names don't lead to one mailbox may be about anybody: nobody keeps the right on its target. */
static void find_voided(struct rights *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct right *right = &r->rights[i];

        if (!right->deny || (bearer(r, right->target) != NULL && bearer(r, right->trustee) != NULL))
            continue;
        if (r->left.denials++ == 0)
            r->left.first_denial = (struct right_place){right->file, right->line};
        void_targets(r, right);
    }
    if (r->n_voided > 0)
        qsort(r->voided, r->n_voided, sizeof *r->voided, by_id);
}

static bool is_voided(const struct rights *r, const struct mailbox_id *target)
{
    return r->n_voided > 0 && bsearch(target, r->voided, r->n_voided, sizeof *r->voided, by_id) != NULL;
}

static void resolve_right(struct rights *r, const struct right *right)
{
    const struct mailbox_id *trustee = bearer(r, right->trustee), *target = bearer(r, right->target);

    if (trustee == NULL || target == NULL) {
        if (!right->deny && r->left.unresolved++ == 0)
            r->left.first_unresolved = (struct right_place){right->file, right->line};
    } else if (right->kind == RIGHT_SEND_AS && is_voided(r, target)) {
        r->left.voided += !right->deny;
    } else if (memcmp(trustee, target, sizeof *trustee) != 0) {
        r->resolved[r->n_resolved++] = (struct resolved){*trustee, *target, right->kind, right->deny};
    }
}

int rights_resolve(struct rights *r, struct error *e)
{
    if (r->n == 0)
        return 0;
    r->resolved = calloc(r->n, sizeof *r->resolved);
    r->voided = calloc(r->n, 2 * sizeof *r->voided);
    if (r->resolved == NULL || r->voided == NULL)
        return error_set(e, "no memory for %zu rights", r->n);
    find_voided(r);
    for (size_t i = 0; i < r->n; i++)
        resolve_right(r, &r->rights[i]);
    drop_denied(r);
    return 0;
}

int rights_next(const struct rights *r, size_t *i, struct mailbox_id *trustee, struct mailbox_id *target,
                unsigned *kind)
{
    if (*i >= r->n_resolved)
        return 0;
    *trustee = r->resolved[*i].trustee;
    *target = r->resolved[*i].target;
    *kind = r->resolved[*i].kind;
    ++*i;
    return 1;
}

const struct rights_left *rights_left(const struct rights *r)
{
    return &r->left;
}
