/*
 * What one kind of export says about each mailbox, kept until all files of the run were read. The records are in a
 * scratch file; memory holds an index of 32 bytes a mailbox, 32 MiB for a million.
 */
#ifndef POSTERN_MIRROR_SHEET_H
#define POSTERN_MIRROR_SHEET_H

#include "core/base/hash.h"
#include "core/directory/directory_record.h"
#include "mirror/read/cell.h"

/* Which values a row has. An export without a column says nothing about it. */
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
    struct mailbox_id id; /* the Guid when has_guid is set, else from sheet_set_id */
    bool has_guid;
    unsigned says; /* SAYS_ bits */
    unsigned file; /* number of the file in the run, from 0; with `place`, for errors */
    row_place place;
    enum smtp_auth smtp_auth;
    enum recipient_type recipient_type;
    bool enabled; /* SAYS_ACCOUNT_STATE: its account may sign in */
    struct slice primary, upn, alias, account, name;
    struct slice policy; /* AuthenticationPolicy's name */
    struct slice object; /* ExternalDirectoryObjectId as text, and below it ExchangeGuid; empty: not in the export */
    struct slice exchange;
    struct slice proxies; /* packed list */
    struct slice names;   /* packed list of the mailbox's other names: Identity, Name, ... */
};

struct sheet;

/*
 * folder: for the scratch file. like: a sheet to compare this one with (sheet_has_like), or NULL. Free with
 * sheet_close, NULL is fine.
 */
int sheet_open(const char *folder, const struct sheet *like, struct sheet **out, struct error *e);
void sheet_close(struct sheet *sheet);

int sheet_add(struct sheet *sheet, const struct sheet_row *row, struct error *e);
size_t sheet_count(const struct sheet *sheet);
/* Drops all but the first n. Only before sorting. */
void sheet_cut(struct sheet *sheet, size_t n);

/* The i-th record in the current order. Slices of *out live until the next sheet_get of this sheet. */
int sheet_get(struct sheet *sheet, size_t i, struct sheet_row *out, struct error *e);
/* Gives the i-th, which has no Guid, its id. */
void sheet_set_id(struct sheet *sheet, size_t i, const struct mailbox_id *id);
struct mailbox_id sheet_id(const struct sheet *sheet, size_t i);
bool sheet_has_guid(const struct sheet *sheet, size_t i);

/*
 * The two orders. Of records that say exactly the same, one is kept. Returns 1 when two records have the same primary
 * address, or id: *first and *second are their places, in the order of the files. 0 when none have; -1 with e.
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
 * Only in the order by primary: does `sheet` have a record with the primary address and the id of the i-th of `like`?
 * Compares the hash of the address, and reads neither record.
 */
bool sheet_has_like(const struct sheet *sheet, const struct sheet *like, size_t i);
/* Only in the order by id. */
bool sheet_find_id(const struct sheet *sheet, const struct mailbox_id *id, size_t *i);

#endif
