#include "core/who_cache.h"

void who_forget(struct who_cache *cache)
{
    for (size_t i = 0; i < WHO_SLOTS; i++)
        cache->slots[i].n = 0;
}

static size_t slot_of(struct slice login)
{
    return hash_for_cache(login) & (WHO_SLOTS - 1);
}

bool who_recall(const struct who_cache *cache, const struct decide_context *c, struct slice login, struct identity *id)
{
    const struct who_slot *slot;
    uint64_t client = id->client;

    if (cache == NULL || cache->secret != c->secret->k[0] || login.n == 0 || login.n > WHO_LOGIN_BYTES)
        return false;
    slot = &cache->slots[slot_of(login)];
    if (slot->n != login.n || memcmp(slot->login, login.p, login.n) != 0)
        return false;
    *id = slot->identity;
    id->client = client;
    return true;
}

void who_remember(struct who_cache *cache, const struct decide_context *c, struct slice login,
                  const struct identity *id)
{
    struct who_slot *slot;

    if (cache == NULL || login.n == 0 || login.n > WHO_LOGIN_BYTES)
        return;
    if (cache->secret != c->secret->k[0]) { /* the state moved to another file */
        who_forget(cache);
        cache->secret = c->secret->k[0];
    }
    slot = &cache->slots[slot_of(login)];
    slot->n = (uint16_t)login.n;
    memcpy(slot->login, login.p, login.n);
    slot->identity = *id;
}
