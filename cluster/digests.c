#include "cluster/digests.h"

#include "core/base/spool.h"
#include "core/directory/manifest.h"
#include "core/mail/list.h"
#include "core/mail/network.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const names[DIGESTS] = {[DIGEST_TENANTS] = "tenants",
                                           [DIGEST_LIMITS] = "limits",
                                           [DIGEST_EXCEPTIONS] = "exceptions",
                                           [DIGEST_ONLY] = "only",
                                           [DIGEST_GROUPS] = "groups",
                                           [DIGEST_CONNECTORS] = "connectors",
                                           [DIGEST_NETWORKS] = "known_networks",
                                           [DIGEST_PREFIXES] = "prefixes",
                                           [DIGEST_TEXTS] = "texts"};

const char *digest_name(enum digest_of which)
{
    return names[which];
}

/* Each value changes all that come after it. */
struct digest {
    const struct hash_secret *secret;
    uint64_t value;
};

static void take_number(struct digest *d, uint64_t n)
{
    const uint64_t words[2] = {d->value, n};

    d->value = hash_words(d->secret, words, 2);
}

static void take_text(struct digest *d, struct slice text)
{
    take_number(d, text.n);
    take_number(d, hash_slice(d->secret, text));
}

static void take_tenant(struct digest *d, const struct tenant_config *t)
{
    take_text(d, slice_of(t->name));
    take_number(d, t->n_domains);
    for (size_t i = 0; i < t->n_domains; i++)
        take_text(d, t->domains[i]);
    take_number(d, t->n_netbios);
    for (size_t i = 0; i < t->n_netbios; i++)
        take_text(d, t->netbios[i]);
}

/* A list's entries in whatever order, as they were read. */
static void take_list(struct digest *d, const struct list *list)
{
    struct list_place place;
    struct slice text;
    uint64_t sum = 0;
    size_t at = 0;

    for (; list != NULL && list_next(list, &at, &text, &place);)
        sum += hash_slice(d->secret, text);
    take_number(d, list != NULL ? list_count(list) : 0);
    take_number(d, sum);
}

static void take_figure(struct digest *d, const struct limit_rate *figure)
{
    take_number(d, figure->unlimited);
    take_number(d, figure->interval_ns);
    take_number(d, figure->burst);
    take_number(d, figure->rate.count);
    take_number(d, figure->rate.period_s);
}

static void take_limit(struct digest *d, const struct limit_config *l)
{
    const uint64_t numbers[] = {l->id,         l->per,           l->count,          l->distinct,     l->mirrored,
                                l->then,       l->block_s,       l->defers,         l->v4_prefix,    l->v6_prefix,
                                l->unfamiliar, l->authenticated, l->connectors,     l->beyond_habit, l->factor,
                                l->ceiling,    l->learning,      l->learning_known, l->until_habit};

    take_text(d, slice_of(l->name));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        take_number(d, numbers[i]);
    take_figure(d, &l->figure);
}

static void take_exceptions(struct digest *d, const struct limit_config *l)
{
    take_text(d, slice_of(l->name));
    take_number(d, l->n_exceptions);
    for (size_t i = 0; i < l->n_exceptions; i++) {
        take_number(d, l->exceptions[i].of);
        take_text(d, slice_of(l->exceptions[i].name));
        take_figure(d, &l->exceptions[i].figure);
    }
}

static void take_only(struct digest *d, const struct limit_config *l, const struct config *config)
{
    take_text(d, slice_of(l->name));
    take_number(d, l->only.set);
    take_list(d, l->only.sender_domains);
    take_number(d, l->only.n_groups);
    for (size_t i = 0; i < l->only.n_groups; i++)
        take_text(d, slice_of(config->groups[l->only.groups[i]].name));
    take_number(d, l->only.n_connectors);
    for (size_t i = 0; i < l->only.n_connectors; i++)
        take_text(d, slice_of(config->connectors[l->only.connectors[i]].name));
}

static void take_group(struct digest *d, const struct group_config *g)
{
    take_text(d, slice_of(g->name));
    take_list(d, g->members);
}

static void take_connector(struct digest *d, const struct connector_config *c)
{
    take_text(d, slice_of(c->name));
    take_number(d, c->n_networks);
    for (size_t i = 0; i < c->n_networks; i++) {
        take_text(d, (struct slice){(const char *)&c->networks[i].base, sizeof c->networks[i].base});
        take_number(d, c->networks[i].prefix);
    }
}

struct digests digests_of(const struct config *config, const struct hash_secret *secret)
{
    struct digest d[DIGESTS];
    struct digests out;

    for (unsigned i = 0; i < DIGESTS; i++)
        d[i] = (struct digest){secret, i};
    for (size_t i = 0; i < config->n_tenants; i++)
        take_tenant(d + DIGEST_TENANTS, config->tenants + i);
    for (size_t i = 0; i < config->n_limits; i++) {
        take_limit(d + DIGEST_LIMITS, config->limits + i);
        take_exceptions(d + DIGEST_EXCEPTIONS, config->limits + i);
        take_only(d + DIGEST_ONLY, config->limits + i, config);
        take_text(d + DIGEST_TEXTS, slice_of(config->limits[i].reply != NULL ? config->limits[i].reply : ""));
    }
    for (size_t i = 0; i < config->n_groups; i++)
        take_group(d + DIGEST_GROUPS, config->groups + i);
    for (size_t i = 0; i < config->n_connectors; i++)
        take_connector(d + DIGEST_CONNECTORS, config->connectors + i);
    if (config->known_networks != NULL)
        take_number(d + DIGEST_NETWORKS, network_map_count(config->known_networks));
    take_number(d + DIGEST_PREFIXES, config->client_ipv6_prefix_length);
    for (unsigned i = 0; i < DIGESTS; i++)
        out.of[i] = d[i].value;
    return out;
}

int64_t digests_settings_at(const struct config *config, uint64_t *generation)
{
    int folder = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct manifest m;
    char *text = NULL;
    int64_t oldest = 0;
    size_t n;

    *generation = 0;
    if (folder >= 0 && spool_get(folder, MANIFEST_NAME, MANIFEST_MAX, &text, &n, NULL) == 0 &&
        manifest_parse((struct slice){text, n}, &m, NULL) == 0) {
        *generation = m.generation;
        for (uint32_t i = 0; i < m.tenants_n; i++)
            if (i == 0 || m.tenants[i].settings_at < oldest)
                oldest = m.tenants[i].settings_at;
        manifest_free(&m);
    }
    free(text);
    if (folder >= 0)
        (void)close(folder);
    return oldest;
}
