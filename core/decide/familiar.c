#include "core/decide/familiar.h"

#include "core/base/clock.h"
#include "core/decide/block_keys.h"
#include "core/decide/failures.h"
#include "core/decide/keys.h"
#include "core/state/outbox.h"

/* Domain separation: keeps these keys different from all others of the same networks and tenants. */
#define SALT_NETWORK UINT64_C(0x66616d696c696172)  /* "familiar" */
#define SALT_TENANT UINT64_C(0x6f7267616e697a65)   /* "organize" */
#define SALT_NEW UINT64_C(0x6e6577636f6d6572)      /* "newcomer" */
#define SALT_SHARED UINT64_C(0x636f6c6c65616775)   /* "colleagu" */
#define SALT_RETURNED UINT64_C(0x72657475726e6564) /* "returned" */

/* A new network must be seen again within this time, as networks of applications that send once a month are. */
#define NEW_FOR_S (UINT64_C(45) * 86400)

/* So many logins that came back after a day make a network one of the tenant's own meanwhile. */
#define SHARED_BY 3u
#define SHARED_AFTER_S UINT64_C(86400)

/* A familiar network's mark is renewed only after so much of its time. */
#define RENEWED_AFTER_S UINT64_C(86400)

bool client_known(const struct decide_context *c, const struct submission *s)
{
    unsigned value;

    return c->config->known_networks != NULL && s->has_client &&
           network_map_find(c->config->known_networks, &s->client, &value);
}

/* Networks of a size, around an address, in the eyes of a tenant. */
static uint64_t key_around(const struct decide_context *c, const struct ip *client, uint64_t tenant_hash,
                           const struct limit_config *limit)
{
    struct network net = network_around(client, limit->v4_prefix, limit->v6_prefix);

    return key_within(key_within(key_of_network(c->secret, &net), SALT_NETWORK), tenant_hash);
}

static uint64_t network_key(const struct decide_context *c, const struct submission *s, const struct identity *id,
                            const struct limit_config *limit)
{
    return key_around(c, &s->client, id->tenant_hash, limit);
}

static uint64_t tenant_key(uint64_t tenant_hash)
{
    return key_within(tenant_hash, SALT_TENANT); /* a keyed hash itself, as all that key_within takes */
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
           counters_marked(c->counters, tenant_key(id->tenant_hash), c->now_ns);
}

bool network_size_same(const struct limit_config *before, const struct limit_config *limit)
{
    return before != NULL && before->v4_prefix == limit->v4_prefix && before->v6_prefix == limit->v6_prefix;
}

/* ---- sizes ---- */

/* What strangers did is not held against logins from familiar networks, so these must be known. */
static bool counts_strangers(const struct limit_config *limit)
{
    return (limit_counts_failures(limit) && limit->unfamiliar) ||
           (limit->count == COUNT_DENIALS && limit->then != THEN_MONITOR && limit->authenticated &&
            (limit->per & (PER_CLIENT | PER_CLIENT_NET)) != 0);
}

/* Failures to sign in ask for networks of all sizes, so that they need none to be learnt for them. */
static bool tells_networks_apart(const struct limit_config *limit)
{
    return limit->unfamiliar && !limit_counts_failures(limit);
}

static bool any_unfamiliar(const struct config *config)
{
    for (size_t i = 0; i < config->n_limits; i++)
        if (tells_networks_apart(&config->limits[i]))
            return true;
    return false;
}

/* What one size has taught is enough for who only asks which networks are familiar. */
const struct limit_config *networks_size(const struct config *config, const struct limit_config *before)
{
    const struct limit_config *end = config->limits + config->n_limits;
    bool unfamiliar = any_unfamiliar(config);

    for (const struct limit_config *limit = before == NULL ? config->limits : before + 1; limit < end; limit++)
        if ((tells_networks_apart(limit) || (!unfamiliar && (counts_strangers(limit) || limit->beyond_habit))) &&
            !network_size_same(before, limit))
            return limit;
    return NULL;
}

/* ---- whom blocks of strangers spare ---- */

