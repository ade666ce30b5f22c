/*
 * An SQLite database in a folder: NAME, with NAME-wal and NAME-shm beside it. It is written by some of our programs and
 * read by others, which may have no right to write there, whether or not a writer runs. A damaged one is set aside and
 * begun anew. What is in it is not trusted: neither its values nor its tables.
 *
 * SQLite says by its codes what is damaged, full or locked. What it has no code for is the index of its write-ahead
 * log, NAME-shm, which it maps: when that is cut, whoever looks at it gets SIGBUS. So its mapping is watched
 * (core/state/state_guard.h), and the database is opened anew after that happened.
 */
#ifndef POSTERN_DATABASE_H
#define POSTERN_DATABASE_H

#include "core/base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define DATABASE_STATEMENTS_MAX 64u

/* One of our databases: what never changes about it. */
struct database_kind {
    const char *name;             /* "journal.sqlite" */
    const char *damaged, *former; /* what it is called when it is set aside: damaged, or of another layout */
    /* for errors */
    const char *title;   /* "journal" */
    const char *writers; /* "postern-policyd or postern-milter" */
    const char *nothing; /* a sentence: there is none yet, and who makes it */
    const char *remade;  /* a sentence: who makes what is missing, and when */
    mode_t folder_mode;
    bool shares_folder;        /* with others: it is made where there is none, and never changed */
    const char *const *schema; /* its tables and indexes, one statement each; the first makes "meta" (name, value) */
    unsigned n_schema;
    int version;                   /* of what the values mean; a database of another one is set aside */
    bool grows;                    /* what is missing of the schema is added; else that is another layout */
    const char *const *statements; /* what is prepared once; as many as its enum has, at most DATABASE_STATEMENTS_MAX */
    /* Before a writer opens it, with the folder locked. NULL: nothing. 0; -1 with e. */
    int (*prepare)(int folder, struct error *notice, struct error *e);
};

struct database {
    const struct database_kind *kind;
    sqlite3 *db;
    sqlite3_stmt *statements[DATABASE_STATEMENTS_MAX];
    char *path;           /* without links; of the three files, with nothing, "-wal" and "-shm" behind it */
    struct stat files[3]; /* as they were opened */
    bool writer;
    int wal_pages;        /* after the last transaction of this process */
    uint64_t deadline_ns; /* boot clock: a piece of reading that lasts longer is given up; 0: none */
};

/*
 * Opens it, as a writer (which makes or sets aside what it must) or for reading only. 0 and *out; or -1 with e.
 * *notice gets a text when something was set aside; else it is left as it is. A process opens a database once at a
 * time (POSIX locks are the process's).
 */
int database_open(const struct database_kind *kind, const char *folder, bool writer, struct database **out,
                  struct error *notice, struct error *e);
/* whole: the last one to close moves the write-ahead log into the database; else nothing is written. NULL is fine. */
void database_close(struct database *f, bool whole);

/* Was one of the files removed or replaced behind us, or the index cut? Then it must be opened anew. */
bool database_stale(const struct database *f);

/* Moves the database aside, unless another program did so by now. 0; -1 with e. */
int database_set_aside(const struct database *f, const char *folder, struct error *notice, struct error *e);

/* The statement, ready to be bound; NULL with the code in sqlite3_errcode. */
sqlite3_stmt *database_statement(struct database *f, unsigned which);

/* SQLite's integers are signed: what is more becomes the largest, and what is less than 0 is read as 0. */
void database_bind_number(sqlite3_stmt *s, int parameter, uint64_t v);
uint64_t database_column_number(sqlite3_stmt *s, int column);

/* Says in e what SQLite said; -1. f may be NULL. */
int database_error(const struct database *f, struct error *e, const char *what, int code);

/* Does this code mean that the database is damaged? */
bool database_damage(int code);

/* Moves what readers allow of the write-ahead log into the database, with a sync. False: the log holds what they do not
 * let go of. */
bool database_checkpoint(struct database *f);

/* ---- the tables (core/journal/database_schema.c) ---- */

enum database_schema {
    DATABASE_EMPTY, /* nothing at all */
    DATABASE_OURS, /* each statement as it is in the schema, and no other: no view and no trigger that somebody added */
    DATABASE_PART, /* of a kind that grows: some are missing */
    DATABASE_OTHER
};
/* SQLITE_OK and *out, or a code of SQLite. */
int database_schema_check(const struct database *f, enum database_schema *out);
/* Makes what is missing of the schema, in one transaction that the caller rolls back when it fails. A code of SQLite.
 */
int database_schema_make(const struct database *f);

/* ---- the index of the write-ahead log, under guard (core/journal/database_shm.c) ---- */

/* The name of a VFS that is as SQLite's own, but for the guard; NULL: there is none, with e. */
const char *database_vfs(struct error *e);
/* Was a page of the index replaced, for this connection? */
bool database_shm_tripped(sqlite3 *db);

#endif
