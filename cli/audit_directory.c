/* What Exchange Online's settings say: tenants and mailboxes. */
#include "cli/audit.h"
#include "core/directory_record.h"

#include <stdio.h>

#define STALE_S (2 * 86400) /* where the tenant has no max_age of its own */
#define JOURNAL_LEAST_DAYS 30

struct mailboxes {
    uint64_t all, inheriting;
    struct audit_names shared, people, restricted, unused;
};

static const struct tenant_config *config_of(const struct audit *a, const char *name)
{
    for (size_t i = 0; i < a->config->n_tenants; i++)
        if (strcmp(a->config->tenants[i].name, name) == 0)
            return &a->config->tenants[i];
    return NULL;
}

static enum smtp_auth organization(const struct audit *a, const struct tenant_facts *tenant)
{
    const struct tenant_config *config = config_of(a, tenant->name);

    if (config != NULL && config->smtp_auth != TENANT_MIRRORED)
        return config->smtp_auth == TENANT_ENABLED ? SMTP_AUTH_ENABLED : SMTP_AUTH_DISABLED;
    return tenant->smtp_auth;
}

/* ---- mailboxes ---- */

static int look_at_use(struct audit *a, const struct tenant_facts *tenant, const struct mailbox_record *m,
                       struct mailboxes *sum, struct error *e)
{
    struct usage usage;
    int found = 0;

    if (a->cli->journal == NULL)
        return 0;
    found = journal_usage_of(a->cli->journal, slice_of(tenant->name), m->primary, &usage, e);
    if (found < 0)
        return -1;
    if (found == 0 || usage.last_s < a->now_s - (int64_t)a->days * 86400)
        audit_names_add(&sum->unused, m->primary);
    return 0;
}

static int look_at(struct audit *a, const struct tenant_facts *tenant, const struct mailbox_record *m,
                   struct mailboxes *sum, struct error *e)
{
    bool inherits = m->smtp_auth == SMTP_AUTH_INHERIT && organization(a, tenant) == SMTP_AUTH_ENABLED;

    sum->all++;
    sum->inheriting += inherits;
    if ((m->knows & MAILBOX_RESTRICTED) != 0)
        audit_names_add(&sum->restricted, m->primary);
    if (m->smtp_auth != SMTP_AUTH_ENABLED && !inherits)
        return 0;
    if (m->recipient_type == RECIPIENT_SHARED || m->recipient_type == RECIPIENT_ROOM ||
        m->recipient_type == RECIPIENT_EQUIPMENT)
        audit_names_add(&sum->shared, m->primary);
    else if (m->recipient_type == RECIPIENT_USER && m->smtp_auth == SMTP_AUTH_ENABLED)
        audit_names_add(&sum->people, m->primary);
    return look_at_use(a, tenant, m, sum, e);
}

static int walk(struct audit *a, const struct tenant_facts *tenant, struct mailboxes *sum, struct error *e)
{
    struct mailbox_record m;
    struct mailbox_id last, *after = NULL;
    enum directory_result result;

    memset(sum, 0, sizeof *sum);
    audit_names_begin(&sum->shared);
    audit_names_begin(&sum->people);
    audit_names_begin(&sum->restricted);
    audit_names_begin(&sum->unused);
    while ((result = directory_next_mailbox(a->cli->view, tenant->tenant, after, &m)) == DIRECTORY_FOUND) {
        last = m.id;
        after = &last;
        if (look_at(a, tenant, &m, sum, e) != 0)
            return -1;
    }
    return result == DIRECTORY_NOT_FOUND ? 0 : error_set(e, "the directory is damaged: run postern-mirror anew");
}

/* ---- findings ---- */

static void tell_names(struct audit *a, enum audit_rule rule, const struct tenant_facts *tenant,
                       struct audit_names *names, const char *what)
{
    unsigned long long n = names->n;

    if (n > 0)
        findings_add(a->findings, rule, tenant->name, "%llu %s%s: %s", n, what, n == 1 ? "" : "es",
                     audit_names_end(names));
}

