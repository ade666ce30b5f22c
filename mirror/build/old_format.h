/*
 * Directories of the formats 1 to 4, which are no longer read, rebuilt as one of today's: so that nobody is deferred
 * after an upgrade until the next export comes.
 *
 * Format 4 is without disabled accounts and closed domains; its records read as today's. The others differ in a
 * checksum of 4 bytes in front of every value, in identities with keys of text, which are derived anew, in an index of
 * these, and in the checksums of file and manifest. Format 1 was without restricted mailboxes, format 2 without "part"
 * lines.
 */
#ifndef POSTERN_MIRROR_OLD_FORMAT_H
#define POSTERN_MIRROR_OLD_FORMAT_H

#include "core/base/error.h"

#include <stdint.h>

/* Is the folder's directory of such a format? 1, 0 (also when there is none); -1 with e when that can't be read. */
int old_format_found(const char *folder, struct error *e);

/*
 * Publishes the same as the next generation in today's format. 1 with *generation; 0 when there is nothing of an old
 * format; -1 with e, and nothing has changed. To be called by the folder's owner.
 */
int old_format_rebuild(const char *folder, uint64_t *generation, struct error *e);

#endif
