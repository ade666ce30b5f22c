/*
 * The directory: what Exchange Online says about tenants, mailboxes, identities, send-as rights and accepted domains.
 * This is the reader; the only writer is postern-mirror (mirror/build/writer.h).
 *
 * The directory is published as immutable generations. The folder holds files "directory-N.mdb" (LMDB) and a small text
 * file "current", the manifest, which names the one that counts together with its size and checksum; the writer
 * finishes a new file aside and then renames a new manifest over the old. A reader opens the named file read-only and
 * without locks, which is safe since nobody ever writes to it again: nothing in the folder needs to be writable for a
 * reader, no reader can disturb the writer, and a killed one leaves nothing behind.
 *
 * A directory handle may be used by many threads. A view belongs to one thread at a time.
 */
#ifndef POSTERN_DIRECTORY_H
#define POSTERN_DIRECTORY_H

#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/mail/address.h"

#include <stdint.h>

/* A mailbox for ever: its ExchangeGuid/Guid where known, else a hash of tenant and primary address. */
struct mailbox_id {
    uint8_t b[16];
};

/* SmtpClientAuthenticationDisabled of a mailbox or of an organization, said the positive way round. */
enum smtp_auth {
    SMTP_AUTH_UNKNOWN, /* never mirrored */
    SMTP_AUTH_INHERIT, /* null: the organization's setting counts; mailboxes only */
    SMTP_AUTH_ENABLED, /* false */
    SMTP_AUTH_DISABLED /* true */
};

/* What a setting says where it may also say nothing. */
enum tri { TRI_UNKNOWN, TRI_NO, TRI_YES };

enum recipient_type {
    RECIPIENT_OTHER, /* never said, or a type that is not known */
    RECIPIENT_USER,
    RECIPIENT_SHARED,
    RECIPIENT_ROOM,
    RECIPIENT_EQUIPMENT,
    RECIPIENT_GROUP,
    RECIPIENT_MAIL_USER,   /* MailUser, RemoteMailbox: the mailbox itself lives elsewhere */
    RECIPIENT_SYSTEM,      /* discovery, scheduling, arbitration and the like: nobody's own */
    RECIPIENT_HIGH_VOLUME, /* Get-MailUser -HVEAccount: signs in at an endpoint of its own */
    RECIPIENT_TYPES
};

/* How an identity belongs to a mailbox: a set of these. */
#define IDENTITY_PRIMARY 1u                                     /* PrimarySmtpAddress */
#define IDENTITY_PROXY 2u                                       /* an SMTP proxy address */
#define IDENTITY_UPN 4u                                         /* user principal name */
#define IDENTITY_ALIAS 8u                                       /* Alias */
#define IDENTITY_ACCOUNT 16u                                    /* SamAccountName */
#define IDENTITY_IS_ADDRESS (IDENTITY_PRIMARY | IDENTITY_PROXY) /* a mail address that one may send from */

/* One claim on an identity: everything that the decision needs about its mailbox, so that one look-up is enough. */
struct mailbox_ref {
    struct mailbox_id id;
    uint32_t tenant;
    uint8_t identity;       /* IDENTITY_ bits of the identity that was looked up */
    uint8_t smtp_auth;      /* enum smtp_auth */
    uint8_t basic_smtp;     /* enum tri: the mailbox's own authentication policy; TRI_UNKNOWN: it has none */
    uint8_t sign_in;        /* enum tri: may the account behind it sign in? */
    uint8_t recipient_type; /* enum recipient_type */
    bool restricted;        /* Get-BlockedSenderAddress: Exchange Online lets it send nothing */
};

/* Claims that are looked at for one identity; more are reported by the mirror and answered as DIRECTORY_DAMAGED. */
#define DIRECTORY_CLAIMS_MAX 8

/* What is mirrored of a tenant, each part from an export of its own: so each has its own age and source. */
enum mirrored_part {
    PART_ORGANIZATION,      /* Get-TransportConfig */
    PART_SETTINGS,          /* Get-CASMailbox, or a list of those allowed */
    PART_SECURITY_DEFAULTS, /* Graph */
    PART_DEFAULT_POLICY,    /* Get-OrganizationConfig */
    PART_POLICIES,          /* Get-AuthenticationPolicy */
    PART_USERS,             /* Get-User: users' own policies */
    PART_ACCOUNTS,          /* which accounts are disabled: Get-Mailbox, Get-User, Graph or Active Directory */
    /* parts that can only refuse, or say names; the ones above decide who may sign in */
    PART_RESTRICTED, /* Get-BlockedSenderAddress */
    PART_DETAILS,    /* Get-Mailbox */
    PART_DOMAINS,    /* Get-AcceptedDomain */
    PART_OUTBOUND,   /* Get-HostedOutboundSpamFilterPolicy */
    PART_RIGHTS,     /* Get-RecipientPermission */
    PART_RECIPIENTS, /* Get-Recipient: groups and mail users */
    MIRRORED_PARTS
};
#define MIRRORED_GATES PART_RESTRICTED /* parts below decide who may sign in */

