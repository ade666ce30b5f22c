#include "core/access/role.h"

#include "core/base/quote.h"

#define TENANT_NAME_MAX 63u

static const char *const words[ROLES] = {
    [ROLE_ANYBODY] = "anybody", [ROLE_METRICS] = "metrics",   [ROLE_VIEWER] = "viewer",
    [ROLE_READER] = "reader",   [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin",
};

const char *role_word(enum role role)
{
    return words[role];
}

int role_find(struct slice word, enum role *out, struct error *e)
{
    for (unsigned i = ROLE_METRICS; i < ROLES; i++)
        if (slice_eq(word, slice_of(words[i]))) {
            *out = (enum role)i;
            return 0;
        }
    return error_set(e, "\"%s\" is no role; expected metrics, viewer, reader, operator or admin", quote(word).text);
}

static bool is_tenant_name(struct slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return name.n > 0 && name.n <= TENANT_NAME_MAX;
}

bool scope_is_right(struct slice scope)
{
    struct slice name;
    bool more = scope.n > 0 && scope.n <= SCOPE_MAX;

    if (scope_is_all(scope) || !more)
        return more;
    while (more) {
        more = slice_cut(scope, ',', &name, &scope);
        if (!is_tenant_name(name))
            return false;
    }
    return true;
}

int scope_check(enum role role, struct slice scope, struct error *e)
{
    if (!scope_is_right(scope))
        return error_set(e, "\"%s\": expected names of tenants with commas between, or * for all", quote(scope).text);
    if (role < ROLE_READER && !scope_is_all(scope))
        return error_set(e, "role %s sees counts, which are those of all tenants: it can't be bound to some",
                         role_word(role));
    return 0;
}

bool scope_is_all(struct slice scope)
{
    return slice_eq(scope, SLICE(SCOPE_ALL));
}

bool scope_has(struct slice scope, struct slice tenant)
{
    struct slice name;

    if (scope_is_all(scope))
        return true;
    while (scope.n > 0) {
        (void)slice_cut(scope, ',', &name, &scope);
        if (tenant.n > 0 && slice_eq(name, tenant))
            return true;
    }
    return false;
}
