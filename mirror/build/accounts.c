#include "mirror/build/accounts.h"

#include "core/base/hash.h"

#include <stdlib.h>
#include <sys/random.h>

/* What a user is found by. */
enum account_name { NAME_UPN, NAME_MAIL };

struct account {
    uint64_t hash; /* of the kind of name, and the name */
    bool enabled;
    bool differ; /* another user has the name, and the other state */
};

struct accounts {
    struct hash_secret secret;
    struct account *list;
    size_t n, cap, found;
};

int accounts_open(struct accounts **out, struct error *e)
{
    struct accounts *a = calloc(1, sizeof *a);

    *out = NULL;
    if (a == NULL)
        return error_set(e, "no memory for users");
    if (getrandom(&a->secret, sizeof a->secret, 0) != (ssize_t)sizeof a->secret) {
        free(a);
        return error_set(e, "the system gives no random numbers");
    }
    *out = a;
    return 0;
}

void accounts_close(struct accounts *a)
{
    if (a == NULL)
        return;
    free(a->list);
    free(a);
}

static uint64_t hash_of(const struct accounts *a, enum account_name kind, struct slice name)
{
    return hash_mix(kind, hash_slice(&a->secret, name));
}

static int add_one(struct accounts *a, enum account_name kind, struct slice name, bool enabled, struct error *e)
{
    if (name.n == 0)
        return 0;
    if (a->n == a->cap) {
        size_t cap = a->cap == 0 ? 1024 : a->cap * 2;
        struct account *bigger = realloc(a->list, cap * sizeof *bigger);

        if (bigger == NULL)
            return error_set(e, "no memory for more than %zu users", a->n);
        a->list = bigger;
        a->cap = cap;
    }
    a->list[a->n++] = (struct account){.hash = hash_of(a, kind, name), .enabled = enabled};
    return 0;
}

int accounts_add(struct accounts *a, struct slice upn, struct slice mail, bool enabled, struct error *e)
{
    return add_one(a, NAME_UPN, upn, enabled, e) != 0 ? -1 : add_one(a, NAME_MAIL, mail, enabled, e);
}

static int by_hash(const void *a, const void *b)
{
    const struct account *x = a, *y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}

void accounts_sort(struct accounts *a)
{
    size_t kept = 0;

    if (a->n > 0)
        qsort(a->list, a->n, sizeof *a->list, by_hash);
    for (size_t i = 0; i < a->n; i++) {
        struct account *last = kept > 0 ? &a->list[kept - 1] : NULL;

        if (last == NULL || last->hash != a->list[i].hash) {
            a->list[kept++] = a->list[i];
        } else if (last->enabled != a->list[i].enabled) {
            last->enabled = false;
            last->differ = true;
        }
    }
    a->n = kept;
}

static const struct account *find(const struct accounts *a, enum account_name kind, struct slice name)
{
    struct account key = {.hash = hash_of(a, kind, name)};

    return name.n == 0 || a->n == 0 ? NULL : bsearch(&key, a->list, a->n, sizeof *a->list, by_hash);
}

enum tri accounts_find(struct accounts *a, struct slice upn, struct slice primary)
{
    const struct account *found = find(a, NAME_UPN, upn);

    if (found == NULL) {
        found = find(a, NAME_MAIL, primary);
        if (found == NULL || found->differ)
            return TRI_UNKNOWN;
    }
    a->found++;
    return found->enabled ? TRI_YES : TRI_NO;
}

size_t accounts_found(const struct accounts *a)
{
    return a->found;
}