static bool is_familiar(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    for (const struct limit_config *limit = networks_size(c->config, NULL); limit != NULL;
         limit = networks_size(c->config, limit))
        if (counters_marked(c->counters, network_key(c, s, id, limit), c->now_ns))
            return true;
    return false;
}

bool network_trusted(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    if (id->connector != NULL)
        return true;
    if (!id->authenticated || !s->has_client)
        return false;
    if (client_known(c, s) || !counters_marked(c->counters, tenant_key(id->tenant_hash), c->now_ns))
        return true;
    return is_familiar(c, s, id);
}

/* How many logins have come back to a network that is new. */
static struct charge returned_to(uint64_t key)
{
    return (struct charge){.key = key_within(key, SALT_SHARED),
                           .interval_ns = NEW_FOR_S / SHARED_BY * NS_PER_S,
                           .burst = SHARED_BY,
                           .cost = 1};
}

static bool is_shared(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    const struct limit_config *limit = networks_size(c->config, NULL);
    struct charge returned;

    if (limit == NULL)
        return false;
    returned = returned_to(network_key(c, s, id, limit));
    return counters_look(c->counters, &returned, c->now_ns).used >= SHARED_BY;
}

/* At most this many look-ups to find familiar networks inside a larger one. */
#define LOOKS_MAX 4096u

/* Private and local addresses (RFC 1918, RFC 3927, RFC 4193, RFC 4291): their clients are neighbours. */
static bool is_private_network(const struct network *net)
{
    static const struct {
        uint8_t first[16], prefix;
    } ours[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 10}, 104},
        {{[10] = 0xff, [11] = 0xff, [12] = 127}, 104},
        {{[10] = 0xff, [11] = 0xff, [12] = 169, [13] = 254}, 112},
        {{[10] = 0xff, [11] = 0xff, [12] = 172, [13] = 16}, 108},
        {{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 168}, 112},
        {{[0] = 0xfc}, 7},
        {{[0] = 0xfe, [1] = 0x80}, 10},
        {{[15] = 1}, 128},
    };

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        struct network one = {.prefix = ours[i].prefix};

        memcpy(one.base.b, ours[i].first, sizeof one.base.b);
        if (network_contains(&one, &net->base) || network_contains(net, &one.base))
            return true;
    }
    return false;
}

bool network_known(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct network net = network_around(&s->client, 32, 128);

    if (id->connector != NULL)
        return true;
    return s->has_client &&
           (client_known(c, s) || is_private_network(&net) || is_familiar(c, s, id) || is_shared(c, s, id));
}

/* The address n networks of that size after the base. */
static struct ip address_at(const struct network *net, unsigned prefix, unsigned n)
{
    struct ip at = net->base;

    for (unsigned bit = prefix; n > 0 && bit > 0; bit--, n >>= 1)
        if ((n & 1) != 0)
            at.b[(bit - 1) / 8] |= (uint8_t)(0x80u >> (bit - 1) % 8);
    return at;
}

/*
 * A newcomer's network counts too, but not in IPv6: somebody who gets one message through from a /64 would have its
 * addresses blocked one by one, and never run out of them.
 */
static bool is_learnt(const struct decide_context *c, uint64_t key, bool v4)
{
    return counters_marked(c->counters, key, c->now_ns) ||
           (v4 && counters_marked(c->counters, new_key(key), c->now_ns));
}

/* Has any tenant learnt this network, or parts of it, of the size that the limit has? */
static bool holds_familiar(const struct decide_context *c, const struct network *net, const struct limit_config *limit)
{
    unsigned size = ip_is_v4(&net->base) ? limit->v4_prefix + 96 : limit->v6_prefix;
    unsigned deeper = size > net->prefix ? size - net->prefix : 0;
    uint32_t tenants = directory_tenants(c->view);

    if (deeper > 16 || (uint64_t)tenants << deeper > LOOKS_MAX)
        return true;
    for (uint32_t i = 0; i <= tenants; i++) { /* the last stands for logins of none */
        const struct tenant_facts *tenant = directory_tenant(c->view, i);
        uint64_t hash = tenant != NULL ? hash_slice(c->secret, slice_of(tenant->name)) : 0;

        for (unsigned n = 0; n < 1u << deeper; n++) {
            struct ip at = address_at(net, size, n);

            if (is_learnt(c, key_around(c, &at, hash, limit), ip_is_v4(&net->base)))
                return true;
        }
    }
    return false;
}

