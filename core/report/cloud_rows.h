/* Use in the cloud between the rows of the journal's usage: both come by tenant and mailbox. */
#ifndef POSTERN_CORE_REPORT_CLOUD_ROWS_H
#define POSTERN_CORE_REPORT_CLOUD_ROWS_H

#include "core/journal/cloud_use.h"
#include "core/report/report.h"

struct cloud_row {
    struct slice tenant, mailbox;
    enum cloud_source source;
    struct cloud_use use;
};

typedef void cloud_put(struct report *r, const struct cloud_row *row);

/* The history is open. 0, or -1 with r->e. */
int cloud_rows_open(struct report *r, const struct cloud_query *query, cloud_put *put, struct cloud_rows **out);
/* Puts the rows that come before those of this mailbox. False: it failed. c may be NULL: there are none. */
bool cloud_rows_before(struct cloud_rows *c, struct slice tenant, struct slice mailbox);
/* rest: and puts those that are left. 0; -1 with r->e: it failed, now or before. NULL is fine. */
int cloud_rows_close(struct cloud_rows *c, bool rest);

#endif
