/*
 * "postern-mirror respond": carries out the requests of limits with then = "block ..., disable". A request is a file in
 * the spool (core/notice/alert.h) that names a tenant and a mailbox. It is carried out only if the tenant's
 * configuration has exchange.writeback = true. The outcome is logged and sent as a notice.
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
 * 0: nothing is left to do; 1: some requests failed and wait for the next run (for RESPOND_GIVE_UP_S); -1 with e: the
 * spool can't be used.
 */
#define RESPOND_GIVE_UP_S (6 * 3600)
int respond_run(const struct respond_options *options, struct error *e);

#endif
