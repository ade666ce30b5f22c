/*
 * The journal's SQLite database: journal.sqlite in its folder, written by the programs in the mail path and read by
 * others, set aside when it is damaged, and begun anew.
 *
 * SQLite says by its codes what is damaged, full or locked. What it has no code for is the index of its write-ahead
 * log, journal.sqlite-shm, which it maps: when that is cut, whoever looks at it gets SIGBUS. So its mapping is watched
 * (core/state/state_guard.h), and the database is opened anew after that happened.
 */
#ifndef POSTERN_JOURNAL_FILE_H
#define POSTERN_JOURNAL_FILE_H

#include "core/base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define JOURNAL_NAME "journal.sqlite"

/* What is prepared once. */
enum journal_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_ADD_MESSAGE, /* DECISION_COLUMNS, DECISION_KEYS */
    SQL_ADD_REFUSAL,
    SQL_LAST_PART_OF_MESSAGES, /* its number, and how many it has */
    SQL_LAST_PART_OF_REFUSALS,
    SQL_COUNT_MESSAGES,
    SQL_COUNT_REFUSALS,
    SQL_DROP_MESSAGES, /* ?1: as many of the oldest; there are more */
    SQL_DROP_REFUSALS,
    SQL_ADD_TOTAL,   /* ?1 program, ?2 verdict, ?3 reason, ?4 count */
    SQL_ADD_DROPPED, /* ?1 program, ?2 count */
    SQL_USAGE_OF,    /* ?1 tenant, ?2 mailbox: USAGE_COLUMNS */
    SQL_ADD_USAGE,   /* tenant, mailbox, USAGE_COLUMNS */
    SQL_SET_USAGE,   /* USAGE_COLUMNS, tenant, mailbox */
    SQL_SET_FIRST,   /* ?1: the first submission that was let through, if no earlier one is known */
    SQL_COUNT_USAGE,
    SQL_USAGE_BEHIND, /* ?1 tenant, ?2 mailbox: the names of the mailbox that comes ?3 behind it */
    SQL_FORGET,       /* those behind ?1 ?2, up to ?3 ?4, that were seen before ?5 last */
    SQL_FORGET_MOST,  /* ?1: as many, seen longest ago */
    SQL_STATEMENTS
};

struct journal_file {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS];
    char *path;           /* without links; of the three files, with nothing, "-wal" and "-shm" behind it */
    struct stat files[3]; /* as they were opened */
    bool writer;
    int wal_pages;        /* after the last transaction of this process */
    uint64_t deadline_ns; /* boot clock: a piece of reading that lasts longer is given up; 0: none */
};

/*
 * Opens it, as a program (which makes or sets aside what it must) or for reading only. 0 and *out; or -1 with e.
 * *notice gets a text when something was set aside; else it is left as it is.
 */
int journal_file_open(const char *folder, bool writer, struct journal_file **out, struct error *notice,
                      struct error *e);
/* whole: the last one to close moves the write-ahead log into the database; else nothing is written. NULL is fine. */
void journal_file_close(struct journal_file *f, bool whole);

/* Was one of the files removed or replaced behind us, or the index cut? Then it must be opened anew. */
bool journal_file_stale(const struct journal_file *f);

/* Moves the database aside, unless another program did so by now. 0; -1 with e. */
int journal_file_set_aside(const struct journal_file *f, const char *folder, struct error *notice, struct error *e);

/* The statement, ready to be bound; NULL with the code in sqlite3_errcode. */
sqlite3_stmt *journal_file_statement(struct journal_file *f, enum journal_sql which);

/* Says in e what SQLite said; -1. */
int journal_file_error(const struct journal_file *f, struct error *e, const char *what, int code);

/* Does this code mean that the database is damaged? */
bool journal_file_damage(int code);

/* Moves what readers allow of the write-ahead log into the database, with a sync. False: the log holds what they do not
 * let go of. */
bool journal_file_checkpoint(struct journal_file *f);

/* ---- the index of the write-ahead log, under guard (core/journal/journal_shm.c) ---- */

/* The name of a VFS that is as SQLite's own, but for the guard; NULL: there is none, with e. */
const char *journal_vfs(struct error *e);
/* Was a page of the index replaced, for this connection? */
bool journal_shm_tripped(sqlite3 *db);

#endif
