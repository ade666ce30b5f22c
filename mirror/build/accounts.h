/*
 * Which accounts may sign in, as lists of users say (Microsoft Graph, Active Directory): found by user principal name,
 * or else by mail address, since such lists know no mailboxes. In memory: 16 bytes a name, kept as keyed hashes.
 */
#ifndef POSTERN_MIRROR_ACCOUNTS_H
#define POSTERN_MIRROR_ACCOUNTS_H

#include "core/directory/directory.h"

struct accounts;

/* 0, or -1 with e. Free with accounts_close, NULL is fine. */
int accounts_open(struct accounts **out, struct error *e);
void accounts_close(struct accounts *a);

/* A user; upn and mail are canonical addresses, either may be empty. 0, or -1 with e. */
int accounts_add(struct accounts *a, struct slice upn, struct slice mail, bool enabled, struct error *e);

/* Behind the last accounts_add, before the first accounts_find. */
void accounts_sort(struct accounts *a);

/*
 * May the account of the mailbox with these addresses sign in? TRI_UNKNOWN when the lists don't say. When two users
 * have its user principal name, one that is disabled counts; when only mail addresses are equal, and the users differ,
 * nothing is known: an administrator may have written his own address into a second account.
 */
enum tri accounts_find(struct accounts *a, struct slice upn, struct slice primary);

/* How many users were found to have a mailbox. */
size_t accounts_found(const struct accounts *a);

#endif