static void tell_organization(struct audit *a, const struct tenant_facts *tenant, const struct mailboxes *sum)
{
    const struct tenant_config *config = config_of(a, tenant->name);
    bool by_config = config != NULL && config->smtp_auth == TENANT_ENABLED;

    if (organization(a, tenant) == SMTP_AUTH_UNKNOWN)
        findings_add(a->findings, AUDIT_ORGANIZATION_UNKNOWN, tenant->name,
                     "the organization's SmtpClientAuthenticationDisabled was never mirrored");
    if (organization(a, tenant) == SMTP_AUTH_ENABLED)
        findings_add(a->findings, AUDIT_ORGANIZATION_ENABLED, tenant->name,
                     "SMTP AUTH is enabled for the organization (%s), and %llu of %llu mailboxes inherit that",
                     by_config ? "smtp_auth = \"enabled\" in postern.conf"
                               : "SmtpClientAuthenticationDisabled is false",
                     (unsigned long long)sum->inheriting, (unsigned long long)sum->all);
    if (tenant->security_defaults == TRI_NO && tenant->default_basic_smtp != TRI_NO)
        findings_add(a->findings, AUDIT_BASIC_NOT_FORBIDDEN, tenant->name,
                     "security defaults are off, and the default authentication policy does not forbid Basic SMTP");
    if (!a->config->smtp_auth.security_defaults && tenant->security_defaults == TRI_YES)
        findings_add(a->findings, AUDIT_GATES_OFF, tenant->name,
                     "security defaults are on in the tenant, but smtp_auth.security_defaults = false here");
    if (!a->config->smtp_auth.authentication_policy && tenant->default_basic_smtp == TRI_NO)
        findings_add(a->findings, AUDIT_GATES_OFF, tenant->name,
                     "the default authentication policy forbids Basic SMTP, but smtp_auth.authentication_policy = "
                     "false here");
}

static void tell_age(struct audit *a, const struct tenant_facts *tenant)
{
    const struct tenant_config *config = config_of(a, tenant->name);
    int64_t age = a->now_s - tenant->settings_at;
    int64_t most = config != NULL && config->max_age_s > 0 ? (int64_t)config->max_age_s : STALE_S;

    if (tenant->settings_at == 0)
        findings_add(a->findings, AUDIT_MIRROR_STALE, tenant->name, "the mailboxes' settings were never mirrored");
    else if (age > most)
        findings_add(a->findings, AUDIT_MIRROR_STALE, tenant->name,
                     "the settings are %lld hours old (from %.100s); %lld hours are the most they should be",
                     (long long)(age / 3600), tenant->source, (long long)(most / 3600));
}

static void skip_from(struct audit *a, enum audit_rule first, const char *why)
{
    for (size_t i = first; i <= AUDIT_ALLOWED_UNUSED; i++)
        findings_skip(a->findings, i, why);
}

int audit_directory(struct audit *a, struct error *e)
{
    struct directory_totals totals;
    struct mailboxes sum;

    if (a->cli->view == NULL || directory_tenants(a->cli->view) == 0) {
        findings_add(a->findings, AUDIT_MIRROR_MISSING, a->config->directory, "there is no directory");
        skip_from(a, AUDIT_MIRROR_DAMAGED, "there is no directory");
        return 0;
    }
    if (directory_verify(a->config->directory, &totals, e) != 0) {
        findings_add(a->findings, AUDIT_MIRROR_DAMAGED, a->config->directory, "%s", e->text);
        skip_from(a, AUDIT_MIRROR_STALE, "the directory is damaged");
        return 0;
    }
    for (uint32_t i = 0; i < directory_tenants(a->cli->view); i++) {
        const struct tenant_facts *tenant = directory_tenant(a->cli->view, i);

        if (tenant == NULL)
            continue;
        if (walk(a, tenant, &sum, e) != 0)
            return -1;
        tell_age(a, tenant);
        tell_organization(a, tenant, &sum);
        tell_names(a, AUDIT_SHARED_ENABLED, tenant, &sum.shared, "shared, room or equipment mailbox");
        tell_names(a, AUDIT_PEOPLE_ENABLED, tenant, &sum.people, "user mailbox");
        tell_names(a, AUDIT_RESTRICTED, tenant, &sum.restricted, "restricted mailbox");
        if (a->seen_days >= JOURNAL_LEAST_DAYS)
            tell_names(a, AUDIT_ALLOWED_UNUSED, tenant, &sum.unused, "allowed but silent mailbox");
    }
    if (a->seen_days < JOURNAL_LEAST_DAYS)
        findings_skip(a->findings, AUDIT_ALLOWED_UNUSED, "the journal is less than 30 days old");
    return 0;
}
