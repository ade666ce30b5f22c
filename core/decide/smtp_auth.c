#include "core/decide/smtp_auth.h"

enum smtp_auth smtp_auth_of_organization(enum tenant_smtp_auth own, const struct tenant_facts *tenant)
{
    switch (own) {
    case TENANT_ENABLED:
        return SMTP_AUTH_ENABLED;
    case TENANT_DISABLED:
        return SMTP_AUTH_DISABLED;
    default:
        return tenant != NULL ? tenant->smtp_auth : SMTP_AUTH_UNKNOWN;
    }
}

static enum reason by_setting(const struct smtp_auth_question *q)
{
    bool inherits = q->setting == SMTP_AUTH_INHERIT;

    switch (inherits ? smtp_auth_of_organization(q->organization, q->tenant) : q->setting) {
    case SMTP_AUTH_ENABLED:
        return REASON_ALLOWED;
    case SMTP_AUTH_DISABLED:
        return inherits ? REASON_ORGANIZATION_DISABLED : REASON_MAILBOX_DISABLED;
    default:
        return REASON_SETTING_UNKNOWN;
    }
}

static enum reason by_security_defaults(const struct smtp_auth_question *q)
{
    return q->heeds_security_defaults && q->tenant != NULL && q->tenant->security_defaults == TRI_YES
               ? REASON_SECURITY_DEFAULTS
               : REASON_ALLOWED;
}

/* The mailbox's own policy, else the tenant's default one. */
static enum reason by_authentication_policy(const struct smtp_auth_question *q)
{
    enum tri basic = q->basic_smtp != TRI_UNKNOWN ? q->basic_smtp
                     : q->tenant != NULL          ? q->tenant->default_basic_smtp
                                                  : TRI_UNKNOWN;

    return q->heeds_authentication_policy && q->password && basic == TRI_NO ? REASON_BASIC_FORBIDDEN : REASON_ALLOWED;
}

/* Exchange Online itself keeps the accounts of all others disabled: that is how they are, and nobody was dismissed. */
bool recipient_may_be_person(enum recipient_type type)
{
    return type == RECIPIENT_USER || type == RECIPIENT_MAIL_USER || type == RECIPIENT_OTHER;
}

static enum reason by_account(const struct smtp_auth_question *q)
{
    bool heeded = q->disabled_accounts == DISABLED_ALL ||
                  (q->disabled_accounts == DISABLED_PEOPLE && recipient_may_be_person(q->recipient_type));

    return heeded && q->sign_in == TRI_NO ? REASON_ACCOUNT_DISABLED : REASON_ALLOWED;
}

enum reason smtp_auth_refusal(const struct smtp_auth_question *q, enum smtp_auth_rule rule)
{
    static enum reason (*const rules[SMTP_AUTH_RULES])(const struct smtp_auth_question *) = {
        [RULE_SETTING] = by_setting,
        [RULE_SECURITY_DEFAULTS] = by_security_defaults,
        [RULE_AUTHENTICATION_POLICY] = by_authentication_policy,
        [RULE_ACCOUNT] = by_account,
    };

    return rules[rule](q);
}
