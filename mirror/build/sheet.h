/*
 * What one kind of export says of each mailbox, set aside until all files of the run were read: the records in a
 * scratch file, an index of 32 bytes a mailbox in memory. A million mailboxes take 32 MiB.
 */
#ifndef POSTERN_MIRROR_SHEET_H
#define POSTERN_MIRROR_SHEET_H

#include "core/base/hash.h"
#include "core/directory/directory_record.h"
#include "mirror/read/cell.h"

/* What a row says: an export without a column says nothing of it. */
#define SAYS_SMTP_AUTH 1u
#define SAYS_PROXIES 2u
#define SAYS_UPN 4u
#define SAYS_ALIAS 8u
#define SAYS_ACCOUNT 16u
#define SAYS_NAME 32u
#define SAYS_TYPE 64u
#define SAYS_POLICY 128u
#define SAYS_ACCOUNT_STATE 256u
#define SAYS_MEMBERS 512u /* of a group: it has a list of members, that can be asked for */

struct sheet_row {
    struct mailbox_id id; /* the Guid, when has_guid is set; else given by sheet_set_id */
    bool has_guid;
    unsigned says; /* SAYS_ bits */
    unsigned file; /* which file of the run, from 0, and where in it, for errors */
    row_place place;
    enum smtp_auth smtp_auth;
    enum recipient_type recipient_type;
    bool enabled; /* SAYS_ACCOUNT_STATE: its account may sign in */
    struct slice primary, upn, alias, account, name;
    struct slice policy; /* AuthenticationPolicy's name */
    struct slice object; /* ExternalDirectoryObjectId, and ExchangeGuid: as text; empty: not told */
    struct slice exchange;
    struct slice proxies; /* packed list */
    struct slice names;   /* packed list of what else the mailbox may be called by: Identity, Name, ... */
};

struct sheet;

/* folder: for the scratch file; like: a sheet that this one is to be compared with (sheet_has_like), or NULL. Free with
 * sheet_close, NULL is fine. */
int sheet_open(const char *folder, const struct sheet *like, struct sheet **out, struct error *e);
void sheet_close(struct sheet *sheet);

int sheet_add(struct sheet *sheet, const struct sheet_row *row, struct error *e);
size_t sheet_count(const struct sheet *sheet);
/* Takes back all but the first n, before anything was sorted. */
void sheet_cut(struct sheet *sheet, size_t n);

/* The i-th in the present order. Slices of *out live until the next sheet_get of this sheet. */
int sheet_get(struct sheet *sheet, size_t i, struct sheet_row *out, struct error *e);
/* Gives the i-th, which has no Guid, its id. */
void sheet_set_id(struct sheet *sheet, size_t i, const struct mailbox_id *id);
struct mailbox_id sheet_id(const struct sheet *sheet, size_t i);
bool sheet_has_guid(const struct sheet *sheet, size_t i);

/*
 * The two orders. Of records that say the same in every word, one is kept. Each returns 1 when two records have the
 * same primary address, or id, with both in *first and *second (first in the order of files); 0 when none have; -1 with
 * e.
 */
struct sheet_place {
    unsigned file;
    row_place place;
    struct address primary;
};
int sheet_sort_by_primary(struct sheet *sheet, struct sheet_place *first, struct sheet_place *second, struct error *e);
int sheet_sort_by_id(struct sheet *sheet, struct sheet_place *first, struct sheet_place *second, struct error *e);

/* Only in the order by primary: 1 with *i, 0 when there is none, -1 with e. */
int sheet_find_primary(struct sheet *sheet, struct slice primary, size_t *i, struct error *e);
/*
 * Only in the order by primary: has `sheet` a record with the primary address and the id of the i-th of `like`? Without
 * reading either; another address with the same hash and id would do, too.
 */
bool sheet_has_like(const struct sheet *sheet, const struct sheet *like, size_t i);
/* Only in the order by id. */
bool sheet_find_id(const struct sheet *sheet, const struct mailbox_id *id, size_t *i);

#endif
