/*
 * Folders of small files that one program leaves for another: each written aside, synced and renamed, so that a reader
 * sees all of it or nothing, also after a crash.
 */
#ifndef POSTERN_SPOOL_H
#define POSTERN_SPOOL_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Opens SPOOL/NAME, made (modes 0750, 0770) where it is not there. A descriptor, or -1 with e. */
int spool_open(const char *spool, const char *name, struct error *e);
/* The same for a folder (0750) where nobody but its owner may put anything. */
int spool_open_private(const char *spool, const char *name, struct error *e);
/* Opens folder/NAME, made with the rights that the folder has. */
int spool_open_below(int folder, const char *name, struct error *e);

/* Writes folder/name, which group and others may read or write as they may the folder. 0; -1 with e, and nothing is
 * there. */
int spool_put(int folder, const char *name, struct slice text, struct error *e);

/* Files whose name begins and ends so; hidden ones are not counted. */
unsigned spool_count(int folder, const char *beginning, const char *ending);

/* Removes every regular file, hidden ones too, that was not written to for longer than keep_s before wall_s. 0; -1 with
 * e: the folder could not be read. */
int spool_tidy(int folder, int64_t wall_s, int64_t keep_s, struct error *e);

/*
 * The first names, at most `most`, of the files that end so, sorted: the oldest, where names begin with a time. As one
 * malloc'ed array of malloc'ed texts: free with spool_names_free. 0, or -1 with e.
 */
int spool_names(int folder, const char *ending, size_t most, char ***names, size_t *n, struct error *e);
void spool_names_free(char **names, size_t n);

/*
 * The whole of a regular file of at most most bytes, malloc'ed and terminated. 0; -1 with e; SPOOL_NEVER with e, when
 * another attempt will not read it either: it is a link or no regular file, or too long.
 */
#define SPOOL_NEVER (-2)
int spool_get(int folder, const char *name, size_t most, char **text, size_t *n, struct error *e);
/* The same, and what the file is that was read: whose, and of when. */
int spool_get_stat(int folder, const char *name, size_t most, char **text, size_t *n, struct stat *st, struct error *e);

#endif
