#include "core/report/report.h"

#include "core/base/clock.h"
#include "core/directory/directory_record.h"
#include "core/report/text.h"

#include <stdarg.h>
#include <stdio.h>

#define DAY_S 86400

/* ---- pieces ---- */

static int64_t oldest_wanted(const struct report *r)
{
    return r->days == 0 ? 0 : r->context.wall_s - (int64_t)r->days * DAY_S;
}

static const char *type_name(enum recipient_type type)
{
    static const char *const names[] = {[RECIPIENT_OTHER] = "other",
                                        [RECIPIENT_USER] = "user",
                                        [RECIPIENT_SHARED] = "shared",
                                        [RECIPIENT_ROOM] = "room",
                                        [RECIPIENT_EQUIPMENT] = "equipment",
                                        [RECIPIENT_GROUP] = "group",
                                        [RECIPIENT_MAIL_USER] = "mail-user",
                                        [RECIPIENT_SYSTEM] = "system",
                                        [RECIPIENT_HIGH_VOLUME] = "high-volume"};

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
 * May the mailbox sign in, by the services' own decision? NULL when it may, else the reason. Asked with OAuth and a
 * recent TLS version, so that these are not the reason; blocks and the like are temporary and don't matter here.
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

#define CLIENTS_TEXT_MAX (USAGE_CLIENTS * (IP_TEXT_MAX + 1))

static struct value clients_of(const struct usage *u, char text[CLIENTS_TEXT_MAX])
{
    char one[IP_TEXT_MAX];
    struct buf b = buf_over(text, CLIENTS_TEXT_MAX);

    for (size_t i = 0; i < USAGE_CLIENTS && u->clients[i].last_s > 0; i++) {
        if (i > 0)
            buf_add_char(&b, ' ');
        buf_add(&b, ip_text(&u->clients[i].ip, one));
    }
    return value_text(buf_slice(&b));
}

static uint64_t refusals(const struct usage *u)
{
    uint64_t n = 0;

    for (size_t i = 0; i < REASON_COUNT; i++)
        n += u->refused[i];
    return n;
}

/* ---- the script ---- */

__attribute__((format(printf, 2, 3))) static void put_line(const struct report *r, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printer_line(r->out, &(struct line){.spans = {{TONE_PLAIN, text}}, .verbatim = true});
}

/* What the script does, and how far back its data goes. */
static void put_script_head(const struct report *r, const struct report_kind *kind)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    put_line(r, "# Made by \"postern report %s --powershell\". Run it in a session of Exchange Online PowerShell",
             kind->name);
    put_line(r, "# (Connect-ExchangeOnline). It sets SmtpClientAuthenticationDisabled to %s for each mailbox below;",
             kind->script);
    put_line(r, "# with -WhatIf it only says so.");
    text_add_local_time(&b, r->first_s);
    put_line(r, "# Usage is known from %s on. Mailboxes that were used before then only, or will be", text);
    put_line(r, "# used less often than since then, are %s.",
             strcmp(kind->name, "unused") == 0 ? "taken for unused" : "missing");
    if (r->days > 0 && r->first_s > oldest_wanted(r))
        put_line(r, "# WARNING: that is less than the %llu days that were asked for. Look through the list first.",
                 (unsigned long long)r->days);
    put_line(r, "param([switch]$WhatIf)");
}

/*
 * One line of the script for that mailbox. PowerShell takes several Unicode quotes for its own, so that only plain
 * addresses are written; another one becomes a comment.
 */
static void put_script_line(const struct report *r, struct slice mailbox, const char *value)
{
    char shown[4 * TEXT_SHOWN_MAX + 8], quoted[2 * ADDRESS_MAX + 1];
    struct buf b = BUF_OVER(quoted);
    bool plain = mailbox.n > 0;

    for (size_t i = 0; i < mailbox.n; i++) {
        plain &= mailbox.p[i] > 0x20 && mailbox.p[i] < 0x7f;
        if (mailbox.p[i] == '\'')
            buf_add_char(&b, '\'');
        buf_add_char(&b, mailbox.p[i]);
    }
    if (plain && !b.full)
        put_line(r, "Set-CASMailbox -Identity '%s' -SmtpClientAuthenticationDisabled %s -WhatIf:$WhatIf", quoted,
                 value);
    else
        put_line(r, "# left out, set it by hand: %s", text_plain(shown, sizeof shown, mailbox));
}

/* ---- from the directory ---- */

static int usage_of(const struct report *r, const struct tenant_facts *tenant, struct slice mailbox, struct usage *u)
{
    memset(u, 0, sizeof *u);
    if (r->files->journal == NULL)
        return 0;
    return journal_usage_of(r->files->journal, slice_of(tenant->name), mailbox, u, r->e) < 0 ? -1 : 0;
}

