/* An act, done by the command of its name, in a process of its own; or asked for (cli/act_disable.h). */
#ifndef POSTERN_CLI_ACT_DO_H
#define POSTERN_CLI_ACT_DO_H

#include "cli/cli.h"
#include "core/access/act_log.h"

/* More blocks are not lifted at once unless the subject was typed again. */
#define ACT_LIFTED_MAX "10"

/*
 * Whose the subject is, and how it stands before or after: into tenant and text. A tenant is named only where a mailbox
 * of it has the name, and no other. Empty where that does not apply or is not known.
 */
void act_look(const struct cli *cli, const struct act *act, char *tenant, size_t tenant_cap, char *text,
              size_t text_cap);

/* Runs the command. Fills state (ACT_DONE or ACT_FAILED) and said, the last lines that it printed. ACT_DISABLE is not
 * done yet then, but asked for. */
void act_do(const struct cli *cli, const struct act *act, struct act_outcome *out);

#endif
