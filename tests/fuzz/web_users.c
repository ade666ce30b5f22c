/* links: web */
/*
 * Any file of accounts: it is refused, or its rows are inside of it, with names, roles and scopes that are right, and
 * no name twice; and written again, line by line, it is the same.
 */
#include "core/access/accounts.h"
#include "core/base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const struct accounts *all, const struct account *a)
{
    struct error e;
    struct accounts alone;

    assert(account_name_is_right(a->name) && accounts_named(all, a->name) == a);
    assert(a->role > ROLE_ANYBODY && a->role <= ROLE_ADMIN && scope_check(a->role, a->tenants, &e) == 0);
    assert(scope_is_all(a->tenants) || !scope_has(a->tenants, SLICE("")));
    assert(a->secret.n > 0 && a->until_s >= 0 && (a->is_token || a->until_s == 0));
    assert(accounts_parse(a->line, "f", &alone, &e) == 0 && alone.n == 1);
    assert(slice_eq(alone.rows[0].name, a->name) && slice_eq(alone.rows[0].secret, a->secret));
    accounts_free(&alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy, so that reading beyond its end is seen. */
    char *copy = malloc(size > 0 ? size : 1);
    struct accounts accounts;
    struct error e;

    assert(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    if (accounts_parse((struct slice){copy, size}, "f", &accounts, &e) == 0)
        for (size_t i = 0; i < accounts.n; i++)
            check_row(&accounts, &accounts.rows[i]);
    accounts_free(&accounts);
    free(copy);
    return 0;
}
