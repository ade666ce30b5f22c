/*
 * What changed of the settings that decide about SMTP AUTH: two tables of the history (history.h). A run of the mirror
 * that changed something has a row in setting_runs, and each of its changes one in setting_changes.
 *
 * They are written before the generation that brings them is published, with its number, and count once it is: a run
 * that is killed in between, or cannot publish, leaves rows that no reader sees and the next writer removes; one that
 * is killed behind leaves rows that count. So nothing is lost and nothing is there twice.
 *
 * Kept for SETTING_CHANGES_DAYS, and at most SETTING_CHANGES_MAX: the oldest give way.
 */
#ifndef POSTERN_SETTING_CHANGES_H
#define POSTERN_SETTING_CHANGES_H

#include "core/journal/history.h"

#define SETTING_CHANGES_DAYS 400 /* as usage is kept */
#define SETTING_CHANGES_MAX 1000000u
#define SETTING_TEXT_MAX 320u /* bytes of each text; what is longer is cut */

/* Texts may hold anything. */
struct setting_run {
    int64_t seen_s; /* wall clock: when the mirror saw it, which is some time after it was done */
    struct slice tenant;
    struct slice how; /* "sync", "import", "set", "forget-tenant" */
    struct slice by;  /* who, where it was done from here; else empty: Exchange Online doesn't say */
};

struct setting_change {
    struct slice mailbox; /* its primary address; empty: the organization's */
    uint8_t id[16];       /* the mailbox's, whatever it is called; all zero: none */
    struct slice setting; /* "smtp-auth" ... */
    struct slice before, after;
    struct slice source; /* "cas.csv (Get-CASMailbox)" */
};

/* ---- writing, by who holds the directory's lock. 0, or -1 with e ---- */

/* A run that is to become generation `next`, while `now` is the one that counts: what earlier ones left is settled.
 * *run is for the others. */
int setting_run_begin(struct history *h, const struct setting_run *run, uint64_t now, uint64_t next, int64_t *id,
                      struct error *e);
/* Its changes, numbered from 0; between history_begin and history_commit, in any number of transactions. */
int setting_change_add(struct history *h, int64_t run, uint64_t number, const struct setting_change *change,
                       struct error *e);
/* The generation was published, or (false) nothing was; and forgets what is over the bounds. */
int setting_run_end(struct history *h, int64_t run, bool published, int64_t now_s, struct error *e);

/* ---- reading ---- */

struct setting_query {
    uint64_t generation; /* the one that counts: later runs were not published (yet) */
    int64_t since_s;
};

/* Newest first. A callback returns false to stop. 0, or -1 with e. */
int setting_changes(struct history *h, const struct setting_query *query,
                    bool (*each)(void *arg, const struct setting_run *run, const struct setting_change *change),
                    void *arg, struct error *e);

#endif
