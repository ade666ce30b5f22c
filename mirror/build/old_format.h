/*
 * Rebuilds a directory of formats 1 to 4, which are no longer read, in today's format, so that after an upgrade nobody
 * is deferred until the next export.
 *
 * Format 4 has no disabled accounts, closed domains, groups and mail users; its records are read like today's. The
 * others differ in a checksum of 4 bytes before every value, in identities with text keys (derived again here), in an
 * index of these, and in the checksums of file and manifest. Format 1 had no restricted mailboxes; formats 1 and 2 had
 * no "part" lines.
 */
#ifndef POSTERN_MIRROR_OLD_FORMAT_H
#define POSTERN_MIRROR_OLD_FORMAT_H

#include "core/base/error.h"

#include <stdint.h>

/*
 * Publishes it as the next generation in today's format. 1 with *generation; 0 when there is none of an old format; -1
 * with e, and nothing has changed. The caller must run as the folder's owner.
 */
int old_format_rebuild(const char *folder, uint64_t *generation, struct error *e);

#endif
