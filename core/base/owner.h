/*
 * Root in folders of other users. The owner of a folder could plant a symbolic link there between a check and an open,
 * so root takes the owner's rights for as long as it opens, creates, renames or removes something there: a link then
 * leads only where the owner could have gone anyway.
 *
 * For any other user than root all of this does nothing.
 */
#ifndef POSTERN_OWNER_H
#define POSTERN_OWNER_H

#include "core/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define OWNER_NOBODY 65534u /* a user and group without files */

struct owner {
    bool other;  /* not root: these rights are to be taken */
    bool shared; /* a group or everybody: uid is OWNER_NOBODY */
    uid_t uid;
    gid_t gid;
};

/*
 * Who controls what is at that path: the owner of the first folder or symbolic link on the way (links are followed, and
 * the last part counts) that others than root can change, or the group where it is a folder of root's that a group may
 * write to. Below it the owner could have been chosen by them. The search ends at a part that does not exist. 0; -1
 * with e.
 */
int owner_find(const char *path, struct owner *out, struct error *e);

#define OWNER_GROUPS_MAX 64

/* What owner_leave gives back. */
struct owner_visit {
    bool inside;
    gid_t gid;
    int groups_n;
    gid_t groups[OWNER_GROUPS_MAX];
};

/*
 * Takes the file system rights of whoever controls the path (owner_find), for this thread only (setfsuid(2)), until
 * owner_leave. In a thread that has taken some already it does nothing. 0; -1 with e, and nothing has changed.
 */
int owner_enter(const char *path, struct owner_visit *visit, struct error *e);
/*
 * The same, but root stays root in a folder of its own that a group may write to: for a caller that opens the folder
 * first, then uses no longer path, follows no link there, and does not touch files of root.
 */
int owner_enter_unshared(const char *path, struct owner_visit *visit, struct error *e);
/* Back to root. Keeps errno. */
void owner_leave(struct owner_visit *visit);

/* The user whose file system rights this thread has now. */
uid_t owner_now(void);

/* The whole process becomes that user, for good. 0; -1 with e: then the program should end. */
int owner_become(const struct owner *owner, struct error *e);

#endif
