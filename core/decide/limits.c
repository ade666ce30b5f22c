#include "core/decide/limits.h"

#include "core/base/clock.h"
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/decide/keys.h"

/* ---- figures ---- */

/* Does the group or the connector of the exception hold who sends? */
static bool applies(const struct decide_context *c, const struct submission *s, const struct identity *id,
                    const struct limit_exception *exception)
{
    switch (exception->of) {
    case EXCEPT_GROUP:
        return id->authenticated && identity_listed(c, s, id, c->config->groups[exception->group].members,
                                                    LISTED_TO_PERMIT, NULL) == DIRECTORY_FOUND;
    case EXCEPT_CONNECTOR:
        return id->connector == &c->config->connectors[exception->connector];
    default:
        return false; /* a user's is found by its name */
    }
}

static const struct limit_exception *exception_for(const struct decide_context *c, const struct submission *s,
                                                   const struct identity *id, const struct limit_config *limit)
{
    const struct limit_exception *best = NULL;
    struct list_place user;

    if (id->authenticated &&
        identity_listed(c, s, id, limit->exception_users, LISTED_TO_PERMIT, &user) == DIRECTORY_FOUND)
        return &limit->exceptions[user.line - 1];
    for (size_t i = 0; i < limit->n_exceptions; i++) {
        const struct limit_exception *one = &limit->exceptions[i];

        if ((best == NULL || one->of < best->of) && applies(c, s, id, one))
            best = one;
    }
    return best;
}

static const struct limit_rate *mirrored_figure(const struct tenant_facts *tenant, enum limit_mirrored which,
                                                struct limit_rate *room)
{
    uint32_t count = tenant == NULL                      ? 0
                     : which == FIGURE_EXTERNAL_PER_HOUR ? tenant->external_per_hour
                     : which == FIGURE_INTERNAL_PER_HOUR ? tenant->internal_per_hour
                                                         : tenant->recipients_per_day;

    if (count == 0)
        return NULL;
    *room = (struct limit_rate){.rate = {count, which == FIGURE_RECIPIENTS_PER_DAY ? 86400 : 3600}, .burst = count};
    room->interval_ns = rate_interval_ns(&room->rate, COUNT_RECIPIENTS);
    return room;
}

const struct limit_rate *limit_figure(const struct decide_context *c, const struct submission *s,
                                      const struct identity *id, const struct limit_config *limit,
                                      struct limit_rate *room)
{
    const struct limit_exception *exception = limit->n_exceptions > 0 ? exception_for(c, s, id, limit) : NULL;
    const struct limit_rate *mirrored =
        limit->mirrored != FIGURE_OWN ? mirrored_figure(id->tenant, limit->mirrored, room) : NULL;

    return exception != NULL ? &exception->figure : mirrored != NULL ? mirrored : &limit->figure;
}

struct charge limit_charge_of(const struct limit_rate *figure, uint64_t key, uint64_t cost)
{
    return (struct charge){.key = key, .interval_ns = figure->interval_ns, .burst = figure->burst, .cost = cost};
}

/* ---- costs ---- */

/* Refusals are charged when they happen, not with the message that is looked at. */
static bool counts_refusals(const struct limit_config *limit)
{
    return limit->count == COUNT_DENIALS || limit->count == COUNT_DEFERRALS;
}

/* What a distinct count counts: hashes of the message's clients, senders, recipients ... */
struct members {
    const uint64_t *single; /* one member, or */
    const struct recipient_seen *seen;
    size_t n;
    size_t untold; /* further ones that nobody knows: each is taken for a new one */
    size_t most;   /* no more than these are counted: the MTA has refused others since */
    bool domains;
};

static uint64_t member(const struct members *m, size_t i)
{
    return m->single != NULL ? *m->single : m->domains ? m->seen[i].domain : m->seen[i].address;
}

/* The recipients, or their domains; from DATA on those that the MTA has accepted, as far as they can be told. */
static struct members recipients_of(const struct deciding *d, bool domains, uint64_t *single)
{
    struct recipient_counts counts = recipient_counts(d);
    const struct address *a = &d->s->recipient;

