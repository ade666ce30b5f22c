/* Writing all of something. */
#ifndef POSTERN_WRITE_H
#define POSTERN_WRITE_H

#include "core/base/slice.h"

/*
 * Writes all of text to fd, which must be blocking, with as many calls as that takes. 0; -1 with errno, and then some
 * of it may have been written.
 */
int write_whole(int fd, struct slice text);

#endif
