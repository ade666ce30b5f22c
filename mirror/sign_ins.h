/*
 * Who signs in to Exchange Online by SMTP AUTH, from Microsoft Graph's auditLogs/signIns into the history
 * (core/journal/sign_ins.h). A run goes on where the last one ended. Windows overlap, since a sign-in may show up hours
 * after it happened; within a window each page is a transaction of its own, and each sign-in counts once by its id. So
 * a run may be killed anywhere, and memory is that of a page.
 */
#ifndef POSTERN_MIRROR_SIGN_INS_H
#define POSTERN_MIRROR_SIGN_INS_H

#include "mirror/exchange/exchange.h"

#include <stdio.h>

#define SIGN_INS_KEPT_S (30 * 86400)     /* by the service */
#define SIGN_INS_WINDOW_S 86400          /* read at once; a killed run begins with it again */
#define SIGN_INS_LATE_S (6 * 3600)       /* what shows up so late is found by the next run */
#define SIGN_INS_VERY_LATE_S (2 * 86400) /* and so late, once a day */
#define SIGN_INS_DAILY_S 86400
#define SIGN_INS_RUN_S 1800 /* a run that lasts longer leaves the rest to the next one */

enum sign_ins_result {
    SIGN_INS_DONE,
    SIGN_INS_LEFT, /* not permitted, or no usable answer: said where it was not said before, and noted in the history */
    SIGN_INS_FAILED /* the history cannot be written: e says why */
};

/* Reads those of x's tenant; folder: the directory's. now: wall clock, seconds. */
enum sign_ins_result sign_ins_sync(struct exchange *x, const char *tenant, const char *folder, int64_t now,
                                   struct error *e);

/* May they be read? One is asked for. */
enum exchange_result sign_ins_probe(struct exchange *x, int64_t now, struct error *e);

#endif
