/* What a message costs a limit, and the distinct members that it counts. */
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/decide/keys.h"
#include "core/decide/limits_parts.h"

uint64_t members_one(const struct members *m, size_t i)
{
    return m->seen == NULL ? m->single : m->domains ? m->seen[i].domain : m->seen[i].address;
}

struct members members_recipients(const struct deciding *d, bool domains)
{
    struct recipient_counts counts = recipient_counts(d);
    struct members m = {.untold = counts.untold, .most = counts.all, .domains = domains};

    if (only_recipient(d)) {
        m.single =
            domains ? hash_slice(d->c->secret, address_domain(&d->s->recipient)) | 1 : recipient_hash(d->c, d->s);
        m.n = 1;
    } else {
        m.seen = d->r->seen;
        m.n = d->r->kept;
    }
    return m;
}

struct members members_of(const struct deciding *d, const struct limit_config *limit)
{
    const struct decide_context *c = d->c;
    const struct submission *s = d->s;
    struct members m = {.most = 1};
    struct network net;

    switch (limit->distinct) {
    case DISTINCT_RECIPIENT:
    case DISTINCT_RECIPIENT_DOMAIN:
        return members_recipients(d, limit->distinct == DISTINCT_RECIPIENT_DOMAIN);
    case DISTINCT_SENDER:
        m.single = key_of_sender(c, s);
        break;
    case DISTINCT_CLIENT_NET:
        if (!s->has_client || client_known(c, s))
            break;
        net = network_around(&s->client, limit->v4_prefix, limit->v6_prefix);
        m.single = key_of_network(c->secret, &net);
        break;
    default:
        m.single = client_known(c, s) ? 0 : d->v->identity.client;
    }
    m.n = m.single != 0 ? 1 : 0;
    return m;
}

/* A domain that occurs again after this many others is counted again: stricter, and bounded. */
#define MEMBERS_COMPARED 64

bool members_repeated(const struct members *m, size_t i)
{
    for (size_t j = i > MEMBERS_COMPARED ? i - MEMBERS_COMPARED : 0; j < i; j++)
        if (members_one(m, j) == members_one(m, i))
            return true;
    return false;
}

static uint64_t new_members(const struct decide_context *c, const struct members *m, uint64_t key)
{
    uint64_t n = m->untold;

    for (size_t i = 0; i < m->n; i++)
        if (!members_repeated(m, i) && !counters_marked(c->counters, key_within(key, members_one(m, i)), c->now_ns))
            n++;
    return n < m->most ? n : m->most;
}

uint64_t limit_cost(const struct deciding *d, const struct limit_config *limit, uint64_t key)
{
    struct recipient_counts counts;
    struct members members;

    switch (limit->count) {
    case COUNT_MESSAGES:
    case COUNT_DENIALS:
    case COUNT_DEFERRALS:
    case COUNT_DEFERRED:
        return 1;
    case COUNT_BYTES:
        return kib_of(d->s->size);
    case COUNT_DISTINCT:
        members = members_of(d, limit);
        return new_members(d->c, &members, key);
    default:
        counts = recipient_counts(d);
        return limit->count == COUNT_RECIPIENTS ? counts.all
               : limit->count == COUNT_EXTERNAL ? counts.external
                                                : counts.internal;
    }
}
