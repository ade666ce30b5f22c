/*
 * How far Entra's sign-ins were read, in the history (history.h). A run continues where the last one ended. Each
 * sign-in counts once, although windows overlap, pages may repeat rows, and a run may be killed at any point.
 */
#ifndef POSTERN_SIGN_INS_H
#define POSTERN_SIGN_INS_H

#include "core/journal/cloud_use.h"

/* Successes and failures are read one after the other, so that no flood of failures delays the news of a success. */
enum sign_in_outcome { SIGN_IN_SUCCESS, SIGN_IN_FAILURE };
#define SIGN_IN_OUTCOMES 2

struct sign_in_progress {
    int64_t since_s; /* wall clock: none is missing from then until until_s; 0: never read */
    int64_t until_s; /* all windows up to then were read to their end */
    int64_t late_s;  /* when it was last looked for those that come very late */
};

int sign_in_progress_of(struct history *h, struct slice tenant, enum sign_in_outcome outcome,
                        struct sign_in_progress *out, struct error *e);

/* ---- writing, between history_begin and history_commit. 0, or -1 with e ---- */

/* 1: it was not counted yet, and is remembered until sign_in_progress_set forgets its time; 0: it was counted. */
int sign_in_is_new(struct history *h, struct slice tenant, enum sign_in_outcome outcome, int64_t at_s, struct slice id,
                   struct error *e);

/* Stores the progress, and forgets the ids of sign-ins before forget_s, which no later window includes. */
int sign_in_progress_set(struct history *h, struct slice tenant, enum sign_in_outcome outcome,
                         const struct sign_in_progress *progress, int64_t forget_s, struct error *e);

/* ---- the networks of successes: on which days somebody signed in from each (core/journal/history_sign_in_networks.c)
 * ----
 */

#define SIGN_IN_NETWORK_DAYS 90
#define SIGN_IN_NETWORKS_MAX 200000 /* rows: a network and a day each; beyond, the oldest go */
#define SIGN_IN_V4_PREFIX 24
#define SIGN_IN_V6_PREFIX 64

/* Notes a success from that address, between history_begin and history_commit. 0, or -1 with e. */
int sign_in_network_add(struct history *h, struct slice tenant, const struct ip *client, int64_t at_s, struct error *e);
/* Forgets what is older, and beyond the bound. */
int sign_in_networks_forget(struct history *h, int64_t now_s, struct error *e);

/* Hands out the networks that a tenant's mailboxes signed in from on at least so many days (UTC), with the first and
 * the last; none where the history has no such table yet. `each` returns false to end. 0, or -1 with e. */
typedef bool sign_in_network_each(void *arg, struct slice tenant, const struct network *network, uint32_t days,
                                  int64_t first_s, int64_t last_s);
int sign_in_networks(struct history *h, uint32_t least_days, sign_in_network_each *each, void *arg, struct error *e);

/* ---- trouble: why the last run could not read them ---- */

struct sign_in_state {
    int64_t read_s;    /* when the successes were last read to the end; 0: never */
    int64_t trouble_s; /* since when the last runs failed; 0: the last one did not */
    char trouble[200]; /* why; cut */
};

int sign_in_state_of(struct history *h, struct slice tenant, struct sign_in_state *out, struct error *e);
/* What a run came to: read: the successes were read to the end; trouble: what could not be, and why; empty: nothing. */
int sign_in_state_set(struct history *h, struct slice tenant, int64_t now_s, bool read, struct slice trouble,
                      struct error *e);

#endif
