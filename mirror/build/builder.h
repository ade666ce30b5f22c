/*
 * Builds a new file of the directory. Every table is appended to in ascending order of keys, which leaves LMDB's pages
 * full. Commits in batches, so memory stays bounded whatever the size.
 */
#ifndef POSTERN_MIRROR_BUILDER_H
#define POSTERN_MIRROR_BUILDER_H

#include "core/directory/directory_record.h"

struct builder;

/* Creates the file at path, which must not exist. 0, or -1 with e. */
int builder_make(const char *path, struct builder **out, struct error *e);
/* Leaves the file, which is the caller's. NULL is allowed. */
void builder_free(struct builder *b);

/*
 * The key must be greater than all keys of that table so far; an identity's key is a uint64_t. 0, or -1 with e (disk
 * full).
 */
int builder_append(struct builder *b, enum directory_table table, struct slice key, struct slice value,
                   struct error *e);
/* Finds a value that was appended. It lives until the next builder_append. */
bool builder_get(const struct builder *b, enum directory_table table, struct slice key, struct slice *value);
/* Visits what was appended to a table, in order. visit returns 0 to go on, or -1 with e; it must not append. */
typedef int builder_visit(void *arg, struct slice key, struct slice value, struct error *e);
int builder_walk(struct builder *b, enum directory_table table, builder_visit *visit, void *arg, struct error *e);
uint64_t builder_entries(const struct builder *b, enum directory_table table);

/* Commits the rest; *size is the size that the file must have. Only builder_free may follow. 0, or -1 with e. */
int builder_finish(struct builder *b, uint64_t *size, struct error *e);

#endif
