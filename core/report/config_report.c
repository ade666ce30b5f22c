#include "core/report/config_report.h"

#include "core/base/units.h"
#include "core/report/config_report_parts.h"
#include "core/report/config_rules.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_WIDTH 80

/* ---- sections ---- */

static void end_section(struct teller *t)
{
    if (t->begun && !t->out->people) {
        t->out->close(t->out);
        t->out->close(t->out);
    }
    t->begun = false;
}

/* Begins a section. Its heading is printed with the first sentence. */
static void tell_section(struct teller *t, const char *title)
{
    end_section(t);
    t->title = title;
}

static void begin_section(struct teller *t)
{
    if (t->out->people) {
        if (t->any)
            printer_gap(t->out);
        printer_title(t->out, t->title);
    } else {
        t->out->open(t->out, NULL, TREE_OBJECT);
        t->out->value(t->out, "title", value_word(t->title));
        t->out->open(t->out, "sentences", TREE_LIST);
    }
    t->begun = t->any = true;
}

/* A path or a name may contain any byte, so it is escaped for the terminal. */
static void add_shown(struct buf *b, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p >= 0x20 && *p < 0x7f)
            buf_add_char(b, *p);
        else
            buf_addf(b, "\\x%02x", (unsigned)(unsigned char)*p);
    }
}

static void show_sentence(struct printer *out, const char *text)
{
    printer_line(out, &(struct line){.indent = 2, .spans = {{TONE_PLAIN, text}}, .hang = 4, .width = LINE_WIDTH});
}

void tell(struct teller *t, const char *format, ...)
{
    char text[TELL_LINE_MAX], shown[TELL_LINE_MAX];
    struct buf b = BUF_OVER(shown);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_shown(&b, text);
    if (!t->begun)
        begin_section(t);
    if (t->out->people)
        show_sentence(t->out, shown);
    else
        t->out->value(t->out, NULL, value_word(shown));
}

/* ---- words ---- */

const char *mode_words(enum mode mode)
{
    return mode == MODE_MONITOR ? " Only watched and logged (mode = \"monitor\")." : "";
}

const char *tls_words(const struct tls_config *tls, char *out, size_t cap)
{
    static const char *const minimums[] = {
        [TLS_ANY] = "any version",      [TLS_1_0] = "at least TLS 1.0", [TLS_1_1] = "at least TLS 1.1",
        [TLS_1_2] = "at least TLS 1.2", [TLS_1_3] = "TLS 1.3",
    };
    struct buf b = buf_over(out, cap);

    buf_addf(&b, "%s%s", tls->required ? "required, " : "not required; where it is used, ", minimums[tls->minimum]);
    return out;
}

static void add_slices(struct buf *b, const struct slice *slices, size_t n)
{
    for (size_t i = 0; i < n && i < TELL_LIST_MAX; i++) {
        buf_add(b, i > 0 ? SLICE(", ") : SLICE(""));
        buf_add_escaped(b, slices[i], 128);
    }
    if (n > TELL_LIST_MAX)
        buf_addf(b, " and %zu more", n - TELL_LIST_MAX);
}

/* ---- who may send what ---- */

static void tell_exchange(struct teller *t, const struct tenant_config *tenant)
{
    const struct exchange_config *x = &tenant->exchange;

    if (x->tenant_id == NULL)
        return;
    tell(t,
         "%s: \"postern-mirror sync\" reads it from Exchange Online%s as application %s, signed in by %s; "
         "postern-mirror %s change mailboxes there.",
         tenant->name, x->sign_ins ? ", and who signs in there by SMTP AUTH," : "", x->application,
         x->certificate_file != NULL ? "a certificate"
         : x->secret_file != NULL    ? "a client secret"
                                     : "a federated token",
         x->writeback ? "may" : "may not");
}

static void tell_tenant(struct teller *t, const struct tenant_config *tenant)
{
    static const char *const settings[] = {
        [TENANT_MIRRORED] = "the organization's SMTP AUTH setting is the mirrored one",
        [TENANT_ENABLED] = "the organization's SMTP AUTH setting is taken as enabled, whatever was mirrored",
        [TENANT_DISABLED] = "the organization's SMTP AUTH setting is taken as disabled, whatever was mirrored",
    };
    char text[TELL_LINE_MAX];
    struct buf b = BUF_OVER(text);

    if (tenant->n_domains > 0) {
        buf_add(&b, SLICE("domains "));
        add_slices(&b, tenant->domains, tenant->n_domains);
        buf_add(&b, SLICE(" and those in the directory; "));
    }
    if (tenant->n_netbios > 0) {
        buf_add(&b, SLICE("NetBIOS "));
        add_slices(&b, tenant->netbios, tenant->n_netbios);
        buf_add(&b, SLICE("; "));
    }
    buf_addf(&b, "%s; ", settings[tenant->smtp_auth]);
    if (tenant->max_age_s == 0) {
        buf_add(&b, SLICE("settings of any age are used"));
    } else {
        buf_add(&b, SLICE("settings older than "));
        duration_add(&b, tenant->max_age_s);
        buf_add(&b, tenant->when_stale == STALE_KEEP ? SLICE(" are still used (when_stale = \"keep\")")
                                                     : SLICE(" defer its mail (when_stale = \"defer\")"));
    }
    tell(t, "%s: %s.%s", tenant->name, text, mode_words(tenant->mode));
    tell_exchange(t, tenant);
}

