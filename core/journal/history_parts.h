/* What the history's files share. Not for use elsewhere, but for tests. */
#ifndef POSTERN_HISTORY_PARTS_H
#define POSTERN_HISTORY_PARTS_H

#include "core/journal/database.h"
#include "core/journal/history.h"

#define HISTORY_VERSION 1 /* of what the values mean */

extern const struct database_kind history_kind;

struct history {
    struct database *file;
    bool transacts;
    char folder[4096];
};

/* What is prepared once: the text stands in history.c. */
enum history_sql {
    HISTORY_BEGIN,
    HISTORY_COMMIT,
    HISTORY_ROLLBACK,
    /* core/journal/history_cloud_use.c */
    HISTORY_CLOUD_USE_OF,     /* ?1 tenant, ?2 mailbox, ?3 source: CLOUD_USE_COLUMNS */
    HISTORY_SET_CLOUD_USE,    /* the same, and CLOUD_USE_COLUMNS */
    HISTORY_FORGET_CLOUD_USE, /* what was seen before ?1 last */
    HISTORY_COUNT_CLOUD_USE,
    HISTORY_FORGET_MOST_CLOUD_USE, /* ?1: as many rows, seen longest ago */
    /* core/journal/history_reports.c, history_reach.c */
    HISTORY_TAKE_REPORT_BACK, /* ?1 tenant, ?2 first, ?3 last: its rows of cloud_use */
    HISTORY_ADD_REPORT,       /* tenant, first, last, imported */
    HISTORY_REPORTS_OF,       /* ?1 tenant: first and last of the ?2 that end last */
    HISTORY_FORGET_REPORTS,   /* those that end before ?1 */
    /* core/journal/history_sign_ins.c */
    HISTORY_SIGN_IN_PROGRESS,     /* ?1 tenant, ?2 outcome: since, until, late */
    HISTORY_SET_SIGN_IN_PROGRESS, /* the same, and since, until, late */
    HISTORY_ADD_SIGN_IN,          /* tenant, outcome, at, id; nothing where it is there */
    HISTORY_FORGET_SIGN_INS,      /* ?1 tenant, ?2 outcome: those before ?3 */
    HISTORY_SIGN_IN_STATE,        /* ?1 tenant: read, trouble_at, trouble */
    HISTORY_SET_SIGN_IN_STATE,    /* ?1 tenant, ?2 read or 0, ?3 now, ?4 trouble or '' */
    /* core/journal/history_sign_in_networks.c */
    HISTORY_ADD_SIGN_IN_NETWORK,          /* tenant, network, day; nothing where it is there */
    HISTORY_FORGET_SIGN_IN_NETWORKS,      /* those before day ?1 */
    HISTORY_FORGET_MOST_SIGN_IN_NETWORKS, /* ?1: all but so many, the newest */
    /* core/journal/history_settings.c */
    HISTORY_SETTLE_SETTING_RUNS, /* ?1: the generation that counts */
    HISTORY_FORGET_UNPUBLISHED_CHANGES,
    HISTORY_FORGET_UNPUBLISHED_RUNS,
    HISTORY_ADD_SETTING_RUN,        /* seen, tenant, how, by, generation */
    HISTORY_ADD_SETTING_CHANGE,     /* run, number, mailbox, id, setting, before, after, source */
    HISTORY_PUBLISH_SETTING_RUN,    /* ?1 run */
    HISTORY_DROP_SETTING_RUN,       /* ?1 run: its changes; the run itself goes as an empty one */
    HISTORY_FORGET_SETTING_CHANGES, /* of runs before ?1 */
    HISTORY_COUNT_SETTING_CHANGES,
    HISTORY_FORGET_MOST_SETTING_CHANGES, /* ?1: as many, the oldest */
    HISTORY_FORGET_EMPTY_SETTING_RUNS,
    HISTORY_SETTING_CHANGES, /* ?1 the generation that counts, ?2 since */
    /* core/journal/history_mirror_runs.c */
    HISTORY_ADD_MIRROR_RUN,     /* tenant, how, began, ended, result, changes, trouble */
    HISTORY_SET_MIRROR_RESULT,  /* tenant, result, ended */
    HISTORY_FORGET_MIRROR_RUNS, /* ?1 tenant: all but the newest ?2 */
    HISTORY_MIRROR_RUNS,        /* ended since ?1, at most ?2 */
    HISTORY_MIRROR_RESULTS,
    HISTORY_STATEMENTS
};

#define CLOUD_USE_COLUMNS "first,last,number,basic,oauth,tls,clients"

/*
 * After an answer of SQLite that was not expected: says it in e, takes the open transaction back, and sets a damaged
 * database aside for a writer's next history_open. -1.
 */
int history_failed(struct history *h, const char *what, int code, struct error *e);

/* The statement, ready to be bound. NULL with e. */
sqlite3_stmt *history_statement(struct history *h, enum history_sql which, struct error *e);
/* Runs a bound statement that returns no rows. 0, or -1 with e. */
int history_run(struct history *h, sqlite3_stmt *s, const char *what, struct error *e);
/* Before a piece of reading: so long it may last. */
void history_begin_reading(struct history *h);

void history_bind_text(sqlite3_stmt *s, int parameter, struct slice text);
/* The text of that column, valid until the next step; empty for NULL. */
struct slice history_column_text(sqlite3_stmt *s, int column);

#endif