struct mirrored {
    int64_t at;      /* wall clock, seconds: when it was last brought in or confirmed; 0: never */
    char source[56]; /* from where, cut */
};

/* For people: "the organization's setting"; and for manifests and JSON: "organization". */
const char *mirrored_title(enum mirrored_part part);
const char *mirrored_word(enum mirrored_part part);
/* MIRRORED_PARTS for none. */
enum mirrored_part mirrored_named(struct slice word);

struct tenant_facts {
    uint32_t tenant;
    char name[64];               /* as configured, for example "contoso" */
    char organization[64];       /* tenant GUID, or empty */
    char source[128];            /* origin of the settings, for people: "exchange-online", a file's name */
    enum smtp_auth smtp_auth;    /* Get-TransportConfig; never SMTP_AUTH_INHERIT */
    enum tri security_defaults;  /* TRI_YES: switched on */
    enum tri default_basic_smtp; /* the default authentication policy: does it allow Basic SMTP? */
    uint32_t external_per_hour;  /* Get-HostedOutboundSpamFilterPolicy, default policy; 0: the service's default */
    uint32_t internal_per_hour;
    uint32_t recipients_per_day;
    uint64_t mailboxes;
    int64_t
        settings_at; /* wall clock, seconds: when the mailboxes' settings were last brought in or confirmed; 0: never */
    struct mirrored parts[MIRRORED_PARTS];
};

/*
 * The oldest of what decides who may sign in, as far as it was ever mirrored: a fresh list of mailboxes does not make
 * an old setting of the organization young. *part is which; NULL is fine. Returns its time, 0 when nothing was
 * mirrored.
 */
int64_t tenant_oldest(const struct tenant_facts *facts, enum mirrored_part *part);

enum domain_type {
    DOMAIN_AUTHORITATIVE,
    DOMAIN_INTERNAL_RELAY,
    DOMAIN_EXTERNAL_RELAY,
    DOMAIN_DERIVED /* not in Get-AcceptedDomain, but a mailbox has an address there: finds the tenant, accepts nothing
                    */
};

/* What an accepted domain is closed for (Set-AcceptedDomain): a set of these. */
#define DOMAIN_NO_SENDER 1u    /* SendingFromDomainDisabled: no mail may be sent from addresses in it */
#define DOMAIN_NO_RECIPIENT 2u /* SendingToDomainDisabled: mail to recipients in it is not delivered */

struct domain_fact {
    uint32_t tenant;
    enum domain_type type;
    bool match_subdomains;
    bool ambiguous;  /* two tenants claim it: nobody's */
    unsigned closed; /* DOMAIN_NO_ bits */
};

enum directory_result {
    DIRECTORY_FOUND,
    DIRECTORY_NOT_FOUND,
    DIRECTORY_DAMAGED /* cannot be read, or says what no writer writes: defer */
};

struct directory;
struct directory_view;
struct mailbox_record; /* core/directory/directory_record.h */

/*
 * Watches the folder `path` (copied). It need not exist yet: then 0, too, and views are NULL until it does. -1 only
 * without memory. Free with directory_close after every view was put back.
 */
int directory_open(const char *path, struct directory **out, struct error *e);
void directory_close(struct directory *d);

/*
 * Looks whether the manifest was replaced, and takes the new generation if it is whole (size, checksum, versions); all
 * of its file is read for that. Closes generations that no view looks at any more. Called once a second by one thread.
 * 1: a new generation, or only a new time of checking, is in use; 0: nothing new; -1: there is something new, but it is
 * not usable: e says why, and the generation in use stays. That is said once and then at every 60th call, when it is
 * tried again. -1 too when the file in use was written to or cut, which nobody may: then no generation is in use, until
 * there is a whole one.
 */
int directory_refresh(struct directory *d, struct error *e);

/* Number of the generation in use; 0 when there is none. */
uint64_t directory_generation(const struct directory *d);

/*
 * A view of the generation in use; NULL when there is none, and without memory. Give it back with directory_view_put.
 * Never blocks, but takes some memory: get one for many questions.
 */
struct directory_view *directory_view_get(struct directory *d);
void directory_view_put(struct directory *d, struct directory_view *v);
uint64_t directory_view_generation(const struct directory_view *v);

/* Number of tenants; their indices run from 0 and never change or get reused within a directory. */
uint32_t directory_tenants(const struct directory_view *v);
/* The facts live as long as the view is held; NULL for an index that is not there, and for a tenant that was forgotten.
 */
