/*
 * Folders of small files that one program leaves for another. Each is written under another name, synced and renamed,
 * so that a reader sees all of it or nothing, after a crash too.
 */
#ifndef POSTERN_SPOOL_H
#define POSTERN_SPOOL_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Opens SPOOL/NAME, and creates both (modes 0750, 0770) if need be. A descriptor, or -1 with e. */
int spool_open(const char *spool, const char *name, struct error *e);
/* The same for a folder (0750) where nobody but its owner may put anything. */
int spool_open_private(const char *spool, const char *name, struct error *e);
/* Opens folder/NAME, and creates it with the folder's permissions if need be. */
int spool_open_below(int folder, const char *name, struct error *e);

/* Writes folder/name, with the folder's permissions for group and others. 0; -1 with e, and no file is left. */
int spool_put(int folder, const char *name, struct slice text, struct error *e);

/* Is there a file, or a link, of that name? */
bool spool_has(int folder, const char *name);

/* How many files have names that begin and end so; hidden ones are not counted. */
unsigned spool_count(int folder, const char *beginning, const char *ending);

/* Removes every regular file, hidden ones too, whose last change is more than keep_s before wall_s. 0; -1 with e when
 * the folder could not be read. */
int spool_tidy(int folder, int64_t wall_s, int64_t keep_s, struct error *e);

/*
 * The names of the files that end so, sorted, the first `most` of them: the oldest, if names begin with a time. One
 * malloc'ed array of malloc'ed strings: free with spool_names_free. 0, or -1 with e.
 */
int spool_names(int folder, const char *ending, size_t most, char ***names, size_t *n, struct error *e);
void spool_names_free(char **names, size_t n);

/*
 * Reads a whole regular file of at most `most` bytes; *text is malloc'ed and terminated. 0; -1 with e; SPOOL_NEVER with
 * e when another attempt would fail too: it is a link, not a regular file, or too long.
 */
#define SPOOL_NEVER (-2)
int spool_get(int folder, const char *name, size_t most, char **text, size_t *n, struct error *e);
/* The same, and the stat of the file that was read. */
int spool_get_stat(int folder, const char *name, size_t most, char **text, size_t *n, struct stat *st, struct error *e);

#endif
