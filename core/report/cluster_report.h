/* The other relays, as postern-cluster(8) of this machine has written them down. */
#ifndef POSTERN_CORE_REPORT_CLUSTER_REPORT_H
#define POSTERN_CORE_REPORT_CLUSTER_REPORT_H

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/report/printer.h"

/*
 * Shows this relay, the others, and what is wrong. 0 when all is well; 1 when something needs a look: no connection, a
 * relay that is silent or differs, a copy, postern-cluster does not run, or there is no key. -1 with e when there is
 * nothing to show: no cluster is configured, or the file may not be read.
 */
int cluster_report(const struct config *config, int64_t wall_s, struct printer *out, struct error *e);

/* The same for a monitoring system, and for audit. */
struct cluster_facts {
    bool shares;                        /* this relay, and postern-cluster runs */
    bool evicts;                        /* Redis is set to drop keys when it is full */
    uint64_t relays, silent, differing; /* others that are known; of these */
    uint64_t waiting, lost, round_trip_us;
    int64_t clock_ms; /* the clock of Redis less this relay's */
    /* For people, printable: */
    char why[300];             /* not shared, in words */
    char silent_names[300];    /* "mx2, mx3" */
    char differing_names[400]; /* "mx2 (limits, tenants)" */
    char policy[32];           /* what Redis does when it is full; "": it didn't say */
};
/* False: no cluster is configured. What cannot be read counts as not shared. */
bool cluster_facts(const struct config *config, int64_t wall_s, struct cluster_facts *out);

#endif
