/*
 * The networks that Exchange Online sends from: every customer's mail comes from there, so that a relay which lets them
 * in by their address alone is open to all customers.
 */
#ifndef POSTERN_CORE_REPORT_CLOUD_NETWORKS_H
#define POSTERN_CORE_REPORT_CLOUD_NETWORKS_H

#include "core/config/config.h"

#include <limits.h>

#define CLOUD_NETWORKS_FILE "exchange-online-networks"

struct cloud_networks {
    struct network *networks; /* malloc'ed: free with cloud_networks_free */
    size_t n;
    char path[PATH_MAX]; /* of the file */
};

/*
 * Reads the file: the one in the configuration's folder, else the one that was installed. 0, or -1 with e where there
 * is none, or it can't be read.
 */
int cloud_networks_load(const struct config *config, struct cloud_networks *out, struct error *e);
void cloud_networks_free(struct cloud_networks *cloud);

/*
 * Does any address of the network belong to the service, and does nothing bound the senders there? The connector that
 * an address belongs to does, if connector_bounds_senders; if it belongs to none, `guarded` says. *connector gets the
 * one at fault; NULL: none has it.
 */
bool cloud_may_relay(const struct cloud_networks *cloud, const struct config *config, const struct network *network,
                     bool guarded, const struct connector_config **connector);
/* The same for the addresses that belong to this connector. */
bool cloud_may_use(const struct cloud_networks *cloud, const struct config *config,
                   const struct connector_config *connector, const struct network *network);

/* Does the connector bound the envelope sender of its clients? */
bool connector_bounds_senders(const struct config *config, const struct connector_config *connector);

#endif
