#include "core/report/report.h"

#include "core/base/clock.h"
#include "core/directory/directory_record.h"
#include "core/report/cloud_rows.h"
#include "core/report/mailbox_report.h"
#include "core/report/new_networks.h"
#include "core/report/report_habits.h"
#include "core/report/text.h"

#include <stdarg.h>
#include <stdio.h>

#define DAY_S 86400

/* ---- pieces ---- */

static int64_t oldest_wanted(const struct report *r)
{
    return r->days == 0 ? 0 : r->context.wall_s - (int64_t)r->days * DAY_S;
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

static struct value clients_of(const struct usage_client clients[USAGE_CLIENTS], char text[CLIENTS_TEXT_MAX])
{
    char one[IP_TEXT_MAX];
    struct buf b = buf_over(text, CLIENTS_TEXT_MAX);

    for (size_t i = 0; i < USAGE_CLIENTS && clients[i].last_s > 0; i++) {
        if (i > 0)
            buf_add_char(&b, ' ');
        buf_add(&b, ip_text(&clients[i].ip, one));
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

/* Entra logs the sign-ins of clients with tokens under other names than that of SMTP AUTH. */
#define TOKENS_UNSEEN                                                                                                  \
    "who submits to Exchange Online with a token (OAuth) is in the SMTP AUTH clients report alone, which was not "     \
    "imported for all of that time and each tenant"

static bool sees_tokens(const struct report *r)
{
    return r->reach.tokens_s > 0 && (r->days == 0 || r->reach.tokens_s <= oldest_wanted(r));
}

__attribute__((format(printf, 2, 3))) static void put_line(const struct report *r, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printer_line(r->out, &(struct line){.spans = {{TONE_PLAIN, text}}, .verbatim = true});
}

static void put_missing(void *arg, const char *words)
{
    put_line(arg, "# WARNING: %s.", words);
}

/* What use the script does not know of: it may be run long after the report was looked at. */
static int put_script_gaps(const struct report *r, const struct report_kind *kind)
{
    const struct config *c = r->files->config;
    struct usage_missing missing;

    put_line(r, "# Mailboxes that were used before then only, or will be used less often than since then, are %s.",
             strcmp(kind->name, "unused") == 0 ? "taken for unused" : "missing");
    if (r->days > 0 && !use_reach_covers(&r->reach, r->context.wall_s, r->days))
        put_line(r, "# WARNING: that is less than the %llu days that were asked for. Look through the list first.",
                 (unsigned long long)r->days);
    if (!sees_tokens(r))
        put_line(r, "# WARNING: " TOKENS_UNSEEN ".");
    if (usage_missing_find(c, r->files->journal, r->context.wall_s, &missing, put_missing, (void *)(uintptr_t)r,
                           r->e) != 0)
        return -1;
    if (r->missing.n == 0 && c->n_other_relays == 0 && !c->cluster.configured)
        put_line(r, "# Other relays are not known here: if there are any, look through their usage, too.");
    else if (r->missing.n == 0)
        put_line(r, "# It is that of all relays of the cluster.");
    else if (strcmp(kind->name, "unused") == 0)
        put_line(r, "# Whoever sends through these relays may be called unused below, and would be disabled.");
    return 0;
}

/* What the script does, and how far back its data goes. */
static int put_script_head(const struct report *r, const struct report_kind *kind)
{
    char text[300];
    struct buf b = BUF_OVER(text);

    put_line(r, "# Made by \"postern report %s --powershell\". Run it in a session of Exchange Online PowerShell",
             kind->name);
    put_line(r, "# (Connect-ExchangeOnline). It sets SmtpClientAuthenticationDisabled to %s for each mailbox below;",
             kind->script);
    put_line(r, "# with -WhatIf it only says so.");
    use_reach_words(&r->reach, &b);
    put_line(r, "# Usage is %s.", text);
    if (put_script_gaps(r, kind) != 0)
        return -1;
    put_line(r, "param([switch]$WhatIf)");
    return 0;
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

/* For programs, in each row: the relays whose usage is not counted in it. */
#define MISSING_RELAYS "missing_relays"

static struct value missing_of(const struct report *r)
{
    return value_word_or_none(r->missing.names);
}

/* ---- from the directory ---- */

/* People read the first of these, with the last use of either kind in one column. */
#define SETTING_COLUMNS_OF_PEOPLE 8u

static const struct column setting_columns[] = {
    {"tenant", VALUE_TEXT},     {"mailbox", VALUE_TEXT},     {"name", VALUE_TEXT},        {"type", VALUE_TEXT},
    {"setting", VALUE_TEXT},    {"may_send", VALUE_TEXT},    {"last", VALUE_TIME},        {"messages", VALUE_NUMBER},
    {"cloud_last", VALUE_TIME}, {"signed_in", VALUE_NUMBER}, {MISSING_RELAYS, VALUE_TEXT}};

/* What is known of a mailbox's use, here and at Exchange Online itself. */
struct mailbox_use {
    struct usage relay;
    int64_t cloud_last_s;
    uint64_t sign_ins;
};

static int cloud_use_in(const struct report *r, const struct tenant_facts *tenant, struct slice mailbox,
                        struct mailbox_use *u)
{
    static const enum cloud_source sources[] = {CLOUD_SIGN_INS, CLOUD_REPORT};

    for (size_t i = 0; r->files->history != NULL && i < sizeof sources / sizeof *sources; i++) {
        struct cloud_use use;
        int found = cloud_use_of(r->files->history, slice_of(tenant->name), mailbox, sources[i], &use, r->e);

        if (found < 0)
            return -1;
        if (found > 0 && use.last_s > u->cloud_last_s)
            u->cloud_last_s = use.last_s;
        if (found > 0 && sources[i] == CLOUD_SIGN_INS)
            u->sign_ins = use.number;
    }
    return 0;
}

static int use_of(const struct report *r, const struct tenant_facts *tenant, struct slice mailbox,
                  struct mailbox_use *u)
{
    memset(u, 0, sizeof *u);
    if (r->files->journal != NULL &&
        journal_usage_of(r->files->journal, slice_of(tenant->name), mailbox, &u->relay, r->e) < 0)
        return -1;
    return cloud_use_in(r, tenant, mailbox, u);
}

static void put_mailbox(struct report *r, const struct tenant_facts *tenant, const struct mailbox_record *m,
                        const struct mailbox_use *u)
{
    const char *reason = why_not(r, m->primary);
    bool cloud_later = r->out->people && u->cloud_last_s > u->relay.last_s;

    r->out->row(r->out, (const struct value[]){value_word(tenant->name), value_text(m->primary), value_text(m->name),
                                               value_word(mailbox_type_word(m->recipient_type)),
                                               value_word(mailbox_setting_word(m->smtp_auth)),
                                               value_word(reason == NULL ? "yes" : reason),
                                               value_time(cloud_later ? u->cloud_last_s : u->relay.last_s),
                                               value_number(u->relay.messages), value_time(u->cloud_last_s),
                                               value_number(u->sign_ins), missing_of(r)});
}

static bool is_unused(const struct report *r, const struct mailbox_record *m, const struct mailbox_use *u)
{
    return u->relay.last_s < oldest_wanted(r) && u->cloud_last_s < oldest_wanted(r) && why_not(r, m->primary) == NULL;
}

static int one_mailbox(struct report *r, const struct report_kind *kind, const struct tenant_facts *tenant,
                       const struct mailbox_record *m)
{
    bool unused = kind->setting == SMTP_AUTH_UNKNOWN;
    struct mailbox_use u;

    if (!unused && m->smtp_auth != (enum smtp_auth)kind->setting)
        return 0;
    if (use_of(r, tenant, m->primary, &u) != 0)
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

        for (; found == DIRECTORY_FOUND && !r->out->enough; found = directory_next_mailbox(view, i, &id, &m)) {
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
static int find_reach(struct report *r)
{
    return use_reach_find(r->files, r->context.wall_s, &r->reach, r->e);
}

/* Why a script would disable mailboxes that are used; false: nothing is known to be missing. */
static bool find_gaps(const struct report *r, struct buf *b)
{
    if (!use_reach_covers(&r->reach, r->context.wall_s, r->days)) {
        buf_add(b, SLICE("usage is "));
        use_reach_words(&r->reach, b);
        buf_addf(b, ", not for %llu days", (unsigned long long)r->days);
    }
    if (r->missing.n > 0)
        buf_addf(b, "%s%s", b->n > 0 ? "; and " : "", r->missing.words);
    return b->n > 0;
}

static int refuse_unused(const struct report *r, const char *gaps)
{
    uint64_t known = use_reach_days(&r->reach, r->context.wall_s);
    char instead[200];
    struct buf b = BUF_OVER(instead);

    if (r->reach.cloud_s == 0)
        buf_add(&b, SLICE("set exchange.sign_ins and wait, or import the SMTP AUTH clients report"));
    else if (known > 0 && known < r->days)
        buf_addf(&b, "give --days %llu or fewer", (unsigned long long)known);
    else if (known < r->days)
        buf_add(&b, SLICE("wait until it is"));
    else
        buf_add(&b, SLICE("wait until all relays told their usage, or run it where all usage is"));
    return error_set(r->e,
                     "%s: the script would disable mailboxes that are used; %s, or --force to have it all the same",
                     gaps, instead);
}

static int check_unused(struct report *r)
{
    char gaps[800], reach[300];
    struct buf g = BUF_OVER(gaps), b = BUF_OVER(reach);

    r->days = r->days == 0 ? 90 : r->days;
    if (r->files->journal == NULL)
        return error_set(r->e, "without a journal nobody knows what is unused");
    if (find_reach(r) != 0)
        return -1;
    if (find_gaps(r, &g) && r->script && !r->force)
        return refuse_unused(r, gaps);
    if (r->script)
        return 0;
    use_reach_words(&r->reach, &b);
    if (g.n > 0)
        printer_remark(r->out, r->missing.n > 0 ? REMARK_WARNING : REMARK_NOTE, "What is silent may be used: %s.",
                       gaps);
    else
        printer_remark(r->out, REMARK_NOTE, "Usage is %s.", reach);
    if (r->reach.cloud_s > 0 && !sees_tokens(r))
        printer_remark(r->out, REMARK_NOTE, "But " TOKENS_UNSEEN ".");
    return 0;
}

/* Use in the cloud may be known where there is no journal. */
static int check_used(struct report *r)
{
    if (r->files->journal == NULL && r->files->history == NULL)
        return error_set(r->e, "without a journal nobody knows who submits");
    return find_reach(r);
}

static int check_journal(struct report *r)
{
    if (r->files->journal == NULL)
        return error_set(r->e, "without a journal nobody knows who submits");
    return find_reach(r);
}

static int check_failed(struct report *r)
{
    if (r->files->history == NULL)
        return error_set(r->e, "there is no history of sign-ins: exchange.sign_ins in postern.conf(5) has them read");
    return find_reach(r);
}

/* ---- from the usage ---- */

static const struct column used_columns[] = {
    {"tenant", VALUE_TEXT},
    {"mailbox", VALUE_TEXT},
    {"source", VALUE_TEXT},
    {"first", VALUE_TIME},
    {"last", VALUE_TIME},
    {"messages", VALUE_NUMBER},
    {"recipients", VALUE_NUMBER},
    {"bytes", VALUE_BYTES},
    {"refused", VALUE_NUMBER},
    {"signed_in", VALUE_NUMBER},
    {"basic", VALUE_NUMBER},
    {"oauth", VALUE_NUMBER},
    {"tls", VALUE_TEXT},
    {"clients", VALUE_TEXT},
    /* for programs: what the SMTP AUTH clients report of Exchange Online has of each sender, as messages */
    {"domain", VALUE_TEXT},
    {"none", VALUE_NUMBER},
    {"ssl", VALUE_NUMBER},
    {"tls_1.0", VALUE_NUMBER},
    {"tls_1.1", VALUE_NUMBER},
    {"tls_1.2", VALUE_NUMBER},
    {"tls_1.3", VALUE_NUMBER},
    {"tls_newer", VALUE_NUMBER},
    {MISSING_RELAYS, VALUE_TEXT}};
#define USED_FOR_PROGRAMS 8u

static struct value domain_of(struct slice mailbox)
{
    struct slice domain;

    return slice_cut(mailbox, '@', NULL, &domain) ? value_text(domain) : value_none();
}

/* "sent" and "signed in" are not the same: nobody knows what was sent after a sign-in. */
static const char *source_word(enum cloud_source source)
{
    return source == CLOUD_REPORT ? "cloud-report" : "cloud-sign-ins";
}

/* In the order of the rows, a mailbox may come from several sources: its line is put once. */
static void put_used_line(struct report *r, struct slice mailbox)
{
    struct buf b;

    if (memchr(mailbox.p, '@', mailbox.n) == NULL || slice_eq(mailbox, slice_of(r->last_line)))
        return;
    put_script_line(r, mailbox, "$false");
    b = buf_over(r->last_line, sizeof r->last_line);
    buf_add(&b, mailbox);
}

static void put_cloud_used(struct report *r, const struct cloud_row *row)
{
    const struct cloud_use *u = &row->use;
    bool report = row->source == CLOUD_REPORT;
    char clients[CLIENTS_TEXT_MAX];

    if (r->script) {
        put_used_line(r, row->mailbox);
        return;
    }
    r->out->row(r->out,
                (const struct value[]){value_text(row->tenant),
                                       value_text(row->mailbox),
                                       value_word(source_word(row->source)),
                                       value_time(u->first_s),
                                       value_time(u->last_s),
                                       report ? value_number(u->number) : value_none(),
                                       value_none(),
                                       value_none(),
                                       value_none(),
                                       report ? value_none() : value_number(u->number),
                                       value_number(u->basic),
                                       value_number(u->oauth),
                                       value_word(u->tls >= 0 ? tls_version_name((enum tls_version)u->tls) : NULL),
                                       clients_of(u->clients, clients),
                                       domain_of(row->mailbox),
                                       value_none(),
                                       value_none(),
                                       value_none(),
                                       value_none(),
                                       value_none(),
                                       value_none(),
                                       value_none(),
                                       missing_of(r)});
}

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

    if (!cloud_rows_before(r->cloud, tenant, mailbox))
        return false;
    if (r->script) {
        put_used_line(r, mailbox);
        return true;
    }
    r->out->row(r->out, (const struct value[]){value_text(tenant),
                                               value_text(mailbox),
                                               value_word("relay"),
                                               value_time(u->first_s),
                                               value_time(u->last_s),
                                               value_number(u->messages),
                                               value_number(u->recipients),
                                               value_bytes(u->bytes),
                                               value_number(refusals(u)),
                                               value_none(),
                                               value_number(u->basic),
                                               value_number(u->oauth),
                                               value_word(lowest_tls(u)),
                                               clients_of(u->clients, clients),
                                               domain_of(mailbox),
                                               value_number(u->tls[TLS_NONE]),
                                               value_number(u->tls[TLS_OLD]),
                                               value_number(u->tls[TLS_V1_0]),
                                               value_number(u->tls[TLS_V1_1]),
                                               value_number(u->tls[TLS_V1_2]),
                                               value_number(u->tls[TLS_V1_3]),
                                               value_number(u->tls[TLS_NEWER]),
                                               missing_of(r)});
    return !r->out->enough;
}

static const struct column refused_columns[] = {
    {"tenant", VALUE_TEXT},       {"mailbox", VALUE_TEXT},     {"reason", VALUE_TEXT},  {"refused", VALUE_NUMBER},
    {"last_refused", VALUE_TIME}, {"last_passed", VALUE_TIME}, {"meaning", VALUE_TEXT}, {MISSING_RELAYS, VALUE_TEXT}};

static bool each_refused(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;

    for (unsigned i = 0; i < REASON_COUNT; i++) {
        const struct reason_row *row = reason_row((enum reason)i);

        if (u->refused[i] == 0)
            continue;
        r->out->row(r->out, (const struct value[]){value_text(tenant), value_text(mailbox), value_word(row->name),
                                                   value_number(u->refused[i]), value_time(u->last_refused_s),
                                                   value_time(u->last_s), value_word(row->help), missing_of(r)});
    }
    return !r->out->enough;
}

static const struct column basic_columns[] = {
    {"tenant", VALUE_TEXT},  {"mailbox", VALUE_TEXT}, {"source", VALUE_TEXT},  {"basic", VALUE_NUMBER},
    {"oauth", VALUE_NUMBER}, {"last", VALUE_TIME},    {"clients", VALUE_TEXT}, {MISSING_RELAYS, VALUE_TEXT}};

static void put_cloud_basic(struct report *r, const struct cloud_row *row)
{
    char clients[CLIENTS_TEXT_MAX];

    r->out->row(r->out, (const struct value[]){value_text(row->tenant), value_text(row->mailbox),
                                               value_word(source_word(row->source)), value_number(row->use.basic),
                                               value_number(row->use.oauth), value_time(row->use.last_s),
                                               clients_of(row->use.clients, clients), missing_of(r)});
}

static bool each_basic(void *arg, struct slice tenant, struct slice mailbox, const struct usage *u)
{
    struct report *r = arg;
    char clients[CLIENTS_TEXT_MAX];

    if (!cloud_rows_before(r->cloud, tenant, mailbox))
        return false;
    r->out->row(r->out, (const struct value[]){value_text(tenant), value_text(mailbox), value_word("relay"),
                                               value_number(u->basic), value_number(u->oauth), value_time(u->last_s),
                                               clients_of(u->clients, clients), missing_of(r)});
    return !r->out->enough;
}

static const struct column legacy_columns[] = {
    {"tenant", VALUE_TEXT},    {"mailbox", VALUE_TEXT},     {"none", VALUE_NUMBER},  {"ssl", VALUE_NUMBER},
    {"tls_1.0", VALUE_NUMBER}, {"tls_1.1", VALUE_NUMBER},   {"newer", VALUE_NUMBER}, {"last", VALUE_TIME},
    {"clients", VALUE_TEXT},   {MISSING_RELAYS, VALUE_TEXT}};

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
                                               value_time(u->last_s), clients_of(u->clients, clients), missing_of(r)});
    return !r->out->enough;
}

/* ---- failed sign-ins: attackers', mostly, and no use ---- */

static const struct column failed_columns[] = {{"tenant", VALUE_TEXT},   {"mailbox", VALUE_TEXT},
                                               {"failed", VALUE_NUMBER}, {"first", VALUE_TIME},
                                               {"last", VALUE_TIME},     {"clients", VALUE_TEXT}};

static void put_failed(struct report *r, const struct cloud_row *row)
{
    char clients[CLIENTS_TEXT_MAX];

    r->out->row(r->out, (const struct value[]){value_text(row->tenant),
                                               row->mailbox.n > 0 ? value_text(row->mailbox) : value_none(),
                                               value_number(row->use.number), value_time(row->use.first_s),
                                               value_time(row->use.last_s), clients_of(row->use.clients, clients)});
}

/* ---- walks over all usage ---- */

#define USE_SOURCES (1u << CLOUD_SIGN_INS | 1u << CLOUD_REPORT)

struct usage_walk {
    const struct column *columns;
    struct usage_query query;
    bool (*each)(void *arg, struct slice tenant, struct slice mailbox,
                 const struct usage *u); /* NULL: the cloud's only */
    struct cloud_query cloud;
    cloud_put *put; /* NULL: the relay's only */
};

static int walk_both(struct report *r, const struct usage_walk *w)
{
    int rc = 0;

    if (w->put != NULL && r->files->history != NULL && cloud_rows_open(r, &w->cloud, w->put, &r->cloud) != 0)
        return -1;
    if (w->each != NULL && r->files->journal != NULL)
        rc = journal_usage(r->files->journal, &w->query, w->each, r, r->e);
    return cloud_rows_close(r->cloud, rc == 0) != 0 ? -1 : rc;
}

static int walk_usage(struct report *r, const struct report_kind *kind)
{
    const int64_t since = oldest_wanted(r);
    const struct usage_walk walks[] = {
        {used_columns,
         {.sent = true, .sent_since_s = since},
         each_used,
         {.since_s = since, .sources = USE_SOURCES},
         put_cloud_used},
        {refused_columns, {.refused = true, .refused_since_s = since}, each_refused, {.since_s = 0}, NULL},
        {basic_columns,
         {.sent = true, .sent_since_s = since, .basic = true},
         each_basic,
         {.since_s = since, .sources = USE_SOURCES, .basic = true},
         put_cloud_basic},
        {legacy_columns, {.sent = true, .sent_since_s = since, .old_tls = true}, each_legacy, {.since_s = 0}, NULL},
        {failed_columns, {.sent = false}, NULL, {.since_s = since, .sources = 1u << CLOUD_FAILURES}, put_failed}};

    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++)
        if (walks[i].columns == kind->columns)
            return walk_both(r, &walks[i]);
    return -1;
}

/* ---- networks ---- */

#define NEW_NETWORKS_DAYS 1

static int walk_networks(struct report *r, const struct report_kind *kind)
{
    uint64_t days = r->days > 0 ? r->days : NEW_NETWORKS_DAYS;

    (void)kind;
    return new_networks_report(&r->context, r->files->journal,
                               &(struct new_networks_wanted){.since_s = r->context.wall_s - (int64_t)days * DAY_S},
                               r->out, r->e);
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
    {"refused", "who was refused, and why", COLUMNS(refused_columns), walk_usage, 0, NULL, check_journal},
    {"basic", "who still signs in with a password", COLUMNS(basic_columns), walk_usage, 0, NULL, check_used},
    {"legacy-tls", "who uses no TLS, or one before 1.2", COLUMNS(legacy_columns), walk_usage, 0, NULL, check_journal},
    {"failed-sign-ins", "whose passwords were guessed at Exchange Online itself", COLUMNS(failed_columns), walk_usage,
     0, NULL, check_failed},
    {"new-networks", "from where logins sent for the first time, in the last day", new_networks_columns,
     NEW_NETWORKS_COLUMNS, walk_networks, 0, NULL, check_journal},
    {"habits", "what each login usually sends, for another relay to learn", habit_columns, HABIT_COLUMNS, report_habits,
     0, NULL, NULL},
    {NULL, NULL, NULL, 0, NULL, 0, NULL, NULL},
};

static bool is_by_setting(const struct report_kind *kind)
{
    return kind->run == walk_directory && kind->setting != SMTP_AUTH_UNKNOWN;
}

/* The head of a script that restores settings: usage doesn't matter, but the age of each tenant's settings does. */
static int put_settings_head(const struct report *r, const struct report_kind *kind)
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
    return 0;
}

