/* The parts of a merge: joining rows with ids, walking, making the new record. */
#ifndef POSTERN_MIRROR_MERGE_PRIVATE_H
#define POSTERN_MIRROR_MERGE_PRIVATE_H

#include "mirror/build/merge.h"

/* Ids of mailboxes; in the order in which they came until they are sorted. */
struct ids {
    struct mailbox_id *p;
    size_t n, cap;
};

struct merge {
    struct gathered *g;
    const struct writer *w;
    const struct tenant_facts *before; /* NULL: a new tenant */
    struct slice tenant_name;
    const char *const *paths;
    /* the walk */
    size_t next[SHEETS];
    bool stored_begun, stored_taken, stored_ended;
    struct mailbox_record stored;
    size_t users_joined;
    struct ids moved; /* stored ones whose mailbox has another id now: its Guid became known, or it was made anew */
    struct ids gone;  /* stored ones that the exports no longer have */
    bool listed_ended;
    size_t gone_next;
    /* the mailbox that came last */
    bool has[SHEETS];
    struct sheet_row rows[SHEETS];
    char packed[MAILBOX_PROXIES_MAX];
};

/* The stored mailbox with this primary address. */
bool merge_stored_primary(const struct merge *m, struct slice primary, struct mailbox_id *id);
/* Gives every row its id and sorts the sheets by id. */
int merge_join(struct merge *m, struct error *e);
/* Makes out->after from the rows and, when out->had, out->before. */
int merge_record(struct merge *m, const struct mailbox_id *id, struct merged *out, struct error *e);

#endif
