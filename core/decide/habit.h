/*
 * Habits in the decision: what a login or a connector usually sends (core/state/habits.h), and messages that a limit
 * deferred.
 *
 * A client that is deferred tries the same message again; a thief goes on with the next one. So a message that comes
 * again passes the limit of the hour, but not that of the day. It is the same if login, envelope sender, recipients and
 * size are: at RCPT that recipient and the declared size, at DATA and the end all of them and the size known then.
 */
#ifndef POSTERN_HABIT_H
#define POSTERN_HABIT_H

#include "core/decide/decide.h"

/* What a limit beyond a habit counts, and in which window. */
static inline enum habit_count habit_count_of(const struct limit_config *limit)
{
    return limit->count == COUNT_MESSAGES ? HABIT_MESSAGES : HABIT_RECIPIENTS;
}
static inline enum habit_window habit_window_of(const struct limit_config *limit)
{
    return limit->figure.rate.period_s == 3600 ? HABIT_HOUR : HABIT_DAY;
}

/* The key of the habit of who sends; 0: neither a login nor a connector. */
uint64_t key_of_habit(const struct decide_context *c, const struct identity *id);

/* Has it sent more in an hour than any person does? */
bool habit_of_application(const struct habit *habit);

/* Was this message deferred before? */
bool habit_repeats(const struct decide_context *c, const struct submission *s, const struct recipients *r,
                   const struct identity *id);

/* Remembers it as deferred. True when it wasn't, or when one like it was a moment ago, since a thief's messages may all
 * be alike: then it is another message than those before. Only for who has a habit's key. */
bool habit_note_deferred(struct habits *habits, struct counters *counters, const struct decide_context *c,
                         const struct submission *s, const struct recipients *r, const struct identity *id);

/* The key of a tenant, which has a record only to know since when its mail is seen; hash is identity.tenant_hash. */
uint64_t key_of_tenants_habit(uint64_t tenant_hash);

/* When the learning of that habit ends, wall clock; 0: it has ended. */
int64_t habit_learning_until(const struct decide_context *c, const struct habit *habit);

#endif
