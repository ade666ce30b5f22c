/*
 * A passwd-file of Dovecot with nothing but names, for a passdb with deny = yes. Dovecot compares the first field with
 * the login, in which it has put a backslash before each quote and backslash (str_escape); there is no other quoting.
 * A line that begins with "#" is a comment, and ":" ends the name (src/auth/db-passwd-file.c of Dovecot 2.3 and 2.4).
 */
#ifndef POSTERN_MIRROR_DENY_FILE_H
#define POSTERN_MIRROR_DENY_FILE_H

#include "core/base/buf.h"
#include "core/base/error.h"

/* Appends the name as Dovecot looks for it. False, and nothing is appended, for one that cannot stand in such a file.
 */
bool deny_name_add(struct buf *b, struct slice name);

struct deny_file;

/*
 * Begins a new file beside path, under a lock on the folder. The last part of path must be a regular file or not be
 * there; a symbolic link is an error. 0 and *out, or -1 with e. End it with deny_file_close, NULL is fine: without
 * deny_file_publish before it, the old file stays.
 */
int deny_file_begin(const char *path, struct deny_file **out, struct error *e);
void deny_file_close(struct deny_file *f);

/* A line of the comment at the top, or one name: without the line's end. 0, or -1 with e. */
int deny_file_comment(struct deny_file *f, struct slice line, struct error *e);
int deny_file_name(struct deny_file *f, struct slice name, struct error *e);

/*
 * Puts the new file, mode 0640 and with the folder's group where that can be, in the old one's place. 1; 0 when the old
 * one has the same names, mode and group, and is left alone; -1 with e.
 */
int deny_file_publish(struct deny_file *f, struct error *e);

/* After deny_file_publish: does the file belong to the folder's group? */
bool deny_file_has_group(const struct deny_file *f);

#endif
