#include "core/report/config_rules.h"

#include "core/decide/habit.h"
#include "core/mail/reason.h"
#include "core/report/config_rules_parts.h"

#include <stdarg.h>
#include <stdio.h>

/* What Exchange Online itself allows a mailbox: 30 messages a minute, 10,000 recipients a day. */
#define SERVICE_MESSAGES_A_MINUTE 30u
#define SERVICE_RECIPIENTS_A_DAY 10000u
#define MINUTE_S 60u
#define DAY_S 86400u

#define SHARED_V4_PREFIX 24 /* a shorter prefix of a client_net: more than one customer of a provider, as a rule */
#define SHARED_V6_PREFIX 48

#define V4_MAPPED_BITS 96 /* core/mail/network.h: an IPv4 /n is 96 + n */

/* Networks that are wider than meant: those with a shorter prefix. The first row that holds. */
static const struct {
    int v4, v6;
    enum severity severity;
    const char *what;
} widths[] = {
    {8, 19, SEVERITY_CRITICAL,
     "is a large part of the Internet"}, /* /19: the largest blocks that registries hand out */
    {16, 48, SEVERITY_HIGH, "is more than a site's"},
    {24, 64, SEVERITY_MEDIUM, "holds more than the devices of a building"},
};

/* A row of the table: how to look for it, and for whom it is. */
struct rules_row {
    void (*look)(const struct rules_walk *w);
    enum audit_rule rule;
    bool warns;
};

#define NO_RULE AUDIT_RULES

/* ---- what was found ---- */

__attribute__((format(printf, 4, 0))) static void found_v(const struct rules_walk *w, enum severity severity,
                                                          const char *where, const char *format, va_list args)
{
    char text[900];

    (void)vsnprintf(text, sizeof text, format, args);
    w->each(w->arg,
            &(struct config_condition){
                .rule = w->row->rule, .severity = severity, .warns = w->row->warns, .where = where, .text = text});
}

void found(const struct rules_walk *w, const char *where, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    found_v(w, w->row->rule < AUDIT_RULES ? audit_rules[w->row->rule].severity : SEVERITY_INFO, where, format, args);
    va_end(args);
}

/* With another severity than the rule's. */
__attribute__((format(printf, 4, 5))) static void found_as(const struct rules_walk *w, enum severity severity,
                                                           const char *where, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    found_v(w, severity, where, format, args);
    va_end(args);
}

struct where where_of(const char *list, const char *name, const char *member)
{
    struct where w;

    (void)snprintf(w.text, sizeof w.text, "%s[%.120s]%s", list, name, member);
    return w;
}

/* ---- monitor mode ---- */

static void look_modes(const struct rules_walk *w)
{
    const struct config *c = w->config;
    const struct {
        const char *where;
        enum mode mode;
    } all[] = {{"mode", c->mode},
               {"smtp_auth.mode", c->smtp_auth.mode},
               {"sender.mode", c->sender.mode},
               {"tls.mode", c->tls_mode},
               {"recipients.mode", c->recipients_mode}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].mode == MODE_MONITOR)
            found(w, all[i].where, "\"monitor\", so what it would refuse is only logged, and let through");
    for (size_t i = 0; i < c->n_tenants; i++)
        if (c->tenants[i].mode == MODE_MONITOR)
            found(w, where_of("tenants", c->tenants[i].name, ".mode").text,
                  "\"monitor\", so what would be refused of this tenant's mail is only logged, and let through");
    for (size_t i = 0; i < c->n_connectors; i++)
        if (c->connectors[i].mode == MODE_MONITOR)
            found(w, where_of("connectors", c->connectors[i].name, ".mode").text,
                  "\"monitor\", so what this connector's rules would refuse is only logged, and let through");
    for (size_t i = 0; i < c->n_logins_from; i++)
        if (c->logins_from[i].mode == MODE_MONITOR)
            found(w, where_of("logins_from", c->logins_from[i].name, ".mode").text,
                  "\"monitor\", so a login from elsewhere is only logged, and let through");
}

/* Where failures are counted in somebody's name, a limit can only watch. */
static bool can_only_watch(const struct limit_config *limit)
{
    return limit_counts_failures(limit) && (limit->per & (PER_USER | PER_LOGIN | PER_TENANT)) != 0;
}

