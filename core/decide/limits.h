/*
 * Step 7: the limits. One declarative list (config.limits); each limit that has all parts of its key is looked at, and
 * when none refuses, the plan in the verdict says what to charge, all or nothing, once a message.
 */
#ifndef POSTERN_LIMITS_H
#define POSTERN_LIMITS_H

#include "core/decide/decide.h"
#include "core/state/receipts.h"

enum plan_result {
    PLAN_CHARGED,
    PLAN_REFUSED /* another message used up the limit meanwhile: decide again */
};

/*
 * Charges the plan of a verdict that passes, which decide() made of the same submission and recipients, and marks
 * what is counted as distinct. *receipt gets what may be given back: not what distinct members cost, which are known
 * from now on, and not what went to a shared entry. The verdict is not changed. habits may be NULL.
 */
enum plan_result limits_charge(struct counters *counters, struct habits *habits, const struct decide_context *c,
                               const struct submission *s, const struct recipients *r, struct verdict *v,
                               struct receipt *receipt);

/* Has the client neither a login nor a connector? These have counters of their own (core/state/counters.h). */
bool is_stranger(const struct identity *id);

/*
 * Counts a refusal by all matching limits that count it (COUNT_DENIALS, COUNT_DEFERRALS or COUNT_DEFERRED). Returns the
 * limit that is exceeded by it and blocks, or NULL.
 */
const struct limit_config *limits_count_refusal(struct counters *counters, const struct decide_context *c,
                                                const struct submission *s, const struct verdict *v,
                                                enum limit_count count);

/* The figure that holds for this identity: an exception's, the mirrored tenant's, or the limit's own. */
const struct limit_rate *limit_figure(const struct decide_context *c, const struct submission *s,
                                      const struct identity *id, const struct limit_config *limit,
                                      struct limit_rate *room);

/*
 * What the day's habit adds to the burst of a limit that counts deferred messages. An application's is so many times as
 * much: one that has twice as much to send as usual for three nights is deferred, but not blocked for it, and once over
 * the hour's limit most of its messages are deferred once.
 */
#define LIMIT_APPLICATIONS_TIMES 8
uint64_t limit_burst_of_habit(const struct limit_config *limit, const struct verdict *v);

/* The charge of `cost` units by that figure. */
struct charge limit_charge_of(const struct limit_rate *figure, uint64_t key, uint64_t cost);

#endif
