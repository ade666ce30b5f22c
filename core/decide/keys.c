#include "core/decide/keys.h"

#include "core/decide/decide_steps.h"
#include "core/decide/sender_forms.h"

/* The first byte of everything that is hashed, so that one kind of key never equals another. */
enum key_kind { KIND_IP = 1, KIND_NETWORK, KIND_MAILBOX, KIND_LOGIN, KIND_UNLISTED, KIND_BLOCK };

#define IPV4_BITS 32
#define IPV6_BITS 128

/* What a key is made of: its kind, and words that tell it from others of that kind. */
struct material {
    size_t n;
    uint64_t words[4];
};

static inline void mix_word(struct material *m, uint64_t word)
{
    m->words[m->n++] = word;
}

static inline struct material material_start(enum key_kind kind)
{
    return (struct material){.n = 1, .words = {kind}};
}

/* 16 bytes: an IP address, a mailbox's id. */
static inline void mix_16(struct material *m, const uint8_t bytes[16])
{
    uint64_t words[2];

    memcpy(words, bytes, sizeof words);
    mix_word(m, words[0]);
    mix_word(m, words[1]);
}

/* 0 stands for an empty entry of the tables. */
static inline uint64_t material_key(const struct hash_secret *secret, const struct material *m)
{
    uint64_t key = hash_words(secret, m->words, m->n);

    return key != 0 ? key : 1;
}

uint64_t key_of_ip(const struct hash_secret *secret, const struct ip *ip)
{
    struct material m = material_start(KIND_IP);

    mix_16(&m, ip->b);
    return material_key(secret, &m);
}

uint64_t key_of_network(const struct hash_secret *secret, const struct network *network)
{
    struct material m = material_start(KIND_NETWORK);

    mix_16(&m, network->base.b);
    mix_word(&m, network->prefix);
    return material_key(secret, &m);
}

uint64_t key_of_mailbox(const struct hash_secret *secret, uint64_t tenant_hash, const struct mailbox_id *id)
{
    struct material m = material_start(KIND_MAILBOX);

    mix_word(&m, tenant_hash);
    mix_16(&m, id->b);
    return material_key(secret, &m);
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
    struct material m = material_start(KIND_LOGIN);

    mix_word(&m, 1);
    mix_word(&m, hash_slice(secret, address_slice(address)));
    return material_key(secret, &m);
}

uint64_t key_of_login(const struct hash_secret *secret, const struct login *login)
{
    struct material m = material_start(KIND_LOGIN);

    if (login->kind == LOGIN_ADDRESS)
        return key_of_address(secret, &login->address);
    mix_word(&m, 0);
    mix_word(&m, hash_slice(secret, login_netbios(login)));
    mix_word(&m, hash_slice(secret, login_account(login)));
    return material_key(secret, &m);
}

uint64_t key_outside(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct material m = material_start(KIND_LOGIN);

    if (id->address.n > 0)
        return key_of_address(c->secret, &id->address);
    if (id->tenant_hash == 0)
        return key_of_login(c->secret, &s->login);
    mix_word(&m, 2);
    mix_word(&m, id->tenant_hash);
    mix_word(&m, hash_slice(c->secret, login_account(&s->login)));
    return material_key(c->secret, &m);
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
    struct material m = material_start(KIND_UNLISTED);

    mix_word(&m, tenant_hash);
    return material_key(secret, &m);
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

uint64_t key_of_connector(const struct decide_context *c, const struct identity *id)
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
          ((per & PER_CONNECTOR) == 0 || add_part(&k, key_of_connector(c, id))) &&
          ((per & PER_TENANT) == 0 || add_part(&k, id->tenant_hash));
    *key = k != 0 ? k : 1;
    return all;
}

uint64_t key_of_block_value(const struct hash_secret *secret, unsigned part, uint64_t value)
{
    struct material m = material_start(KIND_BLOCK);

    mix_word(&m, part);
    mix_word(&m, value);
    return material_key(secret, &m);
}
