/* "postern-mirror sync": brings the settings of the configured tenants in from Exchange Online. */
#ifndef POSTERN_MIRROR_SYNC_H
#define POSTERN_MIRROR_SYNC_H

#include "core/config/config.h"
#include "mirror/import.h"

#include <stdio.h>

struct sync_options {
    const struct config *config;
    const char *directory;
    const char *tenant; /* NULL: all that have exchange = { ... } */
    bool dry_run, force;
    unsigned max_change; /* percent */
    FILE *out, *log;
};

/* Exit status of a tenant's run. Of several runs, the first in this order: failed, refused, partial, done. */
enum sync_result {
    SYNC_DONE = 0,
    SYNC_FAILED = 1,
    SYNC_REFUSED = 3, /* too much would change */
    SYNC_PARTIAL =
        4 /* done, but some parts that exchange.fetch or sign_ins name could not be read, and stay as they were */
};

/* -1 with e when there is nothing to do (no such tenant, none configured); else the status, with details in the log. */
int sync_run(const struct sync_options *options, struct error *e);

#endif