const struct tenant_facts *directory_tenant(const struct directory_view *v, uint32_t tenant);
/* The tenant where there is one only; NULL otherwise. */
const struct tenant_facts *directory_only_tenant(const struct directory_view *v);
const struct tenant_facts *directory_tenant_named(const struct directory_view *v, struct slice name);
/*
 * The domain of the tenant's names without one: its accepted domain, the ones under onmicrosoft.com aside. Empty where
 * there is none, or several, or another tenant accepts it too. Lives as long as the view is held.
 */
struct slice directory_tenant_domain(const struct directory_view *v, uint32_t tenant);

/*
 * Exactly this canonical domain. Accepted domains come before derived ones: a tenant's mailbox with an address in
 * another tenant's accepted domain takes nothing away from that one. `ambiguous`: two tenants are on the same level.
 */
enum directory_result directory_domain(const struct directory_view *v, struct slice domain, struct domain_fact *out);
/*
 * The tenant's first accepted domain behind `after` (empty: the first of all), with this tenant's own claim in *out.
 * *domain lives as long as the view is held. DIRECTORY_NOT_FOUND at the end.
 */
enum directory_result directory_next_domain(const struct directory_view *v, uint32_t tenant, struct slice after,
                                            struct slice *domain, struct domain_fact *out);
/*
 * Is mail for this canonical domain internal to `tenant`: an accepted domain (not DOMAIN_DERIVED) of it, or below one
 * with MatchSubDomains? DIRECTORY_FOUND when it is.
 */
enum directory_result directory_accepts(const struct directory_view *v, uint32_t tenant, struct slice domain);

/*
 * Is this canonical domain closed for `use` (one DOMAIN_NO_ bit)? So says whichever tenant has it as an accepted
 * domain, or one above it with MatchSubDomains. DIRECTORY_FOUND when it is. Costs no look-up where the directory has no
 * closed domain.
 */
enum directory_result directory_domain_closed(const struct directory_view *v, struct slice domain, unsigned use);

/*
 * All mailboxes of `tenant` that claim the address (its UPN among the kinds), or the account name. refs has
 * DIRECTORY_CLAIMS_MAX places, *n is the number found.
 */
enum directory_result directory_by_address(const struct directory_view *v, uint32_t tenant, struct slice address,
                                           struct mailbox_ref *refs, unsigned *n);
enum directory_result directory_by_account(const struct directory_view *v, uint32_t tenant, struct slice account,
                                           struct mailbox_ref *refs, unsigned *n);

/*
 * The tenant's groups and mail users that have this address: somebody may have the right to send as one. Nobody signs
 * in by them. refs and *n as above.
 */
enum directory_result directory_recipients(const struct directory_view *v, uint32_t tenant, struct slice address,
                                           struct mailbox_ref *refs, unsigned *n);

#define RIGHT_SEND_AS 1u
#define RIGHT_SEND_ON_BEHALF 2u
/* The RIGHT_ bits that `trustee` has on `target`; *rights is 0 when there are none. */
enum directory_result directory_rights(const struct directory_view *v, uint32_t tenant,
                                       const struct mailbox_id *trustee, const struct mailbox_id *target,
                                       unsigned *rights);

/* The mailbox's primary address, into out. For log lines and explain. */
enum directory_result directory_primary(const struct directory_view *v, uint32_t tenant, const struct mailbox_id *id,
                                        struct address *out);

/* All that is known of a mailbox. The slices of *out live as long as the view is held. */
enum directory_result directory_mailbox(const struct directory_view *v, uint32_t tenant, const struct mailbox_id *id,
                                        struct mailbox_record *out);
/*
 * The tenant's first mailbox with an id above *after (NULL: the first of all), so that a walk over a tenant hands the
 * last record's id back in. DIRECTORY_NOT_FOUND at the end.
 */
enum directory_result directory_next_mailbox(const struct directory_view *v, uint32_t tenant,
                                             const struct mailbox_id *after, struct mailbox_record *out);

/* The same of its groups and mail users. */
enum directory_result directory_recipient(const struct directory_view *v, uint32_t tenant, const struct mailbox_id *id,
                                          struct mailbox_record *out);
enum directory_result directory_next_recipient(const struct directory_view *v, uint32_t tenant,
                                               const struct mailbox_id *after, struct mailbox_record *out);

/* What a directory holds. */
struct directory_totals {
    uint64_t generation, bytes;
    uint64_t tenants, domains, mailboxes, identities, rights, recipients;
};

/*
 * Looks at everything in the folder's current generation: size and checksum of the file, the form of every record, and
 * that each claim on an identity says what its mailbox says. 0 with *totals; -1 with e. Takes seconds for a million
 * mailboxes: for "postern-mirror verify" and "postern audit", not for the mail path.
 */
int directory_verify(const char *path, struct directory_totals *totals, struct error *e);

#endif