static const struct column setting_columns[] = {
    {"tenant", VALUE_TEXT},  {"mailbox", VALUE_TEXT},  {"name", VALUE_TEXT}, {"type", VALUE_TEXT},
    {"setting", VALUE_TEXT}, {"may_send", VALUE_TEXT}, {"last", VALUE_TIME}, {"messages", VALUE_NUMBER}};

static void put_mailbox(struct report *r, const struct tenant_facts *tenant, const struct mailbox_record *m,
                        const struct usage *u)
{
    const char *reason = why_not(r, m->primary);

    r->out->row(r->out,
                (const struct value[]){value_word(tenant->name), value_text(m->primary), value_text(m->name),
                                       value_word(type_name(m->recipient_type)), value_word(setting_name(m->smtp_auth)),
                                       value_word(reason == NULL ? "yes" : reason), value_time(u->last_s),
                                       value_number(u->messages)});
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
    if (r->script)
        put_script_line(r, m->primary, kind->script);
    else
        put_mailbox(r, tenant, m, &u);
    return 0;
}

static int walk_directory(struct report *r, const struct report_kind *kind)
{
    const struct directory_view *view = r->files->view;

    if (view == NULL)
        return error_set(r->e, "there is no directory in %s yet; run postern-mirror", r->files->config->directory);
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
            return error_set(r->e, "a record of tenant %s is damaged: run postern-mirror verify", tenant->name);
    }
    return 0;
}

/* Since when usage is known: before that, absence means nothing. 0, or -1 with r->e. */
static int find_first(struct report *r)
{
    int result = journal_usage_since(r->files->journal, &r->first_s, r->e);

    if (r->first_s == 0 || r->first_s > r->context.wall_s)
        r->first_s = r->context.wall_s;
    return result;
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
    if (r->files->journal == NULL)
        return error_set(r->e, "without a journal nobody knows what is unused");
    if (find_first(r) != 0)
        return -1;
    if (r->first_s <= oldest_wanted(r))
        return 0;
    text_add_local_time(&b, r->first_s);
    if (r->script && !r->force)
        return refuse_unused(r, text);
    printer_remark(r->out, REMARK_NOTE,
                   "Usage is known from %s on only, not for %llu days: what is silent may be used rarely.", text,
                   (unsigned long long)r->days);
    return 0;
}

static int check_used(struct report *r)
{
    if (r->files->journal == NULL)
        return error_set(r->e, "without a journal nobody knows who submits");
    return find_first(r);
}

/* ---- from the usage ---- */

static const struct column used_columns[] = {
    {"tenant", VALUE_TEXT},     {"mailbox", VALUE_TEXT},      {"first", VALUE_TIME},  {"last", VALUE_TIME},
    {"messages", VALUE_NUMBER}, {"recipients", VALUE_NUMBER}, {"bytes", VALUE_BYTES}, {"refused", VALUE_NUMBER},
    {"basic", VALUE_NUMBER},    {"oauth", VALUE_NUMBER},      {"tls", VALUE_TEXT},    {"clients", VALUE_TEXT}};

static const char *lowest_tls(const struct usage *u)
{
    for (unsigned i = 0; i <= TLS_NEWER; i++)
        if (u->tls[i] > 0)
            return tls_version_name((enum tls_version)i);
    return NULL;
}

static bool each_used(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;
    char clients[CLIENTS_TEXT_MAX];

    if (r->script) {
        if (memchr(mailbox.p, '@', mailbox.n) != NULL)
            put_script_line(r, mailbox, "$false");
        return true;
    }
    r->out->row(r->out,
                (const struct value[]){value_text(tenant), value_text(mailbox), value_time(u->first_s),
                                       value_time(u->last_s), value_number(u->messages), value_number(u->recipients),
                                       value_bytes(u->bytes), value_number(refusals(u)), value_number(u->basic),
                                       value_number(u->oauth), value_word(lowest_tls(u)), clients_of(u, clients)});
    return true;
}

static const struct column refused_columns[] = {
    {"tenant", VALUE_TEXT},       {"mailbox", VALUE_TEXT},     {"reason", VALUE_TEXT}, {"refused", VALUE_NUMBER},
    {"last_refused", VALUE_TIME}, {"last_passed", VALUE_TIME}, {"meaning", VALUE_TEXT}};

static bool each_refused(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;

    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason_row *row = reason_row((enum reason)i);

        if (u->refused[i] == 0)
            continue;
        r->out->row(r->out, (const struct value[]){value_text(tenant), value_text(mailbox), value_word(row->name),
                                                   value_number(u->refused[i]), value_time(u->last_refused_s),
                                                   value_time(u->last_s), value_word(row->help)});
    }
    return true;
}

static const struct column basic_columns[] = {{"tenant", VALUE_TEXT},  {"mailbox", VALUE_TEXT},
                                              {"basic", VALUE_NUMBER}, {"oauth", VALUE_NUMBER},
                                              {"last", VALUE_TIME},    {"clients", VALUE_TEXT}};

