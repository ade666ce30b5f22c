/* Step 4 of the decision: is SMTP AUTH allowed for this mailbox? The table of rules in order, deny first. */
#include "core/decide/decide_steps.h"

static bool stale(const struct deciding *d)
{
    const struct identity *id = &d->v->identity;
    const struct tenant_config *tenant = id->tenant_config;

    return tenant != NULL && id->tenant != NULL && tenant->when_stale == STALE_DEFER && tenant->max_age_s > 0 &&
           d->c->wall_s - tenant_oldest(id->tenant, NULL) > (int64_t)tenant->max_age_s;
}

static enum smtp_auth organization_setting(const struct identity *id)
{
    enum tenant_smtp_auth said = id->tenant_config != NULL ? id->tenant_config->smtp_auth : TENANT_MIRRORED;

    if (said != TENANT_MIRRORED)
        return said == TENANT_ENABLED ? SMTP_AUTH_ENABLED : SMTP_AUTH_DISABLED;
    return id->tenant != NULL ? id->tenant->smtp_auth : SMTP_AUTH_UNKNOWN;
}

static bool organization(struct deciding *d)
{
    enum mode mode = d->c->config->smtp_auth.mode;
    enum smtp_auth setting = organization_setting(&d->v->identity);

    trace_organization(d, setting);
    switch (setting) {
    case SMTP_AUTH_ENABLED:
        return false;
    case SMTP_AUTH_DISABLED:
        return refuse(d, REASON_ORGANIZATION_DISABLED, mode);
    default:
        return refuse(d, REASON_SETTING_UNKNOWN, mode);
    }
}

/* What stays a gate although the settings allow: security defaults, and a policy against passwords. */
static bool gates(struct deciding *d, enum tri own_policy)
{
    const struct smtp_auth_config *config = &d->c->config->smtp_auth;
    const struct tenant_facts *tenant = d->v->identity.tenant;
    enum tri basic = own_policy != TRI_UNKNOWN ? own_policy : tenant != NULL ? tenant->default_basic_smtp : TRI_UNKNOWN;

    if (config->security_defaults && tenant != NULL && tenant->security_defaults == TRI_YES) {
        trace_gate(d, "security defaults are on", PART_SECURITY_DEFAULTS);
        if (refuse(d, REASON_SECURITY_DEFAULTS, config->mode))
            return true;
    }
    if (!config->authentication_policy || basic != TRI_NO || !mechanism_is_basic(d->s->mechanism))
        return false;
    trace_gate(d,
               own_policy != TRI_UNKNOWN ? "the mailbox's authentication policy forbids passwords"
                                         : "the default authentication policy forbids passwords",
               own_policy != TRI_UNKNOWN ? PART_POLICIES : PART_DEFAULT_POLICY);
    return refuse(d, REASON_BASIC_FORBIDDEN, config->mode);
}

static bool mailbox_setting(struct deciding *d, const struct mailbox_ref *claim)
{
    enum mode mode = d->c->config->smtp_auth.mode;

    trace_mailbox_setting(d, claim);
    switch ((enum smtp_auth)claim->smtp_auth) {
    case SMTP_AUTH_DISABLED:
        return refuse(d, REASON_MAILBOX_DISABLED, mode);
    case SMTP_AUTH_ENABLED:
        return false;
    case SMTP_AUTH_INHERIT:
        return organization(d);
    default:
        return refuse(d, REASON_SETTING_UNKNOWN, mode);
    }
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
    if (!may_be_unlisted(d->s, &d->v->identity)) {
        trace_add(d->trace, "SMTP AUTH: not in the directory, and not all of the name is ASCII");
        return refuse(d, REASON_UNLISTED, d->c->config->smtp_auth.mode);
    }
    switch (d->c->config->smtp_auth.unlisted) {
    case UNLISTED_ALLOW:
        trace_add(d->trace, "SMTP AUTH: allowed, not in the directory, and unlisted = \"allow\"");
        return gates(d, TRI_UNKNOWN);
    case UNLISTED_TENANT:
        return organization(d) || gates(d, TRI_UNKNOWN);
    default:
        return refuse(d, mailboxes_are_known(d) ? REASON_UNLISTED : REASON_SETTING_UNKNOWN,
                      d->c->config->smtp_auth.mode);
    }
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
        if (mailbox_setting(d, &id->claims[i]) || gates(d, (enum tri)id->claims[i].basic_smtp))
            return true;
    return false;
}
