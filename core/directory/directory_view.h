/* Inside of the directory's reader: what a view is. Private to core/directory*.c. */
#ifndef POSTERN_DIRECTORY_VIEW_H
#define POSTERN_DIRECTORY_VIEW_H

#include "core/directory/directory_domains.h"
#include "core/directory/directory_file.h"

/* A generation in use: file and facts. */
struct generation {
    uint64_t number;
    struct directory_file *file;
    struct tenant_facts *tenants;
    struct tenant_domain *domains;       /* of each tenant */
    struct domains_in_memory *in_memory; /* NULL: too many, which are looked up in the file */
    uint32_t tenants_n;
    unsigned closed;         /* DOMAIN_NO_ bits that some accepted domain has */
    unsigned held;           /* views given out; under the directory's lock */
    struct generation *next; /* retired ones, waiting for their last view */
};

struct directory_view {
    struct generation *generation;
    MDB_txn *txn; /* lives as long as the view: the file never changes, so there is nothing to renew */
};

/* A tenant's index is never given to another, so one that was forgotten leaves its place behind, with a name that none
 * can have. */
#define TENANT_FORGOTTEN_MARK '.'
static inline bool tenant_forgotten(const struct tenant_facts *facts)
{
    return facts->name[0] == TENANT_FORGOTTEN_MARK;
}

#endif
