/* Files with a secret of ours, which others must not be able to read. */
#ifndef POSTERN_SECRET_FILE_H
#define POSTERN_SECRET_FILE_H

#include "core/base/error.h"

#include <stddef.h>

/* Is the open file one that holds a secret: regular, and closed to others? 0; -1 with e, which does not name it. */
int secret_file_check(int fd, struct error *e);

/* The first line of the file, cut at cap - 1 bytes, and terminated. 0; -1 with e, which does not name it. */
int secret_file_line(const char *path, char *out, size_t cap, struct error *e);

#endif
