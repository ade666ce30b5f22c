#include "core/report/audit.h"

/* Usage comes first: whether a mailbox is unused depends on how far back the journal goes. */
int audit_all(struct audit *a, struct error *e)
{
    if (audit_relays(a, e) != 0 || audit_usage(a, e) != 0 || audit_directory(a, e) != 0)
        return -1;
    audit_config(a);
    audit_cloud(a);
    audit_files(a);
    audit_lists(a);
    audit_notices(a);
    audit_cluster(a);
    return 0;
}
