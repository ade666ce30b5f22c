/* The notice "mirror-failed": a run of postern-mirror that changed nothing, because it was refused or failed. */
#ifndef POSTERN_MIRROR_FAILED_RUN_H
#define POSTERN_MIRROR_FAILED_RUN_H

#include "core/config/config.h"

#include <stdio.h>

struct failed_run {
    const char *tenant;
    bool refused;             /* too much would change; else it failed */
    const char *force, *look; /* what to do about a refused and about a failed run: commands */
    const struct error *why;
};

/* Posts it, once in six hours for the same tenant. Nothing without alerts in the configuration. When it cannot be
 * posted, log says so. */
void failed_run_tell(const struct config *config, const struct failed_run *run, FILE *log);

#endif
