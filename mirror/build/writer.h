/*
 * The only writer of the directory (core/directory/directory.h). It takes what a run brought in and publishes the next
 * generation.
 *
 * A run puts mailboxes and rights in ascending order; they are written to a temporary file as they come. What the run
 * does not mention is copied from the last generation. Then, unless nothing has changed, the claims on identities are
 * derived from the mailboxes with one sort in bounded memory. So every published file is compact, and a run that is
 * killed or fails leaves the last generation as it was.
 *
 * Queries always read the last generation, never what this run has put.
 *
 *     writer_begin → writer_set_tenant → writer_put_mailbox/… → writer_finish → writer_conflict* → writer_close
 */
#ifndef POSTERN_MIRROR_WRITER_H
#define POSTERN_MIRROR_WRITER_H

#include "core/directory/directory_record.h"

struct writer;
struct manifest; /* core/directory/manifest.h */

/*
 * Takes the folder's lock, removes what a killed run left behind, and opens and verifies the last generation; one of an
 * old format is rebuilt first. A missing folder is created, but not its parent. -1: e says who holds the lock, or what
 * is damaged and what to do. Free with writer_close.
 */
int writer_begin(const char *folder, struct writer **out, struct error *e);

/* The same, but ignores what the folder holds. Generation numbers are not used again. */
int writer_begin_anew(const char *folder, struct writer **out, struct error *e);

/*
 * Waits at most this many seconds for another process that writes the folder's directory. 0 when there is none (any
 * more). Yet another may be quicker, so writer_begin may still fail.
 */
int writer_wait(const char *folder, unsigned seconds, struct error *e);

/* Ends the run. Without a successful writer_finish nothing has changed. NULL is allowed. */
void writer_close(struct writer *w);

/* ---- the last generation ---- */

/* For all functions of core/directory/directory.h; NULL when there is no generation yet. Belongs to the writer. */
const struct directory_view *writer_before(const struct writer *w);
/* The number of the generation that counts (0: there is none), and of the one that writer_finish would publish. */
uint64_t writer_generation_now(const struct writer *w);
uint64_t writer_generation_next(const struct writer *w);
/* The facts of the tenant with this name, NULL when it is new. */
const struct tenant_facts *writer_tenant_before(const struct writer *w, struct slice name);

/* ---- operations: 0, or -1 with e; after -1 the run must be abandoned with writer_close ---- */

/*
 * Sets the facts of the tenant facts->name; *index is its index, a new one when the name is new. facts->tenant and
 * facts->mailboxes are ignored. facts->settings_at and facts->source say when and from where the settings were read or
 * confirmed. They are kept in the manifest, so a run that changed nothing else rewrites only that.
 */
int writer_set_tenant(struct writer *w, const struct tenant_facts *facts, uint32_t *index, struct error *e);

/*
 * Puts one mailbox of a tenant: `before` is what the last generation has (NULL: nothing), `after` what the next will
 * have (NULL: it is gone). They may have different ids: the same mailbox under a new one. A run that puts one of a
 * tenant's mailboxes must put all of them: each of the last generation once as `before`, each of the next once as
 * `after`, the latter in ascending order of tenants and ids. Also -1 for a record that breaks a rule of struct
 * mailbox_record; importers check that first, and count and report what they leave out.
 */
int writer_put_mailbox(struct writer *w, uint32_t tenant, const struct mailbox_record *before,
                       const struct mailbox_record *after, struct error *e);
/*
 * Removes a tenant: its mailboxes, domains and rights. Readers no longer see it; its index is not used again. The run
 * may do nothing else with this tenant.
 */
int writer_forget_tenant(struct writer *w, uint32_t tenant, struct error *e);

struct accepted_domain {
    struct slice name;     /* canonical */
    enum domain_type type; /* not DOMAIN_DERIVED: the writer derives those from mailboxes' addresses */
    bool match_subdomains;
    unsigned closed; /* DOMAIN_NO_ bits */
};
/* Replaces the tenant's accepted domains. Without a call they stay as they were. */
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
 * Replaces the tenant's rights of these kinds (RIGHT_ bits) with those added by writer_add_right. Rights of other kinds
 * stay. Called before the first writer_add_right.
 */
int writer_replace_rights(struct writer *w, uint32_t tenant, unsigned kinds, struct error *e);
/*
 * In ascending order of tenant, trustee and target; a right may be added twice. kinds must be within those of
 * writer_replace_rights.
 */
int writer_add_right(struct writer *w, uint32_t tenant, const struct mailbox_id *trustee,
                     const struct mailbox_id *target, unsigned kinds, struct error *e);

/* ---- the end of a run ---- */

struct writer_summary {
    bool published;                                  /* a new generation; false: only the manifest's times changed */
    uint64_t generation;                             /* the current one */
    uint64_t added, changed, deleted;                /* mailboxes */
    uint64_t mailboxes, rights, domains, recipients; /* in the directory, of all tenants */
    uint64_t rights_gone, rights_new;                /* by this run, each kind for itself */
    /* Identities, and those that several mailboxes of one tenant claim; 0 when not published. */
    uint64_t identities, conflicts;
    uint64_t bytes; /* size of the file */
};

/*
 * Publishes. 0: readers see the new generation within a second. -1 with e: nothing has changed. Afterwards only
 * writer_conflict and writer_close may be called.
 */
int writer_finish(struct writer *w, struct writer_summary *summary, struct error *e);

/* ---- a generation that another relay made ---- */

/* The next generation gets this number, if none is higher here: relays that follow one count as it does. */
void writer_number_from(struct writer *w, uint64_t number);
/* Is the file that `m` describes the one of the last generation? */
bool writer_has_file(const struct writer *w, const struct manifest *m);
/*
 * In place of all operations and writer_finish: publishes a finished file of the folder, which is on disk, as the next
 * generation, described by `said` but for its number. file NULL: the last generation's stays, with the tenants' times
 * of `said`. 0: readers see it within a second. -1 with e: nothing has changed, but the file may be gone.
 */
int writer_adopt(struct writer *w, const char *file, const struct manifest *said, struct writer_summary *summary,
                 struct error *e);

/* At most this many conflicts are kept for writer_conflict; summary.conflicts counts all. */
#define WRITER_CONFLICTS_MAX 1000

struct identity_conflict {
    uint32_t tenant;
    bool account; /* an alias or account name, not an address */
    struct slice identity;
    unsigned claims;        /* above DIRECTORY_CLAIMS_MAX the mail path defers this login until that is corrected */
    struct slice primaries; /* packed list: the primary addresses of the first DIRECTORY_CLAIMS_MAX claims */
};
/* The i-th conflict, from 0; false after the last. The slices live as long as the writer. */
bool writer_conflict(const struct writer *w, size_t i, struct identity_conflict *out);

#endif
