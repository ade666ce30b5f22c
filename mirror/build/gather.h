/*
 * Everything that the files of one run say about one tenant, gathered row by row. The directory is neither read nor
 * written here, so damage in the last line of the last file leaves it unchanged.
 */
#ifndef POSTERN_MIRROR_GATHER_H
#define POSTERN_MIRROR_GATHER_H

#include "mirror/build/accounts.h"
#include "mirror/build/address_set.h"
#include "mirror/build/rights.h"
#include "mirror/build/sheet.h"
#include "mirror/read/cmdlet.h"
#include "mirror/read/remarks.h"

enum sheet_of { SHEET_SETTINGS, SHEET_DETAILS, SHEET_POLICIES, SHEETS };

/* More than any tenant has: bounds for hostile input. */
#define GATHER_POLICIES_MAX 4096
#define GATHER_DOMAINS_MAX 5000
#define GATHER_RESTRICTED_MAX 50000
#define GATHER_GROUP_MAX 64   /* a GUID */
#define GATHER_NAMES_MAX 2048 /* bytes of a packed list of names */

struct policy {
    char name[MAILBOX_NAME_MAX + 1];
    bool basic_smtp;
};

struct accepted {
    char name[256];
    enum domain_type type;
    bool match_subdomains;
    unsigned closed, said; /* DOMAIN_NO_ bits, and those of which the file says anything */
};

struct gathered {
    unsigned kinds; /* bit 1 << enum kind: a file of that kind was read */
    size_t rows[KINDS];
    struct sheet *sheets[SHEETS];
    struct rights *rights;
    struct sheet *recipients; /* of KIND_RECIPIENT: groups and mail users, and others for their names */
    bool all_recipients;      /* all that can hold a right are there, mailboxes aside */
    struct mailbox_id *inner; /* groups among the members of groups that were read */
    size_t n_inner, inner_cap;
    bool unnamed;                 /* somebody's display name was not asked for */
    char group[GATHER_GROUP_MAX]; /* whose members the rows of KIND_GROUP_MEMBER are, where they don't say */
    struct accounts *accounts;    /* of KIND_ACCOUNT */
    enum kind says_accounts;      /* the kind of the file that told last which accounts are disabled; KINDS: none did */
    bool on_behalf;               /* GrantSendOnBehalfTo was there, and in no row only as a type's name */
    bool on_behalf_unknown;
    /* the tenant */
    enum smtp_auth smtp_auth; /* SMTP_AUTH_UNKNOWN: no file says */
    enum tri security_defaults;
    char default_policy[MAILBOX_NAME_MAX + 1]; /* of KIND_ORGANIZATION_CONFIG; empty: none */
    bool limits;                               /* the default outbound policy was seen */
    uint32_t external_per_hour, internal_per_hour, recipients_per_day;
    char organization[37]; /* GUID in the REST envelopes, else empty */
    struct policy *policies;
    size_t n_policies;
    struct accepted *domains;
    size_t n_domains;
    struct address *restricted; /* of KIND_BLOCKED_SENDER; sorted by gather_sort_restricted */
    size_t n_restricted;
    /* for the report */
    struct remarks remarks;
    uint64_t bad_rows[KINDS];
    struct error first_bad[KINDS];
    bool incomplete; /* for some row it is not known which mailbox it is about */
    bool some_only;  /* the rows are of the few mailboxes that were asked for; the others, and the age of all, stay */
    bool
        nothing_own; /* an export of selected Get-CASMailbox columns had no setting at all; perhaps none was returned */
    uint64_t settings_own;    /* rows of Get-CASMailbox with True or False */
    uint64_t not_mailboxes;   /* rows of contacts, groups, guests and deleted mailboxes */
    column_set unknown_lists; /* columns in which a list was only a type's name */
    struct address_set *proxies;
    char packed[MAILBOX_PROXIES_MAX];
};

/* folder: for scratch files. 0, or -1 with e. Free with gather_close, NULL is fine. */
int gather_open(const char *folder, struct gathered **out, struct error *e);
void gather_close(struct gathered *g);

/*
 * Takes one row of a file of that kind; file is its number. 0, or -1 with e, which names file, place and column.
 *
 * A mailbox's row that cannot be read is counted and skipped, with 0; gather_check_bad_rows judges the count at the
 * end. If the mailbox is known but not its setting, the setting becomes unknown, so that its mail is deferred. If even
 * the mailbox is unknown, this run drops no mailbox.
 */
int gather_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);

/* One bad row in this many mailboxes is accepted. */
#define GATHER_ROWS_A_BAD_ONE 1000
/* 0, or -1 when more rows were bad than that; e says how many, and what was wrong with the first. */
int gather_check_bad_rows(const struct gathered *g, struct error *e);

/* Was a complete list of the tenant's mailboxes read, so that a mailbox that is not in it is gone? */
bool gather_lists_mailboxes(const struct gathered *g);
static inline bool gather_has(const struct gathered *g, enum kind kind)
{
    return (g->kinds >> kind & 1u) != 0;
}

/* The policy of that name (plain or distinguished name), NULL when no file had it. */
const struct policy *gather_policy(const struct gathered *g, struct slice name);

/* Is the address among the restricted ones? Only after gather_sort_restricted. */
void gather_sort_restricted(struct gathered *g);
bool gather_restricts(const struct gathered *g, struct slice address);

/*
 * How far a run has got. A series that has to begin again (its cursor expired) discards what it gathered since its
 * mark. Nothing may have been sorted in between.
 */
struct gather_mark {
    size_t rows[KINDS], sheet_rows[SHEETS];
    size_t rights, members, recipients, policies, domains, restricted;
    enum smtp_auth smtp_auth;
    enum tri security_defaults;
    bool limits, on_behalf, on_behalf_unknown, incomplete;
    enum kind says_accounts;
    uint64_t not_mailboxes, settings_own, bad_rows[KINDS];
};
struct gather_mark gather_mark(const struct gathered *g);
void gather_rewind(struct gathered *g, const struct gather_mark *mark);
/* Goes back to the mark, as if the kind had never been read. */
void gather_take_back(struct gathered *g, enum kind kind, const struct gather_mark *mark);

/* The readers of rows, by kind; gather_row calls them. */
int gather_mailbox_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_user_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_account_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_recipient_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_member_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_permission_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_tenant_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_policy_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_outbound_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_restricted_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);
int gather_domain_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e);

/* "CN=Block Basic,CN=Auth Policies,..." and "Block Basic" are the same policy: its own name, at most MAILBOX_NAME_MAX.
 */
struct slice policy_name(struct slice text);

#endif
