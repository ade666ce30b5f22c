/* May every customer of Exchange Online send through a connector? */
#include "core/report/audit.h"
#include "core/report/cloud_networks.h"

#include <stdio.h>

#define CERTIFICATE "mail.protection.outlook.com" /* that Exchange Online shows, for whichever customer it sends */

static struct finding *tell(struct audit *a, const struct connector_config *connector, const char *member,
                            const char *what)
{
    bool internal = connector->recipients == RECIPIENTS_INTERNAL && connector->mode == MODE_ENFORCE &&
                    a->config->mode == MODE_ENFORCE;
    char where[200];
    struct finding *f;

    (void)snprintf(where, sizeof where, "connectors[%.120s].%s", connector->name, member);
    f = findings_add(a->findings, AUDIT_CLOUD_OPEN, where,
                     "%s, and nothing bounds the senders: every customer of the service may %s as anybody", what,
                     internal ? "write to your own recipients" : "send through this relay to anybody,");
    if (internal)
        f->severity = SEVERITY_MEDIUM;
    return f;
}

static void look_at_networks(struct audit *a, const struct cloud_networks *cloud,
                             const struct connector_config *connector)
{
    char first[NETWORK_TEXT_MAX], what[PATH_MAX + 200];
    size_t n = 0;

    for (size_t i = 0; i < connector->n_networks; i++)
        if (cloud_may_use(cloud, a->config, connector, &connector->networks[i]) && n++ == 0)
            (void)network_text(&connector->networks[i], first);
    if (n == 0)
        return;
    (void)snprintf(what, sizeof what, "%s%s holds addresses that Exchange Online sends from (%.300s)", first,
                   n > 1 ? " and others of its networks" : "", cloud->path);
    (void)tell(a, connector, "networks", what);
}

static void look_at_certificates(struct audit *a, const struct connector_config *connector)
{
    for (size_t i = 0; i < connector->n_ccert_subjects; i++)
        if (slice_ieq(connector->ccert_subjects[i], SLICE(CERTIFICATE)) &&
            !connector_bounds_senders(a->config, connector))
            (void)tell(a, connector, "ccert_subjects", CERTIFICATE " is the certificate of Exchange Online itself");
}

void audit_cloud(struct audit *a)
{
    struct cloud_networks cloud;
    struct error e;

    for (size_t i = 0; i < a->config->n_connectors; i++)
        look_at_certificates(a, &a->config->connectors[i]);
    if (cloud_networks_load(a->config, &cloud, &e) != 0) {
        findings_skip(a->findings, AUDIT_CLOUD_OPEN, e.text);
        return;
    }
    for (size_t i = 0; i < a->config->n_connectors; i++)
        look_at_networks(a, &cloud, &a->config->connectors[i]);
    cloud_networks_free(&cloud);
}
