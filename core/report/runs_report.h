/* How the mirror's runs ended, from its history. */
#ifndef POSTERN_CORE_REPORT_RUNS_REPORT_H
#define POSTERN_CORE_REPORT_RUNS_REPORT_H

#include "core/report/files.h"
#include "core/report/printer.h"

struct runs_wanted {
    int64_t since_s;    /* ended not before */
    size_t most;        /* at most so many, the newest */
    struct slice scope; /* of these tenants (core/access/role.h), so without pulls, which have none; empty: all */
};

/* A row each, the newest first. The history is open. 0, or -1 with e. */
int runs_report(const struct report_files *files, const struct runs_wanted *wanted, struct printer *out,
                struct error *e);

#endif
