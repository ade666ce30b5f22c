#include "core/directory/domain_cache.h"

#include "core/base/hash.h"

void domains_forget(struct domain_cache *cache)
{
    for (size_t i = 0; i < DOMAIN_SLOTS; i++)
        cache->slots[i].n = 0;
}

/* The domain's slot, emptied when another one had it. NULL: the domain is not remembered. */
static struct domain_slot *slot_of(struct domain_cache *cache, struct slice domain)
{
    struct domain_slot *slot;

    if (cache == NULL || domain.n == 0 || domain.n > DOMAIN_BYTES_KEPT)
        return NULL;
    slot = &cache->slots[hash_for_cache(domain) & (DOMAIN_SLOTS - 1)];
    if (slot->n == domain.n && memcmp(slot->name, domain.p, domain.n) == 0)
        return slot;
    slot->n = (uint16_t)domain.n;
    memcpy(slot->name, domain.p, domain.n);
    slot->has_fact = slot->has_accepted = false;
    return slot;
}

enum directory_result domain_lookup(struct domain_cache *cache, const struct directory_view *v, struct slice domain,
                                    struct domain_fact *out)
{
    struct domain_slot *slot = slot_of(cache, domain);
    enum directory_result found;

    if (slot != NULL && slot->has_fact) {
        if (slot->found == DIRECTORY_FOUND)
            *out = slot->fact;
        return slot->found;
    }
    found = directory_domain(v, domain, out);
    if (slot != NULL && found != DIRECTORY_DAMAGED) {
        slot->has_fact = true;
        slot->found = found;
        if (found == DIRECTORY_FOUND)
            slot->fact = *out;
    }
    return found;
}

enum directory_result domain_accepted(struct domain_cache *cache, const struct directory_view *v, uint32_t tenant,
                                      struct slice domain)
{
    struct domain_slot *slot = slot_of(cache, domain);
    enum directory_result accepted;

    if (slot != NULL && slot->has_accepted && slot->tenant == tenant)
        return slot->accepted;
    accepted = directory_accepts(v, tenant, domain);
    if (slot != NULL && accepted != DIRECTORY_DAMAGED) {
        slot->has_accepted = true;
        slot->tenant = tenant;
        slot->accepted = accepted;
    }
    return accepted;
}
