/* Charging: a message that passes, by its plan; a refusal, by the limits that count these. */
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/decide/habit.h"
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

/* The habit first: a message that the counters refuse is taken out again. */
static bool charge_all(struct counters *counters, struct habits *habits, const struct plan *plan, uint64_t now_ns,
                       struct charge_answer answers[PLAN_CHARGES_MAX])
{
    bool of_habit = habits != NULL && plan->habit.key != 0;

    if (of_habit && !habits_charge(habits, &plan->habit, now_ns))
        return false;
    if (plan->n == 0 || counters_charge(counters, plan->charges, plan->n, now_ns, answers) == plan->n)
        return true;
    if (of_habit)
        habits_return(habits, plan->habit.key, plan->habit.units, now_ns, now_ns);
    return false;
}

/* With a tenant's first login the tenant itself is known. */
static void note_tenant(struct counters *counters, struct habits *habits, const struct decide_context *c,
                        const struct verdict *v)
{
    struct habit_charge nothing = {.key = 0};

    if (habits == NULL || v->plan.habit.key == 0 || v->habit.since_ns != 0 || v->identity.tenant_hash == 0)
        return;
    nothing.key = key_of_tenants_habit(v->identity.tenant_hash);
    (void)habits_charge(habits, &nothing, c->now_ns);
    outbox_tell(counters_outbox(counters), outbox_habit(OUTBOX_HABIT, nothing.key, NULL, c->now_ns));
}

static void receipt_begin(struct receipt *receipt, const struct plan *plan, bool crowded)
{
    *receipt = (struct receipt){.habit = crowded ? 0 : plan->habit.key};
    if (receipt->habit != 0)
        memcpy(receipt->habit_units, plan->habit.units, sizeof receipt->habit_units);
}

enum plan_result limits_charge(struct counters *counters, struct habits *habits, const struct decide_context *c,
                               const struct submission *s, const struct recipients *r, struct verdict *v,
                               struct receipt *receipt)
{
    const struct deciding d = {.c = c, .s = s, .r = r, .v = v};
    const struct plan *plan = &v->plan;
    struct charge_answer answers[PLAN_CHARGES_MAX];

    receipt_begin(receipt, plan, v->habit_known && v->habit.crowded);
    if (!charge_all(counters, habits, plan, c->now_ns, answers))
        return PLAN_REFUSED;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->limits[i]->count != COUNT_DISTINCT && !answers[i].crowded)
            receipt_add(receipt, plan->charges + i);
    plan_tell(counters_outbox(counters), plan, habits != NULL && plan->habit.key != 0, c->now_ns);
    if (plan->marks)
        remember(counters, &d);
    networks_learn(counters, c, s, &v->identity);
    note_tenant(counters, habits, c, v);
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

/* Does the limit count refusals of that kind, of who sends this? */
static bool counts_here(const struct decide_context *c, const struct submission *s, const struct verdict *v,
                        const struct limit_config *limit, enum limit_count count)
{
    return limit->count == count && counts_refusal_of(limit, &v->identity) &&
           (!limit->beyond_habit || (v->habit_known && v->habit.learnt)) && (limit->per & PER_RECIPIENT_DOMAIN) == 0 &&
           limit_only_holds(c, s, &v->identity, limit) &&
           (!limit->unfamiliar || network_unfamiliar(c, s, &v->identity, limit));
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

        if (!counts_here(c, s, v, limit, count) || !key_of_limit(c, s, &v->identity, limit, &key))
            continue;
        figure = limit_figure(c, s, &v->identity, limit, &room);
        if (figure->unlimited)
            continue;
        charge = limit_charge_of(figure, key, 1);
        if (limit->beyond_habit)
            charge.burst += limit_burst_of_habit(limit, v);
        if (!count_one(counters, &v->identity, &charge, c->now_ns) && limit->then == THEN_BLOCK && blocks == NULL)
            blocks = limit;
    }
    return blocks;
}
