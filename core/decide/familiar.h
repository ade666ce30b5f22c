/*
 * Familiar client networks: those that a tenant's mail has come from for a week, and within the last 90 days. Limits
 * with from = "unfamiliar" apply to the others.
 *
 * A network (of the size in such a limit) is new from the first accepted message on. It becomes familiar with another
 * one 7 to 45 days later, and is forgotten after 90 days without mail. Both are marks among the counters. Networks are
 * learnt for a whole tenant: an office is familiar to a new colleague and a new printer on their first day. In a
 * tenant's own first week (a new relay, a lost state file) nothing is unfamiliar.
 *
 * A login that a limit has blocked lately teaches nothing, and a new network from which one was blocked begins anew, so
 * that an attack does not become a habit.
 */
#ifndef POSTERN_FAMILIAR_H
#define POSTERN_FAMILIAR_H

#include "core/decide/decide.h"

#define FAMILIAR_AFTER_S (UINT64_C(7) * 86400)
#define FAMILIAR_FOR_S (UINT64_C(90) * 86400)

/* Is the client in known_networks: the office, or another place that every user comes from? Its addresses never count
 * as different ones. */
bool client_known(const struct decide_context *c, const struct submission *s);

/* Does a limit with from = "unfamiliar" apply to this submission? */
bool network_unfamiliar(const struct decide_context *c, const struct submission *s, const struct identity *id,
                        const struct limit_config *limit);

/*
 * The same for failures to sign in, where nobody has proved who it is: is the client in no network that is familiar to
 * any tenant, known (known_networks), or a connector's? Networks of all sizes that are learnt count. As long as a
 * tenant is new here, one that its mail was accepted from is enough, so that its office is spared from the first
 * message on, and strangers are not even in the first week.
 */
bool client_unfamiliar(const struct decide_context *c, const struct submission *s);

/*
 * May somebody sign in from there although strangers are blocked there? The client's network is known (known_networks),
 * or familiar to the login's tenant, or the tenant is new here, so that none is. A connector's client always may.
 */
bool network_trusted(const struct decide_context *c, const struct submission *s, const struct identity *id);

/*
 * Is it a place of the tenant's own: a connector's or a private network, one of known_networks, or one that is familiar
 * to the tenant? As long as the tenant is new here, none is familiar: then one counts from which three of its logins
 * have sent, and again a day later or more.
 */
bool network_known(const struct decide_context *c, const struct submission *s, const struct identity *id);

/*
 * Since when mail of the tenant's logins is known to come from the network around the client, of the first of the sizes
 * that are learnt: wall clock, seconds. NETWORK_FAMILIAR: for a week or more, and when it began is not known any more.
 * NETWORK_UNSEEN: not at all; or a limit blocked somebody from there, and nobody has sent from there since.
 */
enum network_seen { NETWORK_UNSEEN, NETWORK_NEW, NETWORK_FAMILIAR };
enum network_seen network_seen(const struct decide_context *c, const struct ip *client, uint64_t tenant_hash,
                               int64_t *since_s);

/*
 * Does this network contain one that must not be blocked because of its neighbours: of never_block, known_networks or a
 * connector, a private one, or one that is familiar to any tenant or about to be? True when in doubt.
 */
bool network_sheltered(const struct decide_context *c, const struct network *net);

/* Do both limits use networks of the same size? Then network_unfamiliar is the same for both. `before` may be NULL: no.
 */
bool network_size_same(const struct limit_config *before, const struct limit_config *limit);

/* To be called once for each message that was let through: learns its network, if a limit needs that. */
void networks_learn(struct counters *counters, const struct decide_context *c, const struct submission *s,
                    const struct identity *id);

/* The sizes of networks that are learnt, for which the v4_prefix and v6_prefix of a limit stand: the next after
 * `before` (NULL: the first); NULL at the end, and where no limit needs any. */
const struct limit_config *networks_size(const struct config *config, const struct limit_config *before);

/* The tenant's mail is known to have come from that network (of one of these sizes) for a week, and last so long ago.
 */
void networks_teach(struct counters *counters, const struct decide_context *c, uint64_t tenant_hash,
                    const struct network *network, uint64_t ago_s);
/* The tenant's networks are known: others are unfamiliar from now on. */
void networks_teach_tenant(struct counters *counters, const struct decide_context *c, uint64_t tenant_hash);

/* A limit has blocked somebody from there: a network that is not familiar yet starts its week again. */
void networks_forget(struct counters *counters, const struct decide_context *c, const struct submission *s,
                     const struct identity *id);

#endif
