#include "core/mail/reason.h"
#include "core/report/config_explain.h"

/* What a configuration may say, but few mean. */

#define SHARED_V4_PREFIX 24 /* a shorter prefix of a client_net: more than one customer of a provider, as a rule */
#define SHARED_V6_PREFIX 48

#define WIDE_V4_PREFIX 8  /* shorter prefixes: a large part of the Internet */
#define WIDE_V6_PREFIX 19 /* the largest blocks that registries hand out */
#define V4_MAPPED_BITS 96 /* core/mail/network.h: an IPv4 /n is 96 + n */

static void warn_modes(struct teller *t, const struct config *c)
{
    const struct {
        const char *setting;
        enum mode mode;
    } all[] = {{"mode", c->mode},
               {"smtp_auth.mode", c->smtp_auth.mode},
               {"sender.mode", c->sender.mode},
               {"tls.mode", c->tls_mode},
               {"recipients.mode", c->recipients_mode}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].mode == MODE_MONITOR)
            tell_warning(t, "%s = \"monitor\": what it would refuse is let through.", all[i].setting);
    for (size_t i = 0; i < c->n_tenants; i++)
        if (c->tenants[i].mode == MODE_MONITOR)
            tell_warning(t, "tenant %s is in monitor mode: its mail is let through.", c->tenants[i].name);
    for (size_t i = 0; i < c->n_connectors; i++)
        if (c->connectors[i].mode == MODE_MONITOR)
            tell_warning(t, "connector %s is in monitor mode: its mail is let through.", c->connectors[i].name);
}

static void warn_logins(struct teller *t, const struct config *c)
{
    if (c->smtp_auth.unlisted == UNLISTED_ALLOW)
        tell_warning(t, "smtp_auth.unlisted = \"allow\": any login that Exchange Online does not know may send.");
    if (c->sender.envelope == SENDER_ANY)
        tell_warning(t, "sender.envelope = \"any\": a login may use anybody's envelope sender.");
    if (c->sender.header_from == SENDER_ANY)
        tell_warning(t, "sender.header_from = \"any\": a login may write as anybody in From.");
    if (c->sender.null_sender == NULL_ALLOW)
        tell_warning(t, "sender.null_sender = \"allow\": the sender rules can be passed by with the null sender.");
    if (!c->tls.required)
        tell_warning(t, "tls.required = false: passwords may cross the network in the clear.");
    else if (c->tls.minimum < TLS_1_2)
        tell_warning(t, "tls.minimum is below 1.2, which Exchange Online itself no longer accepts.");
    for (size_t i = 0; i < c->n_tenants; i++)
        if (c->tenants[i].when_stale == STALE_KEEP && c->tenants[i].max_age_s == 0)
            tell_warning(t, "tenant %s: max_age = \"0s\": nobody is told when its settings grow old.",
                         c->tenants[i].name);
    if (!c->reject_unauthenticated && c->n_connectors == 0)
        tell_warning(
            t, "no connectors, and unauthenticated = \"ignore\": clients without a login are left to Postfix's own "
               "rules, unlimited.");
}

/* Where logins outside the directory may send, their spellings must be known as one. */
static void warn_names(struct teller *t, const struct config *c)
{
    if (c->smtp_auth.unlisted != UNLISTED_ALLOW && c->smtp_auth.on_premises == NULL)
        return;
    for (size_t i = 0; i < c->n_tenants; i++) {
        const struct tenant_config *tenant = &c->tenants[i];
        bool names =
            tenant->n_netbios > 0 || (c->default_tenant != NULL && strcmp(c->default_tenant, tenant->name) == 0);

        if (names && tenant->n_domains == 0)
            tell_warning(t,
                         "tenant %s has no domains here: if the directory knows several of it, logins without a domain "
                         "and with one are counted, blocked and listed apart; write domains, that of such names first.",
                         tenant->name);
    }
}

static bool is_wide(const struct network *net)
{
    if (ip_is_v4(&net->base) && net->prefix >= V4_MAPPED_BITS)
        return net->prefix < V4_MAPPED_BITS + WIDE_V4_PREFIX;
    return net->prefix < WIDE_V6_PREFIX;
}

static void warn_connector(struct teller *t, const struct connector_config *connector)
{
    char text[NETWORK_TEXT_MAX];

    if (connector->n_networks == 0 && connector->n_ccert_fingerprints + connector->n_ccert_subjects == 0)
        tell_warning(t, "connector %s has no network: it is nobody's.", connector->name);
    for (size_t i = 0; i < connector->n_networks; i++)
        if (is_wide(&connector->networks[i]))
            tell_warning(t, "connector %s: %.*s is a large part of the Internet; all of it may send without a login.",
                         connector->name, SLICE_ARG(network_text(&connector->networks[i], text)));
    if (connector->senders == NULL && connector->recipients == RECIPIENTS_ANY)
        tell_warning(t, "connector %s may send as anybody to anybody; set senders, or recipients = \"internal\".",
                     connector->name);
}

static bool counts_recipients(const struct limit_config *limit)
{
    return limit->count == COUNT_RECIPIENTS || limit->count == COUNT_EXTERNAL || limit->count == COUNT_INTERNAL;
}

static bool counts_refusals(const struct limit_config *limit)
{
    return limit->count == COUNT_DENIALS || limit->count == COUNT_DEFERRALS;
}

/* Refusals that count against others than who met them. Those of clients without a login count against no login from a
 * familiar network; those of logins do. */