static void tell_tenants(struct teller *t, const struct config *c)
{
    if (c->n_tenants == 0)
        tell(t, "Those of the directory, with their mirrored settings.");
    for (size_t i = 0; i < c->n_tenants; i++)
        tell_tenant(t, &c->tenants[i]);
    if (c->default_tenant != NULL)
        tell(t, "Logins without a domain belong to tenant %s.", c->default_tenant);
    else
        tell(t, "Logins without a domain find their tenant only if there is just one (default_tenant is not set).");
}

/* How many a list has, with the word for them: two arguments. */
#define ENTRIES(list) list_count(list), list_count(list) == 1 ? "entry" : "entries"

/* Says which names are no logins, where some are none. */
static void tell_login_names(struct teller *t, unsigned names)
{
    static const struct {
        enum login_name name;
        const char *words;
    } all[] = {{LOGIN_NAME_UPN, "user principal names"},
               {LOGIN_NAME_PRIMARY, "primary addresses"},
               {LOGIN_NAME_PROXY, "other addresses"},
               {LOGIN_NAME_ALIAS, "aliases"},
               {LOGIN_NAME_ACCOUNT, "account names"}};
    char text[160];
    struct buf b = BUF_OVER(text);

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if ((names & all[i].name) == 0)
            buf_addf(&b, "%s%s", b.n > 0 ? ", " : "", all[i].words);
    if (b.n > 0)
        tell(t, "A mailbox's names that nobody signs in with: %s.", text);
}

static void tell_smtp_auth(struct teller *t, const struct config *c)
{
    static const char *const unknown[] = {
        [UNLISTED_REJECT] = "unknown logins are refused (unlisted = \"reject\")",
        [UNLISTED_TENANT] = "for unknown logins the organization's counts (unlisted = \"tenant\")",
        [UNLISTED_ALLOW] = "unknown logins are let through (unlisted = \"allow\")",
    };
    static const char *const accounts[] = {
        [DISABLED_PEOPLE] =
            "Disabled accounts are refused, but for shared and resource mailboxes, whose accounts always are.",
        [DISABLED_ALL] = "Disabled accounts are refused, those of shared and resource mailboxes too.",
        [DISABLED_NONE] = "Disabled accounts are ignored.",
    };
    const struct smtp_auth_config *auth = &c->smtp_auth;
    const char *others = c->cluster.configured ? ", with what came from the other relays," : "";

    tell(t, "The mailbox's SMTP AUTH setting first, then the organization's; %s.%s", unknown[auth->unlisted],
         mode_words(auth->mode));
    tell(t, "The tenant's security defaults are %s, authentication policies are %s.",
         auth->security_defaults ? "heeded" : "ignored", auth->authentication_policy ? "heeded" : "ignored");
    tell(t, "%s", accounts[auth->disabled_accounts]);
    if (auth->deny != NULL)
        tell(t, "deny_file%s refuses %zu %s, before everything else.", others, ENTRIES(auth->deny));
    if (auth->allow != NULL)
        tell(t, "allow_file%s lets %zu %s through, whatever the settings say.", others, ENTRIES(auth->allow));
    tell_login_names(t, auth->login_names);
    if (auth->logins != NULL)
        tell(t, "logins_file maps %zu %s to mailboxes.", list_count(auth->logins),
             list_count(auth->logins) == 1 ? "login" : "logins");
    if (auth->on_premises != NULL)
        tell(t, "on_premises_file takes %zu %s out of Exchange Online's settings.", ENTRIES(auth->on_premises));
}

