#include "cli/report.h"

#include "core/base/clock.h"
#include "core/directory/directory_record.h"

#define DAY_S 86400

/* ---- pieces ---- */

static int64_t oldest_wanted(const struct report *r)
{
    return r->days == 0 ? 0 : r->context.wall_s - (int64_t)r->days * DAY_S;
}

static const char *type_name(enum recipient_type type)
{
    static const char *const names[] = {
        [RECIPIENT_OTHER] = "other",        [RECIPIENT_USER] = "user",           [RECIPIENT_SHARED] = "shared",
        [RECIPIENT_ROOM] = "room",          [RECIPIENT_EQUIPMENT] = "equipment", [RECIPIENT_GROUP] = "group",
        [RECIPIENT_MAIL_USER] = "mail-user"};

    return (size_t)type < sizeof names / sizeof *names ? names[type] : "other";
}

static const char *setting_name(enum smtp_auth setting)
{
    static const char *const names[] = {[SMTP_AUTH_UNKNOWN] = "unknown",
                                        [SMTP_AUTH_INHERIT] = "inherited",
                                        [SMTP_AUTH_ENABLED] = "enabled",
                                        [SMTP_AUTH_DISABLED] = "disabled"};

    return (size_t)setting < sizeof names / sizeof *names ? names[setting] : "unknown";
}

/*
 * May the mailbox sign in, by the services' own decision? NULL when it may, else the reason. Asked with OAuth and a new
 * TLS, so that neither is what stands in the way; blocks and the like come and go and don't matter here.
 */
static const char *why_not(const struct report *r, struct slice mailbox)
{
    struct submission s = {.stage = STAGE_MAIL,
                           .login_text = mailbox,
                           .mechanism = SLICE("XOAUTH2"),
                           .tls = TLS_V1_3,
                           .sender_result = ADDRESS_NULL,
                           .front_end = "report"};
    struct recipients none = {0};
    struct verdict v;
    enum reason reason;

    login_parse(mailbox, &s.login);
    decide(&r->context, &s, &none, &v, NULL);
    reason = v.monitored ? v.monitored_reason : v.reason;
    if (reason == REASON_UNLISTED || reason == REASON_NO_TENANT || reason == REASON_BAD_LOGIN ||
        (reason >= REASON_DENY_FILE && reason <= REASON_SETTING_UNKNOWN))
        return reason_row(reason)->name;
    return NULL;
}

static void put_clients(struct report *r, const struct usage *u)
{
    char text[USAGE_CLIENTS * (IP_TEXT_MAX + 1)], one[IP_TEXT_MAX];
    struct buf b = BUF_OVER(text);

    for (size_t i = 0; i < USAGE_CLIENTS && u->clients[i].last_s > 0; i++) {
        if (i > 0)
            buf_add_char(&b, ' ');
        buf_add(&b, ip_text(&u->clients[i].ip, one));
    }
    output_text(r->out, buf_slice(&b));
}

static uint64_t refusals(const struct usage *u)
{
    uint64_t n = 0;

    for (size_t i = 0; i < REASON_COUNT; i++)
        n += u->refused[i];
    return n;
}

/* ---- the script ---- */

void report_script_head(FILE *to, const struct report *r, const struct report_kind *kind)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    fprintf(to,
            "# Made by \"postern report %s --powershell\". Run it in a session of Exchange Online PowerShell\n"
            "# (Connect-ExchangeOnline). It sets SmtpClientAuthenticationDisabled to %s for each mailbox below;\n"
            "# with -WhatIf it only says so.\n",
            kind->name, kind->script);
    output_add_time(&b, r->first_s, OUTPUT_TABLE);
    fprintf(to,
            "# Usage is known from %s on. Mailboxes that were used before then only, or will be\n"
            "# used less often than since then, are %s.\n",
            text, strcmp(kind->name, "unused") == 0 ? "taken for unused" : "missing");
    if (r->days > 0 && r->first_s > oldest_wanted(r))
        fprintf(to, "# WARNING: that is less than the %llu days that were asked for. Look through the list first.\n",
                (unsigned long long)r->days);
    fputs("param([switch]$WhatIf)\n", to);
}

/* PowerShell takes several Unicode quotes for its own, so that only plain addresses are written. */
void report_script_line(FILE *to, struct slice mailbox, const char *value)
{
    char shown[4 * OUTPUT_TEXT_MAX + 8];
    bool plain = mailbox.n > 0;

    for (size_t i = 0; i < mailbox.n; i++)
        plain &= mailbox.p[i] > 0x20 && mailbox.p[i] < 0x7f;
    if (!plain) {
        fprintf(to, "# left out, set it by hand: %s\n", text_plain(shown, sizeof shown, mailbox));
        return;
    }
    fputs("Set-CASMailbox -Identity '", to);
    for (size_t i = 0; i < mailbox.n; i++)
        fprintf(to, mailbox.p[i] == '\'' ? "'%c" : "%c", mailbox.p[i]);
    fprintf(to, "' -SmtpClientAuthenticationDisabled %s -WhatIf:$WhatIf\n", value);
}

