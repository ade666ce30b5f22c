#include "core/decide/failures.h"

#include "core/base/clock.h"
#include "core/decide/blocked.h"
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/decide/keys.h"
#include "core/decide/limits.h"
#include "core/state/outbox.h"

/* Domain separation. */
#define SALT_HELD UINT64_C(0x696e666c69676874)   /* "inflight" */
#define SALT_TOKEN UINT64_C(0x6f61757468746f6b)  /* "oauthtok" */
#define SALT_SPARED UINT64_C(0x7370617265646f6e) /* "sparedon" */
#define SALT_TOLD UINT64_C(0x746f6c64746f6461)   /* "toldtoda" */
#define SALT_NAME UINT64_C(0x6e616d656c657373)   /* "nameless" */

/* One notice an episode: a printer with an old password goes on for weeks, and is told of again after a quiet one. */
#define SPARED_AGAIN_NS (UINT64_C(7) * 86400 * NS_PER_S)
#define MONITORED_AGAIN_NS (UINT64_C(86400) * NS_PER_S)

#define PER_ANY_CLIENT ((unsigned)PER_CLIENT | (unsigned)PER_CLIENT_NET)

/* One attempt, as the limits on failures see it. */
struct attempt {
    const struct decide_context *c;
    const struct submission *s;
    struct identity id;
    bool token;             /* a token of OAuth, no password */
    bool asked, unfamiliar; /* is the client in no network that is familiar? Looked up once, when a limit asks */
};

static struct attempt attempt_of(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct attempt a = {.c = c, .s = s, .token = mechanism_proof(s->mechanism) == PROOF_TOKEN};

    if (id != NULL)
        a.id = *id;
    else if (s->has_client)
        a.id.client = key_of_client(c, &s->client);
    return a;
}

/* Is it a name that anybody may have invented? All of those share the counters of one. */
static bool attempt_is_invented(const struct attempt *a)
{
    return a->s->login.kind == LOGIN_BAD || (a->id.n_claims == 0 && a->id.user != a->id.login);
}

/* The counter of the failures. False: the limit has nothing to do with this client or login. */
static bool key_of_failures(const struct attempt *a, const struct limit_config *limit, uint64_t *key)
{
    struct identity counted = a->id;

    if (!limit_counts_failures(limit) || limit->figure.unlimited)
        return false;
    if (attempt_is_invented(a))
        counted.login = counted.user;
    if (!key_of_limit(a->c, a->s, &counted, limit, key))
        return false;
    if (a->token)
        *key = key_within(*key, SALT_TOKEN);
    return true;
}

/* The counter of the failures and of the attempts in flight. */
static uint64_t key_of_held(uint64_t key)
{
    return key_within(key, SALT_HELD);
}

/* Can a failure count there whoever it is that fails? Only then an attempt can take a unit before that is known. */
static bool limit_is_held(const struct limit_config *limit)
{
    return limit_counts_failures(limit) && limit->then != THEN_MONITOR && (limit->per & ~PER_ANY_CLIENT) == 0;
}

static struct charge attempt_charge(const struct attempt *a, const struct limit_config *limit, uint64_t key)
{
    struct charge charge = limit_charge_of(&limit->figure, key, 1);

    if (!a->token)
        return charge;
    charge.burst *= OAUTH_TIMES;
    charge.interval_ns = charge.interval_ns > OAUTH_TIMES ? charge.interval_ns / OAUTH_TIMES : 1;
    return charge;
}

static bool attempt_is_unfamiliar(struct attempt *a)
{
    if (!a->asked) {
        a->unfamiliar = client_unfamiliar(a->c, a->s);
        a->asked = true;
    }
    return a->unfamiliar;
}

/* Is it from where failures are not held against the neighbours? */
static bool attempt_is_spared(struct attempt *a, const struct limit_config *limit)
{
    return (limit->unfamiliar && !attempt_is_unfamiliar(a)) ||
           (limit->then == THEN_BLOCK && never_blocked(a->c, a->s, &a->id, (enum limit_key_part)limit->per));
}

/* ---- attempts in flight ---- */

bool failures_are_limited(const struct config *config)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if (limit_counts_failures(&config->limits[i]) && config->limits[i].then != THEN_MONITOR)
            return config->mode == MODE_ENFORCE;
    return false;
}

