/* Charging: a message that passes, by its plan; a refusal, by the limits that count these. */
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/decide/keys.h"
#include "core/decide/limits_parts.h"

/* The limit's charge in the plan, the first one; NULL: it has none. */
static const struct charge *planned_for(const struct verdict *v, const struct limit_config *limit)
{
    for (size_t i = 0; i < v->plan.n; i++)
        if (v->plan.limits[i] == limit)
            return v->plan.charges + i;
    return NULL;
}

static void remember_members(struct counters *counters, const struct deciding *d, const struct limit_config *limit,
                             uint64_t key)
{
    struct limit_rate room;
    const struct limit_rate *figure = limit_figure(d->c, d->s, &d->v->identity, limit, &room);
    struct charge charge = limit_charge_of(figure, key, 0);
    const struct members m = members_of(d, limit);
    const uint64_t now = d->c->now_ns;
    /* New members are remembered only where they were charged: over a limit that is only monitored they stay new, and
     * where the MTA has refused some of them since, nobody can say which. */
    const struct charge *planned = planned_for(d->v, limit);
    const bool new_ones = m.n <= m.most && planned != NULL;
    uint64_t untold = planned != NULL && members_are_told(limit) ? planned->cost : 0;

    for (size_t i = 0; !figure->unlimited && i < m.n; i++) {
        uint64_t mark = key_within(key, members_one(&m, i));

        if (new_ones || counters_marked(counters, mark, now))
            member_mark(counters, &charge, mark, &untold, now);
    }
    charge.cost = untold;
    if (untold > 0)
        outbox_tell_charge(counters_outbox(counters), OUTBOX_COUNTERS, &charge);
}

static void remember(struct counters *counters, const struct deciding *d)
{
    for (size_t i = 0; i < d->c->config->n_limits; i++) {
        const struct limit_config *limit = &d->c->config->limits[i];
        uint64_t key;

        if (limit->count == COUNT_DISTINCT && limit_is_for(limit, &d->v->identity) &&
            limit_only_holds(d->c, d->s, &d->v->identity, limit) &&
            key_of_limit(d->c, d->s, &d->v->identity, limit, &key))
            remember_members(counters, d, limit, key);
    }
}

enum plan_result limits_charge(struct counters *counters, const struct decide_context *c, const struct submission *s,
                               const struct recipients *r, struct verdict *v, struct receipt *receipt)
{
    const struct deciding d = {.c = c, .s = s, .r = r, .v = v};
    const struct plan *plan = &v->plan;
    struct charge_answer answers[PLAN_CHARGES_MAX];

    receipt->n = 0;
    if (plan->n > 0 && counters_charge(counters, plan->charges, plan->n, c->now_ns, answers) < plan->n)
        return PLAN_REFUSED;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->limits[i]->count != COUNT_DISTINCT && !answers[i].crowded)
            receipt_add(receipt, plan->charges + i);
    plan_tell(counters_outbox(counters), plan);
    if (plan->marks)
        remember(counters, &d);
    networks_learn(counters, c, s, &v->identity);
    return PLAN_CHARGED;
}

bool is_stranger(const struct identity *id)
{
    return !id->authenticated && id->connector == NULL;
}

/* Counts one refusal. False when it is over the limit, and not only because others are counted with it. */
static bool count_one(struct counters *counters, const struct identity *id, const struct charge *charge, uint64_t now)
{
    bool stranger = is_stranger(id);
    struct charge_answer answer;

    if (stranger)
        answer = strangers_charge(counters, STRANGERS_REFUSALS, charge, now);
    else
        (void)counters_charge(counters, charge, 1, now, &answer);
    if (answer.allowed)
        outbox_tell_charge(counters_outbox(counters), stranger ? OUTBOX_STRANGERS_REFUSALS : OUTBOX_COUNTERS, charge);
    return answer.allowed || answer.crowded;
}

static bool counts_refusal_of(const struct limit_config *limit, const struct identity *id)
{
    return id->authenticated || id->connector == NULL ? limit->authenticated : limit->connectors;
}

const struct limit_config *limits_count_refusal(struct counters *counters, const struct decide_context *c,
                                                const struct submission *s, const struct verdict *v,
                                                enum limit_count count)
{
    const struct limit_config *blocks = NULL;

    for (size_t i = 0; i < c->config->n_limits; i++) {
        const struct limit_config *limit = &c->config->limits[i];
        const struct limit_rate *figure;
        struct limit_rate room;
        struct charge charge;
        uint64_t key;

        if (limit->count != count || !counts_refusal_of(limit, &v->identity) ||
            !limit_only_holds(c, s, &v->identity, limit) ||
            (limit->unfamiliar && !network_unfamiliar(c, s, &v->identity, limit)) ||
            (limit->per & PER_RECIPIENT_DOMAIN) != 0 || !key_of_limit(c, s, &v->identity, limit, &key))
            continue;
        figure = limit_figure(c, s, &v->identity, limit, &room);
        if (figure->unlimited)
            continue;
        charge = limit_charge_of(figure, key, 1);
        if (!count_one(counters, &v->identity, &charge, c->now_ns) && limit->then == THEN_BLOCK && blocks == NULL)
            blocks = limit;
    }
    return blocks;
}
