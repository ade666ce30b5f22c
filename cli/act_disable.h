/*
 * The act "disable". The keys to Exchange Online and the way there are postern-mirror's, so this leaves a request for
 * "postern-mirror respond", as a limit does, and looks for the reply.
 */
#ifndef POSTERN_CLI_ACT_DISABLE_H
#define POSTERN_CLI_ACT_DISABLE_H

#include "cli/cli.h"
#include "core/access/act_log.h"

/* How long a reply is waited for. */
#define ACT_REPLY_S 200

/* Leaves the request, unless it is there, and goes on as the directory's owner. An exit status; what is wrong is
 * printed. */
int act_disable_ask(struct cli *own, const struct act *act);

/*
 * Is it known what became of it, so many seconds after it was asked for? Then that is in out's state and said, and the
 * request and its reply are gone.
 */
bool act_disable_ended(const struct config *config, const struct act *act, int64_t waited_s, struct act_outcome *out);

#endif
