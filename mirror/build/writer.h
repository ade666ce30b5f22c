/*
 * The one writer of the directory (core/directory/directory.h): takes what a run brought in and publishes the next
 * generation.
 *
 * A run puts mailboxes and rights in ascending order, and they are written as they come, into a file aside. What it
 * does not speak of is copied from the last generation. The claims on identities are derived from the mailboxes
 * afterwards, with one sort, whose memory is bounded; not when nothing has changed. So every published file is compact,
 * and a run that is killed, or fails at any point, leaves the last generation as it was.
 *
 * What a writer is asked about is always the last generation, never what this run has put.
 *
 *     writer_begin → writer_set_tenant → writer_put_mailbox/… → writer_finish → writer_conflict* → writer_close
 */
#ifndef POSTERN_MIRROR_WRITER_H
#define POSTERN_MIRROR_WRITER_H

#include "core/directory/directory_record.h"

struct writer;

/*
 * Takes the folder's lock (made when it is missing, its parent must exist), removes what a killed run left behind, and
 * opens the last generation, which is verified; one of an old format is rebuilt before. -1: e says who holds the lock,
 * or what is damaged and what to do. Free with writer_close.
 */
int writer_begin(const char *folder, struct writer **out, struct error *e);

/* The same, but what the folder holds is not looked at, and counts as nothing: but its numbers don't come again. */
int writer_begin_anew(const char *folder, struct writer **out, struct error *e);

/*
 * Waits at most so many seconds for another process that writes the folder's directory: 0 when there is none (any
 * more). Another one may still come first, so that writer_begin has the last word.
 */
int writer_wait(const char *folder, unsigned seconds, struct error *e);

/* Ends the run: without a successful writer_finish nothing has changed. NULL is allowed. */
void writer_close(struct writer *w);

/* ---- the last generation ---- */

/* For all functions of core/directory/directory.h; NULL when there is no generation yet. Belongs to the writer. */
const struct directory_view *writer_before(const struct writer *w);
/* The facts of the tenant with this name, NULL when it is new. */
const struct tenant_facts *writer_tenant_before(const struct writer *w, struct slice name);

/* ---- operations: 0, or -1 with e; after a -1 the run must be given up with writer_close ---- */

/*
 * Sets the facts of the tenant facts->name; *index is its index, a new one when the name is new. facts->tenant and
 * facts->mailboxes are ignored. facts->settings_at and facts->source tell when and whence the settings were brought in
 * or confirmed: they go into the manifest, so that a run that changed nothing else rewrites only that.
 */
int writer_set_tenant(struct writer *w, const struct tenant_facts *facts, uint32_t *index, struct error *e);

/*
 * One mailbox of a tenant: what the last generation has (NULL: nothing) becomes `after` (NULL: it is gone). They may
 * have different ids: the same mailbox under a new one. A run that puts one of a tenant's mailboxes puts all of them:
 * each of the last generation once as `before`, each of the next once as `after`, those in ascending order of tenants
 * and ids. -1 as well for a record that breaks a rule of struct mailbox_record: importers check before, and count and
 * report what they leave out.
 */
int writer_put_mailbox(struct writer *w, uint32_t tenant, const struct mailbox_record *before,
                       const struct mailbox_record *after, struct error *e);
/*
 * Takes a tenant of the last generation out: its mailboxes, domains and rights. Its index stays taken, and it is no
 * tenant any more to readers. Nothing else of the tenant may be in the run.
 */
int writer_forget_tenant(struct writer *w, uint32_t tenant, struct error *e);

struct accepted_domain {
    struct slice name;     /* canonical */
    enum domain_type type; /* not DOMAIN_DERIVED: the writer itself finds the domains of mailboxes' addresses */
    bool match_subdomains;
    unsigned closed; /* DOMAIN_NO_ bits */
};
/* The list replaces the tenant's accepted domains. Without a call they stay as they were. */
int writer_set_domains(struct writer *w, uint32_t tenant, const struct accepted_domain *list, size_t n,
                       struct error *e);

/*
 * Groups and mail users: says that all of the tenant's are brought in by this run. Those that are not put with
 * writer_put_recipient are gone. Without a call they stay as they were.
 */
int writer_replace_recipients(struct writer *w, uint32_t tenant, struct error *e);
/* One of them, in any order: its id, type, primary address, display name and proxies. Each id once. */
int writer_put_recipient(struct writer *w, uint32_t tenant, const struct mailbox_record *r, struct error *e);

/*
 * Says that all the tenant's rights of these kinds (RIGHT_ bits) are brought in by this run: those that are not added
 * with writer_add_right are gone. Rights of other kinds stay. To be called before the first writer_add_right.
 */
int writer_replace_rights(struct writer *w, uint32_t tenant, unsigned kinds, struct error *e);
/* In ascending order of tenant, trustee and target; a right may be added twice. kinds lies within those of
 * writer_replace_rights. */
int writer_add_right(struct writer *w, uint32_t tenant, const struct mailbox_id *trustee,
                     const struct mailbox_id *target, unsigned kinds, struct error *e);

/* ---- the end of a run ---- */

struct writer_summary {
    bool published;                   /* a new generation; false: nothing changed but the manifest's times */
    uint64_t generation;              /* in use now */
    uint64_t added, changed, deleted; /* mailboxes */
    uint64_t mailboxes, rights, domains, recipients; /* in the directory, all tenants */
    /* Identities, and those that several mailboxes of one tenant claim; 0 when not published. */
    uint64_t identities, conflicts;
    uint64_t bytes; /* size of the file */
};

/*
 * Publishes. 0: readers take the new generation within a second. -1 with e: nothing has changed. Afterwards only
 * writer_conflict and writer_close may be called.
 */
int writer_finish(struct writer *w, struct writer_summary *summary, struct error *e);

/* At most so many conflicts are kept for writer_conflict; summary.conflicts counts all. */
#define WRITER_CONFLICTS_MAX 1000

struct identity_conflict {
    uint32_t tenant;
    bool account; /* an alias or account name, not an address */
    struct slice identity;
    unsigned claims;        /* more than DIRECTORY_CLAIMS_MAX: the mail path defers this login until it is put right */
    struct slice primaries; /* packed list: the primary addresses of the first DIRECTORY_CLAIMS_MAX claims */
};
/* The i-th conflict, from 0; false behind the last. The slices live as long as the writer. */
bool writer_conflict(const struct writer *w, size_t i, struct identity_conflict *out);

#endif
