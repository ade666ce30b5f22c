/*
 * Settings that are valid but rarely intended: one table of conditions, with one set of thresholds, for "postern
 * check", which warns about them, and for "postern audit", which rates them.
 */
#ifndef POSTERN_CORE_REPORT_CONFIG_RULES_H
#define POSTERN_CORE_REPORT_CONFIG_RULES_H

#include "core/config/config.h"
#include "core/report/audit.h"

struct config_condition {
    enum audit_rule rule;   /* AUDIT_RULES: only check warns of it, audit has no rule */
    enum severity severity; /* where there is a rule */
    bool warns;             /* check warns of it; else it is a matter of policy, for audit only */
    const char *where;      /* "connectors[printers].networks" */
    const char *text;       /* a sentence without its full stop; names in it may hold any byte */
};

/* Calls `each` with all that hold, in the order of the table. view: to compare names with; NULL: there is none. */
void config_conditions(const struct config *config, const struct directory_view *view,
                       void (*each)(void *arg, const struct config_condition *condition), void *arg);

#endif
