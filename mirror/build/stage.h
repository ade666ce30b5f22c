/*
 * What one kind of export says of each mailbox, set aside until all files of the run were read: the records in a
 * scratch file, an index of 32 bytes a mailbox in memory. A million mailboxes take 32 MiB.
 */
#ifndef POSTERN_MIRROR_STAGE_H
#define POSTERN_MIRROR_STAGE_H

#include "core/base/hash.h"
#include "core/directory/directory_record.h"
#include "mirror/read/cell.h"

/* What a row says: an export without a column says nothing of it. */
#define STAGED_SMTP_AUTH 1u
#define STAGED_PROXIES 2u
#define STAGED_UPN 4u
#define STAGED_ALIAS 8u
#define STAGED_ACCOUNT 16u
#define STAGED_NAME 32u
#define STAGED_TYPE 64u
#define STAGED_POLICY 128u

struct staged {
    struct mailbox_id id; /* the Guid, when has_guid is set; else given by stage_set_id */
    bool has_guid;
    unsigned knows; /* STAGED_ bits */
    unsigned file;  /* which file of the run, from 0, and where in it, for errors */
    row_place place;
    enum smtp_auth smtp_auth;
    enum recipient_type recipient_type;
    struct slice primary, upn, alias, account, name;
    struct slice policy; /* AuthenticationPolicy's name */
    struct slice object; /* ExternalDirectoryObjectId, and ExchangeGuid: as text; empty: not told */
    struct slice exchange;
    struct slice proxies; /* packed list */
    struct slice names;   /* packed list of what else the mailbox may be called by: Identity, Name, ... */
};

struct stage;

/* folder: for the scratch file; like: a stage that this one is to be compared with (stage_has_like), or NULL. Free with
 * stage_close, NULL is fine. */
int stage_open(const char *folder, const struct stage *like, struct stage **out, struct error *e);
void stage_close(struct stage *stage);

int stage_add(struct stage *stage, const struct staged *staged, struct error *e);
size_t stage_count(const struct stage *stage);
/* Takes back all but the first n, before anything was sorted. */
void stage_cut(struct stage *stage, size_t n);

/* The i-th in the present order. Slices of *out live until the next stage_get of this stage. */
int stage_get(struct stage *stage, size_t i, struct staged *out, struct error *e);
/* Gives the i-th, which has no Guid, its id. */
void stage_set_id(struct stage *stage, size_t i, const struct mailbox_id *id);
struct mailbox_id stage_id(const struct stage *stage, size_t i);
bool stage_has_guid(const struct stage *stage, size_t i);

/*
 * The two orders. Of records that say the same in every word, one is kept. Each returns 1 when two records have the
 * same primary address, or id, with both in *first and *second (first in the order of files); 0 when none have; -1 with
 * e.
 */
struct stage_place {
    unsigned file;
    row_place place;
    struct address primary;
};
int stage_sort_by_primary(struct stage *stage, struct stage_place *first, struct stage_place *second, struct error *e);
int stage_sort_by_id(struct stage *stage, struct stage_place *first, struct stage_place *second, struct error *e);

/* Only in the order by primary: 1 with *i, 0 when there is none, -1 with e. */
int stage_find_primary(struct stage *stage, struct slice primary, size_t *i, struct error *e);
/*
 * Only in the order by primary: has `stage` a record with the primary address and the id of the i-th of `like`? Without
 * reading either; another address with the same hash and id would do, too.
 */
bool stage_has_like(const struct stage *stage, const struct stage *like, size_t i);
/* Only in the order by id. */
bool stage_find_id(const struct stage *stage, const struct mailbox_id *id, size_t *i);

#endif
