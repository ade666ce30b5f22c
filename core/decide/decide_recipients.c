/* Step 6 of the decision: how many recipients, and where they are. */
#include "core/decide/decide_steps.h"

static bool configured_domain(const struct tenant_config *tenant, struct slice domain)
{
    for (size_t i = 0; i < tenant->n_domains; i++)
        if (slice_eq(tenant->domains[i], domain))
            return true;
    return false;
}

/* Accepted by any tenant: for connectors that name none. */
static enum directory_result accepted_by_any(const struct deciding *d, struct slice domain)
{
    const struct config *config = d->c->config;

    for (size_t i = 0; i < config->n_tenants; i++)
        if (configured_domain(&config->tenants[i], domain))
            return DIRECTORY_FOUND;
    if (d->c->view == NULL)
        return DIRECTORY_DAMAGED;
    for (uint32_t i = 0; i < directory_tenants(d->c->view); i++) {
        enum directory_result one = directory_accepts(d->c->view, i, domain);

        if (one != DIRECTORY_NOT_FOUND)
            return one;
    }
    return DIRECTORY_NOT_FOUND;
}

static enum directory_result accepted_by(const struct deciding *d, struct slice name, struct slice domain)
{
    const struct config *config = d->c->config;
    const struct tenant_facts *tenant;

    for (size_t i = 0; i < config->n_tenants; i++)
        if (slice_eq(slice_of(config->tenants[i].name), name) && configured_domain(&config->tenants[i], domain))
            return DIRECTORY_FOUND;
    if (d->c->view == NULL)
        return DIRECTORY_DAMAGED;
    tenant = directory_tenant_named(d->c->view, name);
    return tenant != NULL ? directory_accepts(d->c->view, tenant->tenant, domain) : DIRECTORY_NOT_FOUND;
}

enum directory_result domain_is_internal(const struct deciding *d, struct slice domain)
{
    const struct identity *id = &d->v->identity;

    if (id->connector != NULL)
        return id->connector->tenant != NULL ? accepted_by(d, slice_of(id->connector->tenant), domain)
                                             : accepted_by_any(d, domain);
    return id->tenant != NULL ? accepted_by(d, slice_of(id->tenant->name), domain) : DIRECTORY_NOT_FOUND;
}

/*
 * "user%remote@site", "remote!user@site": a relay behind this one may take the local part for a route to somewhere
 * else, and Postfix itself does for a site of mydestination. Told as Postfix tells it, whatever allow_percent_hack and
 * swap_bangpath say here (trivial-rewrite/resolve.c, RESOLVE_FLAG_ROUTED; postconf(5), allow_untrusted_routing).
 */
static bool names_a_route(const struct address *a)
{
    struct slice local = address_local(a);

    return memchr(local.p, '%', local.n) != NULL || memchr(local.p, '!', local.n) != NULL;
}

static enum directory_result recipient_is_internal(const struct deciding *d)
{
    if (!d->s->has_recipient || d->s->recipient_result != ADDRESS_OK || names_a_route(&d->s->recipient))
        return DIRECTORY_NOT_FOUND;
    return domain_is_internal(d, address_domain(&d->s->recipient));
}

bool only_recipient(const struct deciding *d)
{
    return d->s->has_recipient && d->s->stage >= STAGE_DATA && (d->s->recipient_count == 1 || d->r->n == 0);
}

/* Is there a recipient to look at: the one in question, or the only one? */
static bool shows_recipient(const struct deciding *d)
{
    return d->s->has_recipient && (d->s->stage == STAGE_RCPT || only_recipient(d));
}

/* Of `accepted` recipients, how many may be of a kind that `of_kind` of those let through are of, and `others` are not?
 * A client may have named one several times. */
static uint64_t at_most(uint64_t accepted, uint64_t of_kind, uint64_t others, uint64_t unknown)
{
    if (of_kind == 0)
        return unknown;
    if (accepted > of_kind + others)
        return accepted - others;
    return of_kind < accepted ? of_kind : accepted;
}

