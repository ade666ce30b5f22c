#include "core/familiar.h"

#include "core/clock.h"
#include "core/keys.h"
#include "core/limits.h"

/* So that these keys equal no other ones within the same networks and tenants. */
#define SALT_NETWORK UINT64_C(0x66616d696c696172) /* "familiar" */
#define SALT_TENANT UINT64_C(0x6f7267616e697a65)  /* "organize" */
#define SALT_NEW UINT64_C(0x6e6577636f6d6572)     /* "newcomer" */

/* A new network must be heard of again within so long: applications that send once a month are. */
#define NEW_FOR_S (UINT64_C(45) * 86400)

/* A familiar network's mark is renewed when so much of its time is over, not with every message. */
#define RENEWED_AFTER_S UINT64_C(86400)

static uint64_t network_key(const struct decide_context *c, const struct submission *s, const struct identity *id,
                            const struct limit_config *limit)
{
    struct network net = network_around(&s->client, limit->v4_prefix, limit->v6_prefix);

    return key_within(key_within(key_of_network(c->secret, &net), SALT_NETWORK), id->tenant_hash);
}

static uint64_t tenant_key(const struct identity *id)
{
    return key_within(id->tenant_hash, SALT_TENANT); /* a keyed hash itself, as all that key_within takes */
}

/* The mark of what is not familiar yet. */
static uint64_t new_key(uint64_t key)
{
    return key_within(key, SALT_NEW);
}

bool network_unfamiliar(const struct decide_context *c, const struct submission *s, const struct identity *id,
                        const struct limit_config *limit)
{
    /* A connector's networks are configured, and so known. */
    return id->authenticated && s->has_client && !client_known(c, s) &&
           !counters_marked(c->counters, network_key(c, s, id, limit), c->now_ns) &&
           counters_marked(c->counters, tenant_key(id), c->now_ns);
}

bool network_size_same(const struct limit_config *before, const struct limit_config *limit)
{
    return before != NULL && before->v4_prefix == limit->v4_prefix && before->v6_prefix == limit->v6_prefix;
}

/* ---- learning ---- */

/* Seconds until a mark ends; 0: there is none. */
static uint64_t seconds_left(const struct decide_context *c, uint64_t key)
{
    struct charge look = {.key = key, .interval_ns = NS_PER_S, .burst = FAMILIAR_FOR_S};
    struct charge_answer answer = counters_look(c->counters, &look, c->now_ns);

    return answer.crowded ? 0 : answer.used;
}

static bool was_blocked_lately(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct block block = {0};
    struct charge history;

    key_of_block_on(c, s, id, PER_USER, &block);
    history = block_history(c, block.key);
    return counters_look(c->counters, &history, c->now_ns).used > 0;
}

/* A mark that finds no room is not made: the network stays unfamiliar, which is the stricter. */
static void learn(struct counters *counters, const struct decide_context *c, const struct submission *s,
                  const struct identity *id, uint64_t key)
{
    uint64_t left = seconds_left(c, key), left_new;
    bool crowded;

    if (left > 0) {
        if (left < FAMILIAR_FOR_S - RENEWED_AFTER_S)
            (void)counters_mark(counters, key, c->now_ns, FAMILIAR_FOR_S * NS_PER_S, true, &crowded);
        return;
    }
    if (was_blocked_lately(c, s, id))
        return;
    left_new = seconds_left(c, new_key(key));
    if (left_new == 0)
        (void)counters_mark(counters, new_key(key), c->now_ns, NEW_FOR_S * NS_PER_S, false, &crowded);
    else if (left_new <= NEW_FOR_S - FAMILIAR_AFTER_S)
        (void)counters_mark(counters, key, c->now_ns, FAMILIAR_FOR_S * NS_PER_S, true, &crowded);
}

/* The next limit that wants to know networks of another size than the one before; NULL at the end. */
static const struct limit_config *next_size(const struct config *config, const struct limit_config *before)
{
    const struct limit_config *end = config->limits + config->n_limits;

    for (const struct limit_config *limit = before == NULL ? config->limits : before + 1; limit < end; limit++)
        if (limit->unfamiliar && !network_size_same(before, limit))
            return limit;
    return NULL;
}

void networks_learn(struct counters *counters, const struct decide_context *c, const struct submission *s,
                    const struct identity *id)
{
    const struct limit_config *limit = next_size(c->config, NULL);

    if (limit == NULL || !id->authenticated || !s->has_client)
        return;
    learn(counters, c, s, id, tenant_key(id));
    for (; limit != NULL; limit = next_size(c->config, limit))
        learn(counters, c, s, id, network_key(c, s, id, limit));
}

void networks_forget(struct counters *counters, const struct decide_context *c, const struct submission *s,
                     const struct identity *id)
{
    if (!id->authenticated || !s->has_client)
        return;
    for (const struct limit_config *limit = next_size(c->config, NULL); limit != NULL;
         limit = next_size(c->config, limit))
        (void)counters_reset(counters, new_key(network_key(c, s, id, limit)), c->now_ns);
}
