/*
 * The state's file in its folder: looking at it, making it, setting it aside. A file is made under another name and
 * renamed into place when it is whole, so that nobody ever opens a half-made one.
 *
 * Whoever changes which file stands there holds a lock meanwhile (core/state/state_lock.h). It goes away with its
 * process, and the mail path never takes it.
 */
#ifndef POSTERN_STATE_FILE_H
#define POSTERN_STATE_FILE_H

#include "core/base/error.h"
#include "core/base/owner.h"
#include "core/state/state_map.h"

struct place {
    const char *path; /* not owned */
    const char *name; /* the last part of path */
    int dir;
    int lock;                 /* -1: not ours */
    int lock_number;          /* why it is not: an errno */
    struct owner_visit visit; /* from opening to closing */
};

/*
 * Makes the folder of a path, if that alone is missing; if a state file has the folder's name, as before the state had
 * a folder of its own, the file moves into it. place_open reports what fails here.
 */
void place_supply(const char *path, unsigned wait_ms);

/*
 * Opens the folder and waits up to wait_ms for its lock; without it the place can be looked at only. 0; -1 with e. To
 * be closed in both cases.
 */
int place_open(struct place *p, const char *path, unsigned wait_ms, struct error *e);
/* The same without the lock, which a reader has no right to make. */
int place_visit(struct place *p, const char *path, struct error *e);
void place_close(struct place *p);

enum place_found {
    PLACE_NONE,
    PLACE_GOOD,    /* *fd is open, *st and *constants are filled */
    PLACE_DAMAGED, /* e says why; *st is filled */
    PLACE_UNUSABLE /* e says why; to be left alone */
};
enum place_found place_look(const struct place *p, int *fd, struct stat *st, struct state_constants *constants,
                            struct error *e);
/* The same, for a caller that only reads it. */
enum place_found place_read(const struct place *p, int *fd, struct stat *st, struct state_constants *constants,
                            struct error *e);

static inline bool place_is_locked(const struct place *p)
{
    return p->lock >= 0;
}

/* Makes the file of the next place_publish, fully allocated, all zeros. The descriptor; -1 with e. */
int place_make(const struct place *p, const struct layout *l, struct error *e);
/* Puts it to the disk and into its place. 0; -1 with e. */
int place_publish(const struct place *p, int fd, struct error *e);

/* Renames the file to NAME.damaged-TIME; the new name goes to `to`. 0; -1 with e. */
#define PLACE_NAME_MAX 320
int place_set_aside(const struct place *p, uint64_t wall_ns, char to[PLACE_NAME_MAX], struct error *e);

#endif
