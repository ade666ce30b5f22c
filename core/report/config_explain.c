#include "core/report/config_explain.h"

#include <stdio.h>

/* A path or a name may hold any byte, which is not for a terminal. */
__attribute__((format(printf, 3, 0))) static void tell(struct teller *t, const char *before, const char *format,
                                                       va_list args)
{
    char text[EXPLAIN_LINE_MAX], shown[EXPLAIN_LINE_MAX];
    struct buf b = BUF_OVER(shown);

    (void)vsnprintf(text, sizeof text, format, args);
    buf_addf(&b, "%s", before);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p >= 0x20 && *p < 0x7f)
            buf_add_char(&b, *p);
        else
            buf_addf(&b, "\\x%02x", (unsigned)(unsigned char)*p);
    }
    t->line(t->arg, shown);
}

void tell_line(struct teller *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(t, "", format, args);
    va_end(args);
}

void tell_warning(struct teller *t, const char *format, ...)
{
    va_list args;

    t->warnings++;
    va_start(args, format);
    tell(t, "Warning: ", format, args);
    va_end(args);
}

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
    for (size_t i = 0; i < n && i < EXPLAIN_LIST_MAX; i++) {
        buf_add(b, i > 0 ? SLICE(", ") : SLICE(""));
        buf_add_escaped(b, slices[i], 128);
    }
    if (n > EXPLAIN_LIST_MAX)
        buf_addf(b, " and %zu more", n - EXPLAIN_LIST_MAX);
}

/* ---- the parts ---- */

static void explain_exchange(struct teller *t, const struct tenant_config *tenant)
{
    const struct exchange_config *x = &tenant->exchange;

    if (x->tenant_id == NULL)
        return;
    tell_line(t,
              "Tenant %s: \"postern-mirror sync\" reads it from Exchange Online as application %s, signed in by %s; "
              "postern-mirror %s change mailboxes there.",
              tenant->name, x->application,
              x->certificate_file != NULL ? "a certificate"
              : x->secret_file != NULL    ? "a client secret"
                                          : "a federated token",
              x->writeback ? "may" : "may not");
}

static void explain_tenant(struct teller *t, const struct tenant_config *tenant)
{
    static const char *const settings[] = {
        [TENANT_MIRRORED] = "the organization's SMTP AUTH setting is the mirrored one",
        [TENANT_ENABLED] = "the organization's SMTP AUTH setting is taken as enabled, whatever was mirrored",
        [TENANT_DISABLED] = "the organization's SMTP AUTH setting is taken as disabled, whatever was mirrored",
    };
    char text[EXPLAIN_LINE_MAX];
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
    tell_line(t, "Tenant %s: %s.%s", tenant->name, text, mode_words(tenant->mode));
    explain_exchange(t, tenant);
}

static void explain_tenants(struct teller *t, const struct config *c)
{
    if (c->n_tenants == 0)
        tell_line(t, "Tenants: those of the directory, with their mirrored settings.");
    for (size_t i = 0; i < c->n_tenants; i++)
        explain_tenant(t, &c->tenants[i]);
    if (c->default_tenant != NULL)
        tell_line(t, "Logins without a domain belong to tenant %s.", c->default_tenant);
    else
        tell_line(t,
                  "Logins without a domain find their tenant only if there is just one (default_tenant is not set).");
}

