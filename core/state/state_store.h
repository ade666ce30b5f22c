/*
 * Opening, creating and migrating the state's file as a mapping. All but opening needs the place's lock.
 */
#ifndef POSTERN_STATE_STORE_H
#define POSTERN_STATE_STORE_H

#include "core/state/state_file.h"

/*
 * Opens and maps the file; one of the version before is converted to a new one. NULL when no file can be used: *found
 * says why, with e.
 */
struct mapping *store_open(const struct place *p, const struct clock_reading *r, enum place_found *found,
                           struct error *e);

/*
 * A copy in memory, of at least that layout, of a file that can be read but not used. NULL when there is nothing to
 * read, or no memory.
 */
struct mapping *store_copy(const struct place *p, const struct layout *wanted, const struct clock_reading *r);

/*
 * The file, mapped for reading only: nothing about it is changed, made or repaired. NULL with e when there is none that
 * this program can read as it is.
 */
struct mapping *store_read(const struct place *p, const struct clock_reading *r, struct error *e);

/* A new, empty file, whole but not yet in its place. NULL with e. */
struct mapping *store_make(const struct place *p, const struct layout *l, const struct hash_secret *secret,
                           uint64_t offset_ns, const struct clock_reading *r, struct error *e);

/* Puts it in its place. 0; -1 with e, and *m is freed and NULL. */
int store_publish(const struct place *p, struct mapping **m, struct error *e);

/* The same contents in a file of another size, in the old one's place. NULL with e: then the old one is untouched. */
struct mapping *store_migrate(const struct place *p, const struct mapping *old, const struct layout *wanted,
                              const struct clock_reading *r, struct error *e);

#endif