static void look_watching_limits(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_limits; i++)
        if (w->config->limits[i].then == THEN_MONITOR && !can_only_watch(&w->config->limits[i]))
            found(w, where_of("limits", w->config->limits[i].name, ".then").text, "\"monitor\", so it only watches");
}

/* ---- logins and senders ---- */

static void look_unlisted(const struct rules_walk *w)
{
    if (w->config->smtp_auth.unlisted == UNLISTED_ALLOW)
        found(w, "smtp_auth.unlisted",
              "\"allow\" lets any login send that Exchange Online does not know, that of a deleted mailbox too");
    if (w->config->smtp_auth.unlisted == UNLISTED_TENANT)
        found_as(w, SEVERITY_LOW, "smtp_auth.unlisted",
                 "with \"tenant\", logins that Exchange Online does not know go by the organization's setting");
}

/* How many came from the cluster's relays. */
static size_t count_shared(const struct config *config, const struct list *list)
{
    struct list_place place;
    struct slice text;
    size_t n = 0;

    for (size_t at = 0; config->cluster.configured && list_next(list, &at, &text, &place);)
        n += slice_starts_with(slice_of(place.path), slice_of(config->cluster.folder));
    return n;
}

static void look_local_allow(const struct rules_walk *w)
{
    const struct list *allow = w->config->smtp_auth.allow;
    size_t shared = count_shared(w->config, allow);
    char more[80] = "";

    if (list_count(allow) == 0)
        return;
    if (shared > 0)
        (void)snprintf(more, sizeof more, "; %zu of them on all relays of the cluster", shared);
    found(w, list_path(allow) != NULL ? list_path(allow) : w->config->cluster.folder,
          "%zu mailboxes or domains are allowed here, whatever Exchange Online says%s", list_count(allow), more);
}

static void look_senders(const struct rules_walk *w)
{
    if (w->config->sender.envelope == SENDER_ANY)
        found(w, "sender.envelope", "with \"any\", whoever has one password may use anybody's envelope sender");
    if (w->config->sender.header_from == SENDER_ANY)
        found(w, "sender.header_from", "with \"any\", whoever has one password may write as anybody in From");
}

static void look_null_sender(const struct rules_walk *w)
{
    if (w->config->sender.null_sender == NULL_ALLOW)
        found(w, "sender.null_sender", "with \"allow\", the sender rules can be passed by with the null sender");
}

static void look_tls(const struct rules_walk *w)
{
    if (!w->config->tls.required)
        found(w, "tls.required", "false, so passwords may cross the network in the clear");
    if (w->config->tls.minimum < TLS_1_2)
        found_as(w, SEVERITY_MEDIUM, "tls.minimum",
                 "it is below 1.2, and Exchange Online itself no longer accepts an older one");
}

static void look_ages(const struct rules_walk *w)
{
    const struct config *c = w->config;

    for (size_t i = 0; i < c->n_tenants; i++)
        if (c->tenants[i].when_stale == STALE_KEEP && c->tenants[i].max_age_s == 0)
            found(w, where_of("tenants", c->tenants[i].name, ".max_age").text,
                  "\"0s\", so nobody is notified when the tenant's settings are old");
}

static void look_unauthenticated(const struct rules_walk *w)
{
    if (!w->config->reject_unauthenticated && w->config->n_connectors == 0)
        found(w, "unauthenticated",
              "\"ignore\", and there are no connectors: clients without a login are left to Postfix's own rules, "
              "unlimited");
}

/* Where logins outside the directory may send, their spellings must be known as one. */
static void look_names(const struct rules_walk *w)
{
    const struct config *c = w->config;

    if (c->smtp_auth.unlisted != UNLISTED_ALLOW && c->smtp_auth.on_premises == NULL)
        return;
    for (size_t i = 0; i < c->n_tenants; i++) {
        const struct tenant_config *tenant = &c->tenants[i];
        bool names =
            tenant->n_netbios > 0 || (c->default_tenant != NULL && strcmp(c->default_tenant, tenant->name) == 0);

        if (names && tenant->n_domains == 0)
            found(w, where_of("tenants", tenant->name, "").text,
                  "it has no domains here: if the directory knows several of it, logins without a domain and with one "
                  "are counted, blocked and listed apart; write domains, that of such names first");
    }
}

/* ---- connectors ---- */

