/* What somebody may do at the web program. Each role includes those before it. */
#ifndef POSTERN_ACCESS_ROLE_H
#define POSTERN_ACCESS_ROLE_H

#include "core/base/error.h"
#include "core/base/slice.h"

enum role {
    ROLE_ANYBODY,  /* who may connect at all */
    ROLE_METRICS,  /* /metrics and /readyz */
    ROLE_VIEWER,   /* counts: no address and no login */
    ROLE_READER,   /* all that is read */
    ROLE_OPERATOR, /* and blocks, lifts, holds */
    ROLE_ADMIN
};
#define ROLES (ROLE_ADMIN + 1)

/* "reader" ... */
const char *role_word(enum role role);
/* One that an account can have. 0, or -1 with e, which names all. */
int role_find(struct slice word, enum role *out, struct error *e);

/*
 * Whose rows somebody sees: "*" for all tenants, or their names with commas between; and the empty text for a role that
 * sees only counts.
 */
#define SCOPE_ALL "*"
#define SCOPE_MAX 511u /* bytes */

/* Is it "*" or names with commas between? */
bool scope_is_right(struct slice scope);
/* Can a role be bound to these tenants? Counts are not told apart by tenant. 0, or -1 with e. */
int scope_check(enum role role, struct slice scope, struct error *e);
bool scope_is_all(struct slice scope);
/* Does it hold the tenant's rows? The empty name is no tenant's: only "*" holds it. */
bool scope_has(struct slice scope, struct slice tenant);

#endif
