/*
 * Changes to an operator's file: atomic, and one at a time. Owner, group and mode of the file are kept. The lock is on
 * the folder and goes with its descriptor, so that a killed editor leaves none behind.
 */
#ifndef POSTERN_CLI_FILE_EDIT_H
#define POSTERN_CLI_FILE_EDIT_H

#include "core/base/error.h"
#include "core/base/owner.h"
#include "core/base/slice.h"

#include <limits.h>

/* One file that is being edited. */
struct file_edit {
    char path[PATH_MAX]; /* without symbolic links: a rename must not replace one */
    char name[NAME_MAX + 1], fresh[NAME_MAX + 8];
    int folder; /* locked */
    struct owner_visit visit;
    struct slice text; /* as it is */
    char *made;        /* the new text, malloc'ed by the editor */
    size_t made_n;
};

/* Locks the folder, and reads the file, which is there. 0; -1 with e. Either way file_edit_end follows. */
int file_edit_begin(struct file_edit *x, const char *path, struct error *e);
/* The new text is on the disk before it takes the old one's name. 0; -1 with e: nothing was changed. */
int file_edit_publish(struct file_edit *x, struct error *e);
void file_edit_end(struct file_edit *x);

#endif
