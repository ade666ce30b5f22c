/* The messages that a limit is about (limits.only). */
#include "core/decide/limits_parts.h"

static bool only_senders(const struct submission *s, const struct limit_config *limit)
{
    return limit->only.sender_domains == NULL ||
           (s->sender_result == ADDRESS_OK && list_has_sender(limit->only.sender_domains, &s->sender, NULL));
}

/* A limit restricts: where nobody knows for certain, it holds. */
static bool only_groups(const struct decide_context *c, const struct submission *s, const struct identity *id,
                        const struct limit_config *limit)
{
    for (size_t i = 0; i < limit->only.n_groups; i++)
        if (identity_listed(c, s, id, c->config->groups[limit->only.groups[i]].members, LISTED_TO_DENY, NULL) !=
            DIRECTORY_NOT_FOUND)
            return true;
    return limit->only.n_groups == 0;
}

static bool only_connectors(const struct decide_context *c, const struct identity *id, const struct limit_config *limit)
{
    for (size_t i = 0; i < limit->only.n_connectors; i++)
        if (id->connector == &c->config->connectors[limit->only.connectors[i]])
            return true;
    return limit->only.n_connectors == 0;
}

bool limit_only_holds(const struct decide_context *c, const struct submission *s, const struct identity *id,
                      const struct limit_config *limit)
{
    return !limit->only.set ||
           (only_senders(s, limit) && only_connectors(c, id, limit) && only_groups(c, s, id, limit));
}

void limits_trace_others(const struct deciding *d)
{
    const struct identity *id = &d->v->identity;

    for (size_t i = 0; d->trace != NULL && i < d->c->config->n_limits; i++) {
        const struct limit_config *limit = &d->c->config->limits[i];

        if (!limit_is_for(limit, id) || limit_only_holds(d->c, d->s, id, limit))
            continue;
        trace_add(d->trace, "limit %s: not about this message, by its %s", limit->name,
                  !only_senders(d->s, limit)          ? "sender's domain"
                  : !only_connectors(d->c, id, limit) ? "connector"
                                                      : "login's groups");
    }
}
