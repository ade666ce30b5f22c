/* Step 7: checks the limits that match, and plans the charges. */
#include "core/decide/decide_steps.h"
#include "core/decide/failures.h"
#include "core/decide/familiar.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"
#include "core/decide/limits_parts.h"

/* How strong a refusal is: of several, the strongest becomes the verdict. */
static int strength(const struct limit_config *limit, bool never)
{
    static const int of_then[] = {
        [THEN_MONITOR] = 1, [THEN_HOLD] = 2, [THEN_DEFER] = 3, [THEN_REJECT] = 4, [THEN_BLOCK] = 5};

    /* A message that can never pass is refused permanently, unless the limit holds it. */
    return never && limit->then == THEN_DEFER ? of_then[THEN_REJECT] : of_then[limit->then];
}

void looking_refused(struct looking *l, const struct limit_config *limit, uint64_t key,
                     const struct charge_answer *answer)
{
    if (strength(limit, answer->never) <= l->strength)
        return;
    l->worst = limit;
    l->worst_key = key;
    l->answer = *answer;
    l->strength = strength(limit, answer->never);
}

/* Before the end the limit is checked with the declared size; at the end the real size is charged. */
static bool known_at_the_end(const struct deciding *d, const struct limit_config *limit)
{
    return limit->count == COUNT_BYTES && d->s->stage < STAGE_END;
}

static void plan_add(const struct deciding *d, const struct limit_config *limit, const struct charge *charge)
{
    struct plan *plan = &d->v->plan;

    plan->marks |= limit->count == COUNT_DISTINCT;
    if (limit_counts_refusals(limit) || known_at_the_end(d, limit) || charge->cost == 0)
        return;
    plan->limits[plan->n] = limit;
    plan->charges[plan->n++] = *charge;
}

/* Charging checks the limits too, all or nothing: where a check can only lead to a refusal, it need not be done twice.
 */
static bool charging_will_tell(const struct deciding *d, const struct limit_config *limit)
{
    return d->c->charging && d->trace == NULL && !limit_counts_refusals(limit) && !known_at_the_end(d, limit) &&
           limit->then != THEN_HOLD && limit->then != THEN_MONITOR && d->v->plan.n < PLAN_CHARGES_MAX;
}

