/* The members of those groups that hold rights to send as others, and of the groups in these. */
#ifndef POSTERN_MIRROR_MEMBERS_H
#define POSTERN_MIRROR_MEMBERS_H

#include "mirror/series.h"

/* More groups are not asked about in one run, each of which is a request; the rights of the others are left out. */
#define MEMBERS_GROUPS_MAX 1000u

struct members_report {
    unsigned groups; /* whose members were read */
};

/*
 * Reads Get-DistributionGroupMember of each group among g->recipients that a right of g names as its trustee. What was
 * read of one that isn't there any more counts as empty. As series_fetch; unless EXCHANGE_OK, no member was gathered.
 */
enum exchange_result members_fetch(struct exchange *x, struct gathered *g, struct members_report *report,
                                   struct error *e);

#endif
