/*
 * The journal's LMDB environment: data.mdb and lock.mdb in its folder, opened by any number of processes, set aside
 * when damaged, and begun anew.
 *
 * LMDB trusts its pages, and can end the program over one that is damaged in a way that no check at the start finds. So
 * a program leaves a mark while it is inside LMDB, and takes it away when it comes out: after JOURNAL_FAULTS_MAX starts
 * that found the mark, the environment is taken for damaged, and the mail path goes on with a new one.
 */
#ifndef POSTERN_JOURNAL_FILE_H
#define POSTERN_JOURNAL_FILE_H

#include "core/base/error.h"

#include <lmdb.h>
#include <stdbool.h>
#include <sys/stat.h>

#define JOURNAL_FAULTS_MAX 3

/* An environment of an older version lacks the last one until a program writes to it. */
enum journal_table { JOURNAL_DECISIONS, JOURNAL_USAGE, JOURNAL_SEEN, JOURNAL_TOTALS, JOURNAL_REFUSALS, JOURNAL_TABLES };

struct journal_file {
    MDB_env *env;
    MDB_dbi dbi[JOURNAL_TABLES];
    bool lacks_refusals;    /* a reader's: dbi[JOURNAL_REFUSALS] is none */
    struct stat data, lock; /* to see whether they were replaced */
    char *data_path, *lock_path;
    int mark; /* descriptor; -1 for readers */
    unsigned char faults;
    bool former; /* of another layout */
};

/*
 * program NULL: for reading only. map_size in bytes. 0 and *out; or -1 with e. *notice gets a text when something was
 * set aside; else it is left as it is.
 */
int journal_file_open(const char *folder, const char *program, size_t map_size, struct journal_file **out,
                      struct error *notice, struct error *e);
void journal_file_close(struct journal_file *f); /* NULL is fine */

/* Was one of the files removed or replaced behind us? */
bool journal_file_replaced(const struct journal_file *f);

/* With the tables open: is the environment of our layout? A new one gets its mark from a writer. 0,
 * MDB_VERSION_MISMATCH, or another code of LMDB. */
int journal_layout_check(struct journal_file *f, MDB_txn *txn, bool writer);

/* Around everything that changes the environment. */
void journal_file_enter(struct journal_file *f);
void journal_file_leave(struct journal_file *f);

/* After a commit: notes how long the file is now. */
void journal_file_grown(struct journal_file *f);

/* Says in e what LMDB said; -1. */
int journal_file_error(struct error *e, const char *what, int code);
/* Does this answer of LMDB mean that the pages are damaged, or only that the environment must be opened anew? */
bool journal_file_damage(int code);
bool journal_file_stale(int code);
/* The next open sets the environment aside. */
void journal_file_condemn(struct journal_file *f);

#endif