bool network_sheltered(const struct decide_context *c, const struct network *net)
{
    const struct network_map *maps[] = {c->config->never_block_networks, c->config->known_networks,
                                        c->config->connector_map};

    if (is_private_network(net))
        return true;
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        if (maps[i] != NULL && network_map_touches(maps[i], net))
            return true;
    if (c->view == NULL)
        return true;
    for (const struct limit_config *limit = networks_size(c->config, NULL); limit != NULL;
         limit = networks_size(c->config, limit))
        if (holds_familiar(c, net, limit))
            return true;
    return false;
}

/* ---- failures to sign in ---- */

static bool is_connectors(const struct decide_context *c, const struct submission *s)
{
    unsigned value;

    return c->config->connector_map != NULL && network_map_find(c->config->connector_map, &s->client, &value);
}

/* Familiar to that tenant; while it is new here, a network that its mail was accepted from. */
static bool is_tenants(const struct decide_context *c, const struct submission *s, uint64_t tenant_hash,
                       const struct limit_config *limit)
{
    uint64_t key = key_around(c, &s->client, tenant_hash, limit);

    return counters_marked(c->counters, key, c->now_ns) ||
           (counters_marked(c->counters, new_key(key), c->now_ns) &&
            !counters_marked(c->counters, tenant_key(tenant_hash), c->now_ns));
}

/* Tenants that are only in the configuration have sent nothing. */
static bool is_any_tenants(const struct decide_context *c, const struct submission *s, const struct limit_config *limit)
{
    uint32_t tenants = c->view != NULL ? directory_tenants(c->view) : 0;

    if (tenants > LOOKS_MAX)
        return true;
    for (uint32_t i = 0; i < tenants; i++) {
        const struct tenant_facts *tenant = directory_tenant(c->view, i);

        if (tenant != NULL && is_tenants(c, s, hash_slice(c->secret, slice_of(tenant->name)), limit))
            return true;
    }
    return is_tenants(c, s, 0, limit); /* logins of none */
}

bool client_unfamiliar(const struct decide_context *c, const struct submission *s)
{
    if (!s->has_client || client_known(c, s) || is_connectors(c, s))
        return false;
    for (const struct limit_config *limit = networks_size(c->config, NULL); limit != NULL;
         limit = networks_size(c->config, limit))
        if (is_any_tenants(c, s, limit))
            return false;
    return true;
}

/* ---- learning ---- */

/* Seconds until a mark ends, rounded up; 0: there is none. */
static uint64_t seconds_left(const struct decide_context *c, uint64_t key)
{
    return (counters_marked_for(c->counters, key, c->now_ns) + NS_PER_S - 1) / NS_PER_S;
}

enum network_seen network_seen(const struct decide_context *c, const struct ip *client, uint64_t tenant_hash,
                               int64_t *since_s)
{
    const struct limit_config *limit = networks_size(c->config, NULL);
    uint64_t key, left_new;

    *since_s = 0;
    if (limit == NULL)
        return NETWORK_UNSEEN;
    key = key_around(c, client, tenant_hash, limit);
    if (counters_marked(c->counters, key, c->now_ns))
        return NETWORK_FAMILIAR;
    left_new = seconds_left(c, new_key(key));
    if (left_new == 0)
        return NETWORK_UNSEEN;
    *since_s = c->wall_s - (int64_t)(left_new < NEW_FOR_S ? NEW_FOR_S - left_new : 0);
    return NETWORK_NEW;
}

static bool was_blocked_lately(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct block block = {0};
    struct charge history;

    key_of_block_on(c, s, id, PER_USER, &block);
    history = block_history(c, block.key);
    return counters_look(c->counters, &history, c->now_ns).used > 0;
}

