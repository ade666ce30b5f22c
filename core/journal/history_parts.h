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
enum history_sql { HISTORY_BEGIN, HISTORY_COMMIT, HISTORY_ROLLBACK, HISTORY_STATEMENTS };

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