/* ---- from the directory ---- */

static int usage_of(const struct report *r, const struct tenant_facts *tenant, struct slice mailbox, struct usage *u)
{
    memset(u, 0, sizeof *u);
    if (r->cli->journal == NULL)
        return 0;
    return journal_usage_of(r->cli->journal, slice_of(tenant->name), mailbox, u, r->e) < 0 ? -1 : 0;
}

static const struct output_column setting_columns[] = {{"tenant", false}, {"mailbox", false}, {"name", false},
                                                       {"type", false},   {"setting", false}, {"may_send", false},
                                                       {"last", false},   {"messages", true}};

static void put_mailbox(struct report *r, const struct tenant_facts *tenant, const struct mailbox_record *m,
                        const struct usage *u)
{
    const char *reason = why_not(r, m->primary);

    output_word(r->out, tenant->name);
    output_text(r->out, m->primary);
    output_text(r->out, m->name);
    output_word(r->out, type_name(m->recipient_type));
    output_word(r->out, setting_name(m->smtp_auth));
    output_word(r->out, reason == NULL ? "yes" : reason);
    output_time(r->out, u->last_s);
    output_number(r->out, u->messages);
}

static bool is_unused(const struct report *r, const struct mailbox_record *m, const struct usage *u)
{
    return u->last_s < oldest_wanted(r) && why_not(r, m->primary) == NULL;
}

static int one_mailbox(struct report *r, const struct report_kind *kind, const struct tenant_facts *tenant,
                       const struct mailbox_record *m)
{
    bool unused = kind->setting == SMTP_AUTH_UNKNOWN;
    struct usage u;

    if (!unused && m->smtp_auth != (enum smtp_auth)kind->setting)
        return 0;
    if (usage_of(r, tenant, m->primary, &u) != 0)
        return -1;
    if (unused && !is_unused(r, m, &u))
        return 0;
    if (r->out != NULL)
        put_mailbox(r, tenant, m, &u);
    else
        report_script_line(stdout, m->primary, kind->script);
    return 0;
}

static int walk_directory(struct report *r, const struct report_kind *kind)
{
    const struct directory_view *view = r->cli->view;

    if (view == NULL)
        return error_set(r->e, "there is no directory in %s yet; run postern-mirror", r->cli->config->directory);
    for (uint32_t i = 0; i < directory_tenants(view); i++) {
        const struct tenant_facts *tenant = directory_tenant(view, i);
        struct mailbox_record m;
        struct mailbox_id id;
        enum directory_result found = directory_next_mailbox(view, i, NULL, &m); /* none, of a forgotten tenant */

        for (; found == DIRECTORY_FOUND; found = directory_next_mailbox(view, i, &id, &m)) {
            if (one_mailbox(r, kind, tenant, &m) != 0)
                return -1;
            id = m.id;
        }
        if (found == DIRECTORY_DAMAGED)
            return error_set(r->e, "a record of tenant %s is damaged; run postern-mirror again", tenant->name);
    }
    return 0;
}

/* Silence says nothing about the time before anybody listened. */
static bool each_first(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    int64_t *first = arg;

    (void)tenant;
    (void)mailbox;
    if (u->first_s > 0 && u->first_s < *first)
        *first = u->first_s;
    return true;
}

/* Usage is known since then. 0, or -1 with r->e. */
static int find_first(struct report *r)
{
    r->first_s = r->context.wall_s;
    return journal_usage(r->cli->journal, each_first, &r->first_s, r->e);
}

static int refuse_unused(const struct report *r, const char *since)
{
    int64_t known = (r->context.wall_s - r->first_s) / DAY_S;
    char instead[40];
    struct buf b = BUF_OVER(instead);

    if (known > 0)
        buf_addf(&b, "give --days %lld or fewer", (long long)known);
    else
        buf_add(&b, SLICE("wait until it is"));
    return error_set(r->e,
                     "usage is known from %s on only, not for %llu days: the script would disable mailboxes that are "
                     "used less often; %s, or --force to have it all the same",
                     since, (unsigned long long)r->days, instead);
}

static int check_unused(struct report *r)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    r->days = r->days == 0 ? 90 : r->days;
    if (r->cli->journal == NULL)
        return error_set(r->e, "without a journal nobody knows what is unused");
    if (find_first(r) != 0)
        return -1;
    if (r->first_s <= oldest_wanted(r))
        return 0;
    output_add_time(&b, r->first_s, OUTPUT_TABLE);
    if (r->powershell && !r->force)
        return refuse_unused(r, text);
    fprintf(stderr, "Usage is known from %s on only, not for %llu days: what is silent may be used rarely.\n", text,
            (unsigned long long)r->days);
    return 0;
}

static int check_used(struct report *r)
{
    if (r->cli->journal == NULL)
        return error_set(r->e, "without a journal nobody knows who submits");
    return find_first(r);
}

/* ---- from the usage ---- */