/* The row of widths that holds; their number: none. */
static size_t width_of(const struct network *net)
{
    bool v4 = ip_is_v4(&net->base) && net->prefix >= V4_MAPPED_BITS;
    int prefix = v4 ? net->prefix - V4_MAPPED_BITS : net->prefix;
    size_t i = 0;

    while (i < sizeof widths / sizeof widths[0] && prefix >= (v4 ? widths[i].v4 : widths[i].v6))
        i++;
    return i;
}

bool network_is_huge(const struct network *net)
{
    return width_of(net) == 0;
}

static void look_at_width(const struct rules_walk *w, const struct connector_config *connector,
                          const struct network *net)
{
    size_t i = width_of(net);
    char text[NETWORK_TEXT_MAX];

    if (i < sizeof widths / sizeof widths[0])
        found_as(w, widths[i].severity, where_of("connectors", connector->name, ".networks").text,
                 "%.*s %s, and all of it may send without a login", SLICE_ARG(network_text(net, text)), widths[i].what);
}

static void look_wide_networks(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_connectors; i++)
        for (size_t j = 0; j < w->config->connectors[i].n_networks; j++)
            look_at_width(w, &w->config->connectors[i], &w->config->connectors[i].networks[j]);
}

static void look_open_connectors(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_connectors; i++) {
        const struct connector_config *connector = &w->config->connectors[i];

        if (connector->senders == NULL && connector->recipients == RECIPIENTS_ANY)
            found(w, where_of("connectors", connector->name, "").text,
                  "its devices may send as anybody to anybody, and one that is taken over is an open relay; set "
                  "senders, or recipients = \"internal\"");
    }
}

static void look_idle_connectors(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_connectors; i++) {
        const struct connector_config *connector = &w->config->connectors[i];

        if (connector->n_networks == 0 && connector->n_ccert_fingerprints + connector->n_ccert_subjects == 0)
            found(w, where_of("connectors", connector->name, "").text, "it has no network, so no client belongs to it");
    }
}

/* The milter protocol has a certificate's subject only. */
static void look_ccerts(const struct rules_walk *w)
{
    const struct config *c = w->config;

    for (size_t i = 0; i < c->n_connectors && c->milter.n_listen > 0; i++)
        if (c->connectors[i].n_ccert_fingerprints > 0)
            found(w, where_of("connectors", c->connectors[i].name, ".ccert_fingerprints").text,
                  "the milter is told no fingerprint of a certificate, and %s; name ccert_subjects, or leave these "
                  "clients to postern-policyd with milter.listen = \"\"",
                  c->reject_unauthenticated ? "refuses its clients" : "takes its clients for anybody's");
}

/* ---- limits ---- */

static bool for_every_login(const struct limit_config *limit)
{
    return (limit->per == PER_USER || limit->per == PER_LOGIN) && limit->authenticated &&
           (limit->count == COUNT_MESSAGES || limit->count == COUNT_RECIPIENTS) && limit->then != THEN_MONITOR &&
           !limit->only.set;
}

static void look_unbounded(const struct rules_walk *w)
{
    const struct config *c = w->config;

    for (size_t i = 0; i < c->n_limits; i++)
        if (for_every_login(&c->limits[i]) && !c->limits[i].figure.unlimited)
            return;
    if (c->n_limits == 0)
        found(w, "limits", "there are none: a stolen password can send without limit");
    else
        found(w, "limits",
              "none bounds how many messages or recipients a login may send: a stolen password can send without limit");
}

/* Is the figure faster than `most` in `period_s`? */
static bool is_faster(const struct limit_rate *figure, uint64_t most, uint64_t period_s)
{
    return figure->unlimited ||
           (double)figure->rate.count * (double)period_s > (double)most * (double)figure->rate.period_s;
}

static void look_at_service(const struct rules_walk *w, const struct limit_config *limit)
{
    bool messages = limit->count == COUNT_MESSAGES;
    uint64_t most = messages ? SERVICE_MESSAGES_A_MINUTE : SERVICE_RECIPIENTS_A_DAY;
    uint64_t period = messages ? MINUTE_S : DAY_S;
    struct where where = where_of("limits", limit->name, "");
    char figure[40];
    struct buf b = BUF_OVER(figure);

    rate_add(&b, limit->figure.rate);
    if (is_faster(&limit->figure, most, period))
        found(w, where.text,
              "%s %s a login are more than the service's %llu in %llu seconds: a hijacked login is stopped by Exchange "
              "Online first, for everybody",
              figure, messages ? "messages" : "recipients", (unsigned long long)most, (unsigned long long)period);
    for (size_t i = 0; i < limit->n_exceptions; i++)
        if (limit->exceptions[i].of != EXCEPT_CONNECTOR && is_faster(&limit->exceptions[i].figure, most, period))
            found_as(w, SEVERITY_LOW, where.text, "the exception for %.120s is above what the service allows",
                     limit->exceptions[i].name);
}

