/* The mailboxes of a tenant that claim a name in a report or a sign-in, by their primary addresses. */
#ifndef POSTERN_MIRROR_CLAIMANTS_H
#define POSTERN_MIRROR_CLAIMANTS_H

#include "core/directory/directory.h"

struct claimants {
    struct directory *directory;
    struct directory_view *view;      /* NULL: there is none */
    const struct tenant_facts *facts; /* NULL: the directory does not know the tenant */
};

/* Looks at the directory's present generation. 0, or -1 with e; a directory that is not there yet is no error. */
int claimants_open(struct claimants *w, const char *directory, struct slice tenant, struct error *e);
void claimants_close(struct claimants *w);

/* The primary addresses of all mailboxes that the name is an address or the UPN of; how many, 0: nobody's. */
unsigned claimants_find(const struct claimants *w, struct slice name, struct address primary[DIRECTORY_CLAIMS_MAX]);

#endif
