#include "core/keys.h"

#include "core/decide_steps.h"
#include "core/familiar.h"
#include "core/sender_forms.h"

/* The first byte of everything that is hashed, so that one kind of key never equals another. */
enum key_kind { KIND_IP = 1, KIND_NETWORK, KIND_MAILBOX, KIND_LOGIN, KIND_UNLISTED, KIND_BLOCK };

#define IPV4_BITS 32
#define IPV6_BITS 128

/* What a key is made of: its kind, and words that tell it from others of that kind. */
struct material {
    size_t n;
    uint64_t words[4];
};

static inline void mix(struct material *m, uint64_t word)
{
    m->words[m->n++] = word;
}

static inline struct material start(enum key_kind kind)
{
    return (struct material){.n = 1, .words = {kind}};
}

/* 16 bytes: an IP address, a mailbox's id. */
static inline void mix_16(struct material *m, const uint8_t bytes[16])
{
    uint64_t words[2];

    memcpy(words, bytes, sizeof words);
    mix(m, words[0]);
    mix(m, words[1]);
}

/* 0 stands for an empty entry of the tables. */
static inline uint64_t finish(const struct hash_secret *secret, const struct material *m)
{
    uint64_t key = hash_words(secret, m->words, m->n);

    return key != 0 ? key : 1;
}

uint64_t key_of_ip(const struct hash_secret *secret, const struct ip *ip)
{
    struct material m = start(KIND_IP);

    mix_16(&m, ip->b);
    return finish(secret, &m);
}

uint64_t key_of_network(const struct hash_secret *secret, const struct network *network)
{
    struct material m = start(KIND_NETWORK);

    mix_16(&m, network->base.b);
    mix(&m, network->prefix);
    return finish(secret, &m);
}

uint64_t key_of_mailbox(const struct hash_secret *secret, uint64_t tenant_hash, const struct mailbox_id *id)
{
    struct material m = start(KIND_MAILBOX);

    mix(&m, tenant_hash);
    mix_16(&m, id->b);
    return finish(secret, &m);
}

uint64_t key_of_claims(const struct hash_secret *secret, uint64_t tenant_hash, const struct mailbox_ref *claims,
                       unsigned n)
{
    const struct mailbox_ref *first = claims;

    for (unsigned i = 1; i < n; i++)
        if (memcmp(&claims[i].id, &first->id, sizeof first->id) < 0)
            first = &claims[i];
    return key_of_mailbox(secret, tenant_hash, &first->id);
}

static uint64_t key_of_address(const struct hash_secret *secret, const struct address *address)
{
    struct material m = start(KIND_LOGIN);

    mix(&m, 1);
    mix(&m, hash_slice(secret, address_slice(address)));
    return finish(secret, &m);
}

uint64_t key_of_login(const struct hash_secret *secret, const struct login *login)
{
    struct material m = start(KIND_LOGIN);

    if (login->kind == LOGIN_ADDRESS)
        return key_of_address(secret, &login->address);
    mix(&m, 0);
    mix(&m, hash_slice(secret, login_netbios(login)));
    mix(&m, hash_slice(secret, login_account(login)));
    return finish(secret, &m);
}

uint64_t key_outside(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct material m = start(KIND_LOGIN);

    if (id->address.n > 0)
        return key_of_address(c->secret, &id->address);
    if (id->tenant_hash == 0)
        return key_of_login(c->secret, &s->login);
    mix(&m, 2);
    mix(&m, id->tenant_hash);
    mix(&m, hash_slice(c->secret, login_account(&s->login)));
    return finish(c->secret, &m);
}

uint64_t key_without_mailbox(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct identity without = *id;

    if (without.address.n == 0)
        (void)identity_complete(c, &s->login, &without);
    return key_outside(c, s, &without);
}

/* IPv4 addresses are scarce, so each is one. Whoever has an IPv6 network has all of its addresses. */
static bool client_is_network(const struct decide_context *c, const struct ip *ip, struct network *net)
{
    unsigned prefix = c->config->client_ipv6_prefix_length;

    if (ip_is_v4(ip) || prefix == IPV6_BITS)
        return false;
    *net = network_around(ip, IPV4_BITS, prefix);
    return true;
}

uint64_t key_of_client(const struct decide_context *c, const struct ip *ip)
{
    struct network net;

    return client_is_network(c, ip, &net) ? key_of_network(c->secret, &net) : key_of_ip(c->secret, ip);
}

uint64_t key_of_unlisted(const struct hash_secret *secret, uint64_t tenant_hash)
{
    struct material m = start(KIND_UNLISTED);

    mix(&m, tenant_hash);
    return finish(secret, &m);
}

