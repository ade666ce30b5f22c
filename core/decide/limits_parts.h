/*
 * What the files of the limits share: limits.c checks them, limits_habit.c those relative to a habit, limits_charge.c
 * charges them, limits_cost.c computes the cost, limits_figure.c finds the figure. Not for use elsewhere.
 */
#ifndef POSTERN_LIMITS_PARTS_H
#define POSTERN_LIMITS_PARTS_H

#include "core/decide/decide_steps.h"
#include "core/decide/limits.h"
#include "core/state/outbox.h"

/* Limits on refusals are charged when a refusal happens, not with the message. */
static inline bool limit_counts_refusals(const struct limit_config *limit)
{
    return limit->count == COUNT_DENIALS || limit->count == COUNT_DEFERRALS || limit->count == COUNT_DEFERRED;
}

/* Is it about the messages or recipients of an hour or a day, relative to a habit? */
static inline bool limit_is_of_habit(const struct limit_config *limit)
{
    return limit->beyond_habit && !limit_counts_refusals(limit);
}

/* The strongest of the limits that refuse. */
struct looking {
    const struct limit_config *worst;
    uint64_t worst_key;
    struct charge_answer answer;
    int strength;
    bool known_network; /* of a login that is being learnt (core/decide/limits_habit.c) */
    unsigned of_habit;  /* a bit for each limit_count that is held by a habit alone */
};

void looking_refused(struct looking *l, const struct limit_config *limit, uint64_t key,
                     const struct charge_answer *answer);

/* Looks up the habit, if a candidate needs it, before any limit is looked at. */
void habit_begin(struct deciding *d, struct looking *l);
void look_at_habit(struct deciding *d, struct looking *l, const struct limit_config *limit,
                   const struct limit_rate *figure);

static inline bool limit_is_for(const struct limit_config *limit, const struct identity *id)
{
    return id->authenticated ? limit->authenticated : limit->connectors;
}

/*
 * Is the message among those that the limit is about (limits.only)? By the domain of the envelope sender, which the
 * null sender doesn't have, as it was written; by the groups of the login; by the connector. (limits_only.c)
 */
bool limit_only_holds(const struct decide_context *c, const struct submission *s, const struct identity *id,
                      const struct limit_config *limit);
/* Says of each limit that is not about the message why it isn't. */
void limits_trace_others(const struct deciding *d);

/* What a distinct count counts: hashes of the message's clients, senders, recipients ... */
struct members {
    const struct recipient_seen *seen; /* NULL: there is at most one, which is single */
    uint64_t single;
    size_t n;
    size_t untold; /* further ones that are unknown: each counts as new */
    size_t most;   /* at most this many are counted: the MTA has refused the others since */
    bool domains;
};

struct members members_of(const struct deciding *d, const struct limit_config *limit);
/* The recipients, or their domains; from DATA on those that the MTA has accepted, as far as they can be told. */
struct members members_recipients(const struct deciding *d, bool domains);
uint64_t members_one(const struct members *m, size_t i);
/* Is member i a repetition of an earlier one? */
bool members_repeated(const struct members *m, size_t i);

/*
 * Telling the other relays (core/state/outbox.h), after the charge has succeeded here. (limits_tell.c)
 *
 * A new member of a distinct count is told together with what it cost, so that one that another relay has seen costs
 * nothing. Not where the member costs the keys of several domains: there each relay counts it as new.
 */
bool members_are_told(const struct limit_config *limit);
/* Tells what a plan charged, but for members that are told; what it counted for a habit, if that was counted. outbox
 * may be NULL. */
void plan_tell(struct outbox *outbox, const struct plan *plan, bool of_habit, uint64_t now_ns);
/*
 * Marks a member of a distinct count for the limit's window, and tells that. charge: the limit's, of any cost; *untold:
 * the units that were charged for new members and are not told yet, of which this one takes its own.
 */
void member_mark(struct counters *counters, const struct charge *charge, uint64_t mark, uint64_t *untold,
                 uint64_t now_ns);

/* What the message costs, in the limit's units; key is that of its counter, within which the members are marked. */
uint64_t limit_cost(const struct deciding *d, const struct limit_config *limit, uint64_t key);

#endif