static void tell_sender(struct teller *t, const struct config *c)
{
    static const char *const rules[] = {
        [SENDER_OWN] = "an address of the login's mailbox, or one that it may send as",
        [SENDER_DOMAIN] = "any address of the tenant's accepted domains",
        [SENDER_ANY] = "any address",
    };
    static const char *const nulls[] = {
        [NULL_DSN] = "with one recipient (delivery reports)", [NULL_REJECT] = "never", [NULL_ALLOW] = "always"};
    const struct sender_config *sender = &c->sender;

    tell(t, "Envelope sender: %s; the null sender %s.%s", rules[sender->envelope], nulls[sender->null_sender],
         mode_words(sender->mode));
    tell(t, "Header From, which only the milter sees: %s.%s", rules[sender->header_from], mode_words(sender->mode));
    if (sender->add_missing_from)
        tell(t, "A message without From gets one from the milter: its envelope sender, where that is permitted.");
    if (sender->separator[0] != '\0')
        tell(t, "Sub-addresses: user%ctag@domain is an address of user@domain%s%s.", sender->separator[0],
             sender->separator[1] != '\0' ? "; so it is behind each of " : "",
             sender->separator[1] != '\0' ? sender->separator : "");
    for (size_t i = 0; i < sender->n_exceptions; i++)
        tell(t, "%s %s may also send as what is in a list of %zu %s.",
             sender->exceptions[i].of == EXCEPT_USER ? "User" : "Group", sender->exceptions[i].name,
             ENTRIES(sender->exceptions[i].senders));
}

static void tell_message(struct teller *t, const struct config *c)
{
    char text[80];

    tell(t, "TLS: %s.%s", tls_words(&c->tls, text, sizeof text), mode_words(c->tls_mode));
    if (c->max_recipients == 0)
        tell(t, "Recipients: any number in a message.");
    else
        tell(t, "Recipients: at most %llu in a message.%s", (unsigned long long)c->max_recipients,
             mode_words(c->recipients_mode));
    tell(t, "Clients without a login and without a connector: %s.",
         c->reject_unauthenticated ? "refused (unauthenticated = \"reject\")"
                                   : "left to Postfix (unauthenticated = \"ignore\")");
}

static void tell_listener(struct teller *t, const char *program, const struct listener_config *l,
                          const struct config *c)
{
    static const char *const front_tls[] = {
        [TLS_ANY] = "as Postfix says", [TLS_1_0] = "1.0", [TLS_1_1] = "1.1", [TLS_1_2] = "1.2", [TLS_1_3] = "1.3"};
    char tls[80], mode[16];
    struct buf b = BUF_OVER(mode);

    buf_addf(&b, "%04o", l->socket_mode);
    tell(t, "%s listens at %s%s%s%s%s%s%s.", program, l->address, l->path != NULL ? " (mode " : "",
         l->path != NULL ? mode : "", l->path != NULL ? ")" : "", l->socket_group != NULL ? ", group " : "",
         l->socket_group != NULL ? l->socket_group : "",
         l->has_tls ? "; clients' TLS there has a rule of its own" : "");
    if (l->has_tls)
        tell(t, "%s at %s: TLS %s.%s", program, l->address, tls_words(&l->tls, tls, sizeof tls),
             mode_words(c->tls_mode));
    if (l->front.tls != TLS_ANY || l->front.method[0] != '\0')
        tell(t, "%s at %s is for a front whose clients use TLS %s, mechanism %s.", program, l->address,
             front_tls[l->front.tls], l->front.method[0] != '\0' ? l->front.method : "as Postfix says");
}

static void tell_blocks(struct teller *t, const struct config *c)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    duration_add(&b, c->block_longest_s);
    if (c->block_grow > 1)
        tell(t, "Those by limits last %llu times longer each time, at most %s.", (unsigned long long)c->block_grow,
             text);
    if (c->never_block != NULL || c->never_block_networks != NULL)
        tell(t, "Never blocked: %zu logins or domains, %zu networks.", list_count(c->never_block),
             c->never_block_networks != NULL ? network_map_count(c->never_block_networks) : 0);
    if (c->known_networks != NULL)
        tell(t, "Known networks, not counted as distinct: %zu.", network_map_count(c->known_networks));
}

static void tell_alerts(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_alerts; i++) {
        const struct alert_target *target = &c->alerts[i];

        tell(t, "%zu: %s %s%s.", i + 1, target->command != NULL ? "the command" : "the webhook",
             target->command != NULL ? target->command[0]
             : target->url != NULL   ? target->url
                                     : target->url_file,
             target->command != NULL       ? ""
             : target->secret_file != NULL ? ", signed"
                                           : ", not signed");
    }
}

static void tell_cluster(struct teller *t, const struct config *c)
{
    const struct cluster_config *x = &c->cluster;
    const struct cluster_server *first = x->n_servers > 0 ? x->servers : x->sentinels;

    if (!x->configured)
        return;
    tell(t, "Counts as one with the relays that share its key (%s), through Redis or Valkey%s at %s%s%s.", x->key_file,
         x->n_sentinels > 0 ? ", as the Sentinels say" : "", first->path != NULL ? first->path : first->host,
         x->n_servers + x->n_sentinels > 1 ? " and others" : "", x->tls == CLUSTER_TLS_NEVER ? ", never by TLS" : "");
}

