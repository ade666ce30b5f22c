/* What postern.conf allows. */
#include "core/report/audit.h"

#include <stdio.h>

/* What Exchange Online itself allows a mailbox: 30 messages a minute, 10,000 recipients a day. */
#define SERVICE_MESSAGES_A_MINUTE 30u
#define SERVICE_RECIPIENTS_A_DAY 10000u
#define MINUTE_S 60u
#define DAY_S 86400u

/* Wider networks than these hold more than the devices of a building; far wider ones are somebody else's too. */
#define V4_NARROW 24
#define V4_WIDE 16
#define V6_NARROW 64
#define V6_WIDE 48

static void check_monitor(struct audit *a)
{
    const struct config *c = a->config;
    const struct {
        const char *where;
        enum mode mode;
    } modes[] = {{"mode", c->mode},
                 {"smtp_auth.mode", c->smtp_auth.mode},
                 {"sender.mode", c->sender.mode},
                 {"tls.mode", c->tls_mode},
                 {"recipients.mode", c->recipients_mode}};
    char where[200];

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (modes[i].mode == MODE_MONITOR)
            findings_add(a->findings, AUDIT_MONITOR, modes[i].where, "%s = \"monitor\": refusals are only logged",
                         modes[i].where);
    for (size_t i = 0; i < c->n_tenants; i++) {
        (void)snprintf(where, sizeof where, "tenants[%s].mode", c->tenants[i].name);
        if (c->tenants[i].mode == MODE_MONITOR)
            findings_add(a->findings, AUDIT_MONITOR, where, "refusals of this tenant's mail are only logged");
    }
}

static void check_logins(struct audit *a)
{
    const struct config *c = a->config;
    size_t allowed = list_count(c->smtp_auth.allow);
    struct finding *f;

    if (allowed > 0)
        findings_add(a->findings, AUDIT_LOCAL_ALLOW, list_path(c->smtp_auth.allow),
                     "%zu mailboxes or domains are allowed here, whatever Exchange Online says", allowed);
    if (c->smtp_auth.unlisted == UNLISTED_ALLOW)
        findings_add(a->findings, AUDIT_UNLISTED, "smtp_auth.unlisted",
                     "logins that the directory does not know may send: a mailbox that was deleted, too");
    if (c->smtp_auth.unlisted == UNLISTED_TENANT) {
        f = findings_add(a->findings, AUDIT_UNLISTED, "smtp_auth.unlisted",
                         "logins that the directory does not know go by the organization's setting");
        f->severity = SEVERITY_LOW;
    }
    if (c->sender.envelope == SENDER_ANY || c->sender.header_from == SENDER_ANY)
        findings_add(a->findings, AUDIT_SENDER_RULE, "sender",
                     "%s = \"any\": whoever has one password sends in everybody's name",
                     c->sender.envelope == SENDER_ANY ? "sender.envelope" : "sender.header_from");
}

static void check_tls(struct audit *a)
{
    const struct tls_config *tls = &a->config->tls;
    struct finding *f;

    if (!tls->required)
        findings_add(a->findings, AUDIT_TLS_RULE, "tls.required", "logins may send without TLS");
    if (tls->minimum < TLS_1_2) {
        f = findings_add(a->findings, AUDIT_TLS_RULE, "tls.minimum", "logins may use a TLS older than 1.2");
        f->severity = SEVERITY_MEDIUM;
    }
}

/* ---- connectors ---- */

static void check_network(struct audit *a, const struct connector_config *connector, const struct network *network)
{
    bool v4 = ip_is_v4(&network->base) && network->prefix >= 96;
    int prefix = v4 ? network->prefix - 96 : network->prefix;
    char where[200], text[NETWORK_TEXT_MAX];
    struct finding *f;

    if (prefix >= (v4 ? V4_NARROW : V6_NARROW))
        return;
    (void)snprintf(where, sizeof where, "connectors[%s].networks", connector->name);
    f = findings_add(a->findings, AUDIT_CONNECTOR_WIDE, where, "%.*s may send without a login",
                     SLICE_ARG(network_text(network, text)));
    if (prefix < (v4 ? V4_WIDE : V6_WIDE))
        f->severity = prefix < 8 ? SEVERITY_CRITICAL : SEVERITY_HIGH;
}