    if (!only_recipient(d))
        return (struct members){
            .seen = d->r->seen, .n = d->r->kept, .untold = counts.untold, .most = counts.all, .domains = domains};
    *single = domains ? hash_slice(d->c->secret, address_domain(a)) | 1 : recipient_hash(d->c, d->s);
    return (struct members){.single = single, .n = 1, .untold = counts.untold, .most = counts.all};
}

/* *single is room for a member that is not among the recipients. */
static struct members members_of(const struct deciding *d, const struct limit_config *limit, uint64_t *single)
{
    const struct decide_context *c = d->c;
    const struct submission *s = d->s;
    const struct identity *id = &d->v->identity;
    struct network net;

    switch (limit->distinct) {
    case DISTINCT_RECIPIENT:
    case DISTINCT_RECIPIENT_DOMAIN:
        return recipients_of(d, limit->distinct == DISTINCT_RECIPIENT_DOMAIN, single);
    case DISTINCT_SENDER:
        *single = key_of_sender(c, s);
        break;
    case DISTINCT_CLIENT_NET:
        if (client_known(c, s))
            break;
        net = network_around(&s->client, limit->v4_prefix, limit->v6_prefix);
        *single = s->has_client ? key_of_network(c->secret, &net) : 0;
        break;
    default:
        *single = client_known(c, s) ? 0 : id->client;
    }
    return (struct members){.single = single, .n = *single != 0 ? 1 : 0, .most = 1};
}

#define MEMBERS_COMPARED                                                                                               \
    64 /* a domain that comes again after so many others is counted again: stricter, and bounded                       \
        */

static bool repeated(const struct members *m, size_t i)
{
    for (size_t j = i > MEMBERS_COMPARED ? i - MEMBERS_COMPARED : 0; j < i; j++)
        if (member(m, j) == member(m, i))
            return true;
    return false;
}

static uint64_t new_members(const struct decide_context *c, const struct members *m, uint64_t key)
{
    uint64_t n = m->untold;

    for (size_t i = 0; i < m->n; i++)
        if (!repeated(m, i) && !counters_marked(c->counters, key_within(key, member(m, i)), c->now_ns))
            n++;
    return n < m->most ? n : m->most;
}

static uint64_t cost_of(const struct deciding *d, const struct limit_config *limit, uint64_t key)
{
    struct recipient_counts counts;
    struct members members;
    uint64_t single = 0;

    switch (limit->count) {
    case COUNT_MESSAGES:
    case COUNT_DENIALS:
    case COUNT_DEFERRALS:
        return 1;
    case COUNT_BYTES:
        return kib_of(d->s->size);
    case COUNT_DISTINCT:
        members = members_of(d, limit, &single);
        return new_members(d->c, &members, key);
    default:
        counts = recipient_counts(d);
        return limit->count == COUNT_RECIPIENTS ? counts.all
               : limit->count == COUNT_EXTERNAL ? counts.external
                                                : counts.internal;
    }
}

/* ---- looking ---- */

/* How strong a refusal is: of several, the strongest speaks. */
static int strength(const struct limit_config *limit, bool never)
{
    static const int of_then[] = {
        [THEN_MONITOR] = 1, [THEN_HOLD] = 2, [THEN_DEFER] = 3, [THEN_REJECT] = 4, [THEN_BLOCK] = 5};

    /* Never is for good where it refuses at all; what is to be held is held. */
    return never && limit->then == THEN_DEFER ? of_then[THEN_REJECT] : of_then[limit->then];
}

struct looking {
    const struct limit_config *worst;
    uint64_t worst_key;
    struct charge_answer answer;
    int strength;
};

/* The size that the client has declared at MAIL is looked at all along, but charged is the real one, at the end. */
static bool known_at_the_end(const struct deciding *d, const struct limit_config *limit)
{
    return limit->count == COUNT_BYTES && d->s->stage < STAGE_END;
}

