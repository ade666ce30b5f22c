/* From the configuration to a place that a link can connect to: the password's file, TLS, whose certificates are right.
 */
#ifndef POSTERN_CLUSTER_PLACE_H
#define POSTERN_CLUSTER_PLACE_H

#include "cluster/link.h"
#include "core/config/config.h"

#define PLACE_PASSWORD_MAX 512u

/* The texts of `place` are the configuration's, or in here. */
struct redis_place {
    struct link_place place;
    char password[PLACE_PASSWORD_MAX];
};

/* Reads what the configuration names. The configuration outlives it. 0; -1 with e. To be closed in both cases. */
int redis_place_open(const struct cluster_config *config, struct redis_place *out, struct error *e);
void redis_place_close(struct redis_place *p);

#endif
