/*
 * What must be the same on all relays, since the names of counters are made of it: each part as a number that relays
 * compare. Keyed, so that it tells nobody else anything.
 */
#ifndef POSTERN_CLUSTER_DIGESTS_H
#define POSTERN_CLUSTER_DIGESTS_H

#include "core/base/hash.h"
#include "core/config/config.h"

enum digest_of {
    DIGEST_TENANTS,
    DIGEST_LIMITS, /* whom they count, what, how much, and what follows */
    DIGEST_EXCEPTIONS,
    DIGEST_ONLY, /* which messages limits are about */
    DIGEST_GROUPS,
    DIGEST_CONNECTORS,
    DIGEST_NETWORKS, /* how many are known */
    DIGEST_PREFIXES,
    DIGEST_TEXTS, /* of replies: what is counted does not depend on them */
    DIGESTS
};
/* Where only these differ, all is counted together. */
#define DIGESTS_WEAK (1u << DIGEST_TEXTS)

struct digests {
    uint64_t of[DIGESTS];
};

/* "tenants", as the configuration calls it. */
const char *digest_name(enum digest_of which);

struct digests digests_of(const struct config *config, const struct hash_secret *secret);

/* When the mirrored settings of the tenant with the oldest ones were read; 0: never, or there is no directory. */
int64_t digests_settings_at(const struct config *config, uint64_t *generation);

#endif
