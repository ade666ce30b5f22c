/*
 * What postern-mirror learns over time, and a generation of the directory does not hold: history.sqlite, with
 * history.sqlite-wal and history.sqlite-shm beside it, in the directory's folder. The mirror alone writes it; reports
 * read it, whether or not a mirror runs. The programs in the mail path never open it, so that no lock of it meets them.
 *
 * Each table has a file of its own: core/journal/history_NAME.c, with its statements. A new one is a row in the tables
 * of history.c; it is added to the file when the mirror opens it next. A damaged file is set aside
 * (history-damaged.sqlite, in the place of an older one), one of another layout likewise (history-former.sqlite), and a
 * new one is begun.
 */
#ifndef POSTERN_HISTORY_H
#define POSTERN_HISTORY_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_NAME "history.sqlite"

struct history;

/*
 * Opens the history in the directory's folder. writer: for the mirror, which makes what is missing; else for reading
 * only, which writes nothing. 0 and *out. -1 with e: a reader's also where there is none yet. *notice gets a text that
 * is worth a line in the log when something was set aside; else it is left as it is. A process opens it once at a time,
 * in one thread.
 */
int history_open(const char *folder, bool writer, struct history **out, struct error *notice, struct error *e);
/* What was not committed is as if it had never been. NULL is fine. */
void history_close(struct history *h);

/*
 * Several changes as one: all of them are there after history_commit, or none. Another process may write meanwhile; it
 * waits, two seconds at most. 0, or -1 with e; then nothing has changed, and no transaction is open.
 */
int history_begin(struct history *h, struct error *e);
int history_commit(struct history *h, struct error *e);
void history_rollback(struct history *h);

#endif
