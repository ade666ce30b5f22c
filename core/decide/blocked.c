#include "core/decide/blocked.h"

#include "core/decide/block_keys.h"
#include "core/decide/decide_steps.h"
#include "core/decide/familiar.h"
#include "core/decide/keys.h"

bool never_blocked(const struct decide_context *c, const struct submission *s, const struct identity *id,
                   enum limit_key_part part)
{
    const struct config *config = c->config;
    unsigned value;

    if (part == PER_USER || part == PER_LOGIN)
        return id->authenticated &&
               identity_listed(c, s, id, config->never_block, LISTED_TO_PERMIT, NULL) == DIRECTORY_FOUND;
    return (part == PER_CLIENT || part == PER_CLIENT_NET) && s->has_client && config->never_block_networks != NULL &&
           network_map_find(config->never_block_networks, &s->client, &value);
}

/* The client's network of that size; false when there is none: sizes below 96 are of IPv6 alone. */
static bool network_of_size(const struct submission *s, uint32_t prefix, struct network *net)
{
    bool v4 = s->has_client && ip_is_v4(&s->client);

    if (!s->has_client || (v4 && prefix < 96))
        return false;
    *net = network_around(&s->client, v4 ? prefix - 96 : 0, prefix);
    return true;
}

static bool blocked(const struct decide_context *c, unsigned part, uint64_t value, uint64_t *until_ns)
{
    uint64_t end;

    if (value == 0 || !blocks_find(c->blocks, key_of_block_value(c->secret, part, value), c->now_ns, &end))
        return false;
    if (end > *until_ns)
        *until_ns = end;
    return true;
}

static uint64_t address_key(const struct decide_context *c, const struct submission *s)
{
    return s->has_client ? key_of_ip(c->secret, &s->client) : 0;
}

/* `of`: 0, or OF_STRANGERS. */
static bool network_blocked(const struct decide_context *c, const struct submission *s, unsigned of, uint64_t *until_ns)
{
    struct network net;
    uint32_t prefix;
    bool any = false;

    for (uint32_t at = 0; blocks_next_prefix(c->blocks, &at, &prefix);)
        if (network_of_size(s, prefix, &net))
            any |= blocked(c, PER_CLIENT_NET | of, key_of_network(c->secret, &net), until_ns);
    return any;
}

/* The parts that a block may be on, except networks; part 0 ends the list. */
#define BLOCK_PARTS 9
struct block_part {
    unsigned part;
    uint64_t value;
};

/*
 * A login is blocked by its mailbox, by what it stands for, and as it was typed: blocks of earlier versions are on
 * that, and an operator may mean it. One that got its mailbox a moment ago is still blocked by what it stood for.
 */
static void parts_of(const struct decide_context *c, const struct submission *s, const struct identity *id,
                     struct block_part parts[BLOCK_PARTS])
{
    uint64_t typed = id->authenticated ? key_of_login(c->secret, &s->login) : 0;
    uint64_t before = id->n_claims > 0 ? key_without_mailbox(c, s, id) : 0;

    parts[0] = (struct block_part){PER_USER, id->user};
    parts[1] = (struct block_part){PER_USER, id->login != id->user ? id->login : 0};
    parts[2] = (struct block_part){PER_LOGIN, id->login};
    parts[3] = (struct block_part){PER_USER, typed != id->login ? typed : 0};
    parts[4] = (struct block_part){PER_LOGIN, typed != id->login ? typed : 0};
    parts[5] = (struct block_part){PER_USER, before};
    parts[6] = (struct block_part){PER_CLIENT, address_key(c, s)};
    parts[7] = (struct block_part){PER_CONNECTOR, key_of_connector(c, id)};
    parts[8] = (struct block_part){0, 0};
}

