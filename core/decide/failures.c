#include "core/decide/failures.h"

#include "core/base/clock.h"
#include "core/decide/blocked.h"
#include "core/decide/familiar.h"
#include "core/decide/keys.h"
#include "core/decide/limits.h"

/* Domain separation. */
#define SALT_HELD UINT64_C(0x696e666c69676874)   /* "inflight" */
#define SALT_TOKEN UINT64_C(0x6f61757468746f6b)  /* "oauthtok" */
#define SALT_SPARED UINT64_C(0x7370617265646f6e) /* "sparedon" */
#define SALT_TOLD UINT64_C(0x746f6c64746f6461)   /* "toldtoda" */
#define SALT_NAME UINT64_C(0x6e616d656c657373)   /* "nameless" */

/* One notice an episode: a printer with an old password goes on for weeks, and is told of again after a quiet one. */
#define SPARED_AGAIN_NS (UINT64_C(7) * 86400 * NS_PER_S)
#define MONITORED_AGAIN_NS (UINT64_C(86400) * NS_PER_S)

#define PER_ANY_CLIENT (PER_CLIENT | PER_CLIENT_NET)

static bool is_token(const struct submission *s)
{
    return mechanism_proof(s->mechanism) == PROOF_TOKEN;
}

static bool is_of_clients(const struct limit_config *limit)
{
    return limit->count != COUNT_FAILING_NETS && (limit->per & ~(unsigned)PER_ANY_CLIENT) == 0;
}

/* Before anybody has proved who it is, all invented names are one. */
static struct identity known_alone(const struct identity *id)
{
    struct identity known = *id;

    if (known.n_claims == 0)
        known.login = known.user;
    return known;
}

/* The counter of the failures. False: the limit has nothing to do with this client or login. */
static bool key_of_failures(const struct decide_context *c, const struct submission *s, const struct identity *id,
                            const struct limit_config *limit, uint64_t *key)
{
    const struct identity known = known_alone(id);

    if (!limit_counts_failures(limit) || limit->figure.unlimited || !key_of_limit(c, s, &known, limit, key))
        return false;
    if (is_token(s))
        *key = key_within(*key, SALT_TOKEN);
    return true;
}

/* The counter of the failures and of the attempts in flight. */
static uint64_t key_of_held(uint64_t key)
{
    return key_within(key, SALT_HELD);
}

static struct charge charge_on(const struct submission *s, const struct limit_config *limit, uint64_t key)
{
    struct charge charge = limit_charge_of(&limit->figure, key, 1);

    if (!is_token(s))
        return charge;
    charge.burst *= OAUTH_TIMES;
    charge.interval_ns = charge.interval_ns > OAUTH_TIMES ? charge.interval_ns / OAUTH_TIMES : 1;
    return charge;
}

/* Whose failures are not held against its neighbours. */
static bool is_spared(const struct decide_context *c, const struct submission *s, const struct identity *id,
                      const struct limit_config *limit)
{
    return (limit->unfamiliar && !client_unfamiliar(c, s)) ||
           (limit->then == THEN_BLOCK && never_blocked(c, s, id, (enum limit_key_part)limit->per));
}

static struct identity nobody(const struct decide_context *c, const struct submission *s)
{
    return (struct identity){.client = s->has_client ? key_of_client(c, &s->client) : 0};
}

/* ---- attempts in flight ---- */

const struct limit_config *failures_take(struct counters *counters, const struct decide_context *c,
                                         const struct submission *s, struct failures_hold *hold, uint64_t *retry_ns)
{
    const struct identity id = nobody(c, s);
    struct charge_answer answer;
    uint64_t key;

    hold->n = 0;
    *retry_ns = 0;
    for (size_t i = 0; i < c->config->n_limits; i++) {
        const struct limit_config *limit = &c->config->limits[i];
        struct charge charge;

        if (limit->then == THEN_MONITOR || !limit_counts_failures(limit) || !is_of_clients(limit) ||
            !key_of_failures(c, s, &id, limit, &key) || is_spared(c, s, &id, limit))
            continue;
        charge = charge_on(s, limit, key_of_held(key));
        answer = strangers_charge(counters, STRANGERS_REFUSALS, &charge, c->now_ns);
        if (!answer.allowed) {
            failures_give_back(counters, hold, c->now_ns);
            *retry_ns = answer.retry_ns;
            return limit;
        }
        hold->charges[hold->n].key = charge.key;
        hold->charges[hold->n++].ns = charge.interval_ns;
    }
    return NULL;
}

void failures_give_back(struct counters *counters, struct failures_hold *hold, uint64_t now_ns)
{
    for (size_t i = 0; i < hold->n; i++)
        strangers_return(counters, STRANGERS_REFUSALS, hold->charges[i].key, hold->charges[i].ns, now_ns);
    hold->n = 0;
}

/* Takes the unit that was held on that key out of the hold, since it counts now. */
static bool keep_held(struct failures_hold *hold, uint64_t key)
{
    for (size_t i = 0; i < hold->n; i++)
        if (hold->charges[i].key == key) {
            hold->charges[i] = hold->charges[--hold->n];
            return true;
        }
    return false;
}

/* ---- failures ---- */