static void look_service_limits(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_limits; i++)
        if (for_every_login(&w->config->limits[i]) && !w->config->limits[i].figure.unlimited)
            look_at_service(w, &w->config->limits[i]);
}

static void look_shared_failures(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_limits; i++) {
        const struct limit_config *limit = &w->config->limits[i];

        if (limit_counts_failures(limit) && limit->then != THEN_MONITOR && !limit->unfamiliar)
            found(w, where_of("limits", limit->name, "").text,
                  "a printer with an old password holds back its whole office; from = \"unfamiliar\" spares networks "
                  "that a tenant is familiar with");
    }
}

static bool counts_recipients(const struct limit_config *limit)
{
    return limit->count == COUNT_RECIPIENTS || limit->count == COUNT_EXTERNAL || limit->count == COUNT_INTERNAL;
}

static bool counts_refusals(const struct limit_config *limit)
{
    return limit->count == COUNT_DENIALS || limit->count == COUNT_DEFERRALS || limit->count == COUNT_DEFERRED;
}

/*
 * Limits on refusals that also affect others than those who caused them. Refusals without a login don't affect logins
 * from a familiar network; those of logins do.
 */
static void look_at_refusals(const struct rules_walk *w, const struct limit_config *limit)
{
    bool by_client = (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0;
    struct where where = where_of("limits", limit->name, "");

    if (!counts_refusals(limit) || limit->then == THEN_MONITOR || (limit->per & (PER_USER | PER_LOGIN)) != 0)
        return;
    if ((limit->per & PER_TENANT) != 0)
        found(w, where.text, "one login's refusals count against its whole tenant; count them per user");
    if ((limit->per & PER_CLIENT_NET) != 0 &&
        (limit->v4_prefix < SHARED_V4_PREFIX || limit->v6_prefix < SHARED_V6_PREFIX))
        found(w, where.text, "refusals count against all of a /%u or an IPv6 /%u; a smaller client_net meets fewer",
              limit->v4_prefix, limit->v6_prefix);
    if (by_client && limit->authenticated && limit->then != THEN_BLOCK)
        found(w, where.text,
              "one login's refusals hold back all others from the same address; count them per user, or block: "
              "never_block can except an address from that");
    else if (by_client && limit->authenticated && w->config->never_block_networks == NULL)
        found(w, where.text,
              "one login's refusals block all others from the same address; name shared ones, such as an office's, in "
              "never_block");
}

static void look_shared_refusals(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_limits; i++)
        look_at_refusals(w, &w->config->limits[i]);
}

/* The hour of a habit lets pass what comes again. */
static bool passes_again(const struct limit_config *limit)
{
    return limit->beyond_habit && habit_window_of(limit) == HABIT_HOUR;
}

static void look_idle_limits(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_limits; i++) {
        const struct limit_config *limit = &w->config->limits[i];
        struct where where = where_of("limits", limit->name, "");

        if (counts_recipients(limit) && !limit->only.set && !passes_again(limit) && !limit->figure.unlimited &&
            limit->figure.burst < w->config->max_recipients)
            found(w, where.text,
                  "a message with more than %llu recipients can never pass, though recipients.max allows %llu; raise "
                  "its burst or lower recipients.max",
                  (unsigned long long)limit->figure.burst, (unsigned long long)w->config->max_recipients);
        if (limit->mirrored == FIGURE_OWN && limit->figure.unlimited && limit->n_exceptions == 0)
            found(w, where.text, "it is unlimited for everybody: it does nothing");
    }
}

/* ---- services, replies, notices ---- */

static void look_at_listener(const struct rules_walk *w, const char *setting, const struct listener_config *l)
{
    if (l->address != NULL && !listener_is_local(l))
        found(w, setting,
              "%.200s can be reached from the network: the protocol has neither passwords nor encryption; guard the "
              "port with a firewall",
              l->address);
    if (l->has_tls && !l->tls.required)
        found(w, setting, "%.200s has tls.required = false, so passwords may cross the network in the clear",
              l->address);
}

