/* Inside of the writer: one run. Private to mirror/build/writer*.c. */
#ifndef POSTERN_MIRROR_WRITER_RUN_H
#define POSTERN_MIRROR_WRITER_RUN_H

#include "core/directory/directory_view.h"
#include "mirror/build/builder.h"
#include "mirror/build/sorter.h"
#include "mirror/build/writer.h"

/* Names in the folder. Files that begin with ".next" belong to a run and are worthless after it. */
#define LOCK_NAME "lock"
#define NEXT_FILE ".next.mdb"
#define NEXT_MANIFEST ".next.manifest"

/* What a run says about a tenant, apart from its facts. */
struct run_tenant {
    bool walked; /* its mailboxes come from the run; else they are copied */
    bool domains_replaced;
    bool recipients_replaced;
    unsigned rights_replaced; /* RIGHT_ bits */
    uint64_t seen;            /* how many of the last generation's mailboxes the run has put as `before` */
    uint64_t mailboxes;       /* of the next generation */
};

/* A conflict as it is kept; its texts follow in the same allocation. */
struct kept_conflict {
    uint32_t tenant;
    char kind;
    unsigned claims;
    size_t identity_n, primaries_n;
    char texts[];
};

/* A cursor over a table of the last generation, which may be missing. */
struct old_table {
    MDB_cursor *cursor;
    bool there;
    struct slice key, value;
};

/*
 * A cache of domains already noted. Nearly all addresses are in a few domains, which need not be sorted a million
 * times.
 */
#define SEEN_DOMAINS 256u

struct seen_domain {
    uint32_t tenant;
    uint16_t n;
    char text[ADDRESS_OF_NAME_MAX];
};

struct writer {
    char *folder;
    int folder_fd, lock_fd;
    struct directory *directory;
    struct directory_view *before; /* NULL: no generation yet */
    struct manifest_file manifest; /* of `before` */
    uint64_t last_generation;      /* highest number in use, by a file or the manifest */
    struct hash_secret identities; /* of the next generation */

    struct tenant_facts *facts; /* by index, as this run will leave them */
    struct run_tenant *tenants; /* by index */
    uint32_t tenants_n, tenants_cap;

    struct builder *builder;
    bool changed; /* what was appended differs from the last generation */
    /* mailboxes */
    uint32_t done;              /* tenants below it are complete */
    struct directory_key above; /* of the last mailbox appended; the next must be greater */
    uint8_t *value;             /* scratch of MAILBOX_VALUE_MAX bytes */
    /* rights */
    struct old_table old_rights;
    bool rights_begun, right_waits;
    struct directory_key right; /* pending: more of its bits may come */
    unsigned right_bits;
    /* domains */
    struct sorter *domains; /* domain → one claim */
    struct seen_domain *seen;
    struct sorter *recipients; /* key → value, as in the table */

    struct kept_conflict **conflicts;
    size_t conflicts_kept;
    struct writer_summary summary;
    bool locked, finished;
};

static inline struct slice key_slice(const struct directory_key *key)
{
    return (struct slice){(const char *)key->b, key->n};
}

/* 0 with the first entry, or -1 with e. Closed by old_table_close, also after a -1. */
int old_table_open(const struct writer *w, enum directory_table table, struct old_table *t, struct error *e);
int old_table_next(struct old_table *t, struct error *e);
void old_table_close(struct old_table *t);
/* Returns -1; e names the table. */
int old_table_damaged(struct error *e, enum directory_table table);

/* 0, or -1 with e for an index that no tenant has. */
int writer_check_tenant(const struct writer *w, uint32_t tenant, struct error *e);

/*
 * The parts of writer_finish, in this order. They complete the tables and set w->changed; the last one derives the
 * identities of all mailboxes appended. 0, or -1 with e.
 */
int writer_end_mailboxes(struct writer *w, struct error *e);
int writer_end_rights(struct writer *w, struct error *e);
int writer_end_domains(struct writer *w, struct error *e);
int writer_end_recipients(struct writer *w, struct error *e);
int writer_end_tenants(struct writer *w, struct error *e);
int writer_add_identities(struct writer *w, struct error *e);

/* -1 with e for a record that breaks a rule of struct mailbox_record. */
int writer_check_record(const struct mailbox_record *r, struct error *e);

/* Notes the domains of the mailbox's addresses for writer_end_domains. */
int writer_derive_domains(struct writer *w, uint32_t tenant, const struct mailbox_record *r, struct error *e);

/* Publishes w->builder's file as the next generation. 0 with *bytes, or -1 with e and nothing changed. */
int writer_publish(struct writer *w, uint64_t *bytes, struct error *e);
/* Rewrites the manifest alone, with this run's times. */
int writer_confirm(struct writer *w, struct error *e);

/* Writes m's text as the folder's manifest. 0, or -1 with e and nothing changed. */
int writer_replace_manifest(const struct writer *w, const struct manifest *m, struct error *e);
/*
 * Removes the files of all generations but these two: the new one, and the one before, which a reader that has read the
 * manifest may be about to open. Files that are open stay readable without a name. Failing to remove one is no error:
 * the next run tries again.
 */
void writer_remove_old(const struct writer *w, uint64_t keep, uint64_t keep_too);

/* Removes the run's temporary files. */
void writer_remove_aside(const struct writer *w);
/* The highest number of a generation's file in the folder. */
uint64_t writer_highest_file(const struct writer *w);

#endif
