#include "mirror/column.h"

static const char *const names[COLUMNS] = {
    [COLUMN_GUID] = "Guid",
    [COLUMN_DIRECTORY_OBJECT] = "ExternalDirectoryObjectId",
    [COLUMN_IDENTITY] = "Identity",
    [COLUMN_NAME] = "Name",
    [COLUMN_DISTINGUISHED_NAME] = "DistinguishedName",
    [COLUMN_DISPLAY_NAME] = "DisplayName",
    [COLUMN_PRIMARY] = "PrimarySmtpAddress",
    [COLUMN_PROXIES] = "EmailAddresses",
    [COLUMN_UPN] = "UserPrincipalName",
    [COLUMN_ALIAS] = "Alias",
    [COLUMN_ACCOUNT] = "SamAccountName",
    [COLUMN_TYPE] = "RecipientTypeDetails",
    [COLUMN_EXCHANGE_GUID] = "ExchangeGuid",
    [COLUMN_ON_BEHALF] = "GrantSendOnBehalfTo",
    [COLUMN_SMTP_AUTH_DISABLED] = "SmtpClientAuthenticationDisabled",
    [COLUMN_AUTH_POLICY] = "AuthenticationPolicy",
    [COLUMN_BASIC_SMTP] = "AllowBasicAuthSmtp",
    [COLUMN_DEFAULT_POLICY] = "DefaultAuthenticationPolicy",
    [COLUMN_IS_ENABLED] = "isEnabled",
    [COLUMN_EXTERNAL_PER_HOUR] = "RecipientLimitExternalPerHour",
    [COLUMN_INTERNAL_PER_HOUR] = "RecipientLimitInternalPerHour",
    [COLUMN_PER_DAY] = "RecipientLimitPerDay",
    [COLUMN_IS_DEFAULT] = "IsDefault",
    [COLUMN_SENDER] = "SenderAddress",
    [COLUMN_TRUSTEE] = "Trustee",
    [COLUMN_ACCESS_TYPE] = "AccessControlType",
    [COLUMN_ACCESS_RIGHTS] = "AccessRights",
    [COLUMN_DOMAIN] = "DomainName",
    [COLUMN_DOMAIN_TYPE] = "DomainType",
    [COLUMN_MATCH_SUBDOMAINS] = "MatchSubDomains",
    [COLUMN_OWA] = "OWAEnabled",
    [COLUMN_ECP] = "ECPEnabled",
    [COLUMN_IMAP] = "ImapEnabled",
    [COLUMN_POP] = "PopEnabled",
    [COLUMN_MAPI] = "MAPIEnabled",
    [COLUMN_ACTIVE_SYNC] = "ActiveSyncEnabled",
    [COLUMN_ENVELOPE_LIMIT] = "MaxRecipientEnvelopeLimit",
    [COLUMN_TLS_RECEIVE] = "TLSReceiveDomainSecureList",
    [COLUMN_SAFETY_NET] = "SafetyNetHoldTime",
    [COLUMN_LEGACY_TLS] = "AllowLegacyTLSClients",
    [COLUMN_REJECT_DIRECT_SEND] = "RejectDirectSend",
};

const char *column_name(enum column column)
{
    return names[column];
}

enum column column_named(struct slice name)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (slice_ieq(name, slice_of(names[i])))
            return (enum column)i;
    return COLUMNS;
}
