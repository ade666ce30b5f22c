/*
 * Reads who signs in to Exchange Online by SMTP AUTH, from Microsoft Graph's auditLogs/signIns into the history
 * (core/journal/sign_ins.h). A run continues where the last one ended. Windows overlap, since a sign-in may show up
 * hours after it happened. Each page is one transaction, and each sign-in counts once, by its id. So a run may be
 * killed at any point, and no more than a page is in memory.
 */
#ifndef POSTERN_MIRROR_SIGN_INS_H
#define POSTERN_MIRROR_SIGN_INS_H

#include "mirror/exchange/exchange.h"

#include <stdio.h>

#define SIGN_INS_RUN_S 1800 /* for all tenants; what is not read by then is left to the next run */

enum sign_ins_result {
    SIGN_INS_DONE,
    SIGN_INS_LEFT,  /* not permitted, or no usable answer: logged if it is new, and recorded in the history */
    SIGN_INS_FAILED /* the history cannot be written: e says why */
};

/* Reads those of x's tenant. folder: the directory's; now: wall clock, seconds; budget_s: no window is begun after
 * that, except the first. */
enum sign_ins_result sign_ins_sync(struct exchange *x, const char *tenant, const char *folder, int64_t now,
                                   uint64_t budget_s, struct error *e);

/* May they be read? One is asked for. */
enum exchange_result sign_ins_probe(struct exchange *x, int64_t now, struct error *e);

#endif