static void explain_smtp_auth(struct teller *t, const struct config *c)
{
    static const char *const unknown[] = {
        [UNLISTED_REJECT] = "unknown logins are refused (unlisted = \"reject\")",
        [UNLISTED_TENANT] = "for unknown logins the organization's counts (unlisted = \"tenant\")",
        [UNLISTED_ALLOW] = "unknown logins are let through (unlisted = \"allow\")",
    };
    const struct smtp_auth_config *auth = &c->smtp_auth;

    tell_line(t, "Logins: the mailbox's SMTP AUTH setting first, then the organization's; %s.%s",
              unknown[auth->unlisted], mode_words(auth->mode));
    tell_line(t, "Logins: the tenant's security defaults are %s, authentication policies are %s.",
              auth->security_defaults ? "heeded" : "ignored", auth->authentication_policy ? "heeded" : "ignored");
    if (auth->deny != NULL)
        tell_line(t, "Logins: deny_file refuses %zu entries, before everything else.", list_count(auth->deny));
    if (auth->allow != NULL)
        tell_line(t, "Logins: allow_file lets %zu entries through, whatever their settings say.",
                  list_count(auth->allow));
    if (auth->logins != NULL)
        tell_line(t, "Logins: logins_file maps %zu logins to their mailboxes.", list_count(auth->logins));
    if (auth->on_premises != NULL)
        tell_line(t, "Logins: on_premises_file takes %zu entries out of Exchange Online's settings.",
                  list_count(auth->on_premises));
}

static void explain_sender(struct teller *t, const struct config *c)
{
    static const char *const rules[] = {
        [SENDER_OWN] = "an address of the login's mailbox, or one that it may send as",
        [SENDER_DOMAIN] = "any address of the tenant's accepted domains",
        [SENDER_ANY] = "any address",
    };
    static const char *const nulls[] = {
        [NULL_DSN] = "with one recipient (delivery reports)", [NULL_REJECT] = "never", [NULL_ALLOW] = "always"};
    const struct sender_config *sender = &c->sender;

    tell_line(t, "Envelope sender: %s; the null sender %s.%s", rules[sender->envelope], nulls[sender->null_sender],
              mode_words(sender->mode));
    tell_line(t, "Header From, which only the milter sees: %s.%s", rules[sender->header_from],
              mode_words(sender->mode));
    if (sender->add_missing_from)
        tell_line(t, "A message without From gets one from the milter: its envelope sender, where that is permitted.");
    if (sender->separator[0] != '\0')
        tell_line(t, "Sub-addresses: user%ctag@domain is an address of user@domain%s%s.", sender->separator[0],
                  sender->separator[1] != '\0' ? "; so it is behind each of " : "",
                  sender->separator[1] != '\0' ? sender->separator : "");
    for (size_t i = 0; i < sender->n_exceptions; i++)
        tell_line(t, "Sender: %s %s may also send as what %zu entries list.",
                  sender->exceptions[i].of == EXCEPT_USER ? "user" : "group", sender->exceptions[i].name,
                  list_count(sender->exceptions[i].senders));
}

static void explain_message(struct teller *t, const struct config *c)
{
    char text[80];

    tell_line(t, "TLS: %s.%s", tls_words(&c->tls, text, sizeof text), mode_words(c->tls_mode));
    if (c->max_recipients == 0)
        tell_line(t, "Recipients: any number in a message.");
    else
        tell_line(t, "Recipients: at most %llu in a message.%s", (unsigned long long)c->max_recipients,
                  mode_words(c->recipients_mode));
    tell_line(t, "Clients without a login and without a connector: %s.",
              c->reject_unauthenticated ? "refused (unauthenticated = \"reject\")"
                                        : "left to Postfix (unauthenticated = \"ignore\")");
}

static void explain_listener(struct teller *t, const char *program, const struct listener_config *l,
                             const struct config *c)
{
    static const char *const front_tls[] = {
        [TLS_ANY] = "as Postfix says", [TLS_1_0] = "1.0", [TLS_1_1] = "1.1", [TLS_1_2] = "1.2", [TLS_1_3] = "1.3"};
    char tls[80], mode[16];
    struct buf b = BUF_OVER(mode);

    buf_addf(&b, "%04o", l->socket_mode);
    tell_line(t, "%s listens at %s%s%s%s%s%s%s.", program, l->address, l->path != NULL ? " (mode " : "",
              l->path != NULL ? mode : "", l->path != NULL ? ")" : "", l->socket_group != NULL ? ", group " : "",
              l->socket_group != NULL ? l->socket_group : "",
              l->has_tls ? "; clients' TLS there has a rule of its own" : "");
    if (l->has_tls)
        tell_line(t, "%s at %s: TLS %s.%s", program, l->address, tls_words(&l->tls, tls, sizeof tls),
                  mode_words(c->tls_mode));
    if (l->front.tls != TLS_ANY || l->front.method[0] != '\0')
        tell_line(t, "%s at %s: a front stands before Postfix: its clients use TLS %s, mechanism %s.", program,
                  l->address, front_tls[l->front.tls],
                  l->front.method[0] != '\0' ? l->front.method : "as Postfix says");
}

