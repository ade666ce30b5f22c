/*
 * How each run of the mirror ended: two tables of the history (history.h). mirror_runs has the last MIRROR_RUNS_KEPT of
 * a tenant, mirror_results when a run last ended with which result, so that a reader need not go through all runs.
 */
#ifndef POSTERN_MIRROR_RUNS_H
#define POSTERN_MIRROR_RUNS_H

#include "core/journal/history.h"

#define MIRROR_RUNS_KEPT 1000   /* a tenant */
#define MIRROR_TROUBLE_MAX 200u /* bytes of what was wrong: the first words */

enum mirror_result { MIRROR_OK, MIRROR_UNCHANGED, MIRROR_REFUSED, MIRROR_FAILED };
#define MIRROR_RESULTS 4
/* "ok", "unchanged" ... */
const char *mirror_result_word(enum mirror_result result);

/* Texts may hold anything. */
struct mirror_run {
    struct slice tenant;      /* empty: a pull, which is of all tenants */
    struct slice how;         /* "sync", "import", "pull" */
    int64_t began_s, ended_s; /* wall clock */
    enum mirror_result result;
    uint64_t changes;     /* mailboxes that changed, came or went */
    struct slice trouble; /* why it was refused or failed */
};

/* Writes it, and forgets what is over the bound. 0, or -1 with e. */
int mirror_run_add(struct history *h, const struct mirror_run *run, struct error *e);

/* Those that ended since then, the newest first, at most so many. A callback returns false to stop. 0, or -1 with e. */
int mirror_runs(struct history *h, int64_t since_s, size_t most, bool (*each)(void *arg, const struct mirror_run *run),
                void *arg, struct error *e);

/* When a run of the tenant last ended with that result, once for each that there was. As above. */
int mirror_results(struct history *h,
                   bool (*each)(void *arg, struct slice tenant, enum mirror_result result, int64_t ended_s), void *arg,
                   struct error *e);

#endif
