/*
 * Compares what a run gathered with what the directory holds, mailbox by mailbox, and says what each is to become:
 * first those that will be there, in ascending order of ids, then those that go. It only reads, and both sides once.
 */
#ifndef POSTERN_MIRROR_MERGE_H
#define POSTERN_MIRROR_MERGE_H

#include "mirror/build/gather.h"
#include "mirror/build/writer.h"

struct merge;

/* What was stored and what is to be stored. Slices live until the next merge_next. */
struct merged {
    bool had, has; /* before, after */
    bool moved;    /* the mailbox changed its id: with `had` this is the new one, without `has` the old one */
    struct mailbox_record before, after;
};

/*
 * Joins rows without a Guid with the mailbox that has their primary address (in another export, or stored); if there is
 * none, the id is made from tenant and address. -1 when two rows are about one mailbox; e names both places. before is
 * the tenant's stored facts, NULL for a new tenant; paths are the files' names, escaped. All must outlive the merge.
 * Free with merge_close, NULL is fine.
 */
int merge_open(struct gathered *g, const struct writer *w, const struct tenant_facts *before, struct slice tenant_name,
               const char *const *paths, struct merge **out, struct error *e);
void merge_close(struct merge *m);

/* 1 with *out, 0 at the end, -1 with e. */
int merge_next(struct merge *m, struct merged *out, struct error *e);

/* The other names that the exports have for the last mailbox: a packed list. */
struct slice merge_names(const struct merge *m, enum sheet_of sheet);

/* The id of one that has no Guid: the same in every run, and on every relay. */
struct mailbox_id id_of_address(struct slice tenant, struct slice primary);

/* Rows of Get-User that belong to no mailbox of the walk so far. */
size_t merge_users_without_mailbox(const struct merge *m);

#endif
