/* The parts of a merge: joining rows with ids, walking, making the new record. */
#ifndef POSTERN_MIRROR_MERGE_PRIVATE_H
#define POSTERN_MIRROR_MERGE_PRIVATE_H

#include "mirror/build/merge.h"
#include "mirror/build/trim.h"

/* A mailbox whose id is another one than before: its Guid became known, or it was made anew under its address. */
struct move {
    struct mailbox_id to, from;
};

struct merge {
    struct gathered *g;
    const struct writer *w;
    const struct tenant_facts *before; /* NULL: a new tenant */
    struct slice tenant_name;
    const char *const *paths;
    struct move *moves;            /* sorted by `to` */
    struct mailbox_id *moved_from; /* sorted */
    size_t n_moves, moves_cap;
    /* the walk */
    size_t next[STAGES];
    struct trim trim;
    bool stored_begun, stored_taken, stored_ended;
    struct mailbox_record stored;
    size_t users_joined;
    /* the mailbox that came last */
    bool has[STAGES];
    struct staged rows[STAGES];
    char packed[MAILBOX_PROXIES_MAX];
};

/* Gives every row its id and sorts the stages by id. */
int merge_join(struct merge *m, struct error *e);
/* Makes out->after from the rows and, when out->had, out->before. */
int merge_record(struct merge *m, const struct mailbox_id *id, struct merged *out, struct error *e);

#endif
