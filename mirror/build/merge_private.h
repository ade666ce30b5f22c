/* The parts of a merge: giving rows their ids, walking, making the new record. */
#ifndef POSTERN_MIRROR_MERGE_PRIVATE_H
#define POSTERN_MIRROR_MERGE_PRIVATE_H

#include "mirror/build/merge.h"

/* Ids of mailboxes, in order of arrival until sorted. */
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
    struct ids moved; /* stored ids whose mailbox has another id now: its Guid became known, or it was recreated */
    struct ids gone;  /* stored ids that are no longer in the exports */
    bool listed_ended;
    size_t gone_next;
    /* the last mailbox returned */
    bool has[SHEETS];
    struct sheet_row rows[SHEETS];
    char packed[MAILBOX_PROXIES_MAX];
};

/* The stored mailbox with this primary address. */
bool merge_stored_primary(const struct merge *m, struct slice primary, struct mailbox_id *id);
/* Gives every row its id and sorts the sheets by id. */
int merge_join(struct merge *m, struct error *e);
/* Makes out->after from the rows, and from out->before when out->had. */
int merge_record(struct merge *m, const struct mailbox_id *id, struct merged *out, struct error *e);

#endif
