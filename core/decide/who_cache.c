#include "core/decide/who_cache.h"

/* NULL: nobody remembers, or not such a login. */
static struct who_slot *slot_of(const struct decide_context *c, const struct submission *s)
{
    struct slice login = s->login_text;

    if (s->who.n == 0 || c->stamp.config == 0 || login.n == 0 || login.n > WHO_LOGIN_BYTES)
        return NULL;
    return &s->who.slots[s->who.n > 1 ? hash_for_cache(login) & (s->who.n - 1) : 0];
}

static bool stamp_same(const struct who_stamp *a, const struct who_stamp *b)
{
    return a->config == b->config && a->directory == b->directory && a->secret == b->secret;
}

bool who_recall(const struct decide_context *c, const struct submission *s, struct identity *id)
{
    const struct who_slot *slot = slot_of(c, s);
    uint64_t client = id->client;

    if (slot == NULL || !stamp_same(&slot->stamp, &c->stamp) || slot->n != s->login_text.n ||
        memcmp(slot->login, s->login_text.p, slot->n) != 0)
        return false;
    *id = slot->identity;
    id->client = client;
    return true;
}

void who_remember(const struct decide_context *c, const struct submission *s, const struct identity *id)
{
    struct who_slot *slot = slot_of(c, s);

    if (slot == NULL)
        return;
    slot->stamp = c->stamp;
    slot->n = (uint16_t)s->login_text.n;
    memcpy(slot->login, s->login_text.p, slot->n);
    slot->identity = *id;
}
