/*
 * "postern-mirror pull": brings in the directory that another relay of the cluster mirrors and offers
 * (mirror/offer.h). Either the whole of it becomes the next generation here, or nothing changes.
 */
#ifndef POSTERN_MIRROR_PULL_H
#define POSTERN_MIRROR_PULL_H

#include "core/config/config.h"
#include "mirror/import.h"

struct pull_options {
    const struct config *config;
    const char *directory;
    bool dry_run, force;
    unsigned max_change; /* percent */
    int64_t now;         /* wall clock, seconds */
    FILE *out, *log;
};

/* As import_run. A run that finds nothing newer is done, too. What went wrong is told in a notice. */
enum import_result pull_run(const struct pull_options *options, struct error *e);

#endif
