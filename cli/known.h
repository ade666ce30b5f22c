/* Does a name that somebody typed exist? */
#ifndef POSTERN_CLI_KNOWN_H
#define POSTERN_CLI_KNOWN_H

#include "cli/cli.h"
#include "core/report/known.h"

/*
 * As known_look, in a process with the rights of the directory's owner. If that cannot read, nothing is checked. The
 * configuration must be open.
 */
void known_user(const struct cli *cli, struct slice name, struct known *out);

/*
 * By which name the command goes on: the one that was typed, or, where that is the Guid or the display name of one
 * mailbox, its primary address, which is said on the error output. It lives as long as the name and *known. NULL after
 * an error was printed: several mailboxes have the name.
 */
const char *known_login(const struct cli *cli, const char *name, const struct known *known);

#endif