/* Sets a mark, or renews it where the latest holds, and tells the other relays. */
static void remember(struct counters *counters, const struct decide_context *c, enum outbox_kind kind, uint64_t key,
                     uint64_t keep_s)
{
    struct outbox_record record = {.kind = kind, .key = key, .ns = keep_s * NS_PER_S};
    bool crowded;

    (void)counters_mark(counters, key, c->now_ns, record.ns, kind == OUTBOX_LATEST, &crowded);
    outbox_tell(counters_outbox(counters), record);
}

/* Counts the login once, when it has come back. Other relays are not told: each sees that by itself. */
static void note_returned(struct counters *counters, const struct decide_context *c, const struct identity *id,
                          uint64_t key)
{
    uint64_t first = key_within(key_within(key, SALT_SHARED), id->user);
    uint64_t again = key_within(first, SALT_RETURNED), left = seconds_left(c, first);
    struct charge returned = returned_to(key);
    struct charge_answer answer;
    bool crowded;

    if (left == 0)
        (void)counters_mark(counters, first, c->now_ns, NEW_FOR_S * NS_PER_S, false, &crowded);
    else if (left <= NEW_FOR_S - SHARED_AFTER_S &&
             counters_mark(counters, again, c->now_ns, NEW_FOR_S * NS_PER_S, false, &crowded))
        counters_force(counters, &returned, c->now_ns, &answer);
}

/* True when it is new still. */
static bool learn(struct counters *counters, const struct decide_context *c, const struct submission *s,
                  const struct identity *id, uint64_t key)
{
    uint64_t left = seconds_left(c, key), left_new;

    if (left > 0) {
        if (left < FAMILIAR_FOR_S - RENEWED_AFTER_S)
            remember(counters, c, OUTBOX_LATEST, key, FAMILIAR_FOR_S);
        return false;
    }
    if (was_blocked_lately(c, s, id))
        return false;
    left_new = seconds_left(c, new_key(key));
    if (left_new == 0)
        remember(counters, c, OUTBOX_FIRST, new_key(key), NEW_FOR_S);
    else if (left_new <= NEW_FOR_S - FAMILIAR_AFTER_S)
        remember(counters, c, OUTBOX_LATEST, key, FAMILIAR_FOR_S);
    return true;
}

void networks_learn(struct counters *counters, const struct decide_context *c, const struct submission *s,
                    const struct identity *id)
{
    const struct limit_config *limit = networks_size(c->config, NULL);

    if (limit == NULL || !id->authenticated || !s->has_client)
        return;
    (void)learn(counters, c, s, id, tenant_key(id->tenant_hash));
    for (; limit != NULL; limit = networks_size(c->config, limit)) {
        uint64_t key = network_key(c, s, id, limit);

        if (learn(counters, c, s, id, key))
            note_returned(counters, c, id, key);
    }
}

void networks_forget(struct counters *counters, const struct decide_context *c, const struct submission *s,
                     const struct identity *id)
{
    if (!id->authenticated || !s->has_client)
        return;
    for (const struct limit_config *limit = networks_size(c->config, NULL); limit != NULL;
         limit = networks_size(c->config, limit)) {
        uint64_t key = new_key(network_key(c, s, id, limit));

        (void)counters_reset(counters, key, c->now_ns);
        outbox_tell_reset(counters_outbox(counters), key);
    }
}

void networks_teach(struct counters *counters, const struct decide_context *c, uint64_t tenant_hash,
                    const struct network *network, uint64_t ago_s)
{
    uint64_t key = key_within(key_within(key_of_network(c->secret, network), SALT_NETWORK), tenant_hash);

    if (ago_s < FAMILIAR_FOR_S)
        remember(counters, c, OUTBOX_LATEST, key, FAMILIAR_FOR_S - ago_s);
}

void networks_teach_tenant(struct counters *counters, const struct decide_context *c, uint64_t tenant_hash)
{
    remember(counters, c, OUTBOX_LATEST, tenant_key(tenant_hash), FAMILIAR_FOR_S);
}
