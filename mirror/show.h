/* "postern-mirror show": what the directory holds about tenants, and about one mailbox. */
#ifndef POSTERN_MIRROR_SHOW_H
#define POSTERN_MIRROR_SHOW_H

#include "core/base/error.h"

#include <stdio.h>

/*
 * Prints the facts of the tenant (NULL: of all), and the mailboxes that `mailbox`, an address, alias or account name,
 * finds. 0; -1 with e when the directory can't be read, or there is no such tenant or mailbox.
 */
int show_directory(const char *folder, const char *tenant, const char *mailbox, FILE *out, struct error *e);

#endif
