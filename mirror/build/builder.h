/*
 * Builds a new file of the directory: every table is appended to in ascending order of keys, which fills LMDB's pages
 * whole. Committed in batches, so that memory stays bounded whatever the size.
 */
#ifndef POSTERN_MIRROR_BUILDER_H
#define POSTERN_MIRROR_BUILDER_H

#include "core/directory/directory_record.h"

struct builder;

/* Makes the file at path, which must not exist. 0, or -1 with e. */
int builder_make(const char *path, struct builder **out, struct error *e);
/* The file stays; it is the caller's. NULL is allowed. */
void builder_free(struct builder *b);

/* key comes behind all keys of that table so far; one of an identity is a uint64_t. 0, or -1 with e (disk full). */
int builder_append(struct builder *b, enum directory_table table, struct slice key, struct slice value,
                   struct error *e);
/* A value that was appended; it lives until the next builder_append. */
bool builder_get(const struct builder *b, enum directory_table table, struct slice key, struct slice *value);
/* Shows what was appended to a table, in its order. visit: 0, or -1 with e, which ends it; it appends nothing. */
typedef int builder_visit(void *arg, struct slice key, struct slice value, struct error *e);
int builder_walk(struct builder *b, enum directory_table table, builder_visit *visit, void *arg, struct error *e);
uint64_t builder_entries(const struct builder *b, enum directory_table table);

/* Commits what is left; *size is what the file's size must be. Only builder_free may follow. 0, or -1 with e. */
int builder_finish(struct builder *b, uint64_t *size, struct error *e);

#endif