static void explain_blocks(struct teller *t, const struct config *c)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    duration_add(&b, c->block_longest_s);
    if (c->block_grow > 1)
        tell_line(t, "Blocks by limits last %llu times longer each time, at most %s.",
                  (unsigned long long)c->block_grow, text);
    if (c->never_block != NULL || c->never_block_networks != NULL)
        tell_line(t, "Never blocked: %zu logins or domains, %zu networks.", list_count(c->never_block),
                  c->never_block_networks != NULL ? network_map_count(c->never_block_networks) : 0);
    if (c->known_networks != NULL)
        tell_line(t, "Known networks, not counted as distinct: %zu.", network_map_count(c->known_networks));
}

static void explain_alerts(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_alerts; i++) {
        const struct alert_target *target = &c->alerts[i];

        tell_line(t, "Notices %zu: %s %s%s.", i + 1, target->command != NULL ? "the command" : "the webhook",
                  target->command != NULL ? target->command[0]
                  : target->url != NULL   ? target->url
                                          : target->url_file,
                  target->command != NULL       ? ""
                  : target->secret_file != NULL ? ", signed"
                                                : ", not signed");
    }
}

static void explain_programs(struct teller *t, const struct config *c)
{
    static const char *const charged[] = {
        [CHARGE_AUTO] = "by the program that is asked first about a message's end, once a message",
        [CHARGE_POLICYD] = "by postern-policyd alone",
        [CHARGE_MILTER] = "by postern-milter alone",
    };

    tell_line(t, "Messages are charged %s.", charged[c->charge]);
    for (size_t i = 0; i < c->policyd.n_listen; i++)
        explain_listener(t, "postern-policyd", &c->policyd.listen[i], c);
    for (size_t i = 0; i < c->milter.n_listen; i++)
        explain_listener(t, "postern-milter", &c->milter.listen[i], c);
    for (size_t i = 0; i < c->n_replies; i++)
        tell_line(t, "Reply for %s: %s", c->replies[i].reason, c->replies[i].text);
    explain_blocks(t, c);
    tell_line(t, "State: %s, %llu counters of 16 bytes, room for %u blocks. Directory: %s.", c->state_path,
              (unsigned long long)c->state_entries, c->state_blocks, c->directory);
    explain_alerts(t, c);
    if (c->journal[0] != '\0')
        tell_line(t, "Journal of decisions and usage: %s.", c->journal);
    else
        tell_line(t, "No journal of decisions and usage is kept: \"postern report\" has nothing to tell.");
}

void config_explain(const struct config *config, void (*line)(void *arg, const char *text), void *arg,
                    unsigned *warnings)
{
    struct teller t = {line, arg, 0};

    tell_line(&t, "Mode: %s",
              config->mode == MODE_ENFORCE ? "enforce. What the rules refuse is refused."
                                           : "monitor. Everything is let through; refusals are only logged.");
    explain_tenants(&t, config);
    explain_smtp_auth(&t, config);
    explain_sender(&t, config);
    explain_message(&t, config);
    explain_connectors(&t, config);
    explain_limits(&t, config);
    explain_programs(&t, config);
    explain_warnings(&t, config);
    if (warnings != NULL)
        *warnings = t.warnings;
}