static void plan_add(const struct deciding *d, const struct limit_config *limit, const struct charge *charge)
{
    struct plan *plan = &d->v->plan;

    plan->marks |= limit->count == COUNT_DISTINCT;
    if (counts_refusals(limit) || known_at_the_end(d, limit) || charge->cost == 0)
        return;
    plan->limits[plan->n] = limit;
    plan->charges[plan->n++] = *charge;
}

/* Charging looks too, all or nothing, so where a refusal is all that a look can lead to, one look is enough. */
static bool charging_will_tell(const struct deciding *d, const struct limit_config *limit)
{
    return d->c->charging && d->trace == NULL && !counts_refusals(limit) && !known_at_the_end(d, limit) &&
           limit->then != THEN_HOLD && limit->then != THEN_MONITOR && d->v->plan.n < PLAN_CHARGES_MAX;
}

/* Refusals of strangers, by client, also hold back logins from there, but not where their tenant is known to be. */
static bool meets_strangers(const struct deciding *d, const struct limit_config *limit)
{
    return limit->count == COUNT_DENIALS && (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0 &&
           !network_trusted(d->c, d->s, &d->v->identity);
}

static void look_at(struct deciding *d, struct looking *l, const struct limit_config *limit,
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
    else if (strength(limit, answer.never) > l->strength)
        *l = (struct looking){limit, key, answer, strength(limit, answer.never)};
}

/* Stands for the domain of a recipient that nobody was asked about; no hash of a domain is even. */
#define DOMAIN_UNTOLD UINT64_C(2)

/* A key for each recipient domain, with the recipients there as cost where recipients are counted. Recipients of whom
 * nobody knows the domain have a key of their own, and so a limit. */
static void look_at_domains(struct deciding *d, struct looking *l, const struct limit_config *limit,
                            const struct limit_rate *figure, uint64_t key, uint64_t cost)
{
    uint64_t single = 0;
    struct members m = recipients_of(d, true, &single);
    bool by_recipient = limit->count == COUNT_RECIPIENTS;

    for (size_t i = 0; i < m.n; i++) {
        uint64_t here = 0;

        if (repeated(&m, i))
            continue;
        for (size_t j = i; by_recipient && j < m.n && here < m.most; j++)
            here += member(&m, j) == member(&m, i);
        look_at(d, l, limit, figure, key_within(key, member(&m, i)), by_recipient ? here : cost);
    }
    if (m.untold > 0)
        look_at(d, l, limit, figure, key_within(key, DOMAIN_UNTOLD), by_recipient ? m.untold : cost);
}

/* For explain only: the level of a limit that has no say here. */
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

static bool is_for(const struct limit_config *limit, const struct identity *id)
{
    return id->authenticated ? limit->authenticated : limit->connectors;
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

/* Did the limit meet a full bucket: its own entry's, or one where what it counts as different should be marked? */
static bool is_crowded(const struct deciding *d, const struct looking *l)
{
    const struct limit_config *limit = l->worst;
    struct members m;
    uint64_t single = 0;

    if (l->answer.crowded || limit->count != COUNT_DISTINCT)
        return l->answer.crowded;
    m = members_of(d, limit, &single);
    for (size_t i = 0; i < m.n; i++) {
        uint64_t mark = key_within(l->worst_key, member(&m, i));

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
    /* What others counted in a shared entry may be the reason: nobody is blocked, or refused for good, for that. */
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
        /* The whole message is held, so the time for it is when the message is whole. */
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
 * At MAIL the next question, about the first recipient, is moments away. Only what refuses for good is told before,
 * where the milter's words reach the client as they are, while the policy server's at RCPT would be wrapped.
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

    for (size_t i = 0; i < config->n_limits; i++) {
        const struct limit_config *limit = &config->limits[i];

        if (waits_for_recipient(d, limit) || !is_for(limit, id) || !key_of_limit(d->c, d->s, id, limit, &out->key))
            continue;
        counters_prefetch(d->c->counters, out->key);
        out++->limit = limit;
    }
    d->n_candidates = (size_t)(out - d->candidates);
}

/* Limits with networks of one size, as the preset's, stand together and have one answer. */
struct familiarity {
    const struct limit_config *asked;
    bool unfamiliar;
};

/* Is the limit about unfamiliar client networks alone, and this one familiar? */
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

    /* A block by refusals stands in the blocks. */
    if (figure->unlimited || (counts_refusals(limit) && limit->then == THEN_BLOCK)) {
        trace_denials(d, limit, figure, candidate->key);
        return;
    }
    cost = cost_of(d, limit, candidate->key);
    if ((limit->per & PER_RECIPIENT_DOMAIN) != 0)
        look_at_domains(d, l, limit, figure, candidate->key, cost);
    else
        look_at(d, l, limit, figure, candidate->key, cost);
}

bool step_limits(struct deciding *d)
{
    struct familiarity f = {NULL, false};
    struct looking l = {0};

    if (d->c->charged == CHARGED_ALL) {
        trace_add(d->trace, "limits: the message was charged before");
        return false;
    }
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

/* ---- charging ---- */

static bool is_planned(const struct verdict *v, const struct limit_config *limit)
{
    for (size_t i = 0; i < v->plan.n; i++)
        if (v->plan.limits[i] == limit)
            return true;
    return false;
}

/* New members are remembered only where they were charged: over a limit that is only monitored they stay new, and where
 * the MTA has refused some of them since, nobody can say which. */
static bool remembers_new(const struct deciding *d, const struct limit_config *limit, const struct members *m)
{
    return m->n <= m->most && is_planned(d->v, limit);
}

static void remember_members(struct counters *counters, const struct deciding *d, const struct limit_config *limit,
                             uint64_t key)
{
    struct limit_rate room;
    const struct limit_rate *figure = limit_figure(d->c, d->s, &d->v->identity, limit, &room);
    const struct charge charge = limit_charge_of(figure, key, 0);
    uint64_t now = d->c->now_ns, single = 0;
    const struct members m = members_of(d, limit, &single);
    const bool all = remembers_new(d, limit, &m);
    bool crowded;

    for (size_t i = 0; !figure->unlimited && i < m.n; i++) {
        uint64_t mark = key_within(key, member(&m, i));

        if (all || counters_marked(counters, mark, now))
            (void)counters_mark(counters, mark, now, charge.interval_ns * figure->burst, true, &crowded);
    }
}

static void remember(struct counters *counters, const struct deciding *d)
{
    for (size_t i = 0; i < d->c->config->n_limits; i++) {
        const struct limit_config *limit = &d->c->config->limits[i];
        uint64_t key;

        if (limit->count == COUNT_DISTINCT && is_for(limit, &d->v->identity) &&
            key_of_limit(d->c, d->s, &d->v->identity, limit, &key))
            remember_members(counters, d, limit, key);
    }
}

enum plan_result limits_charge(struct counters *counters, const struct deciding *d, struct receipt *receipt)
{
    const struct plan *plan = &d->v->plan;
    struct charge_answer answers[PLAN_CHARGES_MAX];

    receipt->n = 0;
    if (plan->n > 0 && counters_charge(counters, plan->charges, plan->n, d->c->now_ns, answers) < plan->n)
        return PLAN_REFUSED;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->limits[i]->count != COUNT_DISTINCT && !answers[i].crowded)
            receipt_add(receipt, plan->charges + i);
    if (plan->marks)
        remember(counters, d);
    networks_learn(counters, d->c, d->s, &d->v->identity);
    return PLAN_CHARGED;
}

bool is_stranger(const struct identity *id)
{
    return !id->authenticated && id->connector == NULL;
}

/* Counts one refusal. False when it is over the limit, and not only because others are counted with it. */
static bool count_one(struct counters *counters, const struct identity *id, const struct charge *charge, uint64_t now)
{
    struct charge_answer answer;

    if (is_stranger(id))
        return strangers_charge(counters, STRANGERS_REFUSALS, charge, now).allowed;
    return counters_charge(counters, charge, 1, now, &answer) == 1 || answer.crowded;
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
