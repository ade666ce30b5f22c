/*
 * Which cmdlet an exported file comes from, recognized by its columns, and which columns it must have. One table; a new
 * kind of file is a new row there and a reader in take.c.
 */
#ifndef POSTERN_MIRROR_CMDLET_H
#define POSTERN_MIRROR_CMDLET_H

#include "mirror/read/rows.h"

/* In the order in which a run takes them: what others refer to comes first. */
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

/* For people: "Get-CASMailbox"; and for --kind: "cas-mailbox". */
const char *kind_name(enum kind kind);
const char *kind_option(enum kind kind);
/* The kind that --kind names: its option, or the cmdlet's name in any case; KINDS for none. */
enum kind kind_named(struct slice name);

/* The kind that has these columns; KINDS when none or not enough of them is ours. */
enum kind kind_detect(enum rows_form form, column_set columns);

/* The kind that a file's name suggests ("contoso-CASMailbox.csv", "Get-AuthenticationPolicy.json"); KINDS for none. */
enum kind kind_of_file(struct slice name);

/* May a tenant have nothing of this kind, so that an empty export says "none"? (Get-RecipientPermission has at least
 * what each mailbox may do with itself.) */
bool kind_may_be_empty(enum kind kind);

/* What a well-known but unusable file with these columns is, as the predicate of a sentence. NULL: not known.
 */
const char *kind_stranger(column_set columns);

/*
 * Is a file that looks like Get-TransportConfig by its one setting alone really the organization's? Its row has the
 * name "Transport Settings", or the cmdlet's other settings; else only the file's name or --kind can say it.
 */
bool kind_is_organization(column_set columns, const struct row *row);

/* Were these columns selected from those of the cmdlet, so that an empty one may be one that it did not return? */
bool kind_is_selected(column_set columns);

/* Does an export of that kind, by its columns, hold recipients of one sort alone (Get-DistributionGroup)? */
bool kind_is_of_groups(column_set columns);

/*
 * Has the file all the columns that its kind needs? 0, or -1 with e, which says how to export them. Absent is not
 * empty: a file without a column says nothing about it.
 */
int kind_check(enum kind kind, const char *path, column_set columns, struct error *e);

#endif