static bool each_basic(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;
    char clients[CLIENTS_TEXT_MAX];

    r->out->row(r->out, (const struct value[]){value_text(tenant), value_text(mailbox), value_number(u->basic),
                                               value_number(u->oauth), value_time(u->last_s), clients_of(u, clients)});
    return true;
}

static const struct column legacy_columns[] = {
    {"tenant", VALUE_TEXT},  {"mailbox", VALUE_TEXT},   {"none", VALUE_NUMBER},
    {"ssl", VALUE_NUMBER},   {"tls_1.0", VALUE_NUMBER}, {"tls_1.1", VALUE_NUMBER},
    {"newer", VALUE_NUMBER}, {"last", VALUE_TIME},      {"clients", VALUE_TEXT}};

static bool each_legacy(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;
    char clients[CLIENTS_TEXT_MAX];
    uint64_t newer = 0;

    for (unsigned i = TLS_V1_2; i <= TLS_NEWER; i++)
        newer += u->tls[i];
    r->out->row(r->out, (const struct value[]){value_text(tenant), value_text(mailbox), value_number(u->tls[TLS_NONE]),
                                               value_number(u->tls[TLS_OLD]), value_number(u->tls[TLS_V1_0]),
                                               value_number(u->tls[TLS_V1_1]), value_number(newer),
                                               value_time(u->last_s), clients_of(u, clients)});
    return true;
}

static int walk_usage(struct report *r, const struct report_kind *kind)
{
    const int64_t since = oldest_wanted(r);
    const struct {
        const struct column *columns;
        struct usage_query query;
        bool (*each)(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u);
    } walks[] = {{used_columns, {.sent = true, .sent_since_s = since}, each_used},
                 {refused_columns, {.refused = true, .refused_since_s = since}, each_refused},
                 {basic_columns, {.sent = true, .sent_since_s = since, .basic = true}, each_basic},
                 {legacy_columns, {.sent = true, .sent_since_s = since, .old_tls = true}, each_legacy}};

    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++)
        if (walks[i].columns == kind->columns)
            return journal_usage(r->files->journal, &walks[i].query, walks[i].each, r, r->e);
    return -1;
}

/* ---- the table ---- */

#define COLUMNS(table) (table), sizeof(table) / sizeof *(table)

const struct report_kind report_kinds[] = {
    {"enabled", "mailboxes that SMTP AUTH is enabled for", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_ENABLED,
     "$false", NULL},
    {"disabled", "mailboxes that it is disabled for", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_DISABLED,
     "$true", NULL},
    {"inherited", "mailboxes that follow the organization", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_INHERIT,
     "$null", NULL},
    {"used", "who really submits, how, from where", COLUMNS(used_columns), walk_usage, 0, "$false", check_used},
    {"unused", "who may submit, but was silent for --days", COLUMNS(setting_columns), walk_directory, SMTP_AUTH_UNKNOWN,
     "$true", check_unused},
    {"refused", "who was refused, and why", COLUMNS(refused_columns), walk_usage, 0, NULL, check_used},
    {"basic", "who still signs in with a password", COLUMNS(basic_columns), walk_usage, 0, NULL, check_used},
    {"legacy-tls", "who uses no TLS, or one before 1.2", COLUMNS(legacy_columns), walk_usage, 0, NULL, check_used},
    {NULL, NULL, NULL, 0, NULL, 0, NULL, NULL},
};

static bool is_by_setting(const struct report_kind *kind)
{
    return kind->run == walk_directory && kind->setting != SMTP_AUTH_UNKNOWN;
}

/* The head of a script that restores settings: usage doesn't matter, but the age of each tenant's settings does. */
static void put_settings_head(const struct report *r, const struct report_kind *kind)
{
    put_line(r, "# Made by \"postern report %s --powershell\". Run it in a session of Exchange Online PowerShell",
             kind->name);
    put_line(r, "# (Connect-ExchangeOnline). It puts the settings back as they were when it was made: it sets");
    put_line(r, "# SmtpClientAuthenticationDisabled to %s for each mailbox below; with -WhatIf it only says so.",
             kind->script);
    for (uint32_t i = 0; r->files->view != NULL && i < directory_tenants(r->files->view); i++) {
        const struct tenant_facts *tenant = directory_tenant(r->files->view, i);
        char text[40];
        struct buf b = BUF_OVER(text);

        if (tenant == NULL)
            continue;
        text_add_local_time(&b, tenant->settings_at);
        put_line(r, "# %s: as mirrored %s", tenant->name, text);
    }
    put_line(r, "param([switch]$WhatIf)");
}

int report_run(struct report *r, const struct report_kind *kind)
{
    int rc;

    if (kind->check != NULL && kind->check(r) != 0)
        return -1;
    if (r->script) {
        (is_by_setting(kind) ? put_settings_head : put_script_head)(r, kind);
        return kind->run(r, kind);
    }
    r->out->table(r->out, &(struct table){.columns = kind->columns, .n = kind->n_columns, .empty = "none"});
    rc = kind->run(r, kind);
    r->out->end(r->out);
    return rc;
}
