/*
 * "postern-mirror respond": works off the requests of limits with then = "block ..., disable". A request is a file in
 * the spool (core/notice/alert.h) that names a tenant and a mailbox; it is done only where the tenant's configuration
 * says exchange.writeback = true. What was done, or could not be, is logged and told as a notice.
 */
#ifndef POSTERN_MIRROR_RESPOND_H
#define POSTERN_MIRROR_RESPOND_H

#include "core/config/config.h"

#include <stdio.h>

struct respond_options {
    const struct config *config;
    FILE *out, *log;
    int64_t now; /* wall clock */
};

/*
 * 0: nothing is left to do; 1: some could not be done and wait for the next run (for RESPOND_GIVE_UP_S); -1 with e: the
 * spool cannot be used.
 */
#define RESPOND_GIVE_UP_S (6 * 3600)
int respond_run(const struct respond_options *options, struct error *e);

#endif