static void warn_of_shared_refusals(struct teller *t, const struct config *c, const struct limit_config *limit)
{
    bool by_client = (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0;

    if (!counts_refusals(limit) || limit->then == THEN_MONITOR || (limit->per & (PER_USER | PER_LOGIN)) != 0)
        return;
    if ((limit->per & PER_TENANT) != 0)
        tell_warning(t, "limit %s: one login's refusals count against its whole tenant; count them per user.",
                     limit->name);
    if ((limit->per & PER_CLIENT_NET) != 0 &&
        (limit->v4_prefix < SHARED_V4_PREFIX || limit->v6_prefix < SHARED_V6_PREFIX))
        tell_warning(t,
                     "limit %s: refusals count against all of a /%u or an IPv6 /%u; a smaller client_net meets fewer.",
                     limit->name, limit->v4_prefix, limit->v6_prefix);
    if (by_client && limit->authenticated && limit->then != THEN_BLOCK)
        tell_warning(t,
                     "limit %s: one login's refusals hold back all others from the same address; count them per user, "
                     "or block: never_block can except an address from that.",
                     limit->name);
    else if (by_client && limit->authenticated && c->never_block_networks == NULL)
        tell_warning(t,
                     "limit %s: one login's refusals block all others from the same address; name shared ones, such as "
                     "an office's, in never_block.",
                     limit->name);
}

static void warn_limits(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_limits; i++) {
        const struct limit_config *limit = &c->limits[i];

        warn_of_shared_refusals(t, c, limit);
        if (limit->then == THEN_MONITOR)
            tell_warning(t, "limit %s only watches (then = \"monitor\").", limit->name);
        if (counts_recipients(limit) && !limit->figure.unlimited && limit->figure.burst < c->max_recipients)
            tell_warning(t,
                         "limit %s: a message with more than %llu recipients can never pass, though recipients.max "
                         "allows %llu; raise its burst or lower recipients.max.",
                         limit->name, (unsigned long long)limit->figure.burst, (unsigned long long)c->max_recipients);
        if (limit->mirrored == FIGURE_OWN && limit->figure.unlimited && limit->n_exceptions == 0)
            tell_warning(t, "limit %s is unlimited for everybody: it does nothing.", limit->name);
    }
    if (c->n_limits == 0)
        tell_warning(t, "there are no limits: a stolen password can send without end.");
}

static bool is_loopback(const struct listener_config *l)
{
    return strncmp(l->host, "127.", 4) == 0 || strcmp(l->host, "::1") == 0;
}

static void warn_listener(struct teller *t, const struct listener_config *l)
{
    if (l->address != NULL && l->host != NULL && !is_loopback(l))
        tell_warning(t,
                     "%s can be reached from the network: the protocol has neither passwords nor encryption; guard the "
                     "port with a firewall.",
                     l->address);
    if (l->has_tls && !l->tls.required)
        tell_warning(t, "%s: tls.required = false: passwords may cross the network in the clear.", l->address);
}

static void warn_programs(struct teller *t, const struct config *c)
{
    bool policyd = c->policyd.n_listen > 0, milter = c->milter.n_listen > 0;

    for (size_t i = 0; i < c->policyd.n_listen; i++)
        warn_listener(t, &c->policyd.listen[i]);
    for (size_t i = 0; i < c->milter.n_listen; i++)
        warn_listener(t, &c->milter.listen[i]);
    if (!policyd && !milter)
        tell_warning(t, "neither policyd.listen nor milter.listen: nothing is decided.");
    else if (c->charge == CHARGE_MILTER && !milter)
        tell_warning(t, "charge = \"milter\", but milter.listen is empty: no message is ever charged.");
    else if (c->charge == CHARGE_POLICYD && !policyd)
        tell_warning(t, "charge = \"policyd\", but policyd.listen is empty: no message is ever charged.");
    if (!milter && c->sender.header_from != SENDER_ANY)
        tell_warning(t, "sender.header_from is set, but milter.listen is empty: only the milter sees the header.");
}

/* The milter protocol has a certificate's subject only. */
static void warn_ccerts(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_connectors && c->milter.n_listen > 0; i++)
        if (c->connectors[i].n_ccert_fingerprints > 0)
            tell_warning(
                t,
                "connector %s: the milter is told no fingerprint of a certificate, and %s; name ccert_subjects, "
                "or leave these clients to postern-policyd with milter.listen = \"\".",
                c->connectors[i].name,
                c->reject_unauthenticated ? "refuses its clients" : "takes its clients for anybody's");
}

/* A refusal for the moment that was made one for good loses mail; 535 is no reply to MAIL or RCPT (RFC 5321 4.3.2). */
static void warn_replies(struct teller *t, const struct config *c)
{
    for (size_t i = 0; i < c->n_replies; i++) {
        enum reason reason;

        if (slice_starts_with(slice_of(c->replies[i].text), SLICE("535 ")))
            tell_warning(
                t,
                "replies.%s: 535 is a reply to AUTH; to MAIL and RCPT, where postern is asked, some clients take "
                "it for a broken server and hide the text. 550 does not.",
                c->replies[i].reason);

        if (reason_find(slice_of(c->replies[i].reason), &reason) && reason_row(reason)->reply[0] == '4' &&
            c->replies[i].text[0] == '5')
            tell_warning(
                t, "replies.%s refuses for good what was to be tried again later: such mail comes back to its sender.",
                c->replies[i].reason);
    }
}

void explain_warnings(struct teller *t, const struct config *c)
{
    warn_modes(t, c);
    warn_logins(t, c);
    warn_names(t, c);
    for (size_t i = 0; i < c->n_connectors; i++)
        warn_connector(t, &c->connectors[i]);
    warn_ccerts(t, c);
    warn_limits(t, c);
    warn_programs(t, c);
    warn_replies(t, c);
}
