/* Step 4 of the decision: is SMTP AUTH allowed for this mailbox? The table of rules in order, deny first. */
#include "core/decide/decide_steps.h"
#include "core/decide/smtp_auth.h"

static bool stale(const struct deciding *d)
{
    const struct identity *id = &d->v->identity;
    const struct tenant_config *tenant = id->tenant_config;

    return tenant != NULL && id->tenant != NULL && tenant->when_stale == STALE_DEFER && tenant->max_age_s > 0 &&
           d->c->wall_s - tenant_oldest(id->tenant, NULL) > (int64_t)tenant->max_age_s;
}

/* The mirrored settings of a mailbox, and which of them apply at this relay. */
static struct smtp_auth_question question(const struct deciding *d, const struct mailbox_ref *mailbox)
{
    const struct smtp_auth_config *config = &d->c->config->smtp_auth;
    const struct identity *id = &d->v->identity;

    return (struct smtp_auth_question){.tenant = id->tenant,
                                       .organization =
                                           id->tenant_config != NULL ? id->tenant_config->smtp_auth : TENANT_MIRRORED,
                                       .heeds_security_defaults = config->security_defaults,
                                       .heeds_authentication_policy = config->authentication_policy,
                                       .disabled_accounts = config->disabled_accounts,
                                       .setting = (enum smtp_auth)mailbox->smtp_auth,
                                       .basic_smtp = (enum tri)mailbox->basic_smtp,
                                       .sign_in = (enum tri)mailbox->sign_in,
                                       .recipient_type = (enum recipient_type)mailbox->recipient_type,
                                       .password = mechanism_is_basic(d->s->mechanism)};
}

/* The gates that refuse although the setting allows. */
static void trace_rule(const struct deciding *d, const struct smtp_auth_question *q, enum smtp_auth_rule rule)
{
    bool own = q->basic_smtp != TRI_UNKNOWN;

    if (rule == RULE_SECURITY_DEFAULTS)
        trace_gate(d, "security defaults are on", PART_SECURITY_DEFAULTS);
    if (rule == RULE_AUTHENTICATION_POLICY)
        trace_gate(d,
                   own ? "the mailbox's authentication policy forbids passwords"
                       : "the default authentication policy forbids passwords",
                   own ? PART_POLICIES : PART_DEFAULT_POLICY);
    if (rule == RULE_ACCOUNT)
        trace_gate(d, "the account behind the mailbox is disabled", PART_ACCOUNTS);
}

static bool settings(struct deciding *d, const struct smtp_auth_question *q)
{
    if (q->setting == SMTP_AUTH_INHERIT)
        trace_organization(d, smtp_auth_of_organization(q->organization, q->tenant));
    for (unsigned i = 0; i < SMTP_AUTH_RULES; i++) {
        enum smtp_auth_rule rule = (enum smtp_auth_rule)i;
        enum reason reason = smtp_auth_refusal(q, rule);

        if (reason == REASON_ALLOWED)
            continue;
        trace_rule(d, q, rule);
        if (refuse(d, reason, d->c->config->smtp_auth.mode))
            return true;
    }
    return false;
}

bool mailboxes_are_known(const struct deciding *d)
{
    const struct tenant_facts *tenant = d->v->identity.tenant;

    if (tenant != NULL)
        return tenant->mailboxes > 0;
    if (d->v->identity.tenant_config != NULL)
        return false;
    for (uint32_t i = 0; i < directory_tenants(d->c->view); i++)
        if ((tenant = directory_tenant(d->c->view, i)) != NULL && tenant->mailboxes > 0)
            return true;
    return false;
}

/* A login that the directory does not know. */
static bool unlisted(struct deciding *d)
{
    static const struct mailbox_ref enabled = {.smtp_auth = SMTP_AUTH_ENABLED},
                                    inherits = {.smtp_auth = SMTP_AUTH_INHERIT};
    struct smtp_auth_question q;

    if (!may_be_unlisted(d->s, &d->v->identity)) {
        trace_add(d->trace, "SMTP AUTH: not in the directory, and not all of the name is ASCII");
        return refuse(d, REASON_UNLISTED, d->c->config->smtp_auth.mode);
    }
    switch (d->c->config->smtp_auth.unlisted) {
    case UNLISTED_ALLOW:
        trace_add(d->trace, "SMTP AUTH: allowed, not in the directory, and unlisted = \"allow\"");
        q = question(d, &enabled);
        return settings(d, &q);
    case UNLISTED_TENANT:
        q = question(d, &inherits);
        return settings(d, &q);
    default:
        return refuse(d, mailboxes_are_known(d) ? REASON_UNLISTED : REASON_SETTING_UNKNOWN,
                      d->c->config->smtp_auth.mode);
    }
}

/* One of the mailboxes that claim the login. */
static bool claim_refuses(struct deciding *d, const struct mailbox_ref *claim)
{
    struct smtp_auth_question q = question(d, claim);

    trace_mailbox_setting(d, claim);
    if (settings(d, &q))
        return true;
    if (q.sign_in == TRI_NO && smtp_auth_refusal(&q, RULE_ACCOUNT) == REASON_ALLOWED)
        trace_gate(d,
                   "the account behind the mailbox is disabled, which smtp_auth.disabled_accounts does not heed here",
                   PART_ACCOUNTS);
    return false;
}

bool step_allowed(struct deciding *d)
{
    const struct smtp_auth_config *config = &d->c->config->smtp_auth;
    const struct identity *id = &d->v->identity;
    enum directory_result denied, allowed;
    struct list_place place;

    if (!id->authenticated)
        return false;
    denied = identity_listed(d->c, d->s, id, config->deny, LISTED_TO_DENY, &place);
    if (denied == DIRECTORY_FOUND) {
        trace_list(d, "SMTP AUTH: denied", &place);
        return refuse(d, REASON_DENY_FILE, config->mode);
    }
    allowed = identity_listed(d->c, d->s, id, config->allow, LISTED_TO_PERMIT, &place);
    if ((denied == DIRECTORY_DAMAGED || allowed == DIRECTORY_DAMAGED) &&
        refuse(d, REASON_DIRECTORY_DAMAGED, config->mode))
        return true;
    if (allowed == DIRECTORY_FOUND) {
        trace_list(d, "SMTP AUTH: allowed", &place);
        return false;
    }
    if (id->on_premises) {
        trace_on_premises(d);
        return false;
    }
    if (stale(d) && refuse(d, REASON_DIRECTORY_STALE, config->mode))
        return true;
    if (id->n_claims == 0)
        return unlisted(d);
    for (unsigned i = 0; i < id->n_claims; i++)
        if (claim_refuses(d, &id->claims[i]))
            return true;
    return false;
}
