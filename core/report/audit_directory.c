/* What Exchange Online's settings say: tenants and mailboxes. */
#include "core/decide/decide_steps.h"
#include "core/decide/smtp_auth.h"
#include "core/directory/directory_record.h"
#include "core/journal/cloud_use.h"
#include "core/report/audit.h"
#include "core/report/sign_ins_age.h"
#include "core/report/text.h"

#include <stdio.h>

#define STALE_S (2 * 86400) /* where the tenant has no max_age of its own */

struct mailboxes {
    uint64_t all, inheriting;
    struct audit_names shared, people, anywhere, restricted, disabled, unused;
};

static enum smtp_auth organization(const struct audit *a, const struct tenant_facts *tenant)
{
    const struct tenant_config *config = config_tenant(a->config, slice_of(tenant->name));

    return smtp_auth_of_organization(config != NULL ? config->smtp_auth : TENANT_MIRRORED, tenant);
}

/* ---- mailboxes ---- */

/* Has it used the cloud lately? 1, 0, or -1 with e. */
static int used_cloud(struct audit *a, const struct tenant_facts *tenant, const struct mailbox_record *m,
                      struct error *e)
{
    static const enum cloud_source sources[] = {CLOUD_SIGN_INS, CLOUD_REPORT};

    for (size_t i = 0; a->history != NULL && i < sizeof sources / sizeof *sources; i++) {
        struct cloud_use use;
        int found = cloud_use_of(a->history, slice_of(tenant->name), m->primary, sources[i], &use, e);

        if (found < 0 || (found > 0 && use.last_s >= a->now_s - (int64_t)a->days * 86400))
            return found;
    }
    return 0;
}

static int look_at_use(struct audit *a, const struct tenant_facts *tenant, const struct mailbox_record *m,
                       struct mailboxes *sum, struct error *e)
{
    struct usage usage;
    int found = 0;

    if (a->journal == NULL)
        return 0;
    found = journal_usage_of(a->journal, slice_of(tenant->name), m->primary, &usage, e);
    if (found < 0)
        return -1;
    if (found > 0 && usage.last_s >= a->now_s - (int64_t)a->days * 86400)
        return 0;
    if ((found = used_cloud(a, tenant, m, e)) == 0)
        audit_names_add(&sum->unused, m->primary);
    return found < 0 ? -1 : 0;
}

/* Does no row of logins_from say from where it may sign in? */
static bool signs_in_anywhere(const struct audit *a, const struct tenant_facts *tenant, const struct mailbox_record *m)
{
    const struct decide_context c = {.config = a->config, .view = a->view};
    const struct identity id = {.authenticated = true,
                                .tenant = tenant,
                                .tenant_config = config_tenant(a->config, slice_of(tenant->name)),
                                .claims = {{.id = m->id, .tenant = tenant->tenant}},
                                .n_claims = 1};
    const struct submission s = {.login_text = m->primary};
    const struct logins_from *row;

    return logins_from_row(&c, &s, &id, &row) == DIRECTORY_NOT_FOUND;
}

static int audit_mailbox(struct audit *a, const struct tenant_facts *tenant, const struct mailbox_record *m,
                         struct mailboxes *sum, struct error *e)
{
    bool inherits = m->smtp_auth == SMTP_AUTH_INHERIT && organization(a, tenant) == SMTP_AUTH_ENABLED;

    sum->all++;
    sum->inheriting += inherits;
    if ((m->knows & MAILBOX_RESTRICTED) != 0)
        audit_names_add(&sum->restricted, m->primary);
    if (m->smtp_auth != SMTP_AUTH_ENABLED && !inherits)
        return 0;
    if (m->sign_in == TRI_NO && recipient_may_be_person(m->recipient_type))
        audit_names_add(&sum->disabled, m->primary);
    if (!recipient_may_be_person(m->recipient_type) && signs_in_anywhere(a, tenant, m))
        audit_names_add(&sum->anywhere, m->primary);
    if (m->recipient_type == RECIPIENT_SHARED || m->recipient_type == RECIPIENT_ROOM ||
        m->recipient_type == RECIPIENT_EQUIPMENT)
        audit_names_add(&sum->shared, m->primary);
    else if (m->recipient_type == RECIPIENT_USER && m->smtp_auth == SMTP_AUTH_ENABLED)
        audit_names_add(&sum->people, m->primary);
    return look_at_use(a, tenant, m, sum, e);
}