uint64_t key_within(uint64_t key, uint64_t member)
{
    uint64_t within = hash_mix(key, member);

    return within != 0 ? within : 1;
}

/* ---- keys of limits ---- */

/* All parts are keyed hashes by themselves, so that nobody outside can choose them. */
static bool add_part(uint64_t *key, uint64_t part)
{
    *key = hash_mix(*key, part);
    return part != 0;
}

uint64_t key_of_sender(const struct decide_context *c, const struct submission *s)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    const struct tenant_facts *tenant;
    struct address plain;
    unsigned n = 0;

    if (sender_mailboxes(c, &s->sender, refs, &n) == DIRECTORY_FOUND &&
        (tenant = directory_tenant(c->view, refs[0].tenant)) != NULL)
        return key_of_claims(c->secret, hash_slice(c->secret, slice_of(tenant->name)), refs, n);
    sender_plain(&c->config->sender, &s->sender, &plain);
    return hash_slice(c->secret, address_slice(&plain)) | 1;
}

static uint64_t key_of_sender_domain(const struct decide_context *c, const struct submission *s)
{
    struct address plain;

    sender_plain(&c->config->sender, &s->sender, &plain);
    return hash_slice(c->secret, address_domain(&plain)) | 1;
}

static bool add_client_net(const struct decide_context *c, uint64_t *key, const struct submission *s,
                           const struct limit_config *limit)
{
    struct network net;

    if (!s->has_client)
        return false;
    net = network_around(&s->client, limit->v4_prefix, limit->v6_prefix);
    return add_part(key, key_of_network(c->secret, &net));
}

static uint64_t connector_hash(const struct decide_context *c, const struct identity *id)
{
    return id->connector == NULL ? 0 : hash_slice(c->secret, slice_of(id->connector->name)) | 1;
}

bool key_of_limit(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  const struct limit_config *limit, uint64_t *key)
{
    uint64_t k = limit->id;
    unsigned per = limit->per;
    bool all;

    all = ((per & PER_USER) == 0 || add_part(&k, id->user)) && ((per & PER_LOGIN) == 0 || add_part(&k, id->login)) &&
          ((per & PER_CLIENT) == 0 || add_part(&k, id->client)) &&
          ((per & PER_CLIENT_NET) == 0 || add_client_net(c, &k, s, limit)) &&
          ((per & PER_SENDER) == 0 || add_part(&k, key_of_sender(c, s))) &&
          ((per & PER_SENDER_DOMAIN) == 0 || add_part(&k, key_of_sender_domain(c, s))) &&
          ((per & PER_CONNECTOR) == 0 || add_part(&k, connector_hash(c, id))) &&
          ((per & PER_TENANT) == 0 || add_part(&k, id->tenant_hash));
    *key = k != 0 ? k : 1;
    return all;
}

/* ---- blocks ---- */

/* A block for refusals without a login stands beside one for all, on a key of its own. */
#define OF_STRANGERS 0x10000u

uint64_t key_of_block_value(const struct hash_secret *secret, unsigned part, uint64_t value)
{
    struct material m = start(KIND_BLOCK);

    mix(&m, part);
    mix(&m, value);
    return finish(secret, &m);
}

static void say_user(const struct decide_context *c, const struct submission *s, const struct identity *id,
                     struct buf *out)
{
    struct address primary;

    if (id->n_claims > 0 &&
        directory_primary(c->view, id->claims[0].tenant, &id->claims[0].id, &primary) == DIRECTORY_FOUND)
        buf_add_escaped(out, address_slice(&primary), 100);
    else
        buf_add_escaped(out, s->login_text, 100);
}

static void subject_begin(struct block *block, struct buf *subject, const char *kind)
{
    memset(block->subject, 0, sizeof block->subject);
    *subject = BUF_OVER(block->subject);
    block->prefix = 0;
    memset(&block->base, 0, sizeof block->base);
    buf_addf(subject, "%s ", kind);
}

