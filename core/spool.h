/*
 * Folders of small files that one program leaves for another: each written aside, synced and renamed, so that a reader
 * sees all of it or nothing, also after a crash.
 */
#ifndef POSTERN_SPOOL_H
#define POSTERN_SPOOL_H

#include "core/error.h"
#include "core/slice.h"

#include <stdbool.h>

/* Opens SPOOL/NAME, both made (mode 0770) where they are not there. A descriptor, or -1 with e. */
int spool_open(const char *spool, const char *name, struct error *e);
int spool_open_below(int folder, const char *name, struct error *e);

/* Writes folder/name. 0; -1 with e, and nothing is there. */
int spool_put(int folder, const char *name, struct slice text, struct error *e);

/* Files whose name ends so; hidden ones are not counted. */
unsigned spool_count(int folder, const char *ending);

/*
 * The names of at most `most` files that end so, sorted (oldest first, where names begin with a time), as one malloc'ed
 * array of malloc'ed texts: free with spool_names_free. 0, or -1 with e.
 */
int spool_names(int folder, const char *ending, size_t most, char ***names, size_t *n, struct error *e);
void spool_names_free(char **names, size_t n);

/*
 * The whole of a regular file of at most most bytes, malloc'ed and terminated. 0; -1 with e; SPOOL_NEVER with e, when
 * another attempt will not read it either: it is a link or no regular file, or too long.
 */
#define SPOOL_NEVER (-2)
int spool_get(int folder, const char *name, size_t most, char **text, size_t *n, struct error *e);

#endif
