/* "postern-mirror forget-tenant": removes a tenant and all its data from the directory. */
#ifndef POSTERN_MIRROR_FORGET_H
#define POSTERN_MIRROR_FORGET_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stdio.h>

struct forget_options {
    const char *directory;
    const char *tenant;
    bool yes; /* don't ask on the terminal */
    bool dry_run;
    FILE *in, *out;
};

/* 0, or -1 with e: no such tenant, not confirmed, or the directory can't be written. */
int forget_run(const struct forget_options *options, struct error *e);

#endif