static void check_connectors(struct audit *a)
{
    for (size_t i = 0; i < a->config->n_connectors; i++) {
        const struct connector_config *connector = &a->config->connectors[i];
        char where[200];

        for (size_t j = 0; j < connector->n_networks; j++)
            check_network(a, connector, &connector->networks[j]);
        (void)snprintf(where, sizeof where, "connectors[%s]", connector->name);
        if (connector->senders == NULL && connector->recipients == RECIPIENTS_ANY)
            findings_add(a->findings, AUDIT_CONNECTOR_OPEN, where,
                         "its devices may send as anybody to anybody: one that is taken over is an open relay");
        if (connector->mode == MODE_MONITOR)
            findings_add(a->findings, AUDIT_MONITOR, where, "what this connector's rules refuse is only logged");
    }
}

/* ---- limits ---- */

/* Is the figure faster than `most` in `period_s`? */
static bool is_faster(const struct limit_rate *figure, uint64_t most, uint64_t period_s)
{
    return figure->unlimited ||
           (double)figure->rate.count * (double)period_s > (double)most * (double)figure->rate.period_s;
}

static bool for_every_login(const struct limit_config *limit)
{
    return (limit->per == PER_USER || limit->per == PER_LOGIN) && limit->authenticated &&
           (limit->count == COUNT_MESSAGES || limit->count == COUNT_RECIPIENTS) && limit->then != THEN_MONITOR;
}

static void check_limit(struct audit *a, const struct limit_config *limit, bool *bounded)
{
    bool messages = limit->count == COUNT_MESSAGES;
    uint64_t most = messages ? SERVICE_MESSAGES_A_MINUTE : SERVICE_RECIPIENTS_A_DAY;
    uint64_t period = messages ? MINUTE_S : DAY_S;
    char where[200], figure[40];
    struct buf b = BUF_OVER(figure);

    if (!for_every_login(limit))
        return;
    (void)snprintf(where, sizeof where, "limits[%s]", limit->name);
    *bounded = *bounded || !limit->figure.unlimited;
    if (limit->figure.unlimited)
        return;
    rate_add(&b, limit->figure.rate);
    if (is_faster(&limit->figure, most, period))
        findings_add(a->findings, AUDIT_LIMIT_ABOVE_SERVICE, where,
                     "%s %s a login are more than the service's %llu in %llu seconds: a hijacked login is stopped by "
                     "Exchange Online first, for everybody",
                     figure, messages ? "messages" : "recipients", (unsigned long long)most,
                     (unsigned long long)period);
    for (size_t i = 0; i < limit->n_exceptions; i++)
        if (limit->exceptions[i].of != EXCEPT_CONNECTOR && is_faster(&limit->exceptions[i].figure, most, period)) {
            struct finding *f =
                findings_add(a->findings, AUDIT_LIMIT_ABOVE_SERVICE, where,
                             "the exception for %s is above what the service allows", limit->exceptions[i].name);

            f->severity = SEVERITY_LOW;
        }
}

static void check_limits(struct audit *a)
{
    bool bounded = false;

    for (size_t i = 0; i < a->config->n_limits; i++)
        check_limit(a, &a->config->limits[i], &bounded);
    if (!bounded)
        findings_add(a->findings, AUDIT_NO_LIMIT, "limits",
                     "no limit bounds how many messages or recipients a login may send");
}

void audit_config(struct audit *a)
{
    check_monitor(a);
    check_logins(a);
    check_tls(a);
    check_connectors(a);
    check_limits(a);
    if (a->config->n_alerts == 0)
        findings_add(a->findings, AUDIT_NO_ALERTS, "alerts", "the list is empty: a block is seen by who looks for it");
}
