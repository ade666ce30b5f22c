#include "mirror/column.h"

static const struct {
    const char *text;
    size_t n;
} names[COLUMNS] = {
    [COLUMN_GUID] = {"Guid", sizeof "Guid" - 1},
    [COLUMN_DIRECTORY_OBJECT] = {"ExternalDirectoryObjectId", sizeof "ExternalDirectoryObjectId" - 1},
    [COLUMN_IDENTITY] = {"Identity", sizeof "Identity" - 1},
    [COLUMN_NAME] = {"Name", sizeof "Name" - 1},
    [COLUMN_DISTINGUISHED_NAME] = {"DistinguishedName", sizeof "DistinguishedName" - 1},
    [COLUMN_DISPLAY_NAME] = {"DisplayName", sizeof "DisplayName" - 1},
    [COLUMN_PRIMARY] = {"PrimarySmtpAddress", sizeof "PrimarySmtpAddress" - 1},
    [COLUMN_PROXIES] = {"EmailAddresses", sizeof "EmailAddresses" - 1},
    [COLUMN_UPN] = {"UserPrincipalName", sizeof "UserPrincipalName" - 1},
    [COLUMN_ALIAS] = {"Alias", sizeof "Alias" - 1},
    [COLUMN_ACCOUNT] = {"SamAccountName", sizeof "SamAccountName" - 1},
    [COLUMN_TYPE] = {"RecipientTypeDetails", sizeof "RecipientTypeDetails" - 1},
    [COLUMN_EXCHANGE_GUID] = {"ExchangeGuid", sizeof "ExchangeGuid" - 1},
    [COLUMN_ON_BEHALF] = {"GrantSendOnBehalfTo", sizeof "GrantSendOnBehalfTo" - 1},
    [COLUMN_SMTP_AUTH_DISABLED] = {"SmtpClientAuthenticationDisabled", sizeof "SmtpClientAuthenticationDisabled" - 1},
    [COLUMN_AUTH_POLICY] = {"AuthenticationPolicy", sizeof "AuthenticationPolicy" - 1},
    [COLUMN_BASIC_SMTP] = {"AllowBasicAuthSmtp", sizeof "AllowBasicAuthSmtp" - 1},
    [COLUMN_DEFAULT_POLICY] = {"DefaultAuthenticationPolicy", sizeof "DefaultAuthenticationPolicy" - 1},
    [COLUMN_IS_ENABLED] = {"isEnabled", sizeof "isEnabled" - 1},
    [COLUMN_EXTERNAL_PER_HOUR] = {"RecipientLimitExternalPerHour", sizeof "RecipientLimitExternalPerHour" - 1},
    [COLUMN_INTERNAL_PER_HOUR] = {"RecipientLimitInternalPerHour", sizeof "RecipientLimitInternalPerHour" - 1},
    [COLUMN_PER_DAY] = {"RecipientLimitPerDay", sizeof "RecipientLimitPerDay" - 1},
    [COLUMN_IS_DEFAULT] = {"IsDefault", sizeof "IsDefault" - 1},
    [COLUMN_SENDER] = {"SenderAddress", sizeof "SenderAddress" - 1},
    [COLUMN_TRUSTEE] = {"Trustee", sizeof "Trustee" - 1},
    [COLUMN_ACCESS_TYPE] = {"AccessControlType", sizeof "AccessControlType" - 1},
    [COLUMN_ACCESS_RIGHTS] = {"AccessRights", sizeof "AccessRights" - 1},
    [COLUMN_DOMAIN] = {"DomainName", sizeof "DomainName" - 1},
    [COLUMN_DOMAIN_TYPE] = {"DomainType", sizeof "DomainType" - 1},
    [COLUMN_MATCH_SUBDOMAINS] = {"MatchSubDomains", sizeof "MatchSubDomains" - 1},
    [COLUMN_OWA] = {"OWAEnabled", sizeof "OWAEnabled" - 1},
    [COLUMN_ECP] = {"ECPEnabled", sizeof "ECPEnabled" - 1},
    [COLUMN_IMAP] = {"ImapEnabled", sizeof "ImapEnabled" - 1},
    [COLUMN_POP] = {"PopEnabled", sizeof "PopEnabled" - 1},
    [COLUMN_MAPI] = {"MAPIEnabled", sizeof "MAPIEnabled" - 1},
    [COLUMN_ACTIVE_SYNC] = {"ActiveSyncEnabled", sizeof "ActiveSyncEnabled" - 1},
    [COLUMN_ENVELOPE_LIMIT] = {"MaxRecipientEnvelopeLimit", sizeof "MaxRecipientEnvelopeLimit" - 1},
    [COLUMN_TLS_RECEIVE] = {"TLSReceiveDomainSecureList", sizeof "TLSReceiveDomainSecureList" - 1},
    [COLUMN_SAFETY_NET] = {"SafetyNetHoldTime", sizeof "SafetyNetHoldTime" - 1},
    [COLUMN_LEGACY_TLS] = {"AllowLegacyTLSClients", sizeof "AllowLegacyTLSClients" - 1},
    [COLUMN_REJECT_DIRECT_SEND] = {"RejectDirectSend", sizeof "RejectDirectSend" - 1},
};

const char *column_name(enum column column)
{
    return names[column].text;
}

enum column column_named(struct slice name)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (names[i].n == name.n && ascii_lower(names[i].text[0]) == ascii_lower(name.p[0]) &&
            slice_ieq(name, (struct slice){names[i].text, names[i].n}))
            return (enum column)i;
    return COLUMNS;
}
