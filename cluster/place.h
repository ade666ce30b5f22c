/* From the configuration to a place that a link can connect to: the password's file, TLS, whose certificates are right.
 */
#ifndef POSTERN_CLUSTER_PLACE_H
#define POSTERN_CLUSTER_PLACE_H

#include "cluster/link.h"
#include "core/config/config.h"

#define PLACE_PASSWORD_MAX 512u

/* As whom to connect, and by TLS or not, in `place` to Redis, in `sentinel` to the Sentinels; at_server adds where. The
 * texts are the configuration's, or in here. */
struct redis_place {
    struct link_place place, sentinel;
    char password[PLACE_PASSWORD_MAX], sentinel_password[PLACE_PASSWORD_MAX];
};

/* Reads what the configuration names. The configuration outlives it. 0; -1 with e. To be closed in both cases. */
int redis_place_open(const struct cluster_config *config, struct redis_place *out, struct error *e);
void redis_place_close(struct redis_place *p);

/* `as`, at a server of the configuration. */
struct link_place at_server(const struct link_place *as, const struct cluster_server *server);

#define SERVER_HOST_MAX 255u
/* A server that another one named. */
struct server_name {
    char host[SERVER_HOST_MAX + 1]; /* "": none */
    uint16_t port;
};
/* False: it is no host or no port; then *out is unchanged. */
bool server_name_set(struct server_name *out, struct slice host, uint64_t port);
bool server_name_eq(const struct server_name *a, const struct server_name *b);
/* `as`, at a server that was named; `name` outlives the link. */
struct link_place at_name(const struct link_place *as, const struct server_name *name);

#endif
