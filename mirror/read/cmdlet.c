#include "mirror/read/cmdlet.h"

#include "core/base/buf.h"

#define C(name) COLUMN_BIT(COLUMN_##name)
/* Only Get-CASMailbox has the settings of other protocols. */
#define PROTOCOLS (C(OWA) | C(ECP) | C(IMAP) | C(POP) | C(MAPI) | C(ACTIVE_SYNC))
#define ADDRESSES (C(PRIMARY) | C(PROXIES))
/* Other columns of Get-TransportConfig. */
#define TRANSPORT                                                                                                      \
    (C(ENVELOPE_LIMIT) | C(TLS_RECEIVE) | C(SAFETY_NET) | C(LEGACY_TLS) | C(JOURNALING_NDR) | C(CLEAR_CATEGORIES) |    \
     C(RFC2231) | C(POSTMASTER))
/*
 * Columns that Get-CASMailbox has, and Get-EXOCasMailbox only with -PropertySets All: then the SMTP AUTH setting is
 * there, too. (Its minimum set has other protocols' settings, but not this one: ExchangePowerShell docs, "Property sets
 * in Exchange Online PowerShell module cmdlets".)
 */
#define FULL (C(OWA_POLICY) | C(EWS_OUTLOOK) | C(IMAP_DEFAULTS) | C(MAPI_HTTP))

static const struct {
    const char *name, *option;
    column_set needs;   /* required columns */
    column_set one_of;  /* at least one of these is required, unless empty */
    const char *select; /* what to export */
} kinds[KINDS] = {
    [KIND_TRANSPORT_CONFIG] = {"Get-TransportConfig", "transport-config", C(SMTP_AUTH_DISABLED), 0,
                               "Name,SmtpClientAuthenticationDisabled,AllowLegacyTLSClients"},
    [KIND_SECURITY_DEFAULTS] = {"identitySecurityDefaultsEnforcementPolicy", "security-defaults", C(IS_ENABLED), 0,
                                "isEnabled"},
    [KIND_AUTHENTICATION_POLICY] = {"Get-AuthenticationPolicy", "authentication-policy", C(NAME) | C(BASIC_SMTP), 0,
                                    "Name,AllowBasicAuthSmtp"},
    [KIND_ORGANIZATION_CONFIG] = {"Get-OrganizationConfig", "organization-config", C(DEFAULT_POLICY), 0,
                                  "DefaultAuthenticationPolicy"},
    [KIND_OUTBOUND_POLICY] = {"Get-HostedOutboundSpamFilterPolicy", "outbound-policy",
                              C(EXTERNAL_PER_HOUR) | C(INTERNAL_PER_HOUR) | C(PER_DAY) | C(IS_DEFAULT), 0,
                              "IsDefault,RecipientLimitExternalPerHour,RecipientLimitInternalPerHour,"
                              "RecipientLimitPerDay"},
    [KIND_ACCEPTED_DOMAIN] = {"Get-AcceptedDomain", "accepted-domain", C(DOMAIN) | C(DOMAIN_TYPE), 0,
                              "DomainName,DomainType,MatchSubDomains,SendingFromDomainDisabled,"
                              "SendingToDomainDisabled"},
    [KIND_BLOCKED_SENDER] = {"Get-BlockedSenderAddress", "blocked-sender", C(SENDER) | C(REASON), 0,
                             "SenderAddress,Reason"},
    [KIND_USER] = {"Get-User", "user", C(GUID) | C(AUTH_POLICY), 0,
                   "Guid,UserPrincipalName,AuthenticationPolicy,AccountDisabled"},
    [KIND_ACCOUNT] = {"users of Graph or Active Directory", "account", C(UPN),
                      C(ACCOUNT_ENABLED) | C(ENABLED) | C(ACCOUNT_DISABLED),
                      "userPrincipalName,mail,accountEnabled (of Get-ADUser: UserPrincipalName,mail,Enabled)"},
    [KIND_CAS_MAILBOX] = {"Get-CASMailbox", "cas-mailbox", C(SMTP_AUTH_DISABLED), ADDRESSES,
                          "Guid,PrimarySmtpAddress,SamAccountName,SmtpClientAuthenticationDisabled,"
                          "@{n='EmailAddresses';e={$_.EmailAddresses -join ' '}}"},
    [KIND_MAILBOX] = {"Get-Mailbox", "mailbox", 0, ADDRESSES,
                      "Guid,PrimarySmtpAddress,UserPrincipalName,Alias,Name,Identity,RecipientTypeDetails,"
                      "AccountDisabled,"
                      "@{n='EmailAddresses';e={$_.EmailAddresses -join ' '}}"},
    [KIND_LIST] = {"list of addresses", "list", C(PRIMARY), 0, "PrimarySmtpAddress"},
    [KIND_RECIPIENT_PERMISSION] =
        {"Get-RecipientPermission", "recipient-permission",
         C(IDENTITY) | C(TRUSTEE) | C(ACCESS_TYPE) | C(ACCESS_RIGHTS), 0,
         "Identity,Trustee,AccessControlType,@{n='AccessRights';e={$_.AccessRights -join ','}}"},
    [KIND_HVE_ACCOUNT] = {"Get-MailUser", "hve-account", 0, ADDRESSES,
                          "Guid,PrimarySmtpAddress,Name,DisplayName,"
                          "@{n='EmailAddresses';e={$_.EmailAddresses -join ' '}} (with -HVEAccount)"},
    [KIND_RECIPIENT] = {"Get-Recipient", "recipient", 0, ADDRESSES,
                        "Guid,PrimarySmtpAddress,Name,Identity,DisplayName,RecipientTypeDetails,"
                        "@{n='EmailAddresses';e={$_.EmailAddresses -join ' '}}"},
    [KIND_GROUP_MEMBER] = {"Get-DistributionGroupMember", "group-member", C(GROUP), C(PRIMARY) | C(GUID),
                           "@{n='Group';e={$group.PrimarySmtpAddress}},Guid,PrimarySmtpAddress for each $group"},
};