struct recipient_counts recipient_counts(const struct deciding *d)
{
    static const struct recipients nobody = {0};
    const struct recipients *r = only_recipient(d) ? &nobody : d->r;
    struct recipient_counts counts = {.all = r->n, .external = r->external, .internal = r->n - r->external};
    uint64_t accepted = d->s->stage >= STAGE_DATA ? d->s->recipient_count : 0, external, internal;

    counts.untold = r->n - r->kept;
    if (shows_recipient(d) && !d->repeated) {
        counts.all++;
        counts.external += d->v->recipient_internal ? 0 : 1;
        counts.internal += d->v->recipient_internal ? 1 : 0;
    }
    counts.different = counts.all;
    if (accepted == 0)
        return counts;
    if (accepted > counts.all)
        counts.unknown = r->n > 0 ? recipients_never_asked(r, accepted) : accepted - counts.all;
    external = counts.external;
    internal = counts.internal;
    counts.different = accepted > counts.all ? counts.all + counts.unknown : accepted;
    counts.all = accepted;
    counts.external = at_most(accepted, external, internal, counts.unknown);
    counts.internal = at_most(accepted, internal, external, counts.unknown);
    counts.untold += counts.unknown;
    return counts;
}

/* Is the question asked at all: by a connector's rule or by a limit? Saves a look-up for each recipient. */
static bool needs_internal(const struct deciding *d)
{
    const struct connector_config *connector = d->v->identity.connector;

    return d->c->config->limits_tell_internal || (connector != NULL && connector->recipients == RECIPIENTS_INTERNAL);
}

static bool internal_only(struct deciding *d, enum directory_result found)
{
    enum mode mode = d->c->config->recipients_mode;
    struct recipient_counts counts = recipient_counts(d);

    if (shows_recipient(d) && found == DIRECTORY_DAMAGED)
        return refuse(d, d->c->view == NULL ? REASON_NO_DIRECTORY : REASON_DIRECTORY_DAMAGED, mode);
    if (shows_recipient(d) && found != DIRECTORY_FOUND)
        return refuse(d, REASON_EXTERNAL_RECIPIENT, mode);
    return counts.unknown > 0 ? refuse(d, REASON_RECIPIENTS_UNKNOWN, mode) : false;
}

/* A recipient too many goes into another message, if the client is told so (RFC 5321 4.5.3.1.10); a whole message with
 * too many can never pass. */
static enum reason too_many(const struct deciding *d)
{
    return d->s->stage == STAGE_RCPT ? REASON_EXCESS_RECIPIENT : REASON_TOO_MANY_RECIPIENTS;
}

/* The tenant whose domain it is delivers no mail there, whoever sends it. */
static bool domain_closed(struct deciding *d)
{
    enum mode mode = d->c->config->recipients_mode;
    enum directory_result closed;

    if (!shows_recipient(d) || d->s->recipient_result != ADDRESS_OK || d->c->view == NULL)
        return false;
    closed = directory_domain_closed(d->c->view, address_domain(&d->s->recipient), DOMAIN_NO_RECIPIENT);
    if (closed == DIRECTORY_NOT_FOUND)
        return false;
    if (closed == DIRECTORY_DAMAGED)
        return refuse(d, REASON_DIRECTORY_DAMAGED, mode);
    trace_add(d->trace, "recipient: its domain has SendingToDomainDisabled");
    return refuse(d, REASON_RECIPIENT_DOMAIN, mode);
}

bool step_recipients(struct deciding *d)
{
    const struct config *config = d->c->config;
    const struct connector_config *connector = d->v->identity.connector;
    uint64_t most =
        connector != NULL && connector->max_recipients > 0 ? connector->max_recipients : config->max_recipients;
    enum directory_result found = DIRECTORY_NOT_FOUND;
    struct recipient_counts counts;

    if (domain_closed(d))
        return true;
    if (shows_recipient(d) && needs_internal(d)) {
        found = recipient_is_internal(d);
        d->v->recipient_internal = found == DIRECTORY_FOUND;
        trace_add(d->trace, "recipient: %s", d->v->recipient_internal ? "internal" : "external");
    }
    counts = recipient_counts(d);
    if (most > 0 && counts.different > most && refuse(d, too_many(d), config->recipients_mode))
        return true;
    return connector != NULL && connector->recipients == RECIPIENTS_INTERNAL ? internal_only(d, found) : false;
}
