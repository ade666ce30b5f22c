/* Networks from which logins sent for the first time: what administrators look at first after a password was stolen. */
#ifndef POSTERN_CORE_REPORT_NEW_NETWORKS_H
#define POSTERN_CORE_REPORT_NEW_NETWORKS_H

#include "core/decide/decide.h"
#include "core/journal/journal.h"
#include "core/report/printer.h"

struct new_networks_wanted {
    int64_t since_s;    /* first seen not before */
    struct slice scope; /* of these tenants (core/access/role.h); empty: of all */
};

#define NEW_NETWORKS_MAX 2000u
#define NEW_NETWORKS_COLUMNS 7u
extern const struct column new_networks_columns[NEW_NETWORKS_COLUMNS];

/*
 * A row of the open table for each, by tenant and network of the size that limits learn (core/decide/familiar.h), the
 * newest first; at most NEW_NETWORKS_MAX, and then a remark says so. By the journal, and by what the limits have
 * learnt, which is older: what was only refused is not among them, nor known_networks and connectors. What only the
 * journal knows of counts as new since its first message there. 0, or -1 with e.
 */
int new_networks_report(const struct decide_context *c, struct journal *journal,
                        const struct new_networks_wanted *wanted, struct printer *out, struct error *e);

#endif
