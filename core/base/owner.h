/*
 * Root among files that are not root's. A program that root starts by hand must not be led astray by who owns the
 * folders it works in: the services' user could put a link between a check and an open. So root takes that user's
 * rights first, for as long as it opens, makes, renames or removes something there. A link then leads no further than
 * its planter could have gone alone.
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
    bool other;  /* somebody else than root, whose rights are to be taken */
    bool shared; /* a group or everybody: uid is OWNER_NOBODY */
    uid_t uid;
    gid_t gid;
};

/*
 * In whose hands is what lies at that path? In those of the first folder or symbolic link on the way (links are
 * followed, and the last part counts) that is not root's alone: its owner's, or for a folder of root's that a group may
 * write to, the group's. Who owns what is below it could have been chosen by them. Parts that are not there yet end the
 * search. 0; -1 with e.
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
 * Takes the rights over files of who has the path in hand, for this thread alone (setfsuid(2)), until owner_leave. In
 * a thread that has taken somebody's already it does nothing. 0; -1 with e, and nothing has changed.
 */
int owner_enter(const char *path, struct owner_visit *visit, struct error *e);
/*
 * The same, but root stays root in a folder of its own that it shares with a group: for who opens the folder first and
 * then nothing by a longer path, follows no link there, and leaves what is root's to root.
 */
int owner_enter_unshared(const char *path, struct owner_visit *visit, struct error *e);
/* Back to root. Keeps errno. */
void owner_leave(struct owner_visit *visit);

/* The user whose rights over files this thread has now. */
uid_t owner_now(void);

/* The whole process becomes that user, for good. 0; -1 with e: then nothing more should be done. */
int owner_become(const struct owner *owner, struct error *e);

#endif
