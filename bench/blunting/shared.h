/* Several relays that count as one, in the simulation. */
#ifndef POSTERN_BENCH_BLUNTING_SHARED_H
#define POSTERN_BENCH_BLUNTING_SHARED_H

#include "core/base/error.h"

#include <stdint.h>

#define SHARED_MOST 8u

struct shared;

struct shared *shared_new(struct error *e); /* NULL with e */
void shared_free(struct shared *sh);        /* NULL is fine */

/* A relay with that state and outbox, which its engine has opened. All states have one secret. 0; -1 with e. */
int shared_add(struct shared *sh, const char *state, const char *outbox, struct error *e);

/* It is that time of the simulation, ms: shares what is due. NULL: there is one relay. 0; -1 with e. */
int shared_go_on(struct shared *sh, uint64_t at_ms, struct error *e);

#endif
