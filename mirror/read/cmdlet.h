/*
 * Which cmdlet an exported file comes from, recognized by its columns, and which columns it must have. A new kind of
 * file is a new row in the table and a reader in mirror/build/gather.c.
 */
#ifndef POSTERN_MIRROR_CMDLET_H
#define POSTERN_MIRROR_CMDLET_H

#include "mirror/read/rows.h"

/* In the order of reading: what others refer to comes first. */
enum kind {
    KIND_TRANSPORT_CONFIG,
    KIND_SECURITY_DEFAULTS,
    KIND_AUTHENTICATION_POLICY,
    KIND_ORGANIZATION_CONFIG,
    KIND_OUTBOUND_POLICY,
    KIND_ACCEPTED_DOMAIN,
    KIND_BLOCKED_SENDER,
    KIND_USER,
    KIND_ACCOUNT,
    KIND_CAS_MAILBOX,
    KIND_MAILBOX,
    KIND_LIST,
    KIND_HVE_ACCOUNT, /* before the other recipients, which it is among */
    KIND_RECIPIENT,
    KIND_RECIPIENT_PERMISSION,
    KIND_GROUP_MEMBER,
    KINDS
};

/* "Get-CASMailbox" for people, and "cas-mailbox" for --kind. */
const char *kind_name(enum kind kind);
const char *kind_option(enum kind kind);
/* The kind given by --kind: "cas-mailbox", or the cmdlet's name in any case; KINDS: none. */
enum kind kind_named(struct slice name);

/* The kind that has these columns; KINDS: none, or too few columns are known. */
enum kind kind_detect(enum rows_form form, column_set columns);

/* The kind that a file's name suggests ("contoso-CASMailbox.csv", "Get-AuthenticationPolicy.json"); KINDS for none. */
enum kind kind_of_file(struct slice name);

/*
 * May a tenant have none of this kind, so that an export may be empty? (Get-RecipientPermission lists at least each
 * mailbox's right on itself.)
 */
bool kind_may_be_empty(enum kind kind);

/*
 * Says what a file with these columns is that is well known but of no use here, as the predicate of a sentence. NULL:
 * unknown.
 */
const char *kind_stranger(column_set columns);

/*
 * Is a file that has only the one setting of Get-TransportConfig really the organization's? Yes if its row has the name
 * "Transport Settings" or the cmdlet's other settings; otherwise only the file's name or --kind can tell.
 */
bool kind_is_organization(column_set columns, const struct row *row);

/* Were these columns selected from those of the cmdlet, so that an empty one may not have been returned at all? */
bool kind_is_selected(column_set columns);

/* Does an export of that kind, by its columns, hold recipients of one sort alone (Get-DistributionGroup)? */
bool kind_is_of_groups(column_set columns);

/*
 * Does the file have all columns that its kind needs? 0, or -1 with e, which says how to export them. Absent is not
 * empty: a file without a column says nothing about it.
 */
int kind_check(enum kind kind, const char *path, column_set columns, struct error *e);

#endif
