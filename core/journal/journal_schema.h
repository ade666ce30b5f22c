/* The tables of the journal's database, and whether a file has them. */
#ifndef POSTERN_JOURNAL_SCHEMA_H
#define POSTERN_JOURNAL_SCHEMA_H

#include <sqlite3.h>
#include <stddef.h>

#define JOURNAL_VERSION 2 /* of what the values mean; a database of another one is set aside */

enum journal_schema {
    JOURNAL_SCHEMA_NONE, /* nothing at all */
    JOURNAL_SCHEMA_OURS, /* each statement as it is here, and no other: no view and no trigger that somebody added */
    JOURNAL_SCHEMA_OTHER
};

/* SQLITE_OK and *out, or a code of SQLite. */
int journal_schema_check(sqlite3 *db, enum journal_schema *out);
/* Makes the tables in an empty database, in one transaction that the caller rolls back when it fails. A code of SQLite.
 */
int journal_schema_make(sqlite3 *db);
/* The statements, one by one; NULL behind the last. */
const char *journal_schema_statement(size_t i);

#endif
