/* Who runs a command, for "who did it". */
#ifndef POSTERN_BASE_CALLER_H
#define POSTERN_BASE_CALLER_H

#include "core/base/slice.h"

#define CALLER_NAME_MAX 64

/* The login of the caller, in mem, terminated and printable: SUDO_USER for root, else the real user's name, else its
 * number. */
struct slice caller_name(char mem[static CALLER_NAME_MAX]);

#endif
