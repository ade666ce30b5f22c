/*
 * Do the mirrored settings let a mailbox sign in? The rules that come after the operator's lists, in one place for the
 * decision, and for the mirror, which tells whom a change shuts out.
 */
#ifndef POSTERN_CORE_DECIDE_SMTP_AUTH_H
#define POSTERN_CORE_DECIDE_SMTP_AUTH_H

#include "core/config/config.h"
#include "core/directory/directory.h"
#include "core/mail/reason.h"

struct smtp_auth_question {
    const struct tenant_facts *tenant;                         /* NULL: not mirrored */
    enum tenant_smtp_auth organization;                        /* what the relay's own configuration says of it */
    bool heeds_security_defaults, heeds_authentication_policy; /* the gates that are not switched off */
    enum disabled_accounts disabled_accounts;                  /* whose disabled account is heeded */
    enum smtp_auth setting;                                    /* the mailbox's own */
    enum tri basic_smtp; /* what its own authentication policy says of passwords; TRI_UNKNOWN: it has none */
    enum tri sign_in;    /* may the account behind it sign in? */
    enum recipient_type recipient_type;
    bool password; /* signs in by a mechanism that shows one */
};

/* In the order in which they are asked. */
enum smtp_auth_rule {
    RULE_SETTING, /* the mailbox's, or the organization's that it inherits */
    RULE_SECURITY_DEFAULTS,
    RULE_AUTHENTICATION_POLICY,
    RULE_ACCOUNT, /* Entra ID, or Active Directory, has disabled it */
    SMTP_AUTH_RULES
};

/* Why the rule refuses; REASON_ALLOWED when it doesn't. REASON_SETTING_UNKNOWN defers, the others refuse for good. */
enum reason smtp_auth_refusal(const struct smtp_auth_question *q, enum smtp_auth_rule rule);

/*
 * May the mailbox be a person's: not a shared or resource one, a group's, or the service's own? A type that was never
 * mirrored may be.
 */
bool recipient_may_be_person(enum recipient_type type);

/* The organization's setting: the relay's own setting takes precedence over the mirrored one. */
enum smtp_auth smtp_auth_of_organization(enum tenant_smtp_auth own, const struct tenant_facts *tenant);

#endif
