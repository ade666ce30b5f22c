/* "postern-mirror show": what the directory holds about tenants, and about one mailbox. */
#ifndef POSTERN_MIRROR_SHOW_H
#define POSTERN_MIRROR_SHOW_H

#include "core/base/error.h"

#include <stdio.h>

/*
 * Prints the facts of the tenant, of all when it is NULL; or, with any name of a mailbox, that mailbox (all that claim
 * a login). 0; -1 with e when the directory can't be read, there is no such tenant or mailbox, or a display name is
 * that of several.
 */
int show_directory(const char *folder, const char *tenant, const char *mailbox, FILE *out, struct error *e);

#endif
