/*
 * Limits on failures to sign in: count = "auth failures", "distinct failed login" (per client or client network) and
 * "distinct failing client_net" (per login, which only tells of it: whoever blocked a login for failures would let
 * anybody lock its owner out).
 *
 * Who fails has not proved who it is, and may invent any number of names and, in IPv6, of networks. So all is counted
 * in the small tables of strangers (core/state/counters.h), apart from what people send.
 *
 * Each limit on clients has two counters: one of the failures, and one that also has the attempts in flight, which no
 * attempt may exceed. Tokens of OAuth are counted apart from passwords, with OAUTH_TIMES the limit's figure: a client
 * whose token has run out fails once before it gets a new one, and a token cannot be guessed.
 */
#ifndef POSTERN_FAILURES_H
#define POSTERN_FAILURES_H

#include "core/decide/decide.h"

#define OAUTH_TIMES 10

/* What an attempt in flight has taken. All zero: nothing. */
struct failures_hold {
    size_t n;
    struct {
        uint64_t key, ns;
    } charges[CONFIG_LIMITS_MAX];
};

/* Is there any that does more than tell? */
bool failures_are_limited(const struct config *config);

/*
 * Takes a unit of each limit that a failure of this client would count in, all or none. NULL; or the limit that has no
 * room, with the wait until it has some, and *hold is empty. Limits that only monitor are not asked.
 */
const struct limit_config *failures_take(struct counters *counters, const struct decide_context *c,
                                         const struct submission *s, struct failures_hold *hold, uint64_t *retry_ns);

/* Gives it back: the attempt was no failure. *hold is empty then. */
void failures_give_back(struct counters *counters, struct failures_hold *hold, uint64_t now_ns);

/* What a failure has led to; NULL: nothing. */
struct failures_outcome {
    const struct limit_config *blocks;    /* is used up, and blocks */
    const struct limit_config *monitored; /* is used up, and only tells of it: for the first time in a day */
    const struct limit_config *spared;    /* would be used up by this login alone, but for the network, which is
                                           * familiar or known: for the first time in a week */
};

/* Counts a failure; id is whom the submission's login stands for. What the attempt took is kept where it counts, and
 * given back where it doesn't: a login that failed before is no new one. */
void failures_count(struct counters *counters, const struct decide_context *c, const struct submission *s,
                    const struct identity *id, struct failures_hold *hold, struct failures_outcome *out);

/* How many failures (or different logins, or networks) a limit has counted lately, for people. */
uint64_t failures_counted(const struct decide_context *c, const struct submission *s, const struct identity *id,
                          const struct limit_config *limit);

/* Forgets what the limit has counted of the client or login, passwords and tokens: an operator's reset. */
void failures_forgive(struct counters *counters, const struct decide_context *c, const struct submission *s,
                      const struct identity *id, const struct limit_config *limit);

/* For explain: how the limits stand. */
struct deciding;
void failures_trace(const struct deciding *d);

/* A limit on failures, of the client or of the login, that is more than half used up; NULL: there is none. */
const struct limit_config *failures_many(const struct decide_context *c, const struct submission *s,
                                         const struct identity *id);

#endif
