/*
 * Use of SMTP AUTH at Exchange Online itself, which no relay sees: a table of the history (history.h). It has two
 * sources, and failures, which are not use:
 *
 *     sign-ins   Entra's log of sign-ins by "Authenticated SMTP": who signed in with a password. What was sent is not
 *                known. The service keeps 30 days.
 *     failures   Sign-ins that failed, mostly guessed passwords.
 *     report     The "SMTP AUTH clients report" of the Exchange admin center: messages over a range of days.
 *
 * mailbox is the primary address, as in the journal's usage. For a name that the directory doesn't know it is that
 * name, or "" for a failure, since anybody can invent names. Rows are kept like the relay's own usage: for USAGE_DAYS,
 * and at most USAGE_MAILBOXES_MAX.
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

/* Adds it to what is there: sums the numbers, extends first and last, keeps the newest clients. */
int cloud_use_add(struct history *h, struct slice tenant, struct slice mailbox, enum cloud_source source,
                  const struct cloud_use *one, struct error *e);

/*
 * Begins a report about a range of days, and records the range. Removes what an earlier import of the same range added,
 * so that a report counts once however often it is imported.
 */
int cloud_report_begin(struct history *h, struct slice tenant, int64_t first_s, int64_t last_s, int64_t now_s,
                       struct error *e);

/*
 * Adds a row of that report; row->first_s and last_s are its range. Reports may overlap, so different ones are never
 * added up: the row replaces that of a report that does not end later, and is ignored if there is one that does.
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

#define CLOUD_LATE_S (2 * 86400) /* the last days may be missing: sign-ins and reports come late */

struct cloud_reach {
    int64_t since_s;    /* use is known without a gap from then until CLOUD_LATE_S ago; 0: there is a gap before that */
    int64_t tokens_s;   /* the same from reports alone, which also have clients with tokens */
    int64_t sign_ins_s; /* sign-ins are known up to then; 0: they were never read */
    int64_t report_s;   /* the last report's range ends then; 0: there is none */
};
/* 0, or -1 with e. */
int cloud_reach_of(struct history *h, struct slice tenant, int64_t now_s, struct cloud_reach *out, struct error *e);

#endif
