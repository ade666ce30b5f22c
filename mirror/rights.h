/*
 * Who may send as whom, as the exports write it: by names of many kinds. The names are gathered first, then every
 * mailbox of the tenant says what it is called by, and what then has exactly one mailbox on either side is a right.
 *
 * A name that two mailboxes bear is nobody's: to guess would be to give a right away. In memory: 24 bytes a right and
 * 32 a name; the names themselves are kept as keyed hashes of 64 bits.
 */
#ifndef POSTERN_MIRROR_RIGHTS_H
#define POSTERN_MIRROR_RIGHTS_H

#include "core/directory.h"

struct rights;

/* 0, or -1 with e. Free with rights_close, NULL is fine. */
int rights_open(struct rights **out, struct error *e);
void rights_close(struct rights *r);

/*
 * `trustee` has (deny: has not, whatever else says so) the right `kind`, one RIGHT_ bit, on `target`. Place is where
 * that stands, for the report.
 */
struct right_place {
    unsigned file;
    unsigned long line;
};
int rights_add(struct rights *r, struct slice trustee, struct slice target, unsigned kind, bool deny,
               struct right_place place, struct error *e);
size_t rights_count(const struct rights *r);
/* Takes back all but the first n, before rights_start_names. */
void rights_cut(struct rights *r, size_t n);

/* Behind the last rights_add, before the first rights_name. */
int rights_start_names(struct rights *r, struct error *e);
/* A mailbox is called by this name. The same name may be said again. */
void rights_name(struct rights *r, struct slice name, const struct mailbox_id *id);

/* Behind the last rights_name: joins the names. */
int rights_resolve(struct rights *r, struct error *e);
/* 1 with the next resolved right from *i on, which begins as 0; 0 at the end. */
int rights_next(const struct rights *r, size_t *i, struct mailbox_id *trustee, struct mailbox_id *target,
                unsigned *kind);
/* How many have a name on either side that is no mailbox's, or several mailboxes'; *first is where the first stands. */
size_t rights_unresolved(const struct rights *r, struct right_place *first);

#endif
