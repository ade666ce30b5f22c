/*
 * Use of SMTP AUTH straight at Exchange Online, which never passes a relay: a table of the history (history.h). It
 * comes from two sources, and what nobody got in with is kept apart:
 *
 *     sign-ins   Entra's log of sign-ins by "Authenticated SMTP", one by one: who signed in with a password, whatever
 *                was sent then. The service keeps 30 days.
 *     failures   the same, that were refused: mostly guesses of passwords. They are no use.
 *     report     the "SMTP AUTH clients report" of the Exchange admin center: messages over a range of days.
 *
 * A mailbox is known by its primary address, as in the journal's usage, or by the name that was used where the
 * directory has none; by "" where that is a failure's, since anybody can make names up. It is kept as long as the
 * relays' own usage: USAGE_DAYS, and USAGE_MAILBOXES_MAX.
 */
#ifndef POSTERN_CLOUD_USE_H
#define POSTERN_CLOUD_USE_H

#include "core/journal/history.h"
#include "core/journal/journal.h"

enum cloud_source { CLOUD_SIGN_INS, CLOUD_FAILURES, CLOUD_REPORT };
#define CLOUD_SOURCES 3

struct cloud_use {
    int64_t first_s, last_s; /* wall clock; of a report, the range that it is about */
    uint64_t number;         /* sign-ins, failures, or messages */
    uint64_t basic, oauth;   /* of these, where the mechanism is known */
    int tls;                 /* the lowest enum tls_version that is known of; -1: none is */
    struct usage_client clients[USAGE_CLIENTS];
};

/* ---- writing, between history_begin and history_commit. 0, or -1 with e ---- */

/* Adds one: first and last reach so far, numbers are summed, the newest clients stay. */
int cloud_use_add(struct history *h, struct slice tenant, struct slice mailbox, enum cloud_source source,
                  const struct cloud_use *one, struct error *e);

/*
 * Begins a report about a range of days, and notes the range: what an import of the same range brought in is taken
 * back, so that a report counts once, however often it is imported.
 */
int cloud_report_begin(struct history *h, struct slice tenant, int64_t first_s, int64_t last_s, int64_t now_s,
                       struct error *e);

/*
 * Adds a row of that report: row->first_s and last_s are its range. Another report may be about part of the same days,
 * so they are never added up: the row takes the place of a report's whose range does not end later, and gives way to
 * one that ends later.
 */
int cloud_use_report(struct history *h, struct slice tenant, struct slice mailbox, const struct cloud_use *row,
                     struct error *e);

/* Forgets what was not seen for USAGE_DAYS, and beyond USAGE_MAILBOXES_MAX rows what was seen longest ago. */
int cloud_use_forget(struct history *h, int64_t now_s, struct error *e);

/* Forgets all of the tenant's use, and how far its sign-ins were read. */
int cloud_use_forget_tenant(struct history *h, struct slice tenant, struct error *e);

/* ---- reading ---- */

/* What is asked for; all zero: everything. */
struct cloud_query {
    int64_t since_s;  /* last seen not before */
    unsigned sources; /* bits 1 << enum cloud_source; 0: all */
    bool basic;       /* something was done with a password */
};

/* A walk over the table by tenant, mailbox and source. A step's names live until the next one. */
struct cloud_walk;
int cloud_walk_open(struct history *h, const struct cloud_query *query, struct cloud_walk **out, struct error *e);
/* 1: a row; 0: the end; -1 with e. */
int cloud_walk_next(struct cloud_walk *w, struct slice *tenant, struct slice *mailbox, enum cloud_source *source,
                    struct cloud_use *use, struct error *e);
void cloud_walk_close(struct cloud_walk *w);

/* 1 and *use; 0: there is none; -1 with e. */
int cloud_use_of(struct history *h, struct slice tenant, struct slice mailbox, enum cloud_source source,
                 struct cloud_use *use, struct error *e);

/* ---- how far back all of that reaches (core/journal/history_reach.c) ---- */

#define CLOUD_LATE_S (2 * 86400) /* what is younger than that may still be missing, and need not be there */

struct cloud_reach {
    int64_t since_s;    /* it is known without a gap from then until about now; 0: not until now */
    int64_t sign_ins_s; /* sign-ins are known up to then; 0: they were never read */
    int64_t report_s;   /* the last report's range ends then; 0: there is none */
};
/* 0, or -1 with e. */
int cloud_reach_of(struct history *h, struct slice tenant, int64_t now_s, struct cloud_reach *out, struct error *e);

#endif
