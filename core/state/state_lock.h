/*
 * The lock on which file is the state: a file of its own beside it, mode 0600, which belongs to the folder's owner
 * whoever makes it (root takes that user's rights first: core/base/owner.h, by way of the caller). So nobody can hold
 * it for ever who may only read in the folder, as a backup program does, or a member of its group.
 */
#ifndef POSTERN_STATE_LOCK_H
#define POSTERN_STATE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Locks ".NAME.lock" in the folder `dir`, waiting up to wait_ms for who holds it. The descriptor: closing it gives the
 * lock back. -1 with *number, an errno (EAGAIN: somebody holds it).
 */
int state_lock(int dir, const char *name, unsigned wait_ms, int *number);
/* Gives it back and removes its file, where it will not be needed again. */
void state_lock_remove(int dir, const char *name, int fd);

#endif