static const struct output_column used_columns[] = {
    {"tenant", false}, {"mailbox", false}, {"first", false}, {"last", false}, {"messages", true}, {"recipients", true},
    {"bytes", true},   {"refused", true},  {"basic", true},  {"oauth", true}, {"tls", false},     {"clients", false}};

static const char *lowest_tls(const struct usage *u)
{
    for (unsigned i = 0; i <= TLS_NEWER; i++)
        if (u->tls[i] > 0)
            return tls_version_name((enum tls_version)i);
    return NULL;
}

static void put_who(struct report *r, struct slice tenant, struct slice mailbox)
{
    output_text(r->out, tenant);
    output_text(r->out, mailbox);
}

static bool each_used(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;

    if (u->messages == 0 || u->last_s < oldest_wanted(r))
        return true;
    if (r->out == NULL) {
        if (memchr(mailbox.p, '@', mailbox.n) != NULL)
            report_script_line(stdout, mailbox, "$false");
        return true;
    }
    put_who(r, tenant, mailbox);
    output_time(r->out, u->first_s);
    output_time(r->out, u->last_s);
    output_number(r->out, u->messages);
    output_number(r->out, u->recipients);
    output_number(r->out, u->bytes);
    output_number(r->out, refusals(u));
    output_number(r->out, u->basic);
    output_number(r->out, u->oauth);
    output_word(r->out, lowest_tls(u));
    put_clients(r, u);
    return true;
}

static const struct output_column refused_columns[] = {
    {"tenant", false},       {"mailbox", false},     {"reason", false}, {"refused", true},
    {"last_refused", false}, {"last_passed", false}, {"meaning", false}};

static bool each_refused(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;

    if (u->last_refused_s < oldest_wanted(r))
        return true;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (u->refused[i] == 0)
            continue;
        put_who(r, tenant, mailbox);
        output_word(r->out, reason_row((enum reason)i)->name);
        output_number(r->out, u->refused[i]);
        output_time(r->out, u->last_refused_s);
        output_time(r->out, u->last_s);
        output_word(r->out, reason_row((enum reason)i)->help);
    }
    return true;
}

static const struct output_column basic_columns[] = {{"tenant", false}, {"mailbox", false}, {"basic", true},
                                                     {"oauth", true},   {"last", false},    {"clients", false}};

static bool each_basic(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;

    if (u->basic == 0 || u->last_s < oldest_wanted(r))
        return true;
    put_who(r, tenant, mailbox);
    output_number(r->out, u->basic);
    output_number(r->out, u->oauth);
    output_time(r->out, u->last_s);
    put_clients(r, u);
    return true;
}

static const struct output_column legacy_columns[] = {{"tenant", false}, {"mailbox", false}, {"none", true},
                                                      {"ssl", true},     {"tls_1.0", true},  {"tls_1.1", true},
                                                      {"newer", true},   {"last", false},    {"clients", false}};

static bool each_legacy(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;
    uint64_t old = 0, newer = 0;

    for (unsigned i = 0; i <= TLS_NEWER; i++)
        *(i < TLS_V1_2 ? &old : &newer) += u->tls[i];
    if (old == 0 || u->last_s < oldest_wanted(r))
        return true;
    put_who(r, tenant, mailbox);
    for (unsigned i = TLS_NONE; i < TLS_V1_2; i++)
        output_number(r->out, u->tls[i]);
    output_number(r->out, newer);
    output_time(r->out, u->last_s);
    put_clients(r, u);
    return true;
}

static int walk_usage(struct report *r, const struct report_kind *kind)
{
    static const struct {
        const struct output_column *columns;
        bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u);
    } walks[] = {{used_columns, each_used},
                 {refused_columns, each_refused},
                 {basic_columns, each_basic},
                 {legacy_columns, each_legacy}};

    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++)
        if (walks[i].columns == kind->columns)
            return journal_usage(r->cli->journal, walks[i].each, r, r->e);
    return -1;
}

/* ---- the table ---- */

#define COLUMNS(table) (table), sizeof(table) / sizeof *(table)

const struct report_kind report_kinds[] = {
    {"enabled", "mailboxes that SMTP AUTH is enabled for", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_ENABLED,
     NULL, NULL},
    {"disabled", "mailboxes that it is disabled for", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_DISABLED,
     NULL, NULL},
    {"inherited", "mailboxes that follow the organization", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_INHERIT,
     NULL, NULL},
    {"used", "who really submits, how, from where", COLUMNS(used_columns), walk_usage, 0, "$false", check_used},
    {"unused", "who may submit, but was silent for --days", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_UNKNOWN,
     "$true", check_unused},
    {"refused", "who was refused, and why", COLUMNS(refused_columns), walk_usage, 0, NULL, check_used},
    {"basic", "who still signs in with a password", COLUMNS(basic_columns), walk_usage, 0, NULL, check_used},
    {"legacy-tls", "who uses no TLS, or one before 1.2", COLUMNS(legacy_columns), walk_usage, 0, NULL, check_used},
    {NULL, NULL, NULL, 0, NULL, 0, NULL, NULL},
};
