/*
 * The properties of Exchange Online's cmdlets that postern reads, as columns of a CSV file or members of a JSON object.
 * Their names are compared regardless of case, as in PowerShell.
 */
#ifndef POSTERN_MIRROR_COLUMN_H
#define POSTERN_MIRROR_COLUMN_H

#include "core/base/slice.h"

#include <stdint.h>

enum column {
    /* which object the row is about */
    COLUMN_GUID,
    COLUMN_DIRECTORY_OBJECT, /* ExternalDirectoryObjectId */
    COLUMN_IDENTITY,
    COLUMN_NAME,
    COLUMN_DISTINGUISHED_NAME,
    COLUMN_DISPLAY_NAME,
    COLUMN_PRIMARY,
    COLUMN_PROXIES, /* EmailAddresses */
    COLUMN_UPN,
    COLUMN_ALIAS,
    COLUMN_ACCOUNT, /* SamAccountName */
    COLUMN_TYPE,    /* RecipientTypeDetails */
    COLUMN_EXCHANGE_GUID,
    COLUMN_ON_BEHALF, /* GrantSendOnBehalfTo */
    COLUMN_MAIL,      /* of Graph's and Active Directory's users */
    COLUMN_GROUP,     /* in which the row's recipient is; export.ps1 adds it to Get-DistributionGroupMember's */
    /* settings */
    COLUMN_SMTP_AUTH_DISABLED,
    COLUMN_AUTH_POLICY,
    COLUMN_BASIC_SMTP, /* AllowBasicAuthSmtp */
    COLUMN_DEFAULT_POLICY,
    COLUMN_IS_ENABLED,       /* Graph's security defaults */
    COLUMN_ACCOUNT_DISABLED, /* of Get-Mailbox and Get-User */
    COLUMN_ACCOUNT_ENABLED,  /* of Graph's users */
    COLUMN_ENABLED,          /* of Get-ADUser */
    COLUMN_EXTERNAL_PER_HOUR,
    COLUMN_INTERNAL_PER_HOUR,
    COLUMN_PER_DAY,
    COLUMN_IS_DEFAULT,
    COLUMN_SENDER, /* SenderAddress of Get-BlockedSenderAddress */
    /* rights */
    COLUMN_TRUSTEE,
    COLUMN_ACCESS_TYPE,
    COLUMN_ACCESS_RIGHTS,
    /* accepted domains */
    COLUMN_DOMAIN,
    COLUMN_DOMAIN_TYPE,
    COLUMN_MATCH_SUBDOMAINS,
    COLUMN_SENDING_FROM_DISABLED,
    COLUMN_SENDING_TO_DISABLED,
    /* not read: these only tell which cmdlet a file comes from */
    COLUMN_OWA,
    COLUMN_ECP,
    COLUMN_IMAP,
    COLUMN_POP,
    COLUMN_MAPI,
    COLUMN_ACTIVE_SYNC,
    COLUMN_ENVELOPE_LIMIT,
    COLUMN_TLS_RECEIVE,
    COLUMN_SAFETY_NET,
    COLUMN_LEGACY_TLS,
    COLUMN_JOURNALING_NDR,
    COLUMN_CLEAR_CATEGORIES,
    COLUMN_RFC2231,
    COLUMN_POSTMASTER,
    COLUMN_REJECT_DIRECT_SEND,
    COLUMN_REASON,       /* of Get-BlockedSenderAddress */
    COLUMN_INACTIVE,     /* IsInactiveMailbox */
    COLUMN_SOFT_DELETED, /* WhenSoftDeleted */
    COLUMN_OWA_POLICY,   /* in Get-CASMailbox, not in Get-EXOCasMailbox's minimum property set: see FULL in cmdlet.c */
    COLUMN_EWS_OUTLOOK,
    COLUMN_IMAP_DEFAULTS,
    COLUMN_MAPI_HTTP,
    /* of exports and reports that are no use here */
    COLUMN_RECIPIENT_ADDRESS,
    COLUMN_RECEIVED,
    COLUMN_GROUP_TYPE,
    COLUMN_BLOCK_CREDENTIAL,
    COLUMN_ARCHIVE_STATUS,
    COLUMN_GRAPH_PROXIES,
    COLUMN_FORMATTED,
    COLUMN_LENGTH,
    COLUMN_SUBJECT,
    COLUMN_ID, /* of a policy from Graph */
    COLUMNS
};

/* The name as the vendor spells it. */
const char *column_name(enum column column);

/* The column of this name, COLUMNS when unknown. */
enum column column_named(struct slice name);

/*
 * The column that an unknown name probably means: the same letters with blanks, dots or dashes between them ("User
 * principal name"), or a name that export scripts use ("UPN", "SMTPAuthDisabled"). COLUMNS: none is similar.
 */
enum column column_meant(struct slice name);

/* A set of columns. */
typedef unsigned __int128 column_set;
#define COLUMN_BIT(column) ((column_set)1 << (column))
_Static_assert(COLUMNS <= 128, "a column_set has a bit for each column");

#endif