static void tell_services(struct teller *t, const struct config *c)
{
    static const char *const charged[] = {
        [CHARGE_AUTO] = "by the program that is asked first about a message's end, once a message",
        [CHARGE_POLICYD] = "by postern-policyd alone",
        [CHARGE_MILTER] = "by postern-milter alone",
    };

    for (size_t i = 0; i < c->policyd.n_listen; i++)
        tell_listener(t, "postern-policyd", &c->policyd.listen[i], c);
    for (size_t i = 0; i < c->milter.n_listen; i++)
        tell_listener(t, "postern-milter", &c->milter.listen[i], c);
    for (size_t i = 0; i < c->sasl.n_listen; i++)
        tell_listener(t, "postern-sasl", &c->sasl.listen[i], c);
    if (c->sasl.n_listen > 0)
        tell(t, "postern-sasl has passwords checked by the server at %s.", c->sasl.upstream.address);
    tell(t, "Messages are charged %s.", charged[c->charge]);
}

static void tell_files(struct teller *t, const struct config *c)
{
    tell(t, "Directory: %s.", c->directory);
    tell(t, "State: %s, %llu counters of 16 bytes, room for %u blocks.", c->state_path,
         (unsigned long long)c->state_entries, c->state_blocks);
    if (c->journal[0] != '\0')
        tell(t, "Journal of decisions and usage: %s.", c->journal);
    else
        tell(t, "No journal of decisions and usage is kept: \"postern report\" has nothing to tell.");
    if (c->n_other_relays > 0) {
        char text[TELL_LINE_MAX];
        struct buf b = BUF_OVER(text);

        add_slices(&b, c->other_relays, c->n_other_relays);
        tell(t, "Other relays whose usage is not in it: %s.", text);
    }
}

static void tell_mode(struct teller *t, const struct config *c)
{
    if (c->mode == MODE_ENFORCE)
        tell(t, "enforce: what the rules refuse is refused.");
    else
        tell(t, "monitor: everything is let through; refusals are only logged.");
}

static void tell_replies(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_replies; i++)
        tell(t, "%s: %s", c->replies[i].reason, c->replies[i].text);
}

/* ---- all ---- */

static const struct {
    const char *title;
    void (*tell)(struct teller *t, const struct config *c);
} sections[] = {
    {"Mode", tell_mode},
    {"Tenants", tell_tenants},
    {"Logins", tell_smtp_auth},
    {"Networks of logins", tell_logins_from},
    {"Senders", tell_sender},
    {"Messages", tell_message},
    {"Connectors", tell_connectors},
    {"Limits", tell_limits},
    {"Blocks", tell_blocks},
    {"Replies", tell_replies},
    {"Services", tell_services},
    {"Cluster", tell_cluster},
    {"Notices", tell_alerts},
    {"Files", tell_files},
};

struct warnings {
    struct printer *out;
    unsigned n;
};

static const struct column warning_columns[] = {{"where", VALUE_TEXT}, {"warning", VALUE_TEXT}};

static void show_warning(void *arg, const struct config_condition *condition)
{
    struct warnings *w = arg;
    char text[TELL_LINE_MAX], shown[TELL_LINE_MAX];
    struct buf b = BUF_OVER(shown);

    if (!condition->warns)
        return;
    w->n++;
    if (!w->out->people) {
        w->out->row(w->out, (const struct value[]){value_word(condition->where), value_word(condition->text)});
        return;
    }
    if (w->n == 1) {
        printer_gap(w->out);
        printer_title(w->out, "Warnings");
    }
    (void)snprintf(text, sizeof text, "%s: %s.", condition->where, condition->text);
    add_shown(&b, text);
    show_sentence(w->out, shown);
}

static void show_summary(const struct config *c, unsigned warnings, struct printer *out)
{
    char shown[TELL_LINE_MAX];
    struct buf b = BUF_OVER(shown);

    add_shown(&b, c->file);
    printer_gap(out);
    if (warnings > 0)
        printer_text(out, "%s: OK, with %u warning%s", shown, warnings, warnings == 1 ? "" : "s");
    else
        printer_text(out, "%s: OK", shown);
}

void config_report(const struct config *config, const struct directory_view *view, struct printer *out)
{
    struct teller t = {.out = out, .view = view};
    struct warnings w = {.out = out};

    if (!out->people) {
        out->open(out, NULL, TREE_OBJECT);
        out->value(out, "file", value_word(config->file));
        out->open(out, "sections", TREE_LIST);
    }
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        tell_section(&t, sections[i].title);
        sections[i].tell(&t, config);
    }
    end_section(&t);
    if (!out->people) {
        out->close(out);
        put_limits(config, out);
        out->table(out, &(struct table){TABLE_COLUMNS(warning_columns), .name = "warnings"});
    }
    config_conditions(config, view, show_warning, &w);
    if (out->people) {
        show_summary(config, w.n, out);
    } else {
        out->end(out);
        out->close(out);
    }
}
