/*
 * The lock on which file is the state: a file of its own beside it, mode 0600, which belongs to the folder's owner
 * whoever makes it (root takes that user's rights first: core/base/owner.h, by way of the caller). So nobody who may
 * only read the folder, such as a backup program or a member of its group, can hold it.
 */
#ifndef POSTERN_STATE_LOCK_H
#define POSTERN_STATE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Locks ".NAME.lock" in the folder `dir`, waiting up to wait_ms. Returns a descriptor, which releases the lock when
 * closed; -1 with *number, an errno (EAGAIN: somebody else holds it).
 */
int state_lock(int dir, const char *name, unsigned wait_ms, int *number);
/* Releases the lock and removes its file, for a folder where it will not be needed again. */
void state_lock_remove(int dir, const char *name, int fd);

#endif