static void look_listeners(const struct rules_walk *w)
{
    const struct config *c = w->config;

    for (size_t i = 0; i < c->policyd.n_listen; i++)
        look_at_listener(w, "policyd.listen", &c->policyd.listen[i]);
    for (size_t i = 0; i < c->milter.n_listen; i++)
        look_at_listener(w, "milter.listen", &c->milter.listen[i]);
    for (size_t i = 0; i < c->sasl.n_listen; i++)
        look_at_listener(w, "sasl.listen", &c->sasl.listen[i]);
}

static void look_charge(const struct rules_walk *w)
{
    const struct config *c = w->config;
    bool policyd = c->policyd.n_listen > 0, milter = c->milter.n_listen > 0;

    if (!policyd && !milter)
        found(w, "policyd.listen, milter.listen", "both are empty: nothing is decided");
    else if (c->charge == CHARGE_MILTER && !milter)
        found(w, "charge", "\"milter\", but milter.listen is empty: no message is ever charged");
    else if (c->charge == CHARGE_POLICYD && !policyd)
        found(w, "charge", "\"policyd\", but policyd.listen is empty: no message is ever charged");
    if (!milter && c->sender.header_from != SENDER_ANY)
        found(w, "sender.header_from", "it is set, but milter.listen is empty: only the milter sees the header");
}

/* A temporary refusal made permanent loses mail; 535 is not a reply to MAIL or RCPT (RFC 5321 4.3.2). */
static void look_replies(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_replies; i++) {
        const char *name = w->config->replies[i].reason, *text = w->config->replies[i].text;
        enum reason reason;
        char where[200];

        (void)snprintf(where, sizeof where, "replies.%.120s", name);
        bool at_auth = reason_find(slice_of(name), &reason) &&
                       slice_starts_with(slice_of(reason_row(reason)->reply), SLICE("535 "));

        if (slice_starts_with(slice_of(text), SLICE("535 ")) && !at_auth)
            found(w, where,
                  "535 is a reply to AUTH; to MAIL and RCPT, where postern is asked, some clients take it for a broken "
                  "server and hide the text. 550 does not");
        if (reason_find(slice_of(name), &reason) && reason_row(reason)->reply[0] == '4' && text[0] == '5')
            found(w, where,
                  "it permanently refuses what should be tried again later: such mail is returned to its sender");
    }
}

static void look_alerts(const struct rules_walk *w)
{
    if (w->config->n_alerts == 0)
        found(w, "alerts", "the list is empty: a block is seen by who looks for it");
}

/* ---- the table ---- */

static const struct rules_row rows[] = {
    {look_modes, AUDIT_MONITOR, true},
    {look_unlisted, AUDIT_UNLISTED, true},
    {look_local_allow, AUDIT_LOCAL_ALLOW, false},
    {look_senders, AUDIT_SENDER_RULE, true},
    {look_null_sender, NO_RULE, true},
    {look_tls, AUDIT_TLS_RULE, true},
    {look_ages, NO_RULE, true},
    {look_unauthenticated, NO_RULE, true},
    {look_names, NO_RULE, true},
    {look_logins_from, NO_RULE, true},
    {look_login_names, AUDIT_UNKNOWN_NAMES, true},
    {look_idle_connectors, NO_RULE, true},
    {look_wide_networks, AUDIT_CONNECTOR_WIDE, true},
    {look_open_connectors, AUDIT_CONNECTOR_OPEN, true},
    {look_ccerts, NO_RULE, true},
    {look_unbounded, AUDIT_NO_LIMIT, true},
    {look_service_limits, AUDIT_LIMIT_ABOVE_SERVICE, false},
    {look_shared_refusals, NO_RULE, true},
    {look_shared_failures, NO_RULE, true},
    {look_watching_limits, NO_RULE, true},
    {look_idle_limits, NO_RULE, true},
    {look_listeners, NO_RULE, true},
    {look_charge, NO_RULE, true},
    {look_replies, NO_RULE, true},
    {look_alerts, AUDIT_NO_ALERTS, false},
};

void config_conditions(const struct config *config, const struct directory_view *view,
                       void (*each)(void *arg, const struct config_condition *condition), void *arg)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        rows[i].look(
            &(const struct rules_walk){.config = config, .view = view, .each = each, .arg = arg, .row = &rows[i]});
}