const struct limit_config *failures_take(struct counters *counters, const struct decide_context *c,
                                         const struct submission *s, struct failures_hold *hold, uint64_t *retry_ns)
{
    struct attempt a = attempt_of(c, s, NULL);

    hold->n = 0;
    *retry_ns = 0;
    for (size_t i = 0; i < c->config->n_limits; i++) {
        const struct limit_config *limit = &c->config->limits[i];
        struct charge_answer answer;
        struct charge charge;
        uint64_t key;

        if (!limit_is_held(limit) || !key_of_failures(&a, limit, &key) || attempt_is_spared(&a, limit))
            continue;
        charge = attempt_charge(&a, limit, key_of_held(key));
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

/* The unit that the attempt has taken there stays, since it counts now. False: it has taken none. */
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

/* Who or what is counted as different: the mailbox, or the name; the client's network. */
static uint64_t attempt_member(const struct attempt *a, const struct limit_config *limit)
{
    struct network net;

    if (limit->count == COUNT_FAILING_NETS) {
        net = network_around(&a->s->client, limit->v4_prefix, limit->v6_prefix);
        return key_of_network(a->c->secret, &net);
    }
    if (a->s->login.kind == LOGIN_BAD || a->s->login.kind == LOGIN_NONE)
        return key_within(hash_slice(a->c->secret, a->s->login_text), SALT_NAME);
    return a->id.n_claims > 0 ? a->id.user : a->id.login;
}

/* The mark of who or what was counted. */
static uint64_t member_mark_of(const struct attempt *a, const struct limit_config *limit, const struct charge *charge)
{
    return key_within(charge->key, attempt_member(a, limit));
}

/* Has the limit counted it already? Remembers it until a full limit would have run off. */
static bool attempt_is_repeated(struct counters *counters, const struct attempt *a, const struct limit_config *limit,
                                const struct charge *charge)
{
    if (limit->count == COUNT_FAILURES)
        return false;
    if (limit->count == COUNT_FAILING_NETS && !a->s->has_client)
        return true;
    return !strangers_once(counters, member_mark_of(a, limit, charge), a->c->now_ns,
                           charge->interval_ns * charge->burst);
}

static bool limit_is_used_up(const struct attempt *a, const struct charge *charge)
{
    return !strangers_look(a->c->counters, STRANGERS_REFUSALS, charge, a->c->now_ns).allowed;
}

/* What counts different logins or networks is told with which one it was: on all relays together each counts once. */
static void attempt_tell(struct counters *counters, const struct attempt *a, const struct limit_config *limit,
                         const struct charge *charge)
{
    struct outbox_record record = outbox_charge(OUTBOX_STRANGERS_REFUSALS, charge);

    if (limit->count != COUNT_FAILURES) {
        record.kind = OUTBOX_DISTINCT;
        record.member = member_mark_of(a, limit, charge);
        record.keep_ns = charge->interval_ns * charge->burst;
    }
    outbox_tell(counters_outbox(counters), record);
}

/* True when it counts, and nothing is left of the limit. */
static bool attempt_count(struct counters *counters, const struct attempt *a, const struct limit_config *limit,
                          uint64_t key, struct failures_hold *hold)
{
    struct charge charge = attempt_charge(a, limit, key), held = attempt_charge(a, limit, key_of_held(key));

    if (attempt_is_repeated(counters, a, limit, &charge))
        return false;
    if (strangers_charge(counters, STRANGERS_REFUSALS, &charge, a->c->now_ns).allowed)
        attempt_tell(counters, a, limit, &charge);
    if (limit_is_held(limit) && !keep_held(hold, held.key))
        (void)strangers_charge(counters, STRANGERS_REFUSALS, &held, a->c->now_ns);
    return limit_is_used_up(a, &charge);
}

/* The same where failures are spared: for each login apart. True when that is to be told. */
static bool attempt_count_spared(struct counters *counters, const struct attempt *a, const struct limit_config *limit,
                                 uint64_t key)
{
    struct charge charge = attempt_charge(a, limit, key_within(key_within(key, SALT_SPARED), attempt_member(a, limit)));

    if (limit->count != COUNT_FAILURES)
        return false;
    (void)strangers_charge(counters, STRANGERS_REFUSALS, &charge, a->c->now_ns);
    return limit_is_used_up(a, &charge) && a->id.user != 0 &&
           counters_mark(counters, key_within(a->id.user, SALT_SPARED), a->c->now_ns, SPARED_AGAIN_NS, true, NULL);
}

/* That somebody tries names that nobody has is not worth telling. */
static bool attempt_is_told(struct counters *counters, const struct attempt *a, const struct limit_config *limit,
                            uint64_t key)
{
    bool of_names = (limit->per & (PER_USER | PER_LOGIN)) != 0;

    return !(of_names && attempt_is_invented(a)) &&
           strangers_once(counters, key_within(key, SALT_TOLD), a->c->now_ns, MONITORED_AGAIN_NS);
}

void failures_count(struct counters *counters, const struct decide_context *c, const struct submission *s,
                    const struct identity *id, struct failures_hold *hold, struct failures_outcome *out)
{
    struct attempt a = attempt_of(c, s, id);
    uint64_t key;

    *out = (struct failures_outcome){.blocks = NULL};
    for (size_t i = 0; i < c->config->n_limits; i++) {
        const struct limit_config *limit = &c->config->limits[i];

        if (!key_of_failures(&a, limit, &key))
            continue;
        if (attempt_is_spared(&a, limit)) {
            if (attempt_count_spared(counters, &a, limit, key))
                out->spared = limit;
            continue;
        }
        if (!attempt_count(counters, &a, limit, key, hold))
            continue;
        if (limit->then == THEN_BLOCK && out->blocks == NULL)
            out->blocks = limit;
        if (limit->then == THEN_MONITOR && attempt_is_told(counters, &a, limit, key))
            out->monitored = limit;
    }
    failures_give_back(counters, hold, c->now_ns);
}

/* ---- looking ---- */

/* *charge gets the limit's figures. */
static uint64_t attempt_counted(const struct attempt *a, const struct limit_config *limit, struct charge *charge)
{
    uint64_t key;

    if (!key_of_failures(a, limit, &key))
        return 0;
    *charge = attempt_charge(a, limit, key);
    return strangers_look(a->c->counters, STRANGERS_REFUSALS, charge, a->c->now_ns).used;
}

uint64_t failures_counted(const struct decide_context *c, const struct submission *s, const struct identity *id,
                          const struct limit_config *limit)
{
    struct attempt a = attempt_of(c, s, id);
    struct charge charge;

    return attempt_counted(&a, limit, &charge);
}

const struct limit_config *failures_many(const struct decide_context *c, const struct submission *s,
                                         const struct identity *id)
{
    struct attempt a = attempt_of(c, s, id);
    struct charge charge = {.burst = 0};

    for (size_t i = 0; i < c->config->n_limits; i++)
        if (attempt_counted(&a, &c->config->limits[i], &charge) > charge.burst / 2)
            return &c->config->limits[i];
    return NULL;
}

void failures_forgive(struct counters *counters, const struct decide_context *c, const struct submission *s,
                      const struct identity *id, const struct limit_config *limit)
{
    struct attempt a = attempt_of(c, s, id);
    uint64_t key;

    for (int token = 0; token <= 1; token++) {
        a.token = token != 0;
        if (!key_of_failures(&a, limit, &key))
            continue;
        (void)counters_reset(counters, key, c->now_ns);
        (void)counters_reset(counters, key_of_held(key), c->now_ns);
        outbox_tell_reset(counters_outbox(counters), key);
    }
}

void failures_trace(const struct deciding *d)
{
    struct attempt a = attempt_of(d->c, d->s, &d->v->identity);
    uint64_t key;

    for (size_t i = 0; d->trace != NULL && i < d->c->config->n_limits; i++) {
        const struct limit_config *limit = &d->c->config->limits[i];
        struct limit_rate figure = limit->figure;
        struct charge_answer answer;
        struct charge charge;

        if (!key_of_failures(&a, limit, &key))
            continue;
        if (attempt_is_spared(&a, limit)) {
            trace_add(d->trace, "limit %s: not for this client network, which is familiar, known or protected",
                      limit->name);
            continue;
        }
        charge = attempt_charge(&a, limit, key);
        charge.cost = 0;
        figure.burst = charge.burst;
        if (a.token)
            figure.rate.count *= OAUTH_TIMES;
        answer = strangers_look(d->c->counters, STRANGERS_REFUSALS, &charge, d->c->now_ns);
        trace_limit(d, limit, &figure, &charge, &answer);
    }
}
