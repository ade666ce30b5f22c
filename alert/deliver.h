/*
 * Empties the spool: each notice goes to each of its targets once. Deliveries are recorded in files, so that a restart
 * sends nothing twice; only a crash between the receiver's response and the record does, with the same Idempotency-Key.
 */
#ifndef POSTERN_ALERT_DELIVER_H
#define POSTERN_ALERT_DELIVER_H

#include "core/base/log.h"
#include "core/config/config.h"

struct delivery;

/* Opens SPOOL/alerts and locks it: one postern-alert a spool. 0, or -1 with e. config and log must outlive it. */
int delivery_open(const struct config *config, struct log *log, struct delivery **out, struct error *e);
void delivery_close(struct delivery *d);
/* Another configuration, after a reload; its spool must be the same. Resets the pauses before retries. */
void delivery_configure(struct delivery *d, const struct config *config);

/* Sends what is due at that time. stop is asked between two attempts. */
void delivery_round(struct delivery *d, uint64_t boot_ns, int64_t wall_s, bool (*stop)(void));

#endif
