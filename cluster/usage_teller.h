/*
 * Which rows of this relay's usage are told next. Two walks over the journal's usage:
 *
 *     changes     every minute, those that were let through or refused since the walk before
 *     everything  at the first start, once a day, and when a relay asks for it, since it is new or has missed
 * something; it takes the room that changes leave, and goes on where it stopped, after a restart too
 *
 * A record (cluster/usage_record.h) has place for about a hundred rows, and at most one a second is told: neither Redis
 * nor a relay has to take a large relay's usage at once. A row may be told twice; the newer one replaces the older.
 */
#ifndef POSTERN_CLUSTER_USAGE_TELLER_H
#define POSTERN_CLUSTER_USAGE_TELLER_H

#include "cluster/usage_record.h"

#define USAGE_CHANGES_EVERY_S 60
#define USAGE_ALL_EVERY_S 86400

/* A walk over changes. */
struct usage_changes {
    bool walks;
    int64_t begun_s, since_s;
    char tenant[64], mailbox[128]; /* it goes on behind that one */
};

/* What of the teller changes by a record; it counts when the record has arrived. */
struct usage_told {
    struct others_own own; /* of which the reader's members are left alone */
    struct usage_changes changes;
    bool again; /* everything is to be told again after this */
};

struct usage_teller {
    const char *name;        /* this relay's */
    struct told_place after; /* what was told last before this start */
    struct usage_told now, next;
};

/* Goes on from what was kept; the wall clock makes a new series, later than all before. name outlives it. */
void usage_teller_begin(struct usage_teller *t, const char *name, const struct others_own *own, int64_t wall_ms);

/* A relay asks for everything, having missed nothing since that place. */
void usage_teller_asked(struct usage_teller *t, struct told_place from);

/*
 * Makes the next record in out, which has USAGE_RECORD_MAX bytes. *n: its size; 0: there is nothing to tell now.
 * Whom to ask is told along, and is a reason to tell something. 0; -1 with e when the journal can't be read.
 */
int usage_teller_next(struct usage_teller *t, struct journal *journal, int64_t now_s, const struct usage_asked *asked,
                      size_t n_asked, unsigned char *out, size_t *n, struct error *e);
/* That record has arrived in Redis. */
void usage_teller_arrived(struct usage_teller *t);

#endif
