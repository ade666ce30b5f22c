/* May the login come from this client's network (logins_from)? */
#include "core/decide/decide_steps.h"

/* A row that names no network at all is for nowhere. */
static bool holds_client(const struct logins_from *row, const struct submission *s)
{
    unsigned value;

    return s->has_client && network_map_find(row->map, &s->client, &value);
}

/* Of several groups the first row. A list that restricts: whoever it may mean is meant. */
static enum directory_result row_of_group(const struct decide_context *c, const struct submission *s,
                                          const struct identity *id, const struct logins_from **row)
{
    const struct config *config = c->config;

    for (size_t i = 0; i < config->n_logins_from; i++) {
        const struct logins_from *one = &config->logins_from[i];
        enum directory_result listed = DIRECTORY_NOT_FOUND;

        if (one->whose == WHOSE_GROUP)
            listed = identity_listed(c, s, id, config->groups[one->group].members, LISTED_TO_DENY, NULL);
        if (listed == DIRECTORY_NOT_FOUND)
            continue;
        *row = one;
        return listed;
    }
    return DIRECTORY_NOT_FOUND;
}

enum directory_result logins_from_row(const struct decide_context *c, const struct submission *s,
                                      const struct identity *id, const struct logins_from **row)
{
    const struct config *config = c->config;
    enum directory_result listed;
    struct list_place place;

    listed = identity_listed(c, s, id, config->logins_from_users, LISTED_TO_DENY, &place);
    if (listed == DIRECTORY_NOT_FOUND && (listed = row_of_group(c, s, id, row)) != DIRECTORY_NOT_FOUND)
        return listed;
    if (listed == DIRECTORY_NOT_FOUND)
        listed = identity_listed(c, s, id, config->logins_from_domains, LISTED_TO_DENY, &place);
    if (listed == DIRECTORY_FOUND)
        *row = &config->logins_from[place.line - 1];
    return listed;
}

/* One mailbox, or a login that has none. */
static bool refuses(struct deciding *d, const struct identity *id)
{
    const struct logins_from *row = NULL;
    enum directory_result found = logins_from_row(d->c, d->s, id, &row);
    bool here;

    if (found == DIRECTORY_DAMAGED)
        return refuse(d, REASON_DIRECTORY_DAMAGED, MODE_ENFORCE);
    if (row == NULL) {
        trace_add(d->trace, "network: any, no row of logins_from is for this login");
        return false;
    }
    here = holds_client(row, d->s);
    trace_logins_from(d, row, here);
    return !here && refuse(d, REASON_LOGINS_FROM, row->mode);
}

bool step_logins_from(struct deciding *d)
{
    const struct identity *id = &d->v->identity;
    struct identity one;

    if (!id->authenticated || d->c->config->n_logins_from == 0)
        return false;
    if (id->n_claims <= 1)
        return refuses(d, id);
    /* Each of the mailboxes that claim the login has a row of its own, and all must agree. */
    one = *id;
    one.n_claims = 1;
    for (unsigned i = 0; i < id->n_claims; i++) {
        one.claims[0] = id->claims[i];
        if (refuses(d, &one))
            return true;
    }
    return false;
}
