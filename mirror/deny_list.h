/*
 * "postern-mirror export --dovecot-deny": the names that may not sign in with a password, as a deny passwd-file of
 * Dovecot, for relays that refuse at AUTH without a program of their own there.
 */
#ifndef POSTERN_MIRROR_DENY_LIST_H
#define POSTERN_MIRROR_DENY_LIST_H

#include "core/config/config.h"

#include <stdio.h>

struct deny_options {
    const struct config *config;
    const char *directory;
    const char *path; /* of the list */
    int64_t now;      /* wall clock, seconds */
    FILE *out, *log;
};

/*
 * Asks the decision about each name of each mailbox, and writes those that it refuses for good to options->path
 * (mirror/deny_file.h). What would be deferred is not on the list, and nothing is in monitor mode.
 * 0; -1 with e, and the old list stays: no directory, none with mailboxes, a damaged or stale one, or a list that
 * cannot be written.
 */
int deny_list_export(const struct deny_options *options, struct error *e);

#endif
