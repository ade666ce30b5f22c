/* Inside of the writer: one run. Private to mirror/writer*.c. */
#ifndef POSTERN_MIRROR_WRITER_RUN_H
#define POSTERN_MIRROR_WRITER_RUN_H

#include "core/directory/directory_view.h"
#include "mirror/build/builder.h"
#include "mirror/build/sorter.h"
#include "mirror/build/trim.h"
#include "mirror/build/writer.h"

/* Names in the folder. What begins with ".next" is a run's own and worthless when the run has ended. */
#define LOCK_NAME "lock"
#define NEXT_FILE ".next.mdb"
#define NEXT_MANIFEST ".next.manifest"

/* What a run says about a tenant beside its facts. */
struct run_tenant {
    bool domains_replaced;
    unsigned rights_replaced; /* RIGHT_ bits */
    uint64_t mailboxes;       /* counted by the merge */
};

/* A conflict as it is kept: texts are in one piece of memory behind it. */
struct kept_conflict {
    uint32_t tenant;
    char kind;
    unsigned claims;
    size_t identity_n, primaries_n;
    char texts[];
};

struct writer {
    char *folder;
    int folder_fd, lock_fd;
    struct directory *directory;
    struct directory_view *before; /* NULL: no generation yet */
    struct manifest_file manifest; /* of `before` */
    uint64_t last_generation;      /* highest number that a file or the manifest has had */

    struct tenant_facts *facts; /* by index, as this run will leave them */
    struct run_tenant *tenants; /* by index */
    uint32_t tenants_n, tenants_cap;

    struct sorter *mailboxes;     /* mailbox_key → sealed value, or nothing: deleted */
    struct sorter *domains;       /* domain_key → one claim, as domain_encode has them but without a seal */
    struct sorter *rights;        /* right_key → one byte, RIGHT_ bits */
    bool any_mailbox;             /* something was added to mailboxes ... */
    struct directory_key highest; /* ... and this is the greatest key of it */

    struct builder *builder;
    uint8_t *value; /* scratch of MAILBOX_VALUE_MAX bytes */
    struct kept_conflict **conflicts;
    size_t conflicts_kept;
    bool locked, finished;
};

/* Merges operations and last generation into w->builder; *changed when they differ. 0, or -1 with e. */
int writer_merge(struct writer *w, struct writer_summary *summary, bool *changed, struct error *e);

/* Domains seen lately: nearly all addresses are in a few domains, which need not be sorted a million times. */
#define SEEN_DOMAINS 256u

struct seen_domain {
    uint32_t tenant;
    uint16_t n;
    char text[ADDRESS_OF_NAME_MAX];
};

struct merge {
    struct writer *w;
    struct writer_summary *summary;
    struct sorter *identities; /* operations on identities */
    struct seen_domain *seen;
    bool changed;
};

/* The parts of the merge, in this order after the mailboxes. 0, or -1 with e. */
int merge_rights(struct merge *m, struct error *e);
int merge_domains(struct merge *m, struct error *e);
int merge_tenants(struct merge *m, struct error *e);
/* Notes one tenant's claim on a domain, for merge_domains. */
int merge_add_domain(struct writer *w, struct slice domain, const struct domain_claim *claim, struct error *e);

/* Identity operations, gathered while the mailboxes are merged: identity_key → one byte and a claim. */
enum claim_source { CLAIM_KEPT, CLAIM_REMOVED, CLAIM_ADDED };
/* Merges them with the last generation's identities. */
int writer_merge_identities(struct writer *w, struct sorter *operations, struct writer_summary *summary,
                            struct error *e);

/* A walk over a table of the last generation, which may be missing. */
struct old_table {
    MDB_cursor *cursor;
    bool there;
    struct slice key, value;
    struct trim trim;
};
/* 0 with the first entry, or -1 with e. Closed by old_table_close, also after a -1. */
int old_table_open(const struct writer *w, enum directory_table table, struct old_table *t, struct error *e);
int old_table_next(struct old_table *t, struct error *e);
void old_table_close(struct old_table *t);
int old_table_damaged(struct error *e, enum directory_table table);

/* Publishes w->builder's file as the next generation. 0 with *bytes, or -1 with e and nothing changed. */
int writer_publish(struct writer *w, uint64_t *bytes, struct error *e);
/* Rewrites the manifest alone, with this run's times. */
int writer_confirm(struct writer *w, struct error *e);

/* Removes what a run makes aside. */
void writer_remove_aside(const struct writer *w);
/* The highest number of a generation's file in the folder. */
uint64_t writer_highest_file(const struct writer *w);

#endif
