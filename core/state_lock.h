/*
 * The lock on which file is the state: a file of its own beside it, mode 0600, which belongs to the folder's owner
 * whoever makes it. So nobody can hold it for ever who may only read in the folder, as a backup program does, or a
 * member of its group.
 */
#ifndef POSTERN_STATE_LOCK_H
#define POSTERN_STATE_LOCK_H

/*
 * Locks ".NAME.lock" in the folder `dir`, waiting up to wait_ms for who holds it. The descriptor: closing it gives the
 * lock back. -1 with *number, an errno (EAGAIN: somebody holds it).
 */
int state_lock(int dir, const char *name, unsigned wait_ms, int *number);

/*
 * What root makes in a folder is to be its owner's: between these two, this thread makes and opens files as the owner
 * of `dir`, where it is root's. Returns what file_user_back wants.
 */
struct file_user {
    unsigned uid, gid;
};
struct file_user file_user_become(int dir);
void file_user_back(struct file_user before);

#endif
