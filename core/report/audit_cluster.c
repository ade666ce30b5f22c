/* Relays that count as one: how they reach Redis, and whether they do. */
#include "core/mail/network.h"
#include "core/report/audit.h"
#include "core/report/cluster_report.h"

#define LOOPBACK_V4 127

static bool is_here(const struct cluster_server *server)
{
    static const struct ip one = {.b = {[15] = 1}};
    struct ip ip;

    return server->path != NULL || (ip_parse(slice_of(server->host), &ip) &&
                                    ((ip_is_v4(&ip) && ip.b[12] == LOOPBACK_V4) || memcmp(&ip, &one, sizeof ip) == 0));
}

/* The first that a network is between; NULL: none. */
static const struct cluster_server *far_server(const struct cluster_config *c)
{
    for (size_t i = 0; i < c->n_servers; i++)
        if (!is_here(c->servers + i))
            return c->servers + i;
    for (size_t i = 0; i < c->n_sentinels; i++)
        if (!is_here(c->sentinels + i))
            return c->sentinels + i;
    return NULL;
}

static void check_way(struct audit *a, const struct cluster_config *c)
{
    const struct cluster_server *far = far_server(c);

    if (c->tls == CLUSTER_TLS_NEVER && far != NULL)
        findings_add(a->findings, AUDIT_CLUSTER_CLEAR, "cluster.tls",
                     "with \"never\", counters%s go to %.200s unencrypted, and anybody on the way may change them",
                     c->password_file != NULL ? " and the password" : "", far->host);
    /* Who may open a UNIX socket is the file system's to say. */
    if (c->password_file == NULL && c->n_servers > 0 && c->servers->path == NULL)
        findings_add(a->findings, AUDIT_CLUSTER_USER, "cluster.password_file",
                     "without a password, whoever reaches %.200s may change what the relays count", c->servers->host);
    else if (c->password_file != NULL && c->user == NULL)
        findings_add(a->findings, AUDIT_CLUSTER_USER, "cluster.user",
                     "without a user, the password is that of Redis' default one, who may do anything there");
}

/* What postern-cluster has written down. */
static void check_state(struct audit *a, const struct cluster_facts *facts)
{
    const char *where = a->config->cluster.outbox;

    if (!facts->shares) {
        findings_add(a->findings, AUDIT_CLUSTER_ALONE, where, "this relay counts for itself: %s", facts->why);
        findings_skip(a->findings, AUDIT_CLUSTER_OTHERS, "this relay hears of no other");
        findings_skip(a->findings, AUDIT_CLUSTER_DIFFERS, "this relay hears of no other");
        findings_skip(a->findings, AUDIT_CLUSTER_EVICTS, "there is no connection to Redis");
        return;
    }
    if (facts->relays == 0)
        findings_add(a->findings, AUDIT_CLUSTER_OTHERS, "cluster", "no other relay has been heard of for a day");
    if (facts->silent > 0)
        findings_add(a->findings, AUDIT_CLUSTER_OTHERS, "cluster", "nothing is heard of %s", facts->silent_names);
    if (facts->differing > 0)
        findings_add(a->findings, AUDIT_CLUSTER_DIFFERS, "cluster", "other than here: %s", facts->differing_names);
    if (facts->policy[0] == '\0')
        findings_skip(a->findings, AUDIT_CLUSTER_EVICTS, "Redis does not say (its user lacks +info)");
    else if (facts->evicts)
        findings_add(a->findings, AUDIT_CLUSTER_EVICTS, "maxmemory-policy",
                     "with \"%s\", a full Redis drops counters, blocks and lists as it likes", facts->policy);
}

void audit_cluster(struct audit *a)
{
    struct cluster_facts facts;

    if (!cluster_facts(a->config, a->now_s, &facts)) {
        if (a->config->n_other_relays > 0)
            findings_add(a->findings, AUDIT_CLUSTER_NONE, "other_relays",
                         "%zu other relay%s counted apart: a login gets each limit once more there, and a block holds "
                         "here alone",
                         a->config->n_other_relays, a->config->n_other_relays == 1 ? " is" : "s are");
        return;
    }
    check_way(a, &a->config->cluster);
    check_state(a, &facts);
}