/*
 * From the most specific to the least; the first row that matches wins. An export with too few columns is still
 * recognized, so that kind_check can say which are missing.
 */
static const struct {
    enum kind kind;
    column_set all, any, none; /* any: at least one of them, unless empty */
} signs[] = {
    {KIND_RECIPIENT_PERMISSION, C(TRUSTEE), 0, 0},
    {KIND_GROUP_MEMBER, C(GROUP), C(PRIMARY) | C(GUID), C(SMTP_AUTH_DISABLED)},
    {KIND_RECIPIENT, C(GROUP_TYPE), 0, C(SMTP_AUTH_DISABLED)},
    {KIND_BLOCKED_SENDER, C(SENDER), 0, C(RECIPIENT_ADDRESS) | C(RECEIVED) | C(SUBJECT)},
    {KIND_ACCEPTED_DOMAIN, C(DOMAIN), 0, 0},
    {KIND_AUTHENTICATION_POLICY, C(BASIC_SMTP), 0, 0},
    {KIND_ORGANIZATION_CONFIG, 0, C(DEFAULT_POLICY) | C(REJECT_DIRECT_SEND), 0},
    {KIND_OUTBOUND_POLICY, 0, C(EXTERNAL_PER_HOUR) | C(INTERNAL_PER_HOUR) | C(PER_DAY), 0},
    {KIND_SECURITY_DEFAULTS, C(IS_ENABLED), 0, 0},
    {KIND_CAS_MAILBOX, 0, PROTOCOLS, 0},
    {KIND_CAS_MAILBOX, C(SMTP_AUTH_DISABLED), ADDRESSES | C(UPN) | C(ACCOUNT) | C(DISPLAY_NAME), 0},
    {KIND_TRANSPORT_CONFIG, 0, TRANSPORT, 0},
    /* This column alone may also be a mailbox's: see kind_is_organization. */
    {KIND_TRANSPORT_CONFIG, C(SMTP_AUTH_DISABLED), 0, 0},
    {KIND_USER, C(AUTH_POLICY), 0, ADDRESSES | C(EXCHANGE_GUID)},
    {KIND_ACCOUNT, C(UPN), C(ACCOUNT_ENABLED) | C(ENABLED) | C(ACCOUNT_DISABLED), ADDRESSES | C(EXCHANGE_GUID)},
    {KIND_MAILBOX, 0, C(TYPE) | C(UPN) | C(ALIAS) | C(EXCHANGE_GUID) | C(ON_BEHALF), 0},
    /* With columns so few that it could be either, it is taken for the one with the settings. */
    {KIND_CAS_MAILBOX, 0, ADDRESSES, 0},
};

const char *kind_name(enum kind kind)
{
    return kinds[kind].name;
}

const char *kind_option(enum kind kind)
{
    return kinds[kind].option;
}

enum kind kind_named(struct slice name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (slice_eq(name, slice_of(kinds[i].option)) || slice_ieq(name, slice_of(kinds[i].name)))
            return (enum kind)i;
    return KINDS;
}

/* Longer names come first: "casmailbox" before "mailbox", "authpolic" before "user". */
static const struct {
    const char *text;
    enum kind kind;
} file_names[] = {
    {"hostedoutboundspamfilterpolicy", KIND_OUTBOUND_POLICY},
    {"authenticationpolic", KIND_AUTHENTICATION_POLICY}, /* y, ies */
    {"recipientpermission", KIND_RECIPIENT_PERMISSION},
    {"distributiongroupmember", KIND_GROUP_MEMBER},
    {"blockedsenderaddress", KIND_BLOCKED_SENDER},
    {"organizationconfig", KIND_ORGANIZATION_CONFIG},
    {"securitydefaults", KIND_SECURITY_DEFAULTS},
    {"transportconfig", KIND_TRANSPORT_CONFIG},
    {"distributiongroup", KIND_RECIPIENT},
    {"accepteddomain", KIND_ACCEPTED_DOMAIN},
    {"outboundpolicy", KIND_OUTBOUND_POLICY},
    {"blockedsender", KIND_BLOCKED_SENDER},
    {"authpolic", KIND_AUTHENTICATION_POLICY},
    {"groupmember", KIND_GROUP_MEMBER},
    {"hveaccount", KIND_HVE_ACCOUNT},
    {"casmailbox", KIND_CAS_MAILBOX},
    {"recipient", KIND_RECIPIENT},
    {"account", KIND_ACCOUNT},
    {"mailbox", KIND_MAILBOX},
    {"user", KIND_USER},
};

