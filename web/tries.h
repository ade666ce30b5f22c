/*
 * How often somebody may try a password: a small table in memory, by the generic cell rate algorithm (as in core/state,
 * which this program can only read). What is not in the table any more had its limit full again, or tried least of all.
 */
#ifndef POSTERN_WEB_TRIES_H
#define POSTERN_WEB_TRIES_H

#include "core/base/slice.h"

#include <stdint.h>

#define TRIES_MOST 10u     /* at a time */
#define TRIES_PERIOD_S 60u /* in which as many come back */
#define TRIES_PLACES 1024u

struct tries;

/* NULL without memory or randomness. */
struct tries *tries_new(void);
void tries_free(struct tries *tries);

/* Takes one try of the name, of a kind of ours. 0, or how many seconds to wait: then nothing was taken. */
unsigned tries_take(struct tries *tries, const char *kind, struct slice name, uint64_t now_ns);
/* Gives back one that was none: the password was right. */
void tries_return(struct tries *tries, const char *kind, struct slice name);

#endif
