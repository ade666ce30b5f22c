#include "mirror/rights.h"

#include "core/hash.h"

#include <stdlib.h>
#include <sys/random.h>

/* Longer names are not names of mailboxes; only so much is lowered and hashed. */
#define NAME_MAX_BYTES 512

struct right {
    uint64_t trustee, target; /* hashes of their names */
    uint32_t line;
    uint16_t file;
    uint8_t kind;
    bool deny;
};

struct name {
    uint64_t hash;
    struct mailbox_id id;
    uint8_t claims; /* 0: nobody bears it; 1: id does; 2: several do */
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
    struct resolved *resolved; /* those that count, sorted */
    size_t n_resolved;
    size_t unresolved;
    struct right_place first_unresolved;
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

/* Addresses in their canonical form, other names without regard to the case of ASCII letters. */
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
    r->rights[r->n++] = (struct right){.trustee = name_hash(r, trustee),
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

void rights_name(struct rights *r, struct slice name, const struct mailbox_id *id)
{
    struct name *found;

    if (r->n_names == 0 || name.n == 0)
        return;
    found = find_name(r, name_hash(r, name));
    if (found == NULL)
        return;
    if (found->claims == 0) {
        found->id = *id;
        found->claims = 1;
    } else if (memcmp(&found->id, id, sizeof *id) != 0) {
        found->claims = 2;
    }
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

/* What denies comes first. */
static int by_who_and_denial(const void *a, const void *b)
{
    int order = by_who(a, b);

    return order != 0 ? order : (int)((const struct resolved *)b)->deny - (int)((const struct resolved *)a)->deny;
}

/* Sorts, and leaves one of each that nothing denies. */
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

int rights_resolve(struct rights *r, struct error *e)
{
    if (r->n == 0)
        return 0;
    r->resolved = calloc(r->n, sizeof *r->resolved);
    if (r->resolved == NULL)
        return error_set(e, "no memory for %zu rights", r->n);
    for (size_t i = 0; i < r->n; i++) {
        const struct right *right = &r->rights[i];
        const struct name *trustee = find_name(r, right->trustee);
        const struct name *target = find_name(r, right->target);

        if (trustee == NULL || target == NULL || trustee->claims != 1 || target->claims != 1) {
            if (r->unresolved++ == 0)
                r->first_unresolved = (struct right_place){right->file, right->line};
        } else if (memcmp(&trustee->id, &target->id, sizeof trustee->id) != 0) {
            r->resolved[r->n_resolved++] = (struct resolved){trustee->id, target->id, right->kind, right->deny};
        }
    }
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

size_t rights_unresolved(const struct rights *r, struct right_place *first)
{
    *first = r->first_unresolved;
    return r->unresolved;
}
