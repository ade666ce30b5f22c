/* Whose is a name that a report or a sign-in has: the mailboxes of a tenant that it names, by their primary address. */
#ifndef POSTERN_MIRROR_WHOSE_H
#define POSTERN_MIRROR_WHOSE_H

#include "core/directory/directory.h"

struct whose {
    struct directory *directory;
    struct directory_view *view;      /* NULL: there is none */
    const struct tenant_facts *facts; /* NULL: the directory does not know the tenant */
};

/* Looks at the directory's present generation. 0, or -1 with e; a directory that is not there yet is no error. */
int whose_open(struct whose *w, const char *directory, struct slice tenant, struct error *e);
void whose_close(struct whose *w);

/* The primary addresses of all mailboxes that the name is an address or the UPN of; how many, 0: nobody's. */
unsigned whose_find(const struct whose *w, struct slice name, struct address primary[DIRECTORY_CLAIMS_MAX]);

#endif
