/* What changed of the settings that decide about SMTP AUTH, from the mirror's history. */
#ifndef POSTERN_CORE_REPORT_SETTINGS_LOG_H
#define POSTERN_CORE_REPORT_SETTINGS_LOG_H

#include "core/report/known.h"
#include "core/report/printer.h"

/* What to look for. `most` must be set; all else may be zero: everything. */
struct settings_wanted {
    const char *user;          /* a mailbox, by any name, or a tenant's name */
    const struct known *named; /* what user is the name of; NULL: not known */
    int64_t since_s;
    size_t most; /* at most so many, the newest */
    bool newest_first;
    const char *name;   /* of the table, inside an object; NULL outside */
    struct slice scope; /* of these tenants (core/access/role.h); empty: of all */
};

/*
 * The configuration, the directory and the history are open; the view may be missing. People get the columns that fit a
 * screen, programs all. 0, and how many there were; -1 with e, before anything was printed.
 */
int settings_log_report(const struct report_files *files, const struct settings_wanted *wanted, struct printer *out,
                        size_t *n, struct error *e);

#endif
