/*
 * Microsoft's clouds and their hosts. Source: the vendor's documentation of the Admin API and of national clouds. Where
 * the documents differ (China, DoD), the configuration's "hosts" decides.
 */
#ifndef POSTERN_MIRROR_CLOUDS_H
#define POSTERN_MIRROR_CLOUDS_H

#include "core/config/config.h"

/* "host" or "host:port". */
struct cloud_hosts {
    const char *login, *exchange, *graph;
    char exchange_scope[300], graph_scope[300]; /* scopes of the tokens */
};

/* The cloud's hosts, or those that the configuration sets. */
void cloud_hosts(const struct exchange_config *config, struct cloud_hosts *out);
const char *cloud_name(enum cloud cloud);

#endif
