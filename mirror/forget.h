/* "postern-mirror forget-tenant": takes a tenant out of the directory, with all that is known of it. */
#ifndef POSTERN_MIRROR_FORGET_H
#define POSTERN_MIRROR_FORGET_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stdio.h>

struct forget_options {
    const char *directory;
    const char *tenant;
    bool yes; /* do not ask on the terminal */
    bool dry_run;
    FILE *in, *out;
};

/* 0, or -1 with e: there is no such tenant, nobody said yes, or the directory cannot be written. */
int forget_run(const struct forget_options *options, struct error *e);

#endif