static bool has_missing(const struct report_kind *kind)
{
    return strcmp(kind->columns[kind->n_columns - 1].name, MISSING_RELAYS) == 0;
}

/* The list of unused mailboxes says it in a sentence of its own, and failed sign-ins are no relay's. */
static int tell_missing(const struct report *r, const struct report_kind *kind)
{
    if (r->missing.n == 0 || r->script || kind->check == check_unused || kind->check == check_failed)
        return 0;
    return usage_missing_warn(r->files->config, r->files->journal, r->context.wall_s, r->out, r->e);
}

int report_run(struct report *r, const struct report_kind *kind)
{
    struct table table = {.columns = kind->columns, .n = kind->n_columns, .empty = "none"};
    int rc;

    if (usage_missing_find(r->files->config, r->files->journal, r->context.wall_s, &r->missing, NULL, NULL, r->e) !=
            0 ||
        (kind->check != NULL && kind->check(r) != 0) || tell_missing(r, kind) != 0)
        return -1;
    if (r->out->people && has_missing(kind))
        table.n--; /* people read it above */
    if (r->out->people && kind->columns == used_columns)
        table.n -= USED_FOR_PROGRAMS;
    if (r->out->people && kind->columns == setting_columns)
        table.n = SETTING_COLUMNS_OF_PEOPLE;
    if (r->out->people && kind->columns == habit_columns)
        table.n = HABIT_COLUMNS_OF_PEOPLE;
    if (r->script) {
        rc = (is_by_setting(kind) ? put_settings_head : put_script_head)(r, kind);
        return rc == 0 ? kind->run(r, kind) : -1;
    }
    r->out->table(r->out, &table);
    rc = kind->run(r, kind);
    r->out->end(r->out);
    return rc;
}
