#include "core/decide/block_keys.h"

#include "core/base/clock.h"
#include "core/decide/keys.h"

/* An earlier block of the same subject counts for blocks.longest, and at most this many count. */
#define EARLIER_MAX 16

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
        block->key = key_of_block_value(c->secret, PER_CONNECTOR, key_of_connector(c, id));
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

void key_of_deferring(const struct decide_context *c, const struct identity *id, enum limit_key_part part,
                      struct block *block)
{
    uint64_t value = part == PER_USER ? id->user : part == PER_LOGIN ? id->login : key_of_connector(c, id);

    block->defers = true;
    block->key = key_of_block_value(c->secret, part | OF_DEFERRING, value);
}

struct charge block_history(const struct decide_context *c, uint64_t block_key)
{
    uint64_t interval = c->config->block_longest_s * NS_PER_S;
    uint64_t most = COUNTERS_LONGEST_WINDOW_NS / interval;

    return (struct charge){.key = key_within(block_key, 3),
                           .interval_ns = interval,
                           .burst = most < EARLIER_MAX ? most : EARLIER_MAX,
                           .cost = 1};
}