/* Refusals of strangers, by client, also hold back logins from there, but not where their tenant is known to be. */
static bool meets_strangers(const struct deciding *d, const struct limit_config *limit)
{
    return limit->count == COUNT_DENIALS && (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0 &&
           !network_trusted(d->c, d->s, &d->v->identity);
}

static void look_at_limit(struct deciding *d, struct looking *l, const struct limit_config *limit,
                          const struct limit_rate *figure, uint64_t key, uint64_t cost)
{
    const struct plan *plan = &d->v->plan;
    struct charge charge = limit_charge_of(figure, key, cost);
    struct charge_answer answer;

    if (charging_will_tell(d, limit)) {
        plan_add(d, limit, &charge);
        return;
    }
    answer = counters_look(d->c->counters, &charge, d->c->now_ns);
    if (answer.allowed && meets_strangers(d, limit))
        answer = strangers_look(d->c->counters, STRANGERS_REFUSALS, &charge, d->c->now_ns);
    trace_limit(d, limit, figure, &charge, &answer);
    if (answer.allowed && plan->n == PLAN_CHARGES_MAX)
        answer = (struct charge_answer){.never = true}; /* more keys than can be charged at once: never unlimited */
    if (answer.allowed)
        plan_add(d, limit, &charge);
    else
        looking_refused(l, limit, key, &answer);
}

/* Stands for the domain of a recipient that nobody was asked about; no hash of a domain is even. */
#define DOMAIN_UNTOLD UINT64_C(2)

/* A key for each recipient domain, with the recipients there as cost where recipients are counted. Recipients of whom
 * nobody knows the domain have a key of their own, and so a limit. */
static void look_at_domains(struct deciding *d, struct looking *l, const struct limit_config *limit,
                            const struct limit_rate *figure, uint64_t key, uint64_t cost)
{
    struct members m = members_recipients(d, true);
    bool by_recipient = limit->count == COUNT_RECIPIENTS;

    for (size_t i = 0; i < m.n; i++) {
        uint64_t here = 0;

        if (members_repeated(&m, i))
            continue;
        for (size_t j = i; by_recipient && j < m.n && here < m.most; j++)
            here += members_one(&m, j) == members_one(&m, i);
        look_at_limit(d, l, limit, figure, key_within(key, members_one(&m, i)), by_recipient ? here : cost);
    }
    if (m.untold > 0)
        look_at_limit(d, l, limit, figure, key_within(key, DOMAIN_UNTOLD), by_recipient ? m.untold : cost);
}

/* For explain only: the level of a limit that does not decide here. */
static void trace_denials(const struct deciding *d, const struct limit_config *limit, const struct limit_rate *figure,
                          uint64_t key)
{
    struct charge charge = limit_charge_of(figure, key, 0);
    struct charge_answer answer;

    if (d->trace == NULL)
        return;
    if (figure->unlimited) {
        trace_add(d->trace, "limit %s: unlimited", limit->name);
        return;
    }
    answer = counters_look(d->c->counters, &charge, d->c->now_ns);
    trace_limit(d, limit, figure, &charge, &answer);
}

/*
 * A part of the message has been let through: refusing the rest for good would deliver the one and lose the other. So
 * the whole is refused, at DATA or at the end, and the client learns of it once.
 */
static bool waits_for_the_whole(const struct deciding *d, const struct limit_config *limit, bool never)
{
    return d->s->stage == STAGE_RCPT && d->r->n > 0 &&
           (never || limit->then == THEN_REJECT || limit->then == THEN_BLOCK);
}

/* Was a bucket full: that of the limit's own entry, or one for the marks of its distinct members? */
static bool is_crowded(const struct deciding *d, const struct looking *l)
{
    const struct limit_config *limit = l->worst;
    struct members m;

    if (l->answer.crowded || limit->count != COUNT_DISTINCT)
        return l->answer.crowded;
    m = members_of(d, limit);
    for (size_t i = 0; i < m.n; i++) {
        uint64_t mark = key_within(l->worst_key, members_one(&m, i));

        if (!counters_marked(d->c->counters, mark, d->c->now_ns) &&
            counters_full_for(d->c->counters, mark, d->c->now_ns))
            return true;
    }
    return false;
}

static bool refuse_by_limit(struct deciding *d, const struct looking *l)
{
    static const enum reason of_then[] = {[THEN_DEFER] = REASON_LIMIT,
                                          [THEN_REJECT] = REASON_LIMIT_REJECT,
                                          [THEN_HOLD] = REASON_LIMIT_HOLD,
                                          [THEN_BLOCK] = REASON_LIMIT_BLOCK,
                                          [THEN_MONITOR] = REASON_LIMIT};
    const struct limit_config *limit = l->worst;
    bool never = l->answer.never && (limit->then == THEN_DEFER || limit->then == THEN_REJECT);
    /* In a shared entry others may have used up the limit: then defer, never refuse permanently or block. */
    bool crowded = !l->answer.never && is_crowded(d, l) && (limit->then == THEN_REJECT || limit->then == THEN_BLOCK);

    if (!crowded && waits_for_the_whole(d, limit, never)) {
        trace_add(d->trace, "limit %s: over, so the message will be refused as a whole", limit->name);
        return false;
    }
    d->v->limit = limit->name;
    d->v->limit_row = limit;
    d->v->limit_key = l->worst_key;
    d->v->retry_ns = l->answer.retry_ns;
    if (limit->then == THEN_HOLD && !in_monitor_mode(d, MODE_ENFORCE)) {
        /* A message is held as a whole, so not before its end. */
        if (d->s->stage >= STAGE_DATA) {
            d->v->action = ACTION_HOLD;
            d->v->reason = REASON_LIMIT_HOLD;
        }
        return false;
    }
    return refuse(d,
                  never     ? REASON_LIMIT_NEVER
                  : crowded ? REASON_LIMIT
                            : of_then[limit->then],
                  limit->then == THEN_MONITOR ? MODE_MONITOR : MODE_ENFORCE);
}

/*
 * At MAIL only permanent refusals are evaluated. RCPT follows at once; but at MAIL the milter's reply reaches the
 * client unchanged, while Postfix would wrap the policy server's at RCPT.
 */
static bool waits_for_recipient(const struct deciding *d, const struct limit_config *limit)
{
    return d->s->stage == STAGE_MAIL && d->trace == NULL && limit->then != THEN_REJECT && limit->then != THEN_BLOCK;
}

void limits_gather(struct deciding *d)
{
    const struct config *config = d->c->config;
    const struct identity *id = &d->v->identity;
    struct candidate *out = d->candidates;

    if (config->limits_use_habits)
        habits_prefetch(d->c->habits, key_of_habit(d->c, id));
    for (size_t i = 0; i < config->n_limits; i++) {
        const struct limit_config *limit = &config->limits[i];

        if (limit_counts_failures(limit) || waits_for_recipient(d, limit) || !limit_is_for(limit, id) ||
            !limit_only_holds(d->c, d->s, id, limit) || !key_of_limit(d->c, d->s, id, limit, &out->key))
            continue;
        if (!limit_is_of_habit(limit))
            counters_prefetch(d->c->counters, out->key);
        out++->limit = limit;
    }
    d->n_candidates = (size_t)(out - d->candidates);
}

/* Adjacent limits with networks of one size, as in the preset, share the result. */
struct familiarity {
    const struct limit_config *asked;
    bool unfamiliar;
};

/* Does the limit apply only to unfamiliar client networks, and is this one familiar? */
static bool is_spared(const struct deciding *d, struct familiarity *f, const struct limit_config *limit)
{
    if (!limit->unfamiliar)
        return false;
    if (!network_size_same(f->asked, limit)) {
        f->asked = limit;
        f->unfamiliar = network_unfamiliar(d->c, d->s, &d->v->identity, limit);
    }
    return !f->unfamiliar;
}

static void look_at_candidate(struct deciding *d, struct looking *l, const struct candidate *candidate)
{
    const struct limit_config *limit = candidate->limit;
    struct limit_rate room;
    const struct limit_rate *figure = limit_figure(d->c, d->s, &d->v->identity, limit, &room);
    uint64_t cost;

    if (limit_is_of_habit(limit)) {
        look_at_habit(d, l, limit, figure);
        return;
    }
    if (limit->until_habit && (l->of_habit >> limit->count & 1) != 0) {
        trace_add(d->trace, "limit %s: the habit counts in its place", limit->name);
        return;
    }
    /* A block by refusals is among the blocks. */
    if (figure->unlimited || (limit_counts_refusals(limit) && limit->then == THEN_BLOCK)) {
        trace_denials(d, limit, figure, candidate->key);
        return;
    }
    cost = limit_cost(d, limit, candidate->key);
    if ((limit->per & PER_RECIPIENT_DOMAIN) != 0)
        look_at_domains(d, l, limit, figure, candidate->key, cost);
    else
        look_at_limit(d, l, limit, figure, candidate->key, cost);
}

bool step_limits(struct deciding *d)
{
    struct familiarity f = {NULL, false};
    struct looking l = {0};

    if (d->c->charged == CHARGED_ALL) {
        trace_add(d->trace, "limits: the message was charged before");
        return false;
    }
    habit_begin(d, &l);
    limits_trace_others(d);
    for (size_t i = 0; i < d->n_candidates; i++) {
        if (d->c->charged == CHARGED_BUT_BYTES && d->candidates[i].limit->count != COUNT_BYTES)
            continue;
        if (is_spared(d, &f, d->candidates[i].limit))
            trace_add(d->trace, "limit %s: not for this client network, which is familiar",
                      d->candidates[i].limit->name);
        else
            look_at_candidate(d, &l, d->candidates + i);
    }
    return l.worst != NULL && refuse_by_limit(d, &l);
}
