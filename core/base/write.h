/* Writing all of something. */
#ifndef POSTERN_WRITE_H
#define POSTERN_WRITE_H

#include "core/base/slice.h"

/*
 * Writes all of text to fd, which is to be a blocking one, however many calls that takes. 0; -1 with errno, and then
 * some of it may be written.
 */
int write_whole(int fd, struct slice text);

#endif
