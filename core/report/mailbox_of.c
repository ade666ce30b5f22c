#include "core/report/mailbox_of.h"

bool tenant_is_of(const struct directory_view *v, struct slice scope, uint32_t tenant)
{
    const struct tenant_facts *facts;

    if (scope_is_all(scope))
        return true;
    facts = directory_tenant(v, tenant);
    return facts != NULL && scope_has(scope, slice_of(facts->name));
}

/* Kinds of names that come first hide the others, as they do within a tenant. */
static void add(struct mailbox_found *out, const struct mailbox_found *more)
{
    if (more->n == 0 || (out->n > 0 && out->name < more->name))
        return;
    if (out->n > 0 && out->name > more->name)
        out->n = 0;
    out->name = more->name;
    for (uint64_t i = 0; i < more->n && i < MAILBOX_FOUND_MAX && out->n + i < MAILBOX_FOUND_MAX; i++)
        out->first[out->n + i] = more->first[i];
    out->n += more->n;
}

enum directory_result mailbox_named_of(const struct directory_view *v, struct slice scope, struct slice name,
                                       struct mailbox_found *out)
{
    struct mailbox_found one;

    if (scope_is_all(scope))
        return mailbox_named(v, EVERY_TENANT, name, out);
    out->name = MAILBOX_NAME_NONE;
    out->n = 0;
    for (uint32_t t = 0; t < directory_tenants(v); t++) {
        if (!tenant_is_of(v, scope, t))
            continue;
        if (mailbox_named(v, t, name, &one) == DIRECTORY_DAMAGED)
            return DIRECTORY_DAMAGED;
        add(out, &one);
    }
    return out->n > 0 ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
}