static int walk_mailboxes(struct audit *a, const struct tenant_facts *tenant, struct mailboxes *sum, struct error *e)
{
    struct mailbox_record m;
    struct mailbox_id last, *after = NULL;
    enum directory_result result;

    memset(sum, 0, sizeof *sum);
    audit_names_begin(&sum->shared);
    audit_names_begin(&sum->people);
    audit_names_begin(&sum->anywhere);
    audit_names_begin(&sum->restricted);
    audit_names_begin(&sum->disabled);
    audit_names_begin(&sum->unused);
    while ((result = directory_next_mailbox(a->view, tenant->tenant, after, &m)) == DIRECTORY_FOUND) {
        last = m.id;
        after = &last;
        if (audit_mailbox(a, tenant, &m, sum, e) != 0)
            return -1;
    }
    return result == DIRECTORY_NOT_FOUND ? 0 : error_set(e, "the directory is damaged: run postern-mirror verify");
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

static void tell_anywhere(struct audit *a, const struct tenant_facts *tenant, struct audit_names *names)
{
    unsigned long long n = names->n;

    if (n > 0)
        findings_add(a->findings, AUDIT_LOGIN_ANYWHERE, tenant->name,
                     "%llu shared, room, equipment or group mailbox%s may sign in from anywhere: %s", n,
                     n == 1 ? "" : "es", audit_names_end(names));
}

static void tell_organization(struct audit *a, const struct tenant_facts *tenant, const struct mailboxes *sum)
{
    const struct tenant_config *config = config_tenant(a->config, slice_of(tenant->name));
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

/* Older manifests have one age for all parts. */
static bool knows_parts(const struct tenant_facts *tenant)
{
    for (size_t i = 0; i < MIRRORED_PARTS; i++)
        if (tenant->parts[i].at > 0)
            return true;
    return false;
}

static void add_old(const struct audit *a, const struct mirrored *part, const char *title, struct buf *out)
{
    char source[4 * sizeof part->source + 8];

    buf_addf(out, "%sthe %s %lld hours (from %s)", out->n > 0 ? ", " : "", title,
             (long long)((a->now_s - part->at) / 3600), text_plain(source, sizeof source, slice_of(part->source)));
}

/* What decides or refuses, part by part: a fresh list of mailboxes says nothing of the organization's setting. */
static void tell_age(struct audit *a, const struct tenant_facts *tenant)
{
    const struct tenant_config *config = config_tenant(a->config, slice_of(tenant->name));
    int64_t most = config != NULL && config->max_age_s > 0 ? (int64_t)config->max_age_s : STALE_S;
    struct mirrored all = {.at = tenant->settings_at};
    struct buf source = BUF_OVER(all.source);
    char old[700];
    struct buf b = BUF_OVER(old);

    buf_add(&source, slice_of(tenant->source));
    if (tenant->settings_at == 0)
        findings_add(a->findings, AUDIT_MIRROR_STALE, tenant->name, "the mailboxes' settings were never mirrored");
    else if (!knows_parts(tenant) && a->now_s - all.at > most)
        add_old(a, &all, "settings", &b);
    for (size_t i = 0; i <= PART_RESTRICTED; i++)
        if (tenant->parts[i].at > 0 && a->now_s - tenant->parts[i].at > most)
            add_old(a, &tenant->parts[i], mirrored_title((enum mirrored_part)i), &b);
    if (b.n > 0)
        findings_add(a->findings, AUDIT_MIRROR_STALE, tenant->name,
                     "older than the %lld hours that they should be at most: %s", (long long)(most / 3600), old);
}

/* Gates without an import are open; those that are switched off are so on purpose. */
static void tell_not_mirrored(struct audit *a, const struct tenant_facts *tenant)
{
    const struct smtp_auth_config *auth = &a->config->smtp_auth;
    const struct {
        enum mirrored_part part;
        bool heeded;
    } gates[] = {{PART_SECURITY_DEFAULTS, auth->security_defaults},
                 {PART_DEFAULT_POLICY, auth->authentication_policy},
                 {PART_POLICIES, auth->authentication_policy},
                 {PART_USERS, auth->authentication_policy},
                 {PART_ACCOUNTS, auth->disabled_accounts != DISABLED_NONE},
                 {PART_RESTRICTED, true}};
    char missing[300];
    struct buf b = BUF_OVER(missing);

    for (size_t i = 0; knows_parts(tenant) && i < sizeof gates / sizeof *gates; i++)
        if (gates[i].heeded && tenant->parts[gates[i].part].at == 0)
            buf_addf(&b, "%s%s", b.n > 0 ? ", " : "", mirrored_title(gates[i].part));
    if (b.n > 0)
        findings_add(a->findings, AUDIT_NOT_MIRRORED, tenant->name, "not mirrored: %s", missing);
}

static void tell_sign_ins(struct audit *a, const struct tenant_facts *tenant)
{
    struct sign_in_state state;
    char trouble[4 * sizeof state.trouble + 8], age[60];
    struct buf b = BUF_OVER(age);

    if (!sign_ins_age(a->config, a->history, tenant->name, &state) ||
        (state.read_s > 0 && a->now_s - state.read_s <= STALE_S))
        return;
    if (state.read_s > 0)
        buf_addf(&b, "they were last read %lld hours ago", (long long)((a->now_s - state.read_s) / 3600));
    else
        buf_add(&b, SLICE("they were never read"));
    findings_add(a->findings, AUDIT_SIGN_INS, tenant->name, "%s%s%s", age, state.trouble_s > 0 ? ": " : "",
                 text_plain(trouble, sizeof trouble, slice_of(state.trouble)));
}

/* An unused mailbox may be used at Exchange Online itself. */
static int tell_unused(struct audit *a, const struct tenant_facts *tenant, struct mailboxes *sum, struct error *e)
{
    struct cloud_reach reach = {.since_s = 0};
    bool known;

    if (a->seen_days < a->days || sum->unused.n == 0)
        return 0;
    if (a->history != NULL && cloud_reach_of(a->history, slice_of(tenant->name), a->now_s, &reach, e) != 0)
        return -1;
    known = reach.since_s > 0 && reach.since_s <= a->now_s - (int64_t)a->days * 86400;
    findings_add(a->findings, AUDIT_ALLOWED_UNUSED, tenant->name, "%llu allowed but silent mailbox%s%s%s%s%s: %s",
                 (unsigned long long)sum->unused.n, sum->unused.n == 1 ? "" : "es",
                 known ? "" : " (what is used at Exchange Online itself is not known for so long)",
                 a->missing.n > 0 ? " (" : "", a->missing.words, a->missing.n > 0 ? ")" : "",
                 audit_names_end(&sum->unused));
    return 0;
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

    if (a->disagreement != NULL)
        findings_add(a->findings, AUDIT_MIRROR_NOT_USED, a->config->directory, "%s", a->disagreement);
    if (a->view == NULL || directory_tenants(a->view) == 0) {
        if (a->disagreement == NULL)
            findings_add(a->findings, AUDIT_MIRROR_MISSING, a->config->directory, "there is no directory");
        skip_from(a, AUDIT_MIRROR_DAMAGED, "there is no directory");
        return 0;
    }
    if (directory_verify(a->config->directory, &totals, e) != 0) {
        findings_add(a->findings, AUDIT_MIRROR_DAMAGED, a->config->directory, "%s", e->text);
        skip_from(a, AUDIT_MIRROR_STALE, "the directory is damaged");
        return 0;
    }
    for (uint32_t i = 0; i < directory_tenants(a->view); i++) {
        const struct tenant_facts *tenant = directory_tenant(a->view, i);

        if (tenant == NULL)
            continue;
        if (walk_mailboxes(a, tenant, &sum, e) != 0)
            return -1;
        tell_age(a, tenant);
        tell_not_mirrored(a, tenant);
        tell_organization(a, tenant, &sum);
        tell_names(a, AUDIT_SHARED_ENABLED, tenant, &sum.shared, "shared, room or equipment mailbox");
        tell_names(a, AUDIT_PEOPLE_ENABLED, tenant, &sum.people, "user mailbox");
        tell_anywhere(a, tenant, &sum.anywhere);
        tell_names(a, AUDIT_RESTRICTED, tenant, &sum.restricted, "restricted mailbox");
        if (a->config->smtp_auth.disabled_accounts == DISABLED_NONE && sum.disabled.n > 0)
            findings_add(a->findings, AUDIT_GATES_OFF, tenant->name,
                         "the accounts of %llu mailboxes that may send are disabled, but smtp_auth.disabled_accounts = "
                         "\"none\" here",
                         (unsigned long long)sum.disabled.n);
        tell_names(a, AUDIT_ACCOUNT_DISABLED, tenant, &sum.disabled, "enabled mailbox with a disabled account");
        tell_sign_ins(a, tenant);
        if (tell_unused(a, tenant, &sum, e) != 0)
            return -1;
    }
    if (a->seen_days < a->days)
        findings_skip(a->findings, AUDIT_ALLOWED_UNUSED, "usage is not known for --days yet");
    return 0;
}
