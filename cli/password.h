/* A password from where no other user can see it: the terminal, or a descriptor; never an argument or the environment.
 */
#ifndef POSTERN_CLI_PASSWORD_H
#define POSTERN_CLI_PASSWORD_H

#include "core/base/error.h"

#define PASSWORD_MAX 8192u /* bytes: an OAuth access token is one, too */

/* Asks on the terminal of this process, without an echo. The prompt is ours, or was escaped. 0 with the terminated
 * password in out[PASSWORD_MAX + 1]; -1 with e. */
int password_ask(const char *prompt, char *out, struct error *e);

/* Reads it from a descriptor: all of it up to the first line end, or to the end. As password_ask. */
int password_read(int fd, char *out, struct error *e);

#endif
