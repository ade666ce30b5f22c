/* Notices for people: what has been wrong with the cluster for a minute. */
#include "cluster/node.h"

#include "core/base/clock.h"
#include "core/notice/alert.h"

/* Shorter trouble mends itself: a restart, a failover. */
#define ALARM_AFTER_NS (60 * NS_PER_S)
#define ALARM_EPISODE_S (6 * 3600u)
#define CLOCK_MOST_MS 1000

/* The notice waits in the spool, once an episode. */
static void post(struct node *n, const struct alert *alert)
{
    struct error e;
    int posted = alert_post(n->config->spool, ALERT_NOTICES, alert, ALARM_EPISODE_S, &e);

    if (posted < 0 && posted != ALERT_FULL && !n->said_notice)
        log_say(n->log, LEVEL_WARNING, "nobody is notified of trouble with the cluster: %s", e.text);
    n->said_notice = n->said_notice || posted < 0;
}

/* Has it been so for long enough, and not been reported yet? */
static bool is_due(struct alarm *alarm, bool wrong, uint64_t boot_ns)
{
    if (!wrong) {
        *alarm = (struct alarm){.since_ns = 0};
        return false;
    }
    if (alarm->since_ns == 0)
        alarm->since_ns = boot_ns;
    if (alarm->posted || boot_ns - alarm->since_ns < ALARM_AFTER_NS)
        return false;
    alarm->posted = true;
    return true;
}

static void alarm_redis(struct node *n, uint64_t boot_ns)
{
    struct alert alert;
    bool partly = n->stage == NODE_SHARES && !n->trouble_now, refused = partly && node_is_refused(n, boot_ns);

    if (!is_due(&n->alarm_redis, !partly || refused || node_shards_away(n) > 0, boot_ns))
        return;
    alert = alert_of(ALERT_CLUSTER, clock_wall_s(), SLICE("redis"));
    if (refused)
        alert_summary(&alert, "Redis has refused a part of what this relay tells and asks for a minute");
    else if (partly)
        alert_summary(&alert, "Masters of the Redis Cluster have been away for a minute: this relay counts their part "
                              "for itself");
    else
        alert_summary(&alert, "This relay has counted for itself for a minute: it shares nothing with the others");
    alert_advice(&alert,
                 "See \"postern status --cluster\", and whether Redis runs and can be reached. Mail goes on by this "
                 "relay's own limits; what it counts is told later");
    alert_fact(&alert, "trouble", slice_of(refused ? n->refused : n->trouble));
    post(n, &alert);
}

static void alarm_clock(struct node *n, uint64_t boot_ns)
{
    struct alert alert;

    if (!is_due(&n->alarm_clock, llabs(n->clock_offset_ms) > CLOCK_MOST_MS, boot_ns))
        return;
    alert = alert_of(ALERT_CLUSTER, clock_wall_s(), SLICE("clock"));
    alert_summary(&alert, "The clocks of Redis and of this relay differ by %lld ms", (long long)n->clock_offset_ms);
    alert_advice(&alert, "Check time synchronization on both: a failover to a Redis with another clock shifts what is "
                         "counted by the difference");
    post(n, &alert);
}

static void alarm_evicts(struct node *n, uint64_t boot_ns)
{
    struct alert alert;

    if (!is_due(&n->alarm_evicts, n->evicts, boot_ns))
        return;
    alert = alert_of(ALERT_CLUSTER, clock_wall_s(), SLICE("evicts"));
    alert_summary(&alert, "Redis may throw away what the relays have counted and blocked: it is set to evict keys");
    alert_advice(&alert,
                 "Give the relays a Redis of their own with \"maxmemory-policy noeviction\". What is evicted is "
                 "told again, but until then relays count for themselves");
    post(n, &alert);
}

static void alarm_peer(struct node *n, struct beat_peer *p, uint64_t boot_ns)
{
    bool gone = p->said == NULL || beat_is_superseded(&n->beats, p, boot_ns);
    bool silent = !gone && beat_is_silent(p, boot_ns);
    const char *name = beat_name(p->said);
    char text[128];
    struct alert alert;

    if (is_due(&p->alarm_silent, silent, boot_ns)) {
        alert = alert_of(ALERT_CLUSTER, clock_wall_s(), slice_of(name));
        alert_summary(&alert, "Relay %s has been silent for more than a minute", name);
        alert_advice(&alert, "See whether it and its postern-cluster run. Until then it counts for itself");
        post(n, &alert);
    }
    if (is_due(&p->alarm_differs, !gone && !silent && (p->differs & ~DIGESTS_WEAK) != 0, boot_ns)) {
        alert = alert_of(ALERT_CLUSTER, clock_wall_s(), slice_of(name));
        alert_summary(&alert, "Relay %s differs from this one in: %s", name,
                      beat_differences(p->differs, text, sizeof text));
        alert_advice(&alert,
                     "Give both the same configuration and directory: what depends on these is counted by each for "
                     "itself");
        post(n, &alert);
    }
}

void node_alarm(struct node *n, uint64_t boot_ns)
{
    if (n->config->n_alerts == 0)
        return;
    alarm_redis(n, boot_ns);
    alarm_clock(n, boot_ns);
    alarm_evicts(n, boot_ns);
    /* Without Redis all are silent, which is no news of theirs. */
    for (unsigned i = 0; n->stage == NODE_SHARES && i < BEAT_PEERS_MAX; i++)
        alarm_peer(n, n->beats.peers + i, boot_ns);
}
