/* "postern audit --basic-shutdown": who needs passwords at Exchange Online. */
#ifndef POSTERN_CLI_AUDIT_SHUTDOWN_H
#define POSTERN_CLI_AUDIT_SHUTDOWN_H

#include "cli/cli.h"

/* folder: Postfix's configuration (NULL: its default). Returns the exit status: FINDINGS_EXIT_HIGH when somebody will
 * be refused, FINDINGS_EXIT_LOW when somebody may be. */
int audit_basic_shutdown(struct cli *cli, uint64_t days, const char *folder);

#endif