enum kind kind_of_file(struct slice name)
{
    char letters[128];
    struct slice plain = {letters, 0};

    for (size_t i = 0; i < name.n && plain.n < sizeof letters; i++) {
        char c = ascii_lower(name.p[i]);

        if (c >= 'a' && c <= 'z')
            letters[plain.n++] = c;
    }
    for (size_t i = 0; i < sizeof file_names / sizeof file_names[0]; i++)
        if (memmem(plain.p, plain.n, file_names[i].text, strlen(file_names[i].text)) != NULL)
            return file_names[i].kind;
    return KINDS;
}

bool kind_may_be_empty(enum kind kind)
{
    return kind == KIND_AUTHENTICATION_POLICY || kind == KIND_BLOCKED_SENDER || kind == KIND_RECIPIENT ||
           kind == KIND_GROUP_MEMBER || kind == KIND_HVE_ACCOUNT;
}

static const struct {
    column_set all, none;
    const char *what;
} strangers[] = {
    {C(FORMATTED), 0,
     "was formatted before it was exported (Format-Table or Format-List before Export-Csv); leave that out"},
    {C(SENDER) | C(RECIPIENT_ADDRESS), 0,
     "is a message trace, which has no settings; senders that Exchange Online restricts come from "
     "Get-BlockedSenderAddress"},
    {C(SENDER) | C(RECEIVED), 0, "is a message trace, which has no settings"},
    {C(SENDER) | C(SUBJECT), 0,
     "is a list of messages, which has no settings; senders that Exchange Online restricts come from "
     "Get-BlockedSenderAddress"},
    {C(BLOCK_CREDENTIAL), 0,
     "is the Microsoft 365 admin center's list of users, which has no settings of mailboxes; export Get-CASMailbox"},
    {C(ARCHIVE_STATUS), 0,
     "is the Exchange admin center's list of mailboxes, which lacks SmtpClientAuthenticationDisabled; export "
     "Get-CASMailbox"},
    {C(GRAPH_PROXIES), C(PRIMARY) | C(ACCOUNT_ENABLED) | C(ENABLED),
     "is a list of users (Graph or Active Directory), which has no settings of mailboxes; export Get-CASMailbox, and "
     "for disabled accounts userPrincipalName with accountEnabled (Get-ADUser: Enabled)"},
    {C(LENGTH), ADDRESSES | C(GUID), "holds the lengths of texts: texts were given to Export-Csv in place of objects"},
};

const char *kind_stranger(column_set columns)
{
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        if ((columns & strangers[i].all) == strangers[i].all && (columns & strangers[i].none) == 0)
            return strangers[i].what;
    return NULL;
}

bool kind_is_organization(column_set columns, const struct row *row)
{
    static const enum column names[] = {COLUMN_NAME, COLUMN_IDENTITY};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_ieq(cell_text(&row->cells[names[i]]), SLICE("Transport Settings")))
            return true;
    return (columns & TRANSPORT) != 0;
}

bool kind_is_selected(column_set columns)
{
    return (columns & FULL) == 0;
}

bool kind_is_of_groups(column_set columns)
{
    return (columns & C(GROUP_TYPE)) != 0;
}

enum kind kind_detect(enum rows_form form, column_set columns)
{
    if (form == ROWS_LIST)
        return KIND_LIST;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if ((columns & signs[i].all) == signs[i].all && (signs[i].any == 0 || (columns & signs[i].any) != 0) &&
            (columns & signs[i].none) == 0)
            return signs[i].kind;
    return KINDS;
}

int kind_check(enum kind kind, const char *path, column_set columns, struct error *e)
{
    column_set missing = kinds[kind].needs & ~columns;
    char names[160];
    struct buf b = BUF_OVER(names);

    for (size_t i = 0; i < COLUMNS; i++)
        if (missing & COLUMN_BIT(i))
            buf_addf(&b, "%s%s", b.n == 0 ? "" : ", ", column_name((enum column)i));
    for (size_t i = 0; b.n == 0 && i < COLUMNS && (columns & kinds[kind].one_of) == 0; i++)
        if (kinds[kind].one_of & COLUMN_BIT(i)) /* the first will do */
            buf_addf(&b, "%s", column_name((enum column)i));
    if (b.n == 0)
        return 0;
    return error_set(e,
                     "%s: looks like %s, but has no %s, and absent is not empty: the export selected too few columns; "
                     "export with %s | Select-Object %s",
                     path, kinds[kind].name, names, kinds[kind].name, kinds[kind].select);
}