/* What is counted as different: the mailbox or the name, the client's network. */
static uint64_t member_of(const struct decide_context *c, const struct submission *s, const struct identity *id,
                          const struct limit_config *limit)
{
    struct network net;

    if (limit->count == COUNT_FAILING_NETS) {
        net = network_around(&s->client, limit->v4_prefix, limit->v6_prefix);
        return key_of_network(c->secret, &net);
    }
    if (s->login.kind == LOGIN_BAD || s->login.kind == LOGIN_NONE)
        return key_within(hash_slice(c->secret, s->login_text), SALT_NAME);
    return id->n_claims > 0 ? id->user : id->login;
}

/* Is it one that the limit has counted already? Remembers it for as long as its unit takes to run off at least. */
static bool is_repeated(struct counters *counters, const struct decide_context *c, const struct submission *s,
                        const struct identity *id, const struct limit_config *limit, const struct charge *charge)
{
    uint64_t keep_ns = charge->interval_ns * charge->burst;

    if (limit->count == COUNT_FAILURES)
        return false;
    if (limit->count == COUNT_FAILING_NETS && !s->has_client)
        return true;
    return !strangers_once(counters, key_within(charge->key, member_of(c, s, id, limit)), c->now_ns, keep_ns);
}

static bool is_used_up(const struct decide_context *c, const struct charge *charge)
{
    return !strangers_look(c->counters, STRANGERS_REFUSALS, charge, c->now_ns).allowed;
}

/* Counts it, and returns whether nothing is left of the limit. */
static bool count_here(struct counters *counters, const struct decide_context *c, const struct submission *s,
                       const struct identity *id, const struct limit_config *limit, uint64_t key,
                       struct failures_hold *hold)
{
    struct charge charge = charge_on(s, limit, key), held = charge_on(s, limit, key_of_held(key));

    if (is_repeated(counters, c, s, id, limit, &charge))
        return false;
    (void)strangers_charge(counters, STRANGERS_REFUSALS, &charge, c->now_ns);
    if (limit->then != THEN_MONITOR && is_of_clients(limit) && !keep_held(hold, held.key))
        (void)strangers_charge(counters, STRANGERS_REFUSALS, &held, c->now_ns);
    return is_used_up(c, &charge);
}

/* The same for one login in a network whose failures are not held against it. */
static bool count_spared(struct counters *counters, const struct decide_context *c, const struct submission *s,
                         const struct identity *id, const struct limit_config *limit, uint64_t key)
{
    struct charge charge = charge_on(s, limit, key_within(key_within(key, SALT_SPARED), member_of(c, s, id, limit)));

    (void)strangers_charge(counters, STRANGERS_REFUSALS, &charge, c->now_ns);
    return is_used_up(c, &charge) && id->user != 0 &&
           counters_mark(counters, key_within(id->user, SALT_SPARED), c->now_ns, SPARED_AGAIN_NS, true, NULL);
}

static bool tells_now(struct counters *counters, const struct decide_context *c, uint64_t key)
{
    return strangers_once(counters, key_within(key, SALT_TOLD), c->now_ns, MONITORED_AGAIN_NS);
}

void failures_count(struct counters *counters, const struct decide_context *c, const struct submission *s,
                    const struct identity *id, struct failures_hold *hold, struct failures_outcome *out)
{
    uint64_t key;

    *out = (struct failures_outcome){.blocks = NULL};
    for (size_t i = 0; i < c->config->n_limits; i++) {
        const struct limit_config *limit = &c->config->limits[i];

        if (!key_of_failures(c, s, id, limit, &key))
            continue;
        if (is_spared(c, s, id, limit)) {
            if (limit->count == COUNT_FAILURES && count_spared(counters, c, s, id, limit, key))
                out->spared = limit;
            continue;
        }
        if (!count_here(counters, c, s, id, limit, key, hold))
            continue;
        if (limit->then == THEN_BLOCK && out->blocks == NULL)
            out->blocks = limit;
        if (limit->then == THEN_MONITOR && tells_now(counters, c, key))
            out->monitored = limit;
    }
    failures_give_back(counters, hold, c->now_ns);
}

/* ---- looking ---- */

static uint64_t used_of(const struct decide_context *c, const struct submission *s, const struct limit_config *limit,
                        uint64_t key, uint64_t *burst)
{
    struct charge charge = charge_on(s, limit, key);

    *burst = charge.burst;
    return strangers_look(c->counters, STRANGERS_REFUSALS, &charge, c->now_ns).used;
}

uint64_t failures_counted(const struct decide_context *c, const struct submission *s, const struct identity *id,
                          const struct limit_config *limit)
{
    uint64_t key, burst;

    return key_of_failures(c, s, id, limit, &key) ? used_of(c, s, limit, key, &burst) : 0;
}

const struct limit_config *failures_many(const struct decide_context *c, const struct submission *s,
                                         const struct identity *id)
{
    uint64_t key, burst;

    for (size_t i = 0; i < c->config->n_limits; i++) {
        const struct limit_config *limit = &c->config->limits[i];

        if (key_of_failures(c, s, id, limit, &key) && used_of(c, s, limit, key, &burst) > burst / 2)
            return limit;
    }
    return NULL;
}