/* By a block that refuses. */
static bool refused_by_block(const struct decide_context *c, const struct submission *s, const struct identity *id,
                             const struct block_part parts[BLOCK_PARTS], uint64_t *until_ns)
{
    uint64_t strangers_ns = 0;
    bool any = false, strangers;

    for (const struct block_part *p = parts; p->part != 0; p++)
        any |= blocked(c, p->part, p->value, until_ns);
    strangers = blocked(c, PER_CLIENT | OF_STRANGERS, address_key(c, s), &strangers_ns);
    /* An address may be protected inside a blocked network. */
    if (!never_blocked(c, s, id, PER_CLIENT_NET)) {
        any |= network_blocked(c, s, 0, until_ns);
        strangers |= network_blocked(c, s, OF_STRANGERS, &strangers_ns);
    }
    if (!strangers || network_trusted(c, s, id))
        return any;
    if (strangers_ns > *until_ns)
        *until_ns = strangers_ns;
    return true;
}

/* Can a block on that part defer? */
static bool may_defer(unsigned part)
{
    return part == PER_USER || part == PER_LOGIN || part == PER_CONNECTOR;
}

bool keys_blocked(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  uint64_t *until_ns, bool *defers)
{
    struct block_part parts[BLOCK_PARTS];

    *until_ns = 0;
    *defers = false;
    if (!blocks_any(c->blocks))
        return false;
    parts_of(c, s, id, parts);
    if (refused_by_block(c, s, id, parts, until_ns))
        return true;
    *until_ns = 0;
    for (const struct block_part *p = parts; p->part != 0; p++)
        *defers |= may_defer(p->part) && blocked(c, p->part | OF_DEFERRING, p->value, until_ns);
    return *defers;
}

bool key_blocks(const struct decide_context *c, const struct submission *s, const struct identity *id,
                const struct block *block)
{
    struct block_part parts[BLOCK_PARTS];
    unsigned of = block->class == BLOCK_OF_STRANGERS ? OF_STRANGERS : block->defers ? OF_DEFERRING : 0;
    struct network net;

    if (of == OF_STRANGERS && network_trusted(c, s, id))
        return false;
    parts_of(c, s, id, parts);
    for (const struct block_part *p = parts; p->part != 0; p++)
        if (p->value != 0 && key_of_block_value(c->secret, p->part | of, p->value) == block->key)
            return true;
    return block->prefix > 0 && network_of_size(s, block->prefix, &net) &&
           key_of_block_value(c->secret, PER_CLIENT_NET | of, key_of_network(c->secret, &net)) == block->key;
}

/* By whomever, or by an operator alone. */
static bool client_part_blocked(const struct decide_context *c, unsigned part, uint64_t value, bool by_operator,
                                uint64_t *until_ns)
{
    uint64_t key = key_of_block_value(c->secret, part, value), end;

    if (by_operator ? !blocks_find_of(c->blocks, key, BLOCK_BY_OPERATOR, c->now_ns, &end)
                    : !blocks_find(c->blocks, key, c->now_ns, &end))
        return false;
    if (end > *until_ns)
        *until_ns = end;
    return true;
}

static bool client_or_network_blocked(const struct decide_context *c, const struct submission *s, bool by_operator,
                                      uint64_t *until_ns)
{
    static const unsigned kinds[] = {0, OF_STRANGERS};
    const struct identity nobody = {.authenticated = false};
    bool any = false, sheltered = never_blocked(c, s, &nobody, PER_CLIENT_NET);
    struct network net;
    uint32_t prefix;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        any |= client_part_blocked(c, PER_CLIENT | kinds[i], address_key(c, s), by_operator, until_ns);
        for (uint32_t at = 0; !sheltered && blocks_next_prefix(c->blocks, &at, &prefix);)
            if (network_of_size(s, prefix, &net))
                any |= client_part_blocked(c, PER_CLIENT_NET | kinds[i], key_of_network(c->secret, &net), by_operator,
                                           until_ns);
    }
    return any;
}

bool client_blocked(const struct decide_context *c, const struct submission *s, uint64_t *until_ns)
{
    *until_ns = 0;
    if (!s->has_client || !blocks_any(c->blocks) || !client_or_network_blocked(c, s, false, until_ns))
        return false;
    if (client_unfamiliar(c, s))
        return true;
    *until_ns = 0;
    return client_or_network_blocked(c, s, true, until_ns);
}
