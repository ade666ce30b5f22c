#include "core/report/cloud_networks.h"

#include "core/base/buf.h"

#include <stdlib.h>
#include <unistd.h>

#define CLOUD_NETWORKS_MAX 4096u

/* ---- the file ---- */

/* Where "make install" and the packages put it. */
static const char *const installed[] = {"/usr/share/postern/" CLOUD_NETWORKS_FILE,
                                        "/usr/local/share/postern/" CLOUD_NETWORKS_FILE};

static bool beside_config(const struct config *config, char out[PATH_MAX])
{
    const char *slash = strrchr(config->file, '/');
    struct buf b = buf_over(out, PATH_MAX);

    if (slash != NULL)
        buf_add(&b, (struct slice){config->file, (size_t)(slash + 1 - config->file)});
    buf_add(&b, SLICE(CLOUD_NETWORKS_FILE));
    return !b.full && access(out, F_OK) == 0;
}

static bool find_file(const struct config *config, char out[PATH_MAX])
{
    if (beside_config(config, out))
        return true;
    for (size_t i = 0; i < sizeof installed / sizeof installed[0]; i++) {
        struct buf b = buf_over(out, PATH_MAX);

        buf_add(&b, slice_of(installed[i]));
        if (access(out, F_OK) == 0)
            return true;
    }
    return false;
}

static int keep(void *arg, const struct network *net, unsigned line, struct error *e)
{
    struct cloud_networks *cloud = arg;
    struct network *more;

    (void)line;
    if (cloud->n == CLOUD_NETWORKS_MAX)
        return error_set(e, "more than %u networks", CLOUD_NETWORKS_MAX);
    if ((more = reallocarray(cloud->networks, cloud->n + 1, sizeof *more)) == NULL)
        return error_set(e, "no memory");
    cloud->networks = more;
    cloud->networks[cloud->n++] = *net;
    return 0;
}

int cloud_networks_load(const struct config *config, struct cloud_networks *out, struct error *e)
{
    *out = (struct cloud_networks){.n = 0};
    if (!find_file(config, out->path))
        return error_set(e, "%s is neither beside postern.conf nor in %.*s", CLOUD_NETWORKS_FILE,
                         (int)(strrchr(installed[0], '/') - installed[0]), installed[0]);
    if (network_list_load(out->path, keep, out, e) == 0)
        return 0;
    cloud_networks_free(out);
    return -1;
}

void cloud_networks_free(struct cloud_networks *cloud)
{
    free(cloud->networks);
    cloud->networks = NULL;
    cloud->n = 0;
}

/* ---- who may relay from there ---- */

bool connector_bounds_senders(const struct config *config, const struct connector_config *connector)
{
    return connector->senders != NULL && connector->mode == MODE_ENFORCE && config->mode == MODE_ENFORCE &&
           config->sender.mode == MODE_ENFORCE;
}

static bool lies_within(const struct network *inner, const struct network *outer)
{
    return inner->prefix >= outer->prefix && network_contains(outer, &inner->base);
}

/* The connector of all of the network: that of the longest network around it. */
static const struct connector_config *connector_of(const struct config *config, const struct network *network)
{
    const struct connector_config *best = NULL;
    unsigned prefix = 0;

    for (size_t i = 0; i < config->n_connectors; i++)
        for (size_t j = 0; j < config->connectors[i].n_networks; j++) {
            const struct network *net = &config->connectors[i].networks[j];

            if ((best == NULL || net->prefix > prefix) && lies_within(network, net)) {
                best = &config->connectors[i];
                prefix = net->prefix;
            }
        }
    return best;
}

/* Of two networks one lies within the other, or they have nothing in common: NULL. */
static const struct network *common_part(const struct network *a, const struct network *b)
{
    return lies_within(a, b) ? a : lies_within(b, a) ? b : NULL;
}

bool cloud_may_relay(const struct cloud_networks *cloud, const struct config *config, const struct network *network,
                     bool guarded, const struct connector_config **connector)
{
    for (size_t i = 0; i < cloud->n; i++) {
        const struct network *common = common_part(network, &cloud->networks[i]);

        if (common == NULL)
            continue;
        *connector = connector_of(config, common);
        if (*connector != NULL ? !connector_bounds_senders(config, *connector) : !guarded)
            return true;
    }
    return false;
}

bool cloud_may_use(const struct cloud_networks *cloud, const struct config *config,
                   const struct connector_config *connector, const struct network *network)
{
    for (size_t i = 0; i < cloud->n && !connector_bounds_senders(config, connector); i++) {
        const struct network *common = common_part(network, &cloud->networks[i]);

        if (common != NULL && connector_of(config, common) == connector)
            return true;
    }
    return false;
}
