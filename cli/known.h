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

#endif
