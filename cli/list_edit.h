/*
 * Changes to an operator's list file: atomic, one at a time, with a comment that says who and when. The
 * services notice the new file within a second or two by themselves.
 */
#ifndef POSTERN_CLI_LIST_EDIT_H
#define POSTERN_CLI_LIST_EDIT_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdbool.h>

/*
 * Puts the entry into the file (with the comment after it), or removes every line with it. entry is canonical text, as
 * list_has() wants it: an address, "@domain", an account. 1: the file was changed; 0: no change was needed; -1 with e.
 * Other lines stay as they are, comments too. Owner, group and mode of the file are kept.
 */
int list_edit_add(const char *path, struct slice entry, struct slice comment, struct error *e);
int list_edit_remove(const char *path, struct slice entry, struct error *e);

#endif