static int hex_of(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool block_subject_name(const struct block *block, char *mem, size_t cap, struct slice *name)
{
    struct buf b = buf_over(mem, cap);
    struct slice shown;

    if (!slice_cut(slice_of(block->subject), ' ', NULL, &shown) ||
        (shown.n >= 3 && memcmp(shown.p + shown.n - 3, "...", 3) == 0))
        return false;
    /* What buf_add_escaped made of it, taken back. */
    for (size_t i = 0; i < shown.n; i++) {
        if (shown.p[i] != '\\') {
            buf_add_char(&b, shown.p[i]);
            continue;
        }
        if (shown.n - i < 4 || shown.p[i + 1] != 'x' || hex_of(shown.p[i + 2]) < 0 || hex_of(shown.p[i + 3]) < 0)
            return false;
        buf_add_char(&b, (char)(hex_of(shown.p[i + 2]) << 4 | hex_of(shown.p[i + 3])));
        i += 3;
    }
    *name = buf_slice(&b);
    return !b.full && b.n > 0;
}

void key_of_block_on(const struct decide_context *c, const struct submission *s, const struct identity *id,
                     enum limit_key_part part, struct block *block)
{
    char text[NETWORK_TEXT_MAX];
    struct buf subject;

    switch (part) {
    case PER_USER:
        subject_begin(block, &subject, "user");
        say_user(c, s, id, &subject);
        block->key = key_of_block_value(c->secret, PER_USER, id->user);
        return;
    case PER_LOGIN:
        subject_begin(block, &subject, "login");
        buf_add_escaped(&subject, s->login_text, 100);
        block->key = key_of_block_value(c->secret, PER_LOGIN, id->login);
        return;
    case PER_CLIENT:
        subject_begin(block, &subject, "client");
        buf_add(&subject, ip_text(&s->client, text));
        block->base = s->client;
        block->key = key_of_block_value(c->secret, PER_CLIENT, key_of_ip(c->secret, &s->client));
        return;
    default:
        subject_begin(block, &subject, "connector");
        buf_add(&subject, slice_of(id->connector != NULL ? id->connector->name : ""));
        block->key = key_of_block_value(c->secret, PER_CONNECTOR, connector_hash(c, id));
    }
}

void key_of_block_on_network(const struct decide_context *c, const struct network *network, struct block *block)
{
    char text[NETWORK_TEXT_MAX];
    struct buf subject;

    subject_begin(block, &subject, "network");
    buf_add(&subject, network_text(network, text));
    block->key = key_of_block_value(c->secret, PER_CLIENT_NET, key_of_network(c->secret, network));
    block->prefix = network->prefix;
    block->base = network->base;
}

void key_of_block(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  const struct limit_config *limit, struct block *block)
{
    struct network net;

    if (limit->per != PER_CLIENT_NET) {
        key_of_block_on(c, s, id, (enum limit_key_part)limit->per, block);
        return;
    }
    net = network_around(&s->client, limit->v4_prefix, limit->v6_prefix);
    key_of_block_on_network(c, &net, block);
}

void key_of_strangers(const struct decide_context *c, const struct submission *s, struct block *block)
{
    struct network net = {.base = block->base, .prefix = (uint8_t)block->prefix};

    block->class = BLOCK_OF_STRANGERS;
    block->key = block->prefix > 0
                     ? key_of_block_value(c->secret, PER_CLIENT_NET | OF_STRANGERS, key_of_network(c->secret, &net))
                     : key_of_block_value(c->secret, PER_CLIENT | OF_STRANGERS, key_of_ip(c->secret, &s->client));
}

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

/* All that a block may be on, the networks aside: part 0 ends them. */
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
    parts[7] = (struct block_part){PER_CONNECTOR, connector_hash(c, id)};
    parts[8] = (struct block_part){0, 0};
}

bool keys_blocked(const struct decide_context *c, const struct submission *s, const struct identity *id,
                  uint64_t *until_ns)
{
    struct block_part parts[BLOCK_PARTS];
    uint64_t strangers_ns = 0;
    bool any = false, strangers;

    *until_ns = 0;
    if (!blocks_any(c->blocks))
        return false;
    parts_of(c, s, id, parts);
    for (const struct block_part *p = parts; p->part != 0; p++)
        any |= blocked(c, p->part, p->value, until_ns);
    strangers = blocked(c, PER_CLIENT | OF_STRANGERS, address_key(c, s), &strangers_ns);
    /* One of a blocked network's addresses may be protected all the same. */
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

bool key_blocks(const struct decide_context *c, const struct submission *s, const struct identity *id,
                const struct block *block)
{
    struct block_part parts[BLOCK_PARTS];
    unsigned of = block->class == BLOCK_OF_STRANGERS ? OF_STRANGERS : 0;
    struct network net;

    if (of != 0 && network_trusted(c, s, id))
        return false;
    parts_of(c, s, id, parts);
    for (const struct block_part *p = parts; p->part != 0; p++)
        if (p->value != 0 && key_of_block_value(c->secret, p->part | of, p->value) == block->key)
            return true;
    return block->prefix > 0 && network_of_size(s, block->prefix, &net) &&
           key_of_block_value(c->secret, PER_CLIENT_NET | of, key_of_network(c->secret, &net)) == block->key;
}
